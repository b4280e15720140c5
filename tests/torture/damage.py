"""Files of sessions cut, overwritten, mixed up and taken away: whatever reads them tells the truth or names the file,
and training goes on to the right end or names the file."""

import contextlib
import functools
import io
import random
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from cl_tui.exports import export
from cl_tui.reports import comparison as compare
from cl_tui.reports.session_page import session_page
from engine.errors import EngineError
from engine.record.history import History
from engine.sessions.follow import Follower
from engine.sessions.listing import list_sessions, read_session, summary_of
from engine.sessions.recording import Recording
from engine.sessions.session import Session
from engine.training.control import Control, Requests
from engine.training.fork import fork
from engine.training.runner import train
from tests import runs
from tests.torture.children import together
from tests.torture.counts import Counts

NAME = "damaged"
KINDS: tuple[export.Kind, ...] = ("html", "json", "csv", "tensorboard")
WHOLE = "whole"
"""The session of the same run that nothing befell, finished."""


def _finished(folder: Path, **settings: Any) -> None:
    runs.finished(folder, runs.tiny(**settings), NAME)


def _stopped(folder: Path, **settings: Any) -> None:
    """In the second task, after two saves in it and one at the end of the first."""
    session = runs.create(folder, runs.tiny(**settings), NAME)
    with contextlib.suppress(runs.Killed):
        train(session, runs.KillAt(6, saves=(5, 6)))
    train(session, runs.AtStep(1))


def _killed(folder: Path, **settings: Any) -> None:
    with contextlib.suppress(runs.Killed):
        train(runs.create(folder, runs.tiny(**settings), NAME), runs.KillAt(7, saves=(2, 6)))


class _Turned(runs.KillAt):
    """Another strength, one step before the kill."""

    def take_requests(self) -> Requests:
        wishes = super().take_requests()
        return replace(wishes, strength=20.0) if self._taken == self._kill - 1 else wishes


def _steered(folder: Path, **settings: Any) -> None:
    """After the last save."""
    with contextlib.suppress(runs.Killed):
        train(runs.create(folder, runs.tiny(**settings), NAME), _Turned(7, saves=(2, 5)))


def _forked(folder: Path, **settings: Any) -> None:
    parent = runs.finished(folder, runs.tiny(**settings), "parent")
    fork(parent, 0, NAME, {"method": "ewc", "strength": 100.0})
    shutil.rmtree(parent.path)


SESSIONS: list[tuple[Callable[..., None], dict[str, Any]]] = [
    (_stopped, {"method": "si"}),
    (_finished, {"method": "ewc"}),
    (_killed, {"method": "mas", "optimizer": "sgd"}),
    (_forked, {"method": "si"}),
    (_steered, {"method": "si"}),
    (_stopped, {"method": "rwalk", "optimizer": "adamw"}),
    (_killed, {"method": "ewc", "gamma": 0.9, "scenario": "class"}),
    (_finished, {"method": "joint"}),
]


def run(count: int, seed: int) -> Counts:
    with tempfile.TemporaryDirectory() as folder:
        made = together(functools.partial(make, Path(folder)), range(len(SESSIONS)))
        return made + together(functools.partial(damaged, Path(folder), seed), range(count))


def make(folder: Path, number: int) -> Counts:
    """The session to be damaged, and what it comes to undamaged, in ``folder/number``."""
    build, settings = SESSIONS[number]
    sessions = folder / str(number)
    build(sessions, threads=1, **settings)
    shutil.copytree(sessions / NAME, sessions / WHOLE)
    whole = Session.open(sessions, WHOLE)
    if not whole.finished:
        train(whole, Control())
    return Counts()


def damaged(folder: Path, seed: int, number: int) -> Counts:
    """One file of one session is damaged; then everything reads the session, and it is resumed."""
    chosen = random.Random(f"{seed} {number}")
    place = number % len(SESSIONS)
    with tempfile.TemporaryDirectory() as temporary:
        sessions = Path(temporary)
        for name in (NAME, WHOLE):
            shutil.copytree(folder / str(place) / name, sessions / name)
        files = sorted(path for path in (sessions / NAME).rglob("*") if path.is_file() and path.name != "lock")
        path = files[number // len(SESSIONS) % len(files)]
        what = f"{_damage(path, chosen)} of {path.name} of session {place}, seed {seed}, number {number}"
        wrong, traced = [], []
        for check in (_reading, _resuming):
            try:
                wrong += [f"{what}: {problem}" for problem in check(sessions, path)]
            except Exception:
                traced.append(f"{what}: {traceback.format_exc()}")
    return Counts(files_damaged=1, wrong_results=tuple(wrong), tracebacks=tuple(traced))


# What befalls a file


def _damage(path: Path, chosen: random.Random) -> str:
    """Changes the file in one of many ways; says in which."""
    data = path.read_bytes()
    while True:
        how = chosen.choice(DAMAGES)
        found = how(data, chosen)
        if found is None:
            path.unlink()
            return "loss"
        if found != data:
            path.write_bytes(found)
            return how.__name__.strip("_")


def _cut(data: bytes, chosen: random.Random) -> bytes:
    return data[: chosen.randrange(len(data))]


def _flips(data: bytes, chosen: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(chosen.choice((1, 1, 2, 8))):
        found[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
    return bytes(found)


def _noise(data: bytes, chosen: random.Random) -> bytes:
    start, end = _span(data, chosen)
    return data[:start] + chosen.randbytes(end - start) + data[end:]


def _zeros(data: bytes, chosen: random.Random) -> bytes:
    start, end = _span(data, chosen)
    return data[:start] + bytes(end - start) + data[end:]


def _swap(data: bytes, chosen: random.Random) -> bytes:
    """Two blocks, as a disk does that mixes up its sectors."""
    size = chosen.choice((16, 512))
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    one, other = chosen.randrange(len(blocks)), chosen.randrange(len(blocks))
    blocks[one], blocks[other] = blocks[other], blocks[one]
    return b"".join(blocks)


def _double(data: bytes, chosen: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    place = chosen.randrange(len(lines))
    return b"".join([*lines[: place + 1], *lines[place:]])


def _remove(data: bytes, chosen: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[chosen.randrange(len(lines))]
    return b"".join(lines)


def _append(data: bytes, chosen: random.Random) -> bytes:
    return data + chosen.choice((chosen.randbytes(9), b"\n", bytes(500), data))


def _lose(data: bytes, chosen: random.Random) -> None:
    return None


DAMAGES = (_cut, _cut, _flips, _flips, _noise, _zeros, _swap, _double, _remove, _append, _lose)


def _span(data: bytes, chosen: random.Random) -> tuple[int, int]:
    start = chosen.randrange(len(data))
    return start, min(len(data), start + chosen.choice((1, 20, 4096)))


# What must hold then


def _reading(sessions: Path, path: Path) -> Iterator[str]:
    """Everything that reads tells the beginning of the true history, or names the damaged file."""
    whole = Session.open(sessions, WHOLE).history()
    listed = read_session(sessions, NAME)
    for seen in (listed, summary_of(sessions, NAME), *(each for each in list_sessions(sessions) if each.name == NAME)):
        if seen.history is None:
            yield from _unnamed(seen.problem, path)
        else:
            yield from _not_true(seen.history, whole)
    for read in (_summary, replayed, compared, _branched):
        try:
            if (history := read(sessions)) is not None:
                yield from _not_true(history, whole)
        except EngineError as error:
            yield from _unnamed(str(error), path)
    drawn(sessions, NAME)


def _summary(sessions: Path) -> None:
    session = Session.open(sessions, NAME)
    if session.finished:
        found, true = session.summary(), Session.open(sessions, WHOLE).summary()
        assert {**found, "name": ""} == {**true, "name": ""}


def replayed(sessions: Path) -> History:
    follower = Follower(Session.open(sessions, NAME))
    recording = Recording(follower.again)
    while (portion := follower.poll()).events:
        recording.append(portion)
    if recording.events:
        recording.history(recording.events // 2)
    return recording.newest


def compared(sessions: Path) -> None:
    compare.compare(compare.read(sessions, name) for name in (NAME, WHOLE))


def _branched(sessions: Path) -> History:
    """A fork at the end of the first task."""
    return fork(Session.open(sessions, NAME), 0, "fork", {}).history()


def drawn(sessions: Path, name: str) -> None:
    """On a page for a terminal, and for people who go on elsewhere."""
    listed = read_session(sessions, name)
    if listed.history is not None:
        Console(width=100, file=io.StringIO()).print(session_page(listed, sessions, 100))
        for kind in KINDS:
            export.contents(kind, listed, sessions / name)


def _resuming(sessions: Path, path: Path) -> Iterator[str]:
    """The right end, or the damaged file is named, also where an earlier checkpoint had to do."""
    listed, whole = read_session(sessions, NAME), Session.open(sessions, WHOLE)
    newest = max((int(file.stem[-8:]) for file in (sessions / NAME / "checkpoints").iterdir()), default=0)
    try:
        session = Session.open(sessions, NAME)
        if session.finished:
            session.history()
            session.summary()
            return
        train(session, Control())
        if not path.exists() and (same := sessions / WHOLE / "checkpoints" / path.name).exists():
            shutil.copy(same, path)  # the end of an earlier task, which only a fork needs
        history = session.history()
        note = history.resumed.note if history.resumed else "it began anew"
        if history.resumed is None or history.resumed.step < newest:
            yield from _unnamed(note, path)
        if len(history.strengths) < len(whole.history().strengths):  # the user's change stood last in the log
            if listed.history is None:  # where it was only cut, it is as if nobody had changed anything
                yield from _unnamed(note, path)
        else:
            runs.assert_same_run(session, whole)
    except EngineError as error:
        yield from _unnamed(str(error), path)
    except AssertionError as error:
        yield f"another result: {error} in {traceback.extract_tb(error.__traceback__)[-1].line!r}"
    if (sessions / NAME / "error.txt").exists():
        raise RuntimeError((sessions / NAME / "error.txt").read_text())


def _not_true(found: History, whole: History) -> Iterator[str]:
    if found.matrix != whole.matrix[: len(found.matrix)]:
        yield f"another matrix: {found.matrix}"
    if not set(found.probes) <= set(whole.probes):
        yield "another probe"
    if found.curve.length:
        for values in ("losses", "penalties"):
            if (getattr(found.curve, values)() != getattr(whole.curve, values)()[: found.curve.length]).any():
                yield f"other {values}"


def _unnamed(told: str, path: Path) -> Iterator[str]:
    gone = not path.exists() and "checkpoint" in told  # a fork cannot tell whether it ever had it
    newer = path.name == "config.toml" and "newer than this cl-tui reads" in told
    if path.name not in told and not gone and not newer:
        yield f"{path.name} is not named in {told!r}"
