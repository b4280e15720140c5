"""Sessions' folders: creates, locks, saves and lists them. Imports no torch and does not know a checkpoint's content.

<sessions>/<name>/config.toml                      RunConfig, complete
                  events.jsonl                     append-only
                  checkpoints/step-*.safetensors   rolling, the last two
                  checkpoints/task-*.safetensors   one at each task's end, as many as keep_checkpoints says
                  checkpoints/*.damaged            set aside by a resume that could not use them
                  shown.npz                        examples of each task to look at
                  summary.json                     when finished
                  lock                             held while it trains

config.toml, events.jsonl, summary.json and the checkpoints carry checksums; docs/durability.md states the guarantees.

Format 3 is the present one. Format 1 has checksums only in checkpoints, and formats 1 and 2 have other events, which
upgrade.py reads. A resume continues an older session in the present format.
"""

import contextlib
import errno
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from unicodedata import normalize

from engine.commands import command
from engine.disk import open_plain, read_plain, replace_whole, sync, write_whole
from engine.errors import (
    ConfigError,
    SessionDamaged,
    SessionError,
    SessionExists,
    SessionMismatch,
    SessionNotFound,
    first_line,
    unreadable,
)
from engine.record.events import SHOWN_FILE, Event, StrengthChanged, decode
from engine.record.history import History
from engine.sessions import log as event_log
from engine.sessions.lock import in_training, locked, refuse_links
from engine.sessions.log import FORMAT, Lines
from engine.sessions.names import check_name, refuse_alike
from engine.sessions.notes import FILES as NOTES_FILES
from engine.sessions.summary import checksum, read_summary, settled, summary, write_summary
from engine.settings.reading import MOST_BYTES, from_toml
from engine.settings.run import RunConfig

ROLLING_CHECKPOINTS = 2
_FIRST_LINES = re.compile(rb"format = (\d{1,9})\n(?:checksum = \"([0-9a-f]{32})\"\n)?")
_BEGAN = re.compile(rb"log = ([12])\n")
_LOST = "restore a copy of that file, or undo the changes to it"
_CONTENTS = {
    "config.toml",
    "events.jsonl",
    "checkpoints",
    "summary.json",
    "lock",
    "error.txt",
    SHOWN_FILE,
    *NOTES_FILES,
}
_STEP = re.compile(r"(?:task-\d+-)?step-(\d+)\.safetensors")


class Session:
    """One run's folder. ``create`` or ``open`` it; hold ``locked()`` while writing."""

    def __init__(self, path: Path, config: RunConfig, format: int = FORMAT, began: int = FORMAT) -> None:
        """``began``: the format in which the log begins."""
        self.path = path
        self.config = self._stored = config
        self.format = format
        self.began = began

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
        """Whether config.toml and summary.json carry checksums."""
        return self.format > 1

    @classmethod
    def create(cls, sessions_dir: Path, name: str, config: RunConfig) -> "Session":
        """Creates a session. Raises SessionExists, or SessionError if the folder cannot be written."""
        with cls.made(sessions_dir, name, config) as session:
            pass
        return session

    @classmethod
    @contextlib.contextmanager
    def made(cls, sessions_dir: Path, name: str, config: RunConfig, began: int = FORMAT) -> Iterator["Session"]:
        """Creates a session that others see, with all its content, when ``with`` succeeds. Raises like ``create``."""
        name = check_name(name)
        path = sessions_dir / name
        hidden = sessions_dir / f".{name}.{os.getpid()}.new"
        exists = (
            f"session {name} already exists in {sessions_dir}: choose another --name, or continue it with "
            f"'{command('resume', sessions_dir, name)}'"
        )
        if os.path.lexists(path):
            raise SessionExists(exists)
        refuse_alike(sessions_dir, name)
        try:
            sessions_dir.mkdir(parents=True, exist_ok=True)
            _sweep(sessions_dir)
            shutil.rmtree(hidden, ignore_errors=True)
            session = cls(hidden, config, began=began)
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
            try:
                sync(sessions_dir)
            except OSError:
                path.rename(hidden)  # or somebody trains in a folder that a loss of power takes back
                raise
            session.path = path
        except FileExistsError:
            raise SessionError(f"{sessions_dir} is not a folder: choose another --sessions-dir") from None
        except OSError as error:
            raise SessionError(f"sessions cannot be saved in {sessions_dir}: {error.strerror}") from None
        finally:
            shutil.rmtree(hidden, ignore_errors=True)

    def write_config(self) -> None:
        """Writes config.toml. Raises OSError."""
        began = "" if self.began == self.format else f"log = {self.began}\n"
        settings = (began + self.config.to_toml()).encode()
        line = f'checksum = "{checksum(settings)}"\n' if self.sums else ""
        write_whole(self.config_path, f"format = {self.format}\n{line}".encode() + settings)

    def keep_config(self) -> None:
        """Writes ``config`` if it was changed after the session was opened or has an older format. Raises OSError."""
        if self.config != self._stored or self.format != FORMAT:
            self.format = FORMAT
            self.write_config()
            self._stored = self.config

    @classmethod
    def open(cls, sessions_dir: Path, name: str) -> "Session":
        """Opens a session. Raises SessionNotFound, SessionMismatch for a newer format, or SessionDamaged."""
        path = session_path(sessions_dir, name)
        format, began, settings = settings_of(path)
        try:
            return cls(path, from_toml(settings.decode(), str(path / "config.toml")), format, began)
        except (ConfigError, ValueError) as error:  # a ConfigError names the file
            raise SessionDamaged(f"session {name} is damaged: {first_line(error)}; {_LOST}") from None

    # Locking

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Holds the lock of the process that trains; the lock of a dead process is free. Raises SessionLocked."""
        return locked(self.path)

    @property
    def running(self) -> bool:
        return in_training(self.path)

    # Events

    def readable(self, start: int) -> tuple[list[Event], str]:
        """The readable events from byte ``start`` of the log on, and why the rest cannot be read, or an empty text."""
        found: list[Event] = []
        try:
            with open_plain(self.events_path) as file:
                lines = Lines(self.began)
                lines.skip(file, start)
                for line in event_log.whole_lines(file):
                    found += lines.events(line, start)
                    start += len(line)
        except (OSError, ValueError) as error:
            return found, f"byte {start:,} of {self.events_path}: {first_line(error)}"
        return found, ""

    def format_at(self, length: int) -> int:
        """The format in which the log would continue after ``length`` bytes. Raises OSError."""
        lines = Lines(self.began)
        with contextlib.suppress(ValueError), open_plain(self.events_path) as file:
            lines.skip(file, length)
        return lines.format(length)

    def events(self, length: int | None = None) -> Iterator[Event]:
        """The events in the first ``length`` bytes (all by default), but no incomplete line. Raises SessionDamaged."""
        return (event for _, event in self._numbered(length))

    def _numbered(self, length: int | None) -> Iterator[tuple[int, Event]]:
        """``events``, each with the number of its line, from 1."""
        read = number = 0
        lines = Lines(self.began)
        try:
            with open_plain(self.events_path) as file:
                number = 1
                for line in event_log.whole_lines(file):
                    if length is not None and read + len(line) > length:
                        break
                    for event in lines.events(line, read):
                        yield number, event
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
        line = 0

        def events() -> Iterator[Event]:
            nonlocal line
            for line, event in self._numbered(length):  # noqa: B007
                yield event

        try:
            history = History().after(events())
        except ValueError as error:
            raise self.damaged_log(first_line(error), line) from None
        if finished and history.state != "finished":
            raise self.damaged_log("it ends before the run does")
        return history

    def strengths(self, step: int) -> list[StrengthChanged]:
        """The readable changes of strength up to ``step``; other lines of the log are not parsed."""
        found: list[StrengthChanged] = []
        with contextlib.suppress(OSError, ValueError), open_plain(self.events_path) as file:
            for line in event_log.whole_lines(file):
                if event_log.kind(line) == b"strength" and isinstance(event := decode(line), StrengthChanged):
                    if event.step > step:
                        break
                    found.append(event)
        return found

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
        """Renames checkpoints, so that a later resume does not take them for the newest. Raises OSError."""
        for path in checkpoints:
            with contextlib.suppress(FileNotFoundError):  # renamed by an earlier attempt
                path.replace(path.with_suffix(".damaged"))
        sync(self.checkpoints_dir)

    # The result

    def write_summary(self, history: History) -> None:
        """Writes summary.json. Raises OSError."""
        write_summary(self.path, summary(self.name, self.config, history), self.sums)

    def summary(self) -> dict[str, Any]:
        """The summary of a finished session, with its current name. Raises SessionDamaged."""
        return read_summary(self.path, self.sums) | settled(self.name, self.config)


def settings_of(path: Path) -> tuple[int, int, bytes]:
    """The session's format, that in which its log begins, and its settings as checked TOML. Raises SessionError."""
    name, config_path = path.name, path / "config.toml"
    refuse_links(path)
    try:
        data = read_plain(config_path, MOST_BYTES)
        first = _FIRST_LINES.match(data)
        if first is None:
            raise ValueError("it does not begin with its format")
        format, settings = int(first[1]), data[first.end() :]
        if format > FORMAT:
            raise SessionMismatch(f"session {name} has format {format}, newer than this cl-tui reads: upgrade cl-tui")
        if format > 1 and (first[2] or b"").decode() != checksum(settings):
            raise ValueError("its checksum does not fit")
    except OSError as error:
        raise unreadable(f"session {name}: {config_path}", error) from None
    except ValueError as error:
        raise SessionDamaged(f"session {name} is damaged: {config_path}: {first_line(error)}; {_LOST}") from None
    began = _BEGAN.match(settings) if format == FORMAT else None
    return format, int(began[1]) if began else format, settings[began.end() :] if began else settings


def session_path(sessions_dir: Path, name: str) -> Path:
    """The folder of the session ``name``. Raises ConfigError for an invalid name, or SessionNotFound."""
    name = check_name(name)
    for spelled in (name, normalize("NFD", name)):  # as an older Mac's disk spells it
        if (sessions_dir / spelled).is_dir():
            return sessions_dir / spelled
    there = command("sessions list", sessions_dir)
    raise SessionNotFound(f"no session {name} in {sessions_dir}: '{there}' shows what is there")


def _sweep(sessions_dir: Path) -> None:
    """Removes what a killed process was creating or deleting at least an hour ago."""
    for pattern in (".*.new", ".*.deleted"):
        for left in sessions_dir.glob(pattern):
            with contextlib.suppress(OSError):
                ours = {entry.removesuffix(".part") for entry in os.listdir(left)} <= _CONTENTS
                if ours and time.time() - left.stat().st_mtime > 3600:
                    shutil.rmtree(left)


def _step(checkpoint: Path) -> int:
    match = _STEP.fullmatch(checkpoint.name)
    assert match
    return int(match[1])


def reason(error: OSError) -> str:
    """A text such as 'No space left on device: sessions/calm-otter/events.jsonl'."""
    return f"{error.strerror or first_line(error)}{f': {error.filename}' if error.filename else ''}"
