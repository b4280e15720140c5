"""Draws the pictures in this folder from real runs: python -m docs.pictures (about a minute)."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from cl_tui.app.app import ClTui
from cl_tui.exports.cells import svg
from cl_tui.host import preferences
from cl_tui.host.preferences import Preferences
from cl_tui.panes.picture import grid_of
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.watch import WatchScreen
from engine.record.history import History
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.control import Control
from engine.training.runner import EngineThread, train

HERE = Path(__file__).resolve().parent
RUNS: dict[str, dict[str, Any]] = {
    "calm-otter": {"method": "si", "benchmark": "split-digits"},
    "brave-fox": {"method": "si", "benchmark": "split-digits", "scenario": "domain", "strength": 10.0},
    "forgetful-goose": {"method": "none", "benchmark": "permuted-digits"},
    "steady-heron": {"method": "si", "benchmark": "permuted-digits"},
    "stiff-badger": {"method": "si", "benchmark": "permuted-digits", "strength": 100.0},
}


class Shown(EngineThread):
    """A run that is over, as it was at one moment."""

    def __init__(self, session: Session, step: int) -> None:
        super().__init__(session)
        self._known = until(session, step)

    @property
    def history(self) -> History:
        return self._known

    def start(self) -> None:
        """Nothing is left to train."""


def until(session: Session, step: int) -> History:
    history = History()
    for event in session.events():
        history = history.apply(event)
        if history.step >= step:
            break
    return history


async def picture(name: str, app: ClTui, size: tuple[int, int], then: Callable[[Pilot[Any]], Awaitable[None]]) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.pause(1.0)
        await then(pilot)
        await pilot.pause(1.0)
        drawn = svg(grid_of(app), "cl-tui")
    preferences.save(Preferences())  # the next one begins unzoomed
    (HERE / f"{name}.svg").write_text(drawn, encoding="utf-8")
    print(f"docs/{name}.svg")


def pressing(*keys: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def press(pilot: Pilot[Any]) -> None:
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.2)

    return press


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ |= {"CL_TUI_CONFIG_DIR": folder, "COLORTERM": "truecolor"}
        sessions = Path("sessions")
        made = {}
        for name, settings in RUNS.items():
            made[name] = Session.create(sessions, name, resolve({"device": "cpu", "seed": 0, **settings}))
            train(made[name], Control())

        def monitor(name: str, share: float) -> ClTui:
            total = made[name].history().total_steps
            return ClTui(MonitorScreen(Shown(made[name], int(share * total)), None))

        await picture("monitor", monitor("brave-fox", 0.72), (160, 48), pressing())
        await picture("forgotten", ClTui(WatchScreen(sessions, "brave-fox")), (120, 36), pressing("5", "5", "down"))
        await picture("forgetting", monitor("forgetful-goose", 0.99), (120, 40), pressing("n", "z"))
        await picture("protected", monitor("steady-heron", 0.99), (120, 40), pressing("n", "z"))
        await picture("too-strong", monitor("stiff-badger", 0.95), (120, 36), pressing())
        await picture("loss", monitor("steady-heron", 0.99), (120, 36), pressing("n", "n", "z", *["left"] * 30))
        await picture("importance", monitor("calm-otter", 0.99), (120, 36), pressing("n", "n", "n", "z"))
        await picture("home", ClTui(HomeScreen(sessions)), (120, 24), pressing())
        await picture("replay", ClTui(WatchScreen(sessions, "steady-heron")), (120, 36), pressing("[", "[", "z"))
        compared = ["forgetful-goose", "steady-heron", "stiff-badger"]
        await picture("compare", ClTui(CompareScreen(sessions, compared)), (120, 36), pressing())


if __name__ == "__main__":
    asyncio.run(main())
