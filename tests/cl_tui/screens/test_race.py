"""A race of two real runs, each in a process of its own, at equal steps."""

from dataclasses import replace
from pathlib import Path

import pytest

from cl_tui.app.app import ClTui
from cl_tui.batch.plan import plan
from cl_tui.batch.race import Race
from cl_tui.panes.race.pane import RacePane
from cl_tui.reports.standings import clock
from cl_tui.screens.fork import ForkDialog
from cl_tui.screens.race import RaceScreen
from cl_tui.screens.watch import WatchScreen
from engine.errors import SessionExists
from engine.record.history import History
from engine.sessions.session import Session
from tests import runs, screen_data
from tests.waiting import on_screen

SETTINGS = {"device": "cpu", "steps": 30, "hidden": (8,), "threads": 1, "tasks": 5}


def race(folder: Path, **settings: object) -> Race:
    return Race(plan({"method": ["none", "si"]}, {**SETTINGS, **settings}, {}, 2), folder)


def text_of(screen: RaceScreen) -> str:
    pane = screen.query_one(RacePane)
    return "\n".join(pane.render_line(y).text for y in range(pane.size.height))


async def test_two_runs_wait_for_each_other_and_end_as_if_they_had_run_alone(tmp_path: Path) -> None:
    screen = RaceScreen(race(tmp_path))
    app = ClTui(screen)
    async with app.run_test(size=(120, 36)) as pilot:
        await on_screen(pilot, lambda: min(map(clock, screen.histories)) > 0.1)
        await pilot.press("space")
        assert screen.race.paused
        clocks = list(map(clock, screen.histories))
        assert max(clocks) - min(clocks) < 2.0
        await on_screen(pilot, lambda: "si c=1" in text_of(screen))
        await pilot.press("o", "e", "right", "enter")
        assert isinstance(app.screen, WatchScreen)
        await pilot.press("escape")
        assert app.screen is screen
        await pilot.press("space")
        await on_screen(pilot, lambda: len(screen.race.ended) == 2)
        await on_screen(pilot, lambda: all(history.state == "finished" for history in screen.histories))
        await pilot.press("F")
        await on_screen(pilot, lambda: isinstance(app.screen, ForkDialog))
        await pilot.press("escape")
        await pilot.press("q")
        await on_screen(pilot, lambda: not app.is_running)
    assert app.return_value is not None
    assert app.return_value.exit_code == 0
    assert app.return_value.message.startswith("1  ")
    for session in screen.race.sessions:
        whole = runs.finished(tmp_path, Session.open(tmp_path, session.name).config, f"whole-{session.config.method}")
        runs.assert_same_run(session, whole)


class Told:
    """In place of a worker: goes as far as it may, at most ``speed`` steps between two messages."""

    def __init__(self, speed: int) -> None:
        self.speed = speed
        self.step = self.limit = 0
        self.connection = self

    def poll(self) -> bool:
        return False

    def send(self, message: object) -> None:
        if isinstance(message, int):
            self.limit = message

    def go(self, total: int) -> History:
        self.step = max(self.step, min(self.step + self.speed, max(self.limit, 1), total))
        history = screen_data.history(0)
        return replace(history, task=min((self.step - 1) // 1000, 4), step=self.step, rate=100.0)


def test_a_faster_run_waits_and_none_is_held_at_its_last_step(tmp_path: Path) -> None:
    """50 and 400 steps a round; the faster is never further ahead than a wait is long."""
    found = race(tmp_path)
    workers = [Told(50), Told(400)]
    found._workers = dict(enumerate(workers))  # type: ignore[arg-type]
    for _ in range(160):
        found.poll([worker.go(5000) for worker in workers])
        assert workers[1].step - workers[0].step <= 100
    assert [worker.step for worker in workers] == [5000, 5000]
    assert [worker.limit for worker in workers] == [5001, 5001]


def test_a_pause_holds_all(tmp_path: Path) -> None:
    found = race(tmp_path)
    workers = [Told(50), Told(400)]
    found._workers = dict(enumerate(workers))  # type: ignore[arg-type]
    found.paused = True
    for _ in range(5):
        found.poll([worker.go(5000) for worker in workers])
    assert [worker.limit for worker in workers] == [0, 0]


def test_a_session_with_other_settings_is_not_taken(tmp_path: Path) -> None:
    name = race(tmp_path).sessions[0].name
    runs.with_settings(Session.open(tmp_path, name), lr=0.5)
    with pytest.raises(SessionExists, match="other settings"):
        race(tmp_path)
