"""Records two minutes of the program: python -m docs.recording writes recording.cast, which asciinema plays, and
recording.gif, whose moments are further apart. Everything on it is trained while it is recorded."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from cl_tui.app.app import ClTui
from cl_tui.exports.cast import asciicast
from cl_tui.exports.cells import Grid
from cl_tui.exports.raster import gif
from cl_tui.panes.picture import grid_of
from cl_tui.screens.home import HomeScreen

HERE = Path(__file__).resolve().parent
SIZE = (120, 36)
EVERY = 1.0
"""Seconds between two moments of the cast."""
SPARSE = 4
"""Moments of the cast for one of the GIF."""
SCRIPT: tuple[tuple[float, str], ...] = (
    (5, ""),  # an empty home with three recipes
    (16, "enter"),  # watch it forget, in slow motion
    (4, "5"),
    (8, "5"),  # what it forgot, alone
    (2, "5"),
    (18, "f"),  # full speed, to the end and the card
    (4, "escape"),
    (4, "q"),  # home
    (4, "enter"),  # the replay
    (5, "5 5"),
    (5, "down down"),
    (10, "L"),  # which layer did it
    (8, "enter"),  # one example through time
    (2, "escape escape"),
    (18, "home space"),
    (4, "q"),
)
"""How long to record, and the keys before."""


class Recorder:
    def __init__(self, app: ClTui, pilot: Pilot[Any]) -> None:
        self._app, self._pilot = app, pilot
        self.moments: list[Grid] = []

    async def play(self) -> None:
        for seconds, keys in SCRIPT:
            for key in keys.split():
                await self._pilot.press(key)
            for _ in range(round(seconds / EVERY)):
                await asyncio.sleep(EVERY)
                self.moments.append(grid_of(self._app))


@contextlib.asynccontextmanager
async def program() -> AsyncIterator[Recorder]:
    app = ClTui(HomeScreen(Path("sessions")))
    async with app.run_test(size=SIZE) as pilot:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # in Textual's place, which processes cannot take over
        yield Recorder(app, pilot)


async def main() -> None:
    os.environ["COLORTERM"] = "truecolor"
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ["CL_TUI_CONFIG_DIR"] = folder
        async with program() as recorder:
            await recorder.play()
    moments = recorder.moments
    (HERE / "recording.cast").write_text(asciicast(moments, EVERY, "cl-tui"), encoding="utf-8")
    (HERE / "recording.gif").write_bytes(gif(moments[::SPARSE], SPARSE * EVERY))
    for name in ("cast", "gif"):
        print(f"docs/recording.{name}: {(HERE / f'recording.{name}').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    asyncio.run(main())
