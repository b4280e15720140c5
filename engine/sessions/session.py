"""Sessions' folders: creates, locks, saves and lists them. Imports no torch and does not know a checkpoint's content.

<sessions>/<name>/config.toml                      RunConfig, complete
                  events.jsonl                     append-only
                  checkpoints/step-*.safetensors   rolling, the last two
                  checkpoints/task-*.safetensors   one at each task's end, as many as keep_checkpoints says
                  checkpoints/*.damaged            set aside by a resume that could not use them
                  summary.json                     when finished
                  lock                             held while it trains

config.toml, events.jsonl, summary.json and the checkpoints carry checksums; docs/durability.md states the guarantees.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, cast
from unicodedata import normalize

import filelock
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, ValidationError, field_validator

from engine import strict_json
from engine.commands import command
from engine.disk import open_plain, read_plain, replace_whole, sync, write_whole
from engine.errors import (
    ConfigError,
    SessionDamaged,
    SessionError,
    SessionExists,
    SessionLocked,
    SessionMismatch,
    SessionNotFound,
    first_line,
    unreadable,
)
from engine.record import metrics
from engine.record.events import Event, Probed, StepsTaken, StrengthChanged, decode
from engine.record.history import History
from engine.record.one_class import one_class_tasks, without
from engine.sessions import log as event_log
from engine.sessions.names import alike, check_name, is_name
from engine.settings.run import MOST_BYTES, RunConfig, from_toml, validated

FORMAT = 2
"""Format of new sessions. Format 1 has checksums only in checkpoints; its sessions are read and continued in it."""
ROLLING_CHECKPOINTS = 2
MOST_SUMMARY_BYTES = 1 << 26
"""Largest accepted summary.json; the matrix of a thousand tasks takes a third of this."""
_FIRST_LINES = re.compile(rb"format = (\d{1,9})\n(?:checksum = \"([0-9a-f]{32})\"\n)?")
_SETTLED = ("name", "method", "benchmark", "scenario", "model", "seed", "hyperparameters")
"""Keys of a summary that the folder's name and config.toml determine."""
_SUM = ',\n  "checksum": "'
"""Start of the last entry of summary.json."""
_LOST = "restore a copy of that file, or undo the changes to it"
_CONTENTS = {"config.toml", "events.jsonl", "checkpoints", "summary.json", "lock", "error.txt"}
"""Everything a session's folder may contain."""
_STEP = re.compile(r"(?:task-\d+-)?step-(\d+)\.safetensors")

SessionState = Literal["running", "stopped", "interrupted", "failed", "finished", "damaged"]


class Session:
    """One run's folder. ``create`` or ``open`` it; hold ``locked()`` while writing."""

    def __init__(self, path: Path, config: RunConfig, format: int = FORMAT) -> None:
        self.path = path
        self.config = self._stored = config
        self.format = format

    @property
    def name(self) -> str:
        return normalize("NFC", self.path.name)

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def config_path(self) -> Path:
        return self.path / "config.toml"

    @property
    def summary_path(self) -> Path:
        return self.path / "summary.json"

    @property
    def finished(self) -> bool:
        return self.summary_path.exists()

    @property
    def sums(self) -> bool:
        """Whether config.toml, summary.json and the lines of the log carry checksums."""
        return self.format > 1

    @classmethod
    def create(cls, sessions_dir: Path, name: str, config: RunConfig) -> "Session":
        """Creates a session. Raises SessionExists, or SessionError if the folder cannot be written."""
        with cls.made(sessions_dir, name, config) as session:
            pass
        return session

    @classmethod
    @contextlib.contextmanager
    def made(cls, sessions_dir: Path, name: str, config: RunConfig, format: int = FORMAT) -> Iterator["Session"]:
        """Creates a session that becomes visible to others, with all its content, when ``with`` succeeds.

        Raises like ``create``.
        """
        name = check_name(name)
        path = sessions_dir / name
        hidden = sessions_dir / f".{name}.{os.getpid()}.new"
        exists = (
            f"session {name} already exists in {sessions_dir}: choose another --name, or continue it with "
            f"'{command('resume', sessions_dir, name)}'"
        )
        if os.path.lexists(path):
            raise SessionExists(exists)
        _refuse_alike(sessions_dir, name)
        try:
            sessions_dir.mkdir(parents=True, exist_ok=True)
            _sweep(sessions_dir)
            shutil.rmtree(hidden, ignore_errors=True)
            session = cls(hidden, config, format)
            session.checkpoints_dir.mkdir(parents=True)
            session.events_path.touch()
            session.write_config()
            yield session
            sync(hidden)
            try:
                hidden.rename(path)
            except OSError as error:
                if os.path.lexists(path) and error.errno != errno.EIO:
                    raise SessionExists(exists) from None
                raise
            sync(sessions_dir)
            session.path = path
        except FileExistsError:
            raise SessionError(f"{sessions_dir} is not a folder: choose another --sessions-dir") from None
        except OSError as error:
            raise SessionError(f"sessions cannot be saved in {sessions_dir}: {error.strerror}") from None
        finally:
            shutil.rmtree(hidden, ignore_errors=True)

    def write_config(self) -> None:
        """Writes config.toml. Raises OSError."""
        settings = self.config.to_toml().encode()
        checksum = f'checksum = "{_checksum(settings)}"\n' if self.sums else ""
        write_whole(self.config_path, f"format = {self.format}\n{checksum}".encode() + settings)

    def keep_config(self) -> None:
        """Writes ``config`` if it was changed after the session was opened. Raises OSError."""
        if self.config != self._stored:
            self.write_config()
            self._stored = self.config

    @classmethod
    def open(cls, sessions_dir: Path, name: str) -> "Session":
        """Opens a session. Raises SessionNotFound, SessionMismatch for a newer format, or SessionDamaged."""
        path = session_path(sessions_dir, name)
        format, settings = _settings(path)
        try:
            return cls(path, from_toml(settings.decode(), str(path / "config.toml")), format)
        except (ConfigError, ValueError) as error:  # a ConfigError names the file
            raise SessionDamaged(f"session {name} is damaged: {first_line(error)}; {_LOST}") from None

    # Locking

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock of the process that trains; the lock of a dead process is free. Raises SessionLocked."""
        with _locked(self.path):
            yield

    @property
    def running(self) -> bool:
        if (here := trained_here(self)) is not None:
            return here
        try:
            with filelock.FileLock(self.path / "lock").acquire(blocking=False):
                return False
        except filelock.Timeout:
            return True
        except OSError:
            return False

    # Events

    def readable(self, start: int) -> tuple[list[Event], str]:
        """The readable events from byte ``start`` of the log on, and why the rest cannot be read, or an empty text."""
        found: list[Event] = []
        try:
            with open_plain(self.events_path) as file:
                file.seek(start)
                for line in event_log.whole_lines(file):
                    found.append(event_log.read(line, start, self.sums))
                    start += len(line)
        except (OSError, ValueError) as error:
            return found, f"byte {start:,} of {self.events_path}: {first_line(error)}"
        return found, ""

    def events(self, length: int | None = None) -> Iterator[Event]:
        """The events in the first ``length`` bytes of the log (all by default), without an incomplete last line.

        Raises SessionDamaged, naming the line.
        """
        read = number = 0
        try:
            with open_plain(self.events_path) as file:
                number = 1
                for line in event_log.whole_lines(file):
                    if length is not None and read + len(line) > length:
                        break
                    yield event_log.read(line, read, self.sums)
                    read += len(line)
                    number += 1
        except ValueError as error:
            raise self.damaged_log(first_line(error), number) from None
        except OSError as error:
            raise unreadable(f"session {self.name}: {self.events_path}", error) from None
        if length is not None and read < length:
            raise self.damaged_log(f"it ends after {read:,} of {length:,} bytes")

    def damaged_log(self, what: str, line: int = 0) -> SessionDamaged:
        """The error for a damaged log; ``line`` counts from 1, and 0 names no line."""
        where = f", line {line}" if line else ""
        return SessionDamaged(
            f"session {self.name} is damaged: {self.events_path}{where}: {what}; "
            f"everything before it can still be watched"
        )

    def unwritable(self, error: OSError) -> SessionError:
        return SessionError(
            f"session {self.name} cannot be written: {reason(error)}; "
            f"correct that, then continue with '{command('resume', self.path.parent, self.name)}'"
        )

    def history(self, length: int | None = None) -> History:
        """The history in the first ``length`` bytes of the log (all by default). Raises SessionDamaged."""
        finished = length is None and self.finished  # first, since another process may finish the log meanwhile
        history = History()
        for number, event in enumerate(self.events(length), start=1):
            try:
                history = history.apply(event)
            except ValueError as error:
                raise self.damaged_log(first_line(error), number) from None
        if finished and history.state != "finished":
            raise self.damaged_log("it ends before the run does")
        return history

    def strengths(self, step: int) -> tuple[StrengthChanged, ...]:
        """The readable changes of strength up to ``step``; other lines of the log are not parsed."""
        found: list[StrengthChanged] = []
        with contextlib.suppress(OSError, ValueError), open_plain(self.events_path) as file:
            for line in event_log.whole_lines(file):
                if b'"event":"strength"' in line[-_END:] and isinstance(event := decode(line), StrengthChanged):
                    if event.step > step:
                        break
                    found.append(event)
        return tuple(found)

    # Checkpoints

    @property
    def checkpoints_dir(self) -> Path:
        return self.path / "checkpoints"

    def checkpoints(self) -> list[Path]:
        """Paths of the checkpoints, newest first."""
        found = [path for path in self.checkpoints_dir.glob("*.safetensors") if _STEP.fullmatch(path.name)]
        return sorted(found, key=lambda path: (_step(path), path.name.startswith("task-")), reverse=True)

    @property
    def saved_step(self) -> int | None:
        """The step of the newest checkpoint; None if there is none."""
        found = self.checkpoints()
        return _step(found[0]) if found else None

    def task_checkpoint(self, task: int) -> Path | None:
        """The checkpoint at the end of ``task``, counted from 0; None if there is none."""
        return next(self.checkpoints_dir.glob(f"task-{task + 1:03}-step-*.safetensors"), None)

    def write_checkpoint(self, write: Callable[[Path], object], step: int, ended_task: int | None = None) -> str:
        """Writes a checkpoint atomically with ``write``, deletes those no longer needed, and returns its name.

        ``ended_task`` (counted from 0) marks the checkpoint of a task's end. Raises OSError.
        """
        prefix = f"task-{ended_task + 1:03}-" if ended_task is not None else ""
        name = f"{prefix}step-{step:08}.safetensors"
        replace_whole(self.checkpoints_dir / name, write)
        left_by_a_kill = self.checkpoints_dir.glob("*.part")
        for old in (*self._dispensable(), *left_by_a_kill):
            old.unlink(missing_ok=True)
        return name

    def _dispensable(self) -> list[Path]:
        """Checkpoints that may be deleted. The newest two stay: if the newest is damaged, a resume uses the other."""
        found = self.checkpoints()
        ends = [path for path in found if path.name.startswith("task-")]
        rolling = [path for path in found if path.name.startswith("step-")]
        keep = self.config.keep_checkpoints
        most = len(ends) if keep == "all" else 1 if keep == "last" else keep
        stays = {*found[:2], *ends[:most], *rolling[:ROLLING_CHECKPOINTS]}
        return [path for path in found if path not in stays]

    @property
    def thinned(self) -> str:
        """Why an ended task's checkpoint may be missing without damage; empty if none may. Raises SessionDamaged."""
        if self.config.keep_checkpoints != "all":
            return f"keep_checkpoints = {self.config.keep_checkpoints}"
        return "nor in its parent session" if self.history().forked is not None else ""

    def set_aside(self, checkpoints: Iterable[Path]) -> None:
        """Renames checkpoints that a resume could not use, so that a later one does not take them for the newest.

        Raises OSError.
        """
        for path in checkpoints:
            with contextlib.suppress(FileNotFoundError):  # renamed by an earlier attempt
                path.replace(path.with_suffix(".damaged"))
        sync(self.checkpoints_dir)

    # The result

    def write_summary(self, history: History) -> None:
        """Writes summary.json. Raises OSError."""
        self._write_summary(summary(self.name, self.config, history))

    def _write_summary(self, found: dict[str, Any]) -> None:
        text = strict_json.dumps(found, indent=2)
        if self.sums:
            text = text.removesuffix("\n}")
            text += f'{_SUM}{_checksum(text.encode())}"\n}}'
        write_whole(self.summary_path, text.encode() + b"\n")

    def summary(self) -> dict[str, Any]:
        """The summary of a finished session, with its current name. Raises SessionDamaged."""
        settled = summary(self.name, self.config, History())
        return _read_summary(self.path, self.sums) | {key: settled[key] for key in _SETTLED}


def _settings(path: Path) -> tuple[int, bytes]:
    """The format of the session in ``path``, and its settings as TOML, checksum verified. Raises SessionError."""
    name, config_path = path.name, path / "config.toml"
    _refuse_links(path)
    try:
        data = read_plain(config_path, MOST_BYTES)
        first = _FIRST_LINES.match(data)
        if first is None:
            raise ValueError("it does not begin with its format")
        format, settings = int(first[1]), data[first.end() :]
        if format > FORMAT:
            raise SessionMismatch(f"session {name} has format {format}, newer than this cl-tui reads: upgrade cl-tui")
        if format > 1 and (first[2] or b"").decode() != _checksum(settings):
            raise ValueError("its checksum does not fit")
    except OSError as error:
        raise unreadable(f"session {name}: {config_path}", error) from None
    except ValueError as error:
        raise SessionDamaged(f"session {name} is damaged: {config_path}: {first_line(error)}; {_LOST}") from None
    return format, settings


def _read_summary(path: Path, sums: bool) -> dict[str, Any]:
    """The summary of the session in ``path``, without its checksum. Raises SessionError."""
    name, summary_path = path.name, path / "summary.json"
    try:
        data = read_plain(summary_path, MOST_SUMMARY_BYTES)
        found = json.loads(data)
        if sums:
            content, _, checksum = data.rpartition(_SUM.encode())
            if checksum != f'{_checksum(content)}"\n}}\n'.encode():
                raise ValueError("its checksum does not fit")
            del found["checksum"]
        _Result.model_validate(found)
    except OSError as error:
        raise unreadable(f"session {name}: {summary_path}", error) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else first_line(error)
        raise SessionDamaged(
            f"session {name} is damaged: {summary_path}: {why}; move that file away, and "
            f"'{command('resume', summary_path.parent.parent, name)}' writes it again"
        ) from None
    return cast(dict[str, Any], found)


def trained_here(session: Session) -> bool | None:
    """Whether a process on this machine is training ``session``; None if that is unknown without acquiring its lock.

    Writes nothing and creates no lock file. A lock held on another machine is visible only if the shared folder
    supports that.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        lock = os.open(session.path / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in (errno.EAGAIN, errno.EACCES) else None
    finally:
        os.close(lock)
    return False


@dataclass(frozen=True)
class Listed:
    """An entry in the list of sessions; if ``config`` and ``history`` are None, ``problem`` says why."""

    name: str
    state: SessionState
    changed: float
    config: RunConfig | None = None
    history: History | None = None
    problem: str = ""
    created: float = 0.0
    format: int = FORMAT
    skimmed: "Skimmed | None" = None
    """The files' state that ``glance`` saw."""


@dataclass(frozen=True)
class Skimmed:
    """The state of a session's files that a glance saw."""

    files: tuple[tuple[int, int], ...]
    """(nanoseconds when modified, bytes) of config.toml, events.jsonl and summary.json; (0, 0) for a missing file."""
    read: int = 0
    """Bytes of the log that ``Listed.history`` includes."""
    end: bytes = b""
    """The last of these bytes: if they have changed, the log was cut."""


class _Averages(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    average_accuracy: Annotated[float, Field(ge=0, le=1)] | None
    forgetting: Annotated[float, Field(ge=-1, le=1)] | None
    backward_transfer: Annotated[float, Field(ge=-1, le=1)] | None


class _Result(_Averages):
    """The part of summary.json that lists and tables show."""

    hyperparameters: dict[str, Any]
    accuracy_matrix: list[list[Annotated[float, Field(ge=0, le=1)] | None]]
    one_class_tasks: list[NonNegativeInt] = []
    without_one_class_tasks: _Averages | None = None
    steps: NonNegativeInt
    seconds: NonNegativeFloat
    steps_per_second: NonNegativeFloat | None

    @field_validator("accuracy_matrix")
    @classmethod
    def _triangle(cls, matrix: list[list[float | None]]) -> list[list[float | None]]:
        for row, accuracies in enumerate(matrix):
            unseen = [accuracy is None for accuracy in accuracies]
            if unseen != [task > row for task in range(len(matrix))]:
                raise ValueError(f"row {row + 1} of the accuracies does not have one number for each task seen")
        return matrix


def list_sessions(sessions_dir: Path) -> list[Listed]:
    """``glance`` at all sessions in a folder, the most recently changed first. Damaged sessions are listed as such."""
    return sorted(glances(sessions_dir), key=lambda listed: listed.changed, reverse=True)


def glances(sessions_dir: Path, earlier: Mapping[str, Listed] = MappingProxyType({})) -> Iterator[Listed]:
    """``glance`` at each session in a folder, the most recently changed first. ``earlier``: results of earlier glances,
    by name. Raises OSError if the folder cannot be read."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(sessions_dir) as entries:
        for entry in entries:
            if is_name(entry.name):
                config, log, _ = _files(entry.path)
                if config != (0, 0):
                    found.append((-(log[0] or config[0]), normalize("NFC", entry.name)))
    for name in dict.fromkeys(name for _, name in sorted(found)):
        with contextlib.suppress(SessionNotFound):  # deleted meanwhile
            yield glance(sessions_dir, name, earlier.get(name))


def glance(sessions_dir: Path, name: str, earlier: Listed | None = None) -> Listed:
    """What a list shows of one session, even if it is damaged, reading no more than that needs.

    The history has the progress, the newest accuracies, the matrix and how the run ended, but neither curve nor
    importances. For a finished session only the summary is read, so the history has no tasks. ``earlier``: the result
    of an earlier glance, after which only new events are read. Raises SessionNotFound.
    """
    path = session_path(sessions_dir, name)
    files = _files(str(path))
    if earlier is not None and (earlier.skimmed is None or earlier.skimmed.files[0] != files[0]):
        earlier = None
    if earlier is not None and earlier.skimmed is not None and earlier.skimmed.files == files:
        if earlier.state in ("finished", "damaged"):
            return earlier
        assert earlier.config is not None
        assert earlier.history is not None
        state = _state(Session(path, earlier.config, earlier.format), earlier.history)
        return earlier if state == earlier.state else replace(earlier, state=state)
    created = files[0][0] / 1e9
    changed = files[1][0] / 1e9 or created
    try:
        if files[2] != (0, 0):
            format, settings = _settings(path)
            config, history = _from_summary(path, format, settings)
            return Listed(name, "finished", changed, config, history, "", created, format, Skimmed(files))
        if earlier is not None and earlier.config is not None:
            session = Session(path, earlier.config, earlier.format)
        else:
            session = Session.open(sessions_dir, name)
        history, skimmed = _skim(session, files, earlier)
    except (SessionError, ConfigError) as error:
        return Listed(name, "damaged", changed, problem=str(error), created=created, skimmed=Skimmed(files))
    state = _state(session, history)
    return Listed(name, state, changed, session.config, history, "", created, session.format, skimmed)


def _files(path: str) -> tuple[tuple[int, int], ...]:
    """The value of ``Skimmed.files``."""
    return tuple(_file_state(f"{path}/{file}") for file in ("config.toml", "events.jsonl", "summary.json"))


def _file_state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _from_summary(path: Path, format: int, settings: bytes) -> tuple[RunConfig, History]:
    """What a list shows of a finished session. Raises SessionError or ConfigError."""
    found = _read_summary(path, format > 1)
    if format > 1:  # TOML is slow to read, and the summary has the same settings
        named = {key: found.get(key) for key in _SETTLED if key not in ("name", "hyperparameters")}
        config = validated({**found["hyperparameters"], **named})
    else:
        config = from_toml(settings.decode(), str(path / "config.toml"))
    matrix = tuple(tuple(value for value in row if value is not None) for row in found["accuracy_matrix"])
    return config, History("finished", task=len(matrix), step=found["steps"], elapsed=found["seconds"], matrix=matrix)


_END = 200
_KIND = re.compile(rb'"event":"([a-z-]+)"(?:,"sum":"[0-9a-f]{8}")?\}\n$')
_NOT_LISTED = {b"importance", b"path", b"saved", b"noted", b"warned"}


def _skim(session: Session, files: tuple[tuple[int, int], ...], earlier: Listed | None) -> tuple[History, Skimmed]:
    """The log without its curves. The end of most lines says what they are, and they are not parsed.

    Raises SessionDamaged, naming the line.
    """
    history, read, end = History(), 0, b""
    newest: dict[bytes, bytes] = {}
    number, began = 0, 0
    try:
        with open_plain(session.events_path) as file:
            if earlier is not None and earlier.history is not None and earlier.skimmed is not None:
                known = earlier.skimmed
                file.seek(known.read - len(known.end))
                if file.read(len(known.end)) == known.end:
                    history, read, end = earlier.history, known.read, known.end
            file.seek(read)
            began = read
            number = 1
            for line in event_log.whole_lines(file):
                if session.sums:
                    event_log.check(line, read)
                read += len(line)
                end = line[-_END:]
                match = _KIND.search(end)
                kind = match[1] if match else b""
                if kind in (b"steps", b"probed"):
                    newest[kind] = line
                elif kind not in _NOT_LISTED:
                    history = history.apply(decode(line))
                number += 1
        for line in newest.values():
            event = decode(line)
            if isinstance(event, StepsTaken):
                history.check(event, event.step - len(event.losses))
                history = replace(history, step=event.step, elapsed=event.elapsed)
            elif isinstance(event, Probed):
                history = replace(history.apply(event), probes=(event,))
    except ValueError as error:
        if began:  # read from the beginning, to count the lines
            return _skim(session, files, None)
        raise session.damaged_log(first_line(error), number) from None
    except OSError as error:
        raise unreadable(f"session {session.name}: {session.events_path}", error) from None
    return history, Skimmed(files, read, end)


def look_at(sessions_dir: Path, name: str) -> Listed:
    """One session with its whole history, even if it is damaged. Raises SessionNotFound."""
    path = session_path(sessions_dir, name)
    log = path / "events.jsonl"
    changed = (log if log.exists() else path).stat().st_mtime
    try:
        session = Session.open(sessions_dir, name)
        if session.finished:
            session.summary()
        history = session.history()
    except (SessionError, ConfigError) as error:
        return Listed(name, "damaged", changed, problem=str(error))
    return Listed(name, _state(session, history), changed, session.config, history, format=session.format)


def _state(session: Session, history: History) -> SessionState:
    if session.running:
        return "running"
    if session.finished:
        return "finished"
    if history.state in ("stopped", "failed"):
        return history.state
    return "interrupted"


def delete_session(sessions_dir: Path, name: str) -> None:
    """Deletes a session, even a damaged one. Raises SessionNotFound, SessionLocked if it is training, or SessionError
    if the folder is no session."""
    path = session_path(sessions_dir, name)
    if not any((path / part).exists() for part in ("config.toml", "events.jsonl")):
        raise SessionError(f"{path} is not a session, so it is not deleted")
    with _locked(path):
        pass
    aside = path.with_name(f".{path.name}.deleted")  # so that no list shows half a session
    try:
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.rename(path)
        raise SessionError(f"session {name} could not be deleted: {error.strerror}") from None


def rename_session(sessions_dir: Path, name: str, new: str) -> str:
    """Renames a session, even a damaged one, and returns the normalised new name. Raises ConfigError for an invalid
    name, SessionNotFound, SessionExists, or SessionLocked if it is training."""
    path, new = session_path(sessions_dir, name), check_name(new)
    target = sessions_dir / new
    if os.path.lexists(target) and not (alike(new) == alike(name) and target.samefile(path) and path.name != new):
        raise SessionExists(f"session {new} already exists in {sessions_dir}: choose another name")
    _refuse_alike(sessions_dir, new, but=path.name)
    with _locked(path):
        if os.name == "posix":
            _move(path, target)
    if os.name != "posix":  # Windows cannot move a folder with an open file
        _move(path, target)
    with contextlib.suppress(OSError, SessionError):  # a missing or damaged summary stays as it is
        session = Session.open(sessions_dir, new)
        session._write_summary(session.summary())
    return new


def _move(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except OSError as error:
        raise SessionError(f"session {path.name} could not be renamed: {error.strerror}") from None


def newest_unfinished(sessions_dir: Path) -> Session:
    """The session that 'cl-tui resume' without a name continues. Raises SessionNotFound."""
    for listed in list_sessions(sessions_dir):
        if listed.state in ("stopped", "interrupted", "failed"):
            return Session.open(sessions_dir, listed.name)
    raise SessionNotFound(f"no unfinished session in {sessions_dir}: start one with '{command('run', sessions_dir)}'")


def summary(name: str, config: RunConfig, history: History) -> dict[str, Any]:
    """The schema that summary.json and 'batch --json' share. Accuracies are fractions; null if a task is unseen.

    ``one_class_tasks``, counted from 0, are the tasks with nothing to distinguish; ``without_one_class_tasks`` has the
    three averages over the others, and is null if all tasks count.
    """
    tasks = len(history.tasks)
    one_class = one_class_tasks(config)
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
        "one_class_tasks": one_class,
        "without_one_class_tasks": without(history.matrix, one_class) if one_class else None,
        "forked": {"parent": history.forked.parent, "task": history.forked.task} if history.forked else None,
        "path_integral": [path.ratio for path in history.paths] or None,
        "steps": history.step,
        "seconds": round(history.elapsed, 3),
        "steps_per_second": round(history.step / history.elapsed, 1) if history.elapsed else None,
    }


def session_path(sessions_dir: Path, name: str) -> Path:
    """The folder of the session ``name``. Raises ConfigError for an invalid name, or SessionNotFound."""
    name = check_name(name)
    for spelled in (name, normalize("NFD", name)):  # as an older Mac's disk spells it
        if (sessions_dir / spelled).is_dir():
            return sessions_dir / spelled
    there = command("sessions list", sessions_dir)
    raise SessionNotFound(f"no session {name} in {sessions_dir}: '{there}' shows what is there")


def _refuse_alike(sessions_dir: Path, name: str, but: str = "") -> None:
    """Raises SessionExists if some system would confuse ``name`` with a session other than ``but``."""
    with contextlib.suppress(OSError):  # a missing folder has no sessions
        for other in os.listdir(sessions_dir):
            if other != but and alike(other) == alike(name):
                raise SessionExists(
                    f"the names of session {name} and of {other}, which is in {sessions_dir}, differ only in case, "
                    f"which some systems ignore: choose another name"
                )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    _refuse_links(path)
    lock = filelock.FileLock(path / "lock")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lock.acquire(timeout=1)
    except filelock.Timeout:
        if isinstance(lock, filelock.SoftFileLock):
            raise _no_locks(path) from None
        raise SessionLocked(f"session {path.name} is being trained by another process: wait for it to end") from None
    except NotImplementedError:
        raise _no_locks(path) from None
    except OSError as error:
        raise SessionError(f"session {path.name} cannot be locked: {error.strerror}") from None
    try:
        if isinstance(lock, filelock.SoftFileLock):  # filelock's fallback, which outlives a process that died
            raise _no_locks(path)
        yield
    finally:
        lock.release()


def _sweep(sessions_dir: Path) -> None:
    """Removes what a killed process was creating or deleting at least an hour ago."""
    for pattern in (".*.new", ".*.deleted"):
        for left in sessions_dir.glob(pattern):
            with contextlib.suppress(OSError):
                ours = {entry.removesuffix(".part") for entry in os.listdir(left)} <= _CONTENTS
                if ours and time.time() - left.stat().st_mtime > 3600:
                    shutil.rmtree(left)


def _no_locks(path: Path) -> SessionError:
    return SessionError(
        f"session {path.name} cannot be locked: its folder's file system has no locks, so two processes could train "
        f"it at once; use a --sessions-dir on another disk"
    )


def _step(checkpoint: Path) -> int:
    match = _STEP.fullmatch(checkpoint.name)
    assert match
    return int(match[1])


def _refuse_links(path: Path) -> None:
    """Raises SessionError if the folder ``path``, or an entry in it, is a link, which may lead anywhere."""
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        for link in [path, *entries]:
            if link.is_symlink():
                what = "is a link" if link is path else f"contains a link, {link.name}"
                raise SessionError(
                    f"session {path.name} {what}, which may point anywhere: replace it with what it points to"
                )


def reason(error: OSError) -> str:
    """A text such as 'No space left on device: sessions/calm-otter/events.jsonl'."""
    return f"{error.strerror or first_line(error)}{f': {error.filename}' if error.filename else ''}"


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
