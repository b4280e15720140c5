"""A session's folder: created, locked, appended to, saved and listed. No torch: checkpoints are bytes here.

<sessions>/<name>/config.toml                      RunConfig, complete
                  events.jsonl                     append-only
                  checkpoints/step-*.safetensors   rolling, the last two
                  checkpoints/task-*.safetensors   one at each task's end
                  summary.json                     when finished
                  lock                             held while it trains
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import filelock

from engine import metrics
from engine.config import RunConfig, from_toml
from engine.errors import (
    ConfigError,
    SessionDamaged,
    SessionError,
    SessionExists,
    SessionLocked,
    SessionMismatch,
    SessionNotFound,
    first_line,
)
from engine.events import Event, StrengthChanged, TasksPlanned, decode, encode
from engine.history import History

FORMAT = 1
ROLLING_CHECKPOINTS = 2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_STEP = re.compile(r"(?:task-\d+-)?step-(\d+)\.safetensors")

SessionState = Literal["running", "stopped", "interrupted", "failed", "finished", "damaged"]


def check_name(name: str) -> str:
    """Raises ConfigError unless ``name`` can be a session's folder."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"session name {name!r}: use letters, digits, '.', '_' and '-', at most 100")
    return name


class EventLog:
    """events.jsonl, open for appending by its one writer."""

    def __init__(self, path: Path, length: int) -> None:
        self._path = path
        self._file: BinaryIO = open(path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
        self._file.truncate(length)
        self.length = length
        """Bytes; the checkpoint remembers it, so that resume can cut what came later."""

    def append(self, event: Event) -> None:
        line = encode(event).encode() + b"\n"
        written = self._file.write(line)
        if written != len(line):
            raise OSError(f"only {written} of {len(line)} bytes could be written to {self._path}")
        self.length += written

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class Session:
    """One run's folder. ``create`` or ``open`` it; hold ``locked()`` while writing."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def summary_path(self) -> Path:
        return self.path / "summary.json"

    @property
    def finished(self) -> bool:
        return self.summary_path.exists()

    @classmethod
    def create(cls, sessions_dir: Path, name: str, config: RunConfig) -> "Session":
        """Raises SessionExists, or SessionError when the folder cannot be written."""
        path = sessions_dir / check_name(name)
        try:
            sessions_dir.mkdir(parents=True, exist_ok=True)
            path.mkdir()
        except FileExistsError:
            if sessions_dir.is_dir():
                raise SessionExists(
                    f"session {name} exists already in {sessions_dir}: choose another --name, or go on with "
                    f"'cl-tui resume {name}'"
                ) from None
            raise SessionError(f"{sessions_dir} is not a folder: choose another --sessions-dir") from None
        except OSError as error:
            raise SessionError(f"sessions cannot be saved in {sessions_dir}: {error.strerror}") from None
        session = cls(path, config)
        try:
            session.checkpoints_dir.mkdir()
            session.events_path.touch()
            write_whole(path / "config.toml", f"format = {FORMAT}\n{config.to_toml()}".encode())
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise SessionError(f"sessions cannot be saved in {sessions_dir}: {error.strerror}") from None
        return session

    @classmethod
    def open(cls, sessions_dir: Path, name: str) -> "Session":
        """Raises SessionNotFound, or SessionDamaged when its configuration cannot be read."""
        path = _existing(sessions_dir, name)
        config_path = path / "config.toml"
        try:
            text = config_path.read_text(encoding="utf-8")
            format_line, _, settings = text.partition("\n")
            found = int(format_line.removeprefix("format = "))
            if found > FORMAT:
                raise SessionMismatch(
                    f"session {name} has format {found}, newer than this cl-tui reads: upgrade cl-tui"
                )
            return cls(path, from_toml(settings, str(config_path)))
        except OSError as error:
            raise SessionDamaged(f"session {name}: {config_path} cannot be read: {error.strerror}") from None
        except (ConfigError, ValueError) as error:
            raise SessionDamaged(f"session {name} is damaged: {config_path}: {first_line(error)}") from None

    # Locking

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Held by the one process that trains. A dead process holds nothing. Raises SessionLocked."""
        with _locked(self.path):
            yield

    @property
    def running(self) -> bool:
        try:
            with filelock.FileLock(self.path / "lock").acquire(blocking=False):
                return False
        except filelock.Timeout:
            return True
        except OSError:
            return False

    # Events

    def steering(self, start: int) -> list[StrengthChanged | TasksPlanned]:
        """How the run was steered by the events that begin at byte ``start`` of the log, as far as it can be read."""
        found: list[StrengthChanged | TasksPlanned] = []
        with contextlib.suppress(OSError, ValueError), open(self.events_path, "rb") as file:
            file.seek(start)
            for line in file:
                if b'"event":"strength"' in line or b'"event":"planned"' in line:
                    event = decode(line)
                    assert isinstance(event, StrengthChanged | TasksPlanned)
                    found.append(event)
        return found

    def events(self, length: int | None = None) -> Iterator[Event]:
        """The events in the first ``length`` bytes of the log (all by default); a torn last line is dropped.

        Raises SessionDamaged, naming the line.
        """
        try:
            with open(self.events_path, "rb") as file:
                read = 0
                for number, line in enumerate(file, start=1):
                    if not line.endswith(b"\n") or (length is not None and read + len(line) > length):
                        break
                    read += len(line)
                    try:
                        yield decode(line)
                    except ValueError as error:
                        raise SessionDamaged(
                            f"session {self.name} is damaged: {self.events_path}, line {number}: {first_line(error)}"
                        ) from None
        except OSError as error:
            raise SessionDamaged(
                f"session {self.name} is damaged: {self.events_path} cannot be read: {error.strerror}"
            ) from None
        if length is not None and read < length:
            raise SessionDamaged(
                f"session {self.name} is damaged: {self.events_path} ends after {read:,} of {length:,} bytes"
            )

    def history(self, length: int | None = None) -> History:
        """Raises SessionDamaged."""
        history = History()
        for event in self.events(length):
            history = history.apply(event)
        return history

    # Checkpoints

    @property
    def checkpoints_dir(self) -> Path:
        return self.path / "checkpoints"

    def checkpoints(self) -> list[Path]:
        """Newest first."""
        found = [path for path in self.checkpoints_dir.glob("*.safetensors") if _STEP.fullmatch(path.name)]
        return sorted(found, key=lambda path: (_step(path), path.name.startswith("task-")), reverse=True)

    @property
    def saved_step(self) -> int | None:
        """The step of the newest checkpoint; None while there is none."""
        found = self.checkpoints()
        return _step(found[0]) if found else None

    def task_checkpoint(self, task: int) -> Path | None:
        """The one written when ``task`` (counted from 0) had ended; None where there is none."""
        return next(self.checkpoints_dir.glob(f"task-{task + 1:03}-step-*.safetensors"), None)

    def write_checkpoint(self, data: bytes, step: int, ended_task: int | None = None) -> str:
        """Writes one whole file or none, drops the oldest rolling ones, and returns the new one's name.

        ``ended_task`` (counted from 0) marks the checkpoint of a task's end, which stays.
        """
        prefix = f"task-{ended_task + 1:03}-" if ended_task is not None else ""
        name = f"{prefix}step-{step:08}.safetensors"
        write_whole(self.checkpoints_dir / name, data)
        rolling = [path for path in self.checkpoints() if path.name.startswith("step-")]
        left_by_a_kill = self.checkpoints_dir.glob("*.part")
        for old in (*rolling[ROLLING_CHECKPOINTS:], *left_by_a_kill):
            old.unlink(missing_ok=True)
        return name

    # The result

    def write_summary(self, history: History) -> None:
        write_whole(self.summary_path, json.dumps(summary(self.name, self.config, history), indent=2).encode() + b"\n")

    def summary(self) -> dict[str, Any]:
        """The summary of a finished session. Raises SessionDamaged."""
        try:
            found = json.loads(self.summary_path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SessionDamaged(
                f"session {self.name} is damaged: {self.summary_path} cannot be read: {first_line(error)}"
            ) from None
        if not isinstance(found, dict):
            raise SessionDamaged(f"session {self.name} is damaged: {self.summary_path} is not a table")
        return found


@dataclass(frozen=True)
class Listed:
    """A line in the list of sessions; ``config`` and ``history`` are None where ``problem`` says why."""

    name: str
    state: SessionState
    changed: float
    config: RunConfig | None = None
    history: History | None = None
    problem: str = ""


def list_sessions(sessions_dir: Path) -> list[Listed]:
    """All sessions in a folder, the most recently changed first. A damaged one is listed as such."""
    if not sessions_dir.is_dir():
        return []
    names = [path.name for path in sessions_dir.iterdir() if (path / "config.toml").exists()]
    found = [look_at(sessions_dir, name) for name in names if _NAME.fullmatch(name)]
    return sorted(found, key=lambda listed: listed.changed, reverse=True)


def look_at(sessions_dir: Path, name: str) -> Listed:
    """One session, also when it is damaged. Raises SessionNotFound."""
    path = _existing(sessions_dir, name)
    log = path / "events.jsonl"
    changed = (log if log.exists() else path).stat().st_mtime
    try:
        session = Session.open(sessions_dir, name)
        history = session.history()
    except (SessionError, ConfigError) as error:
        return Listed(name, "damaged", changed, problem=str(error))
    return Listed(name, _state(session, history), changed, session.config, history)


def _state(session: Session, history: History) -> SessionState:
    if session.running:
        return "running"
    if session.finished:
        return "finished"
    if history.state in ("stopped", "failed"):
        return history.state
    return "interrupted"


def delete_session(sessions_dir: Path, name: str) -> None:
    """Also a damaged one. Raises SessionNotFound, or SessionLocked while it trains."""
    path = _existing(sessions_dir, name)
    with _locked(path):
        pass
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise SessionError(f"session {name} could not be deleted: {error.strerror}") from None


def newest_unfinished(sessions_dir: Path) -> Session:
    """What 'cl-tui resume' means without a name. Raises SessionNotFound."""
    for listed in list_sessions(sessions_dir):
        if listed.state in ("stopped", "interrupted", "failed"):
            return Session.open(sessions_dir, listed.name)
    raise SessionNotFound(f"no unfinished session in {sessions_dir}: start one with 'cl-tui run'")


def summary(name: str, config: RunConfig, history: History) -> dict[str, Any]:
    """The schema that summary.json and 'batch --json' share. Accuracies are fractions; null where a task is unseen."""
    tasks = len(history.tasks)
    matrix = [[*row, *[None] * (tasks - len(row))] for row in history.matrix]
    hyperparameters = config.model_dump(mode="json", exclude={"method", "benchmark", "scenario", "model", "seed"})
    return {
        "name": name,
        "method": config.method,
        "benchmark": config.benchmark,
        "scenario": config.scenario,
        "model": config.model,
        "seed": config.seed,
        "hyperparameters": hyperparameters,
        "accuracy_matrix": matrix,
        "average_accuracy": metrics.average_accuracy(history.matrix),
        "forgetting": metrics.forgetting(history.matrix),
        "backward_transfer": metrics.backward_transfer(history.matrix),
        "forked": {"parent": history.forked.parent, "task": history.forked.task} if history.forked else None,
        "path_integral": [path.ratio for path in history.paths] or None,
        "steps": history.step,
        "seconds": round(history.elapsed, 3),
        "steps_per_second": round(history.step / history.elapsed, 1) if history.elapsed else None,
    }


def _existing(sessions_dir: Path, name: str) -> Path:
    path = sessions_dir / check_name(name)
    if not path.is_dir():
        raise SessionNotFound(f"no session {name} in {sessions_dir}: 'cl-tui sessions list' shows what is there")
    return path


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = filelock.FileLock(path / "lock")
    try:
        lock.acquire(timeout=1)
    except filelock.Timeout:
        raise SessionLocked(f"session {path.name} is being trained by another process: wait for it to end") from None
    except OSError as error:
        raise SessionError(f"session {path.name} cannot be locked: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


def _step(checkpoint: Path) -> int:
    match = _STEP.fullmatch(checkpoint.name)
    assert match
    return int(match[1])


def write_whole(path: Path, data: bytes) -> None:
    """Beside, synced, renamed: a reader finds the old file or the new one, never half of one."""
    beside = path.with_name(path.name + ".part")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
