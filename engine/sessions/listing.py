"""What a list shows of each session, even of a damaged one."""

import contextlib
import marshal
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from unicodedata import normalize

from engine.catalog.own_loop import OWN_LOOP
from engine.commands import command
from engine.disk import open_plain
from engine.errors import ConfigError, SessionDamaged, SessionError, SessionNotFound, first_line, unreadable
from engine.record.events import RunForked, StepsTaken, StrengthChanged, TasksPlanned
from engine.record.history import History
from engine.record.score import ACCURACY, score_info
from engine.record.series import Curve, Series
from engine.sessions import log as event_log
from engine.sessions.log import FORMAT, Lines
from engine.sessions.names import is_name
from engine.sessions.notes import FILE as NOTES
from engine.sessions.notes import NONE, Notes, read_notes
from engine.sessions.session import Session, session_path, settings_of
from engine.sessions.summary import NAMED, read_summary
from engine.settings.reading import from_toml
from engine.settings.run import RunConfig, validated
from engine.text import visible

SessionState = Literal["running", "stopped", "interrupted", "failed", "finished", "damaged"]
Files = tuple[tuple[int, int], ...]
"""(nanoseconds when modified, bytes) of config.toml, events.jsonl, summary.json and notes.toml; (0, 0) if missing."""
_NOT_LISTED = {b"importance", b"path", b"measured", b"consolidated", b"saved", b"noted", b"warned", b"format"}
_PROBE, _HEAD = b'"part":"probe"', 80
"""What says that scores are those of a probe, and in how many bytes from the beginning of a line."""


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
    session: Session | None = field(default=None, compare=False)
    notes: Notes = NONE
    scanned: "Scanned | None" = None

    def known(self) -> tuple[RunConfig, History]:
        """Raises SessionDamaged if the session cannot be read."""
        if self.config is None or self.history is None:
            raise SessionDamaged(self.problem)
        return self.config, self.history


@dataclass(frozen=True)
class Scanned:
    """The state of a session's files that ``summary_of`` saw."""

    files: Files
    read: int = 0
    """Bytes of the log that ``Listed.history`` includes."""
    end: bytes = b""
    """The last of these bytes: if they have changed, the log was cut."""
    lines: Lines = field(default_factory=lambda: Lines(FORMAT), compare=False)


def list_sessions(sessions_dir: Path) -> list[Listed]:
    """All sessions in a folder, the most recently changed first. Damaged sessions are listed as such."""
    return sorted(each_session(sessions_dir), key=lambda listed: listed.changed, reverse=True)


def each_session(sessions_dir: Path, earlier: Mapping[str, Listed] = MappingProxyType({})) -> Iterator[Listed]:
    """``summary_of`` each, the most recently changed first. ``earlier``: earlier results by name. Raises OSError."""
    found: dict[str, tuple[Path, Files]] = {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(sessions_dir) as entries:
        for entry in entries:
            if is_name(entry.name):
                name, files = normalize("NFC", entry.name), _files(entry.path)
                if files[0] != (0, 0) and (name not in found or name == entry.name):
                    found[name] = sessions_dir / entry.name, files
    for name, (path, files) in sorted(found.items(), key=lambda entry: (-_changed(entry[1][1]), entry[0])):
        with contextlib.suppress(SessionNotFound):  # deleted meanwhile
            yield _listed(path, files, earlier.get(name))


def summary_of(sessions_dir: Path, name: str, earlier: Listed | None = None) -> Listed:
    """What a list shows of one session, even a damaged one: progress, newest accuracies, matrix and end, but neither
    curve nor importances; of a finished one the summary alone, so no tasks. After ``earlier``, an earlier result, only
    new events are read. Raises SessionNotFound."""
    path = session_path(sessions_dir, name)
    return _listed(path, _files(str(path)), earlier)


def _listed(path: Path, files: Files, earlier: Listed | None) -> Listed:
    name = normalize("NFC", path.name)
    if earlier is not None and (earlier.scanned is None or earlier.scanned.files[0] != files[0]):
        earlier = None
    if earlier is not None and earlier.scanned is not None and earlier.scanned.files == files:
        if earlier.state in ("finished", "damaged"):
            return earlier
        assert earlier.session is not None
        assert earlier.history is not None
        state = _state(earlier.session, earlier.history)
        return earlier if state == earlier.state else replace(earlier, state=state)
    created, changed = files[0][0] / 1e9, _changed(files) / 1e9
    notes = read_notes(path) if files[3] != (0, 0) else NONE
    try:
        if files[2] != (0, 0):
            session, history = _from_summary(path, *settings_of(path))
            return Listed(
                name, "finished", changed, session.config, history, "", created, session, notes, Scanned(files)
            )
        session = (earlier.session if earlier else None) or Session.open(path.parent, name)
        history, scanned = tail_scan(session, files, earlier)
    except (SessionError, ConfigError) as error:
        session_path(path.parent, name)  # raises SessionNotFound if it was deleted meanwhile
        return Listed(
            name, "damaged", changed, problem=str(error), created=created, notes=notes, scanned=Scanned(files)
        )
    state = _state(session, history)
    return Listed(name, state, changed, session.config, history, "", created, session, notes, scanned)


def _changed(files: Files) -> int:
    return files[1][0] or files[0][0]


def _files(path: str) -> Files:
    return tuple(_file_state(f"{path}/{file}") for file in ("config.toml", "events.jsonl", "summary.json", NOTES))


def _file_state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _from_summary(path: Path, format: int, began: int, settings: bytes) -> tuple[Session, History]:
    """What a list shows of a finished session. Raises SessionError or ConfigError."""
    found = read_summary(path, format > 1)
    if format > 1 and found.get("benchmark") != OWN_LOOP:  # TOML is slow to read, and the summary has the same settings
        config = _config({**found["hyperparameters"], **{key: found.get(key) for key in NAMED}})
    else:
        config = from_toml(settings.decode(), str(path / "config.toml"))
    rows = enumerate(found["accuracy_matrix"], start=1)
    matrix = tuple(tuple(math.nan if score is None else score for score in row[:seen]) for seen, row in rows)
    told, forked = found.get("interventions", []), found.get("forked")
    changes = (of for of in told if not of.get("why"))
    history = History(
        "finished",
        score=score_info(found.get("score", ACCURACY.name), found.get("unit", "")),
        task=len(matrix),
        step=found["steps"],
        elapsed=found["seconds"],
        matrix=matrix,
        strengths=Series(StrengthChanged(of["step"], 0.0, of["before"], of["strength"]) for of in changes),
        plans=Series(TasksPlanned(of["step"], 0.0, (), visible(of["why"])) for of in told if of.get("why")),
        forked=forked and RunForked(0.0, forked["step"], visible(forked["parent"]), forked["task"]),
    )
    return Session(path, config, format, began), history


def _config(settings: dict[str, Any]) -> RunConfig:
    """``settings``, of which those that differ only in their seed are validated once. Raises ConfigError."""
    seed, limits = settings["seed"], RunConfig.kept["seed"].limits
    if type(seed) is int and limits["ge"] <= seed < limits["lt"]:
        try:
            key = marshal.dumps(settings | {"seed": 0}, 2)  # json.dumps takes seven times as long
        except ValueError:  # a stranger's may be nested deeply
            return validated(settings)
        return _without_seed(key).replace(seed=seed)
    return validated(settings)


@lru_cache(maxsize=1000)
def _without_seed(settings: bytes) -> RunConfig:
    return validated(marshal.loads(settings))  # noqa: S302 (written by _config)


def tail_scan(session: Session, files: Files, earlier: Listed | None) -> tuple[History, Scanned]:
    """The log without its curves; most lines are only known by their end. Raises SessionDamaged, naming the line."""
    history, known = History(), Scanned(files, lines=Lines(session.began))
    steps, probe = (b"", 0), (b"", 0)
    number, began = 0, 0
    try:
        with open_plain(session.events_path) as file:
            if earlier is not None and earlier.history is not None and earlier.scanned is not None:
                file.seek(earlier.scanned.read - len(earlier.scanned.end))
                if file.read(len(earlier.scanned.end)) == earlier.scanned.end:
                    history, known = earlier.history, earlier.scanned
            lines, read, end = known.lines, known.read, known.end
            file.seek(read)
            began = read
            number = 1
            for line in event_log.whole_lines(file):
                lines.check(line, read)
                end = line[-event_log.LONGEST_END :]
                kind = event_log.kind(line)
                of_end = history.pending is not None and history.pending.probe is None
                if kind == b"steps":
                    steps = (line, read)
                elif kind == b"probed" or (kind == b"scored" and not of_end and _PROBE in line[:_HEAD]):
                    probe = (line, read)
                elif kind not in _NOT_LISTED:
                    if kind == b"run-forked":
                        history = _progressed(history, *steps, lines)
                    history = history.after(lines.events(line, read))
                read += len(line)
                number += 1
        history = _progressed(history, *steps, lines)
        if probe[0]:
            history = history.after(lines.events(*probe))
    except ValueError as error:
        if began:  # read from the beginning, to count the lines
            return tail_scan(session, files, None)
        raise session.damaged_log(first_line(error), number) from None
    except OSError as error:
        raise unreadable(f"session {session.name}: {session.events_path}", error) from None
    return history, Scanned(files, read, end, lines)


def _progressed(history: History, line: bytes, start: int, lines: Lines) -> History:
    """``history`` after the report of steps in ``line``, if there is one, but without its curve."""
    for event in lines.events(line, start) if line else ():
        assert isinstance(event, StepsTaken)
        before = replace(history, step=event.step - len(event.losses), elapsed=event.elapsed)
        history = replace(before.after((event,)), curve=Curve())
    return history


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
        return Listed(name, "damaged", changed, problem=str(error), notes=read_notes(path))
    state, notes = _state(session, history), read_notes(path)
    return Listed(name, state, changed, session.config, history, session=session, notes=notes)


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
        own = listed.config is not None and listed.config.benchmark == OWN_LOOP  # its own program continues that
        if listed.state in ("stopped", "interrupted", "failed") and not own:
            return Session.open(sessions_dir, listed.name)
    raise SessionNotFound(f"no unfinished session in {sessions_dir}: start one with '{command('run', sessions_dir)}'")
