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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal

import filelock
from pydantic import BaseModel, NonNegativeFloat, NonNegativeInt, ValidationError

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
from engine.events import Event, Probed, StepsTaken, StrengthChanged, TasksPlanned, decode, encode
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
        except ConfigError as error:  # names the file
            raise SessionDamaged(f"session {name} is damaged: {first_line(error)}") from None
        except ValueError as error:
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
    created: float = 0.0
    skimmed: "Skimmed | None" = None
    """What ``glance`` went by."""


@dataclass(frozen=True)
class Skimmed:
    """Which state of a session's files a glance has seen."""

    files: tuple[tuple[int, int], ...]
    """(modified, bytes) of config.toml, events.jsonl and summary.json; (0, 0) where there is none."""
    read: int = 0
    """Bytes of the log that are in ``Listed.history``."""
    end: bytes = b""
    """The last of them: where these stand no more, the log was cut in between."""


class _Result(BaseModel):
    """What a list tells of a finished session, as summary.json has it."""

    accuracy_matrix: list[list[float | None]]
    steps: NonNegativeInt
    seconds: NonNegativeFloat


def list_sessions(sessions_dir: Path) -> list[Listed]:
    """All sessions in a folder as ``glance`` sees them, the most recently changed first. A damaged one is listed as
    such."""
    return sorted(glances(sessions_dir), key=lambda listed: listed.changed, reverse=True)


def glances(sessions_dir: Path, earlier: Mapping[str, Listed] = MappingProxyType({})) -> Iterator[Listed]:
    """``glance`` at each session in a folder, the most recently changed first. ``earlier``: by name, what glances found
    before. Raises OSError for a folder that may not be looked into."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(sessions_dir) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                config, log, _ = _files(entry.path)
                if config != (0, 0):
                    found.append((-(log[0] or config[0]), entry.name))
    for _, name in sorted(found):
        with contextlib.suppress(SessionNotFound):  # deleted since
            yield glance(sessions_dir, name, earlier.get(name))


def glance(sessions_dir: Path, name: str, earlier: Listed | None = None) -> Listed:
    """What a list shows of one session, also when it is damaged, without reading more than that needs.

    The history holds how far it is, the newest accuracies, the matrix and how it ended; neither curve nor importances,
    and of a finished session, which only its summary is read of, no tasks. ``earlier``: what a glance found before;
    then only what is new is read. Raises SessionNotFound.
    """
    path = _existing(sessions_dir, name)
    files = _files(str(path))
    if earlier is not None and (earlier.skimmed is None or earlier.skimmed.files[0] != files[0]):
        earlier = None
    if earlier is not None and earlier.skimmed is not None and earlier.skimmed.files == files:
        if earlier.state in ("finished", "damaged"):
            return earlier
        assert earlier.config is not None
        assert earlier.history is not None
        state = _state(Session(path, earlier.config), earlier.history)
        return earlier if state == earlier.state else replace(earlier, state=state)
    created = files[0][0] / 1e9
    changed = files[1][0] / 1e9 or created
    try:
        config = earlier.config if earlier is not None else None
        session = Session.open(sessions_dir, name) if config is None else Session(path, config)
        if files[2] != (0, 0):
            history, skimmed = _from_summary(session), Skimmed(files)
            return Listed(name, "finished", changed, session.config, history, "", created, skimmed)
        history, skimmed = _skim(session, files, earlier)
    except (SessionError, ConfigError) as error:
        return Listed(name, "damaged", changed, problem=str(error), created=created, skimmed=Skimmed(files))
    return Listed(name, _state(session, history), changed, session.config, history, "", created, skimmed)


def _files(path: str) -> tuple[tuple[int, int], ...]:
    """As in ``Skimmed.files``."""
    return tuple(_file_state(f"{path}/{file}") for file in ("config.toml", "events.jsonl", "summary.json"))


def _file_state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _from_summary(session: Session) -> History:
    """Raises SessionDamaged."""
    try:
        found = _Result.model_validate_json(session.summary_path.read_bytes())
    except (OSError, ValidationError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else first_line(error)
        raise SessionDamaged(
            f"session {session.name} is damaged: {session.summary_path} cannot be read: {what}"
        ) from None
    matrix = tuple(tuple(value for value in row if value is not None) for row in found.accuracy_matrix)
    return History(state="finished", task=len(matrix), step=found.steps, elapsed=found.seconds, matrix=matrix)


_END = 200
_KIND = re.compile(rb'"event":"([a-z-]+)"\}\n$')
_NOT_LISTED = {b"importance", b"path", b"saved", b"noted"}


def _skim(session: Session, files: tuple[tuple[int, int], ...], earlier: Listed | None) -> tuple[History, Skimmed]:
    """The log without its curves. Most of its lines are told by their last word and not looked into.

    Raises SessionDamaged, naming the line.
    """
    history, read, end = History(), 0, b""
    newest: dict[bytes, bytes] = {}
    try:
        with open(session.events_path, "rb") as file:
            if earlier is not None and earlier.history is not None and earlier.skimmed is not None:
                known = earlier.skimmed
                file.seek(known.read - len(known.end))
                if file.read(len(known.end)) == known.end:
                    history, read, end = earlier.history, known.read, known.end
            file.seek(read)
            began = read
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                read += len(line)
                end = line[-_END:]
                match = _KIND.search(end)
                kind = match[1] if match else b""
                if kind in (b"steps", b"probed"):
                    newest[kind] = line
                elif kind not in _NOT_LISTED:
                    try:
                        history = history.apply(decode(line))
                    except ValueError as error:
                        if began:  # name the line as counted from the beginning
                            return _skim(session, files, None)
                        raise SessionDamaged(
                            f"session {session.name} is damaged: {session.events_path}, line {number}: "
                            f"{first_line(error)}"
                        ) from None
        for line in newest.values():
            event = decode(line)
            if isinstance(event, StepsTaken):
                history = replace(history, step=event.step, elapsed=event.elapsed)
            elif isinstance(event, Probed):
                history = replace(history, probes=(event,))
    except (OSError, ValueError) as error:
        raise SessionDamaged(
            f"session {session.name} is damaged: {session.events_path} cannot be read: {first_line(error)}"
        ) from None
    return history, Skimmed(files, read, end)


def look_at(sessions_dir: Path, name: str) -> Listed:
    """One session with its whole history, also when it is damaged. Raises SessionNotFound."""
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
    aside = path.with_name(f".{path.name}.deleted")  # who lists the folder meanwhile sees no half of a session
    try:
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.rename(path)
        raise SessionError(f"session {name} could not be deleted: {error.strerror}") from None


def rename_session(sessions_dir: Path, name: str, new: str) -> None:
    """Also a damaged one. Raises ConfigError for a name that cannot be, SessionNotFound, SessionExists, or
    SessionLocked while it trains."""
    path, target = _existing(sessions_dir, name), sessions_dir / check_name(new)
    if os.path.lexists(target):
        raise SessionExists(f"session {new} exists already in {sessions_dir}: choose another name")
    with _locked(path):
        if os.name == "posix":
            _move(path, target)
    if os.name != "posix":  # Windows moves no folder in which a file is open
        _move(path, target)
    summary_path = target / "summary.json"
    with contextlib.suppress(OSError, ValueError):  # what is damaged stays as it is
        found = json.loads(summary_path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            write_whole(summary_path, json.dumps(found | {"name": new}, indent=2).encode() + b"\n")


def _move(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except OSError as error:
        raise SessionError(f"session {path.name} could not be renamed: {error.strerror}") from None


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
