"""The replay of a session without a terminal, for pictures of it."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from textual.pilot import Pilot

from cl_tui.app.app import ClTui
from cl_tui.exports import raster
from cl_tui.exports.cast import asciicast
from cl_tui.exports.cells import Grid, svg, with_caption
from cl_tui.panes.picture import grid_of
from cl_tui.screens.share import captions
from cl_tui.screens.watch import WatchScreen
from engine.errors import EngineError
from engine.sessions.session import Session

POLL_SECONDS = 0.02
STILL = ("png", "svg")


MOMENTS, SECONDS = 100, 0.12
"""Of a film, and how long each is shown."""


def made(path: Path, kind: Literal["png", "svg", "gif", "cast"], size: tuple[int, int]) -> bytes:
    """A picture of the screen at the end of the session in ``path``, or a film of its replay; its settings below."""
    caption, title = captions(Session.open(path.parent, path.name)), path.name
    shown = [with_caption(of, caption) for of in moments(path.parent, path.name, 1 if kind in STILL else MOMENTS, size)]
    match kind:
        case "png":
            return raster.png(shown[-1])
        case "svg":
            return svg(shown[-1], title).encode()
        case "gif":
            return raster.gif(shown, SECONDS)
        case "cast":
            return asciicast(shown, SECONDS, title).encode("utf-8", "replace")


def moments(sessions_dir: Path, name: str, count: int, size: tuple[int, int]) -> list[Grid]:
    """The screen of ``size`` at ``count`` moments of the replay, evenly spaced in steps; the last is its end."""
    return asyncio.run(_moments(sessions_dir, name, count, size))


async def _moments(sessions_dir: Path, name: str, count: int, size: tuple[int, int]) -> list[Grid]:
    screen = WatchScreen(sessions_dir, name, read_only=True)
    with _all_that_a_file_has():
        app = ClTui(screen)
    found: list[Grid] = []

    async def play(pilot: Pilot[object]) -> None:
        while not (screen.is_mounted and screen.reader.loaded):
            await asyncio.sleep(POLL_SECONDS)
        if not screen.recording.events:
            return
        for step in steps(screen.recording.newest.step, count):
            screen.show_at(screen.recording.at_step(step))
            await pilot.pause()
            found.append(grid_of(app))

    async def film(pilot: Pilot[object]) -> None:
        try:
            await play(pilot)
        finally:
            app.exit()

    await app.run_async(headless=True, size=size, auto_pilot=film)
    if not found:
        raise EngineError(f"session {name} has recorded nothing yet: there is nothing to show")
    return found


@contextmanager
def _all_that_a_file_has() -> Iterator[None]:
    """A file has every colour and sign, also where the terminal from which it is written has few."""
    wanted = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": None, "LC_ALL": "C.UTF-8"}
    before = {name: os.environ.get(name) for name in wanted}
    try:
        _set(wanted)
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def steps(last: int, count: int) -> Sequence[int]:
    """
    >>> list(steps(100, 5)), list(steps(3, 1))
    ([0, 25, 50, 75, 100], [3])
    """
    return [last] if count == 1 else [last * number // (count - 1) for number in range(count)]
