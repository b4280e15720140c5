"""What a list shows of each session, even of a damaged one."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from unicodedata import normalize

from engine.commands import command
from engine.disk import open_plain
from engine.errors import ConfigError, SessionError, SessionNotFound, first_line, unreadable
from engine.record.events import Probed, StepsTaken, decode
from engine.record.history import History
from engine.sessions import log as event_log
from engine.sessions.names import is_name
from engine.sessions.session import FORMAT, Session, session_path, settings_of
from engine.sessions.summary import NAMED, read_summary
from engine.settings.reading import from_toml
from engine.settings.run import RunConfig, validated

SessionState = Literal["running", "stopped", "interrupted", "failed", "finished", "damaged"]
_NOT_LISTED = {b"importance", b"path", b"saved", b"noted", b"warned"}


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
    scanned: "Scanned | None" = None
    """The files' state that ``summary_of`` saw."""


@dataclass(frozen=True)
class Scanned:
    """The state of a session's files that ``summary_of`` saw."""

    files: tuple[tuple[int, int], ...]
    """(nanoseconds when modified, bytes) of config.toml, events.jsonl and summary.json; (0, 0) for a missing file."""
    read: int = 0
    """Bytes of the log that ``Listed.history`` includes."""
    end: bytes = b""
    """The last of these bytes: if they have changed, the log was cut."""


def list_sessions(sessions_dir: Path) -> list[Listed]:
    """All sessions in a folder, the most recently changed first. Damaged sessions are listed as such."""
    return sorted(each_session(sessions_dir), key=lambda listed: listed.changed, reverse=True)


def each_session(sessions_dir: Path, earlier: Mapping[str, Listed] = MappingProxyType({})) -> Iterator[Listed]:
    """``summary_of`` each session in a folder, the most recently changed first. ``earlier``: earlier results by name.

    Raises OSError if the folder cannot be read.
    """
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(sessions_dir) as entries:
        for entry in entries:
            if is_name(entry.name):
                config, log, _ = _files(entry.path)
                if config != (0, 0):
                    found.append((-(log[0] or config[0]), normalize("NFC", entry.name)))
    for name in dict.fromkeys(name for _, name in sorted(found)):
        with contextlib.suppress(SessionNotFound):  # deleted meanwhile
            yield summary_of(sessions_dir, name, earlier.get(name))


def summary_of(sessions_dir: Path, name: str, earlier: Listed | None = None) -> Listed:
    """What a list shows of one session, even if it is damaged, reading no more than that needs.

    The history has the progress, the newest accuracies, the matrix and how the run ended, but neither curve nor
    importances. For a finished session only the summary is read, so the history has no tasks. ``earlier``: the result
    of an earlier call, after which only new events are read. Raises SessionNotFound.
    """
    path = session_path(sessions_dir, name)
    files = _files(str(path))
    if earlier is not None and (earlier.scanned is None or earlier.scanned.files[0] != files[0]):
        earlier = None
    if earlier is not None and earlier.scanned is not None and earlier.scanned.files == files:
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
            format, settings = settings_of(path)
            config, history = _from_summary(path, format, settings)
            return Listed(name, "finished", changed, config, history, "", created, format, Scanned(files))
        if earlier is not None and earlier.config is not None:
            session = Session(path, earlier.config, earlier.format)
        else:
            session = Session.open(sessions_dir, name)
        history, scanned = tail_scan(session, files, earlier)
    except (SessionError, ConfigError) as error:
        return Listed(name, "damaged", changed, problem=str(error), created=created, scanned=Scanned(files))
    state = _state(session, history)
    return Listed(name, state, changed, session.config, history, "", created, session.format, scanned)


def _files(path: str) -> tuple[tuple[int, int], ...]:
    """The value of ``Scanned.files``."""
    return tuple(_file_state(f"{path}/{file}") for file in ("config.toml", "events.jsonl", "summary.json"))


def _file_state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _from_summary(path: Path, format: int, settings: bytes) -> tuple[RunConfig, History]:
    """What a list shows of a finished session. Raises SessionError or ConfigError."""
    found = read_summary(path, format > 1)
    if format > 1:  # TOML is slow to read, and the summary has the same settings
        config = validated({**found["hyperparameters"], **{key: found.get(key) for key in NAMED}})
    else:
        config = from_toml(settings.decode(), str(path / "config.toml"))
    matrix = tuple(tuple(value for value in row if value is not None) for row in found["accuracy_matrix"])
    return config, History("finished", task=len(matrix), step=found["steps"], elapsed=found["seconds"], matrix=matrix)


def tail_scan(session: Session, files: tuple[tuple[int, int], ...], earlier: Listed | None) -> tuple[History, Scanned]:
    """The log without its curves. The end of most lines says what they are, and they are not parsed.

    Raises SessionDamaged, naming the line.
    """
    history, read, end = History(), 0, b""
    newest: dict[bytes, bytes] = {}
    number, began = 0, 0
    try:
        with open_plain(session.events_path) as file:
            if earlier is not None and earlier.history is not None and earlier.scanned is not None:
                known = earlier.scanned
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
                end = line[-event_log.LONGEST_END :]
                kind = event_log.kind(line)
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
            return tail_scan(session, files, None)
        raise session.damaged_log(first_line(error), number) from None
    except OSError as error:
        raise unreadable(f"session {session.name}: {session.events_path}", error) from None
    return history, Scanned(files, read, end)


def read_session(sessions_dir: Path, name: str) -> Listed:
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


def newest_unfinished(sessions_dir: Path) -> Session:
    """The session that 'cl-tui resume' without a name continues. Raises SessionNotFound."""
    for listed in list_sessions(sessions_dir):
        if listed.state in ("stopped", "interrupted", "failed"):
            return Session.open(sessions_dir, listed.name)
    raise SessionNotFound(f"no unfinished session in {sessions_dir}: start one with '{command('run', sessions_dir)}'")
