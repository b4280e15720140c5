"""k: the futures of a run that really trains, and what becomes of them; and their drawing."""

import dataclasses
from pathlib import Path

import pytest
from rich.segment import Segment

from cl_tui.app.app import ClTui
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.fan import Fan, FanPane, drawn
from cl_tui.panes.view import View
from cl_tui.screens import fan as fan_module
from cl_tui.screens.fan import FanScreen
from cl_tui.screens.monitor import MonitorScreen
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.futures import Future, Futures
from engine.training.runner import EngineThread
from tests import runs, screen_data
from tests.screen_data import ToldEngine
from tests.waiting import PATIENCE_SECONDS, on_screen


def texts(lines: list[Line]) -> list[str]:
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def text_of(screen: FanScreen) -> str:
    pane = screen.query_one(FanPane)
    return "\n".join(pane.render_line(y).text for y in range(pane.size.height))


async def test_a_future_becomes_the_present_and_esc_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a real engine: Esc, then a look that Enter ends; the log has the one change and nothing else of it."""
    monkeypatch.setattr(fan_module, "STEPS", (20, 30))
    settings = {"method": "si", "device": "cpu", "steps": 200, "hidden": (8,), "threads": 1}
    session = Session.create(tmp_path / "sessions", "run", resolve(settings))
    engine = EngineThread(session, 400.0)
    app = ClTui(MonitorScreen(engine, 400.0))
    async with app.run_test(size=(120, 36)) as pilot:
        await on_screen(pilot, lambda: engine.history.task >= 1 and not engine.history.between)
        engine.control.set_pace(20.0)
        await pilot.press("k")
        screen = app.screen
        assert isinstance(screen, FanScreen)
        await on_screen(pilot, lambda: [of.done for of in screen.fan.futures.known] == [True] * 3)
        held, seen = engine.history.step, text_of(screen)
        assert screen.fan.futures.step == held
        assert "kept 1" in seen
        assert "c = 0.1   ÷ 10" in seen
        await pilot.press("w", "m")
        await on_screen(pilot, lambda: sum(of.steps == 30 for of in screen.fan.futures.known if of.done) == 4)
        assert engine.history.step == held
        await pilot.press("escape")
        assert app.screen is app.first
        await on_screen(pilot, lambda: engine.history.step > held)
        assert not engine.history.strengths
        assert not [note for note in engine.history.notes if "paused" in note.text]
        await pilot.press("k", "right", "enter")
        await on_screen(pilot, lambda: engine.history.strengths)
        assert (engine.history.strengths[0].before, engine.history.strengths[0].strength) == (1.0, 10.0)
        await pilot.press("k", "q")
        await on_screen(pilot, lambda: not engine.alive)
    assert engine.join(PATIENCE_SECONDS)
    assert engine.history.state == "stopped"
    assert runs.newest(session)[1].step == engine.history.step


async def test_what_takes_long_waits_for_enter(tmp_path: Path) -> None:
    engine = ToldEngine(screen_data.session(tmp_path), screen_data.history(2500))
    app = ClTui(MonitorScreen(engine, None))
    async with app.run_test(size=(80, 24)) as pilot:
        await on_screen(pilot, lambda: engine.started)
        await pilot.press("k")
        screen = app.screen
        assert isinstance(screen, FanScreen)
        engine.control.activity = "looking ahead"
        engine.control.futures = Futures(2500, 2, seconds=40.0, waiting=True)
        await on_screen(pilot, lambda: "3 × 200 steps, about 0:40: Enter trains them" in text_of(screen))
        await pilot.press("enter")
        assert engine.control.ahead is not None
        assert engine.control.ahead.agreed
        await pilot.press("escape")
        assert engine.control.ahead is None
        assert not engine.control.asked


def futures(done: bool = True) -> Futures:
    steps = tuple(range(2500, 2701, 20))

    def one(strength: float, last: float) -> Future:
        rows = tuple((0.9 - (0.9 - last) * k / 10, 0.8, 0.5 + 0.04 * k) for k in range(11))
        return Future(strength, 200, steps, rows, (0.1,) * 200, (0.02,) * 200, done)

    return Futures(2500, 2, (one(1.0, 0.6), one(0.1, 0.6), one(10.0, 0.8)))


@pytest.mark.parametrize("size", [(80, 20), (120, 32), (240, 56), (50, 12), (20, 5)])
def test_it_is_drawn_in_any_size_and_curves_on_each_other_both_show(size: tuple[int, int], tmp_path: Path) -> None:
    view = View("run", screen_data.session(tmp_path).config, screen_data.history(2500), "")
    fan = Fan(strengths=(0.1, 1.0, 10.0), present=1.0, chosen=10.0, futures=futures())
    lines = drawn(fan, view, [(1500, (0.95,)), (2400, (0.9, 0.8, 0.5))], *size, Palette())
    told = texts(lines)
    assert len(lines) <= max(size[1], 10)
    if size[0] < 80:
        return
    assert all(Segment.get_line_length(line) <= size[0] for line in lines)
    assert any("▶ ▲ c = 10    × 10      80.0      90.0" in line and "+6.7 average" in line for line in told), told
    if size[1] > 20:  # two that are the same, and a third
        drawing = "\n".join(told[:-6])
        assert {sign: drawing.count(sign) > 2 for sign in "▼●▲"} == dict.fromkeys("▼●▲", True)
        assert any(line.endswith("● c = 1          70.0") for line in told)


def test_in_the_first_task_it_says_why_the_futures_are_alike(tmp_path: Path) -> None:
    view = View("run", screen_data.session(tmp_path).config, screen_data.history(500), "")
    same = tuple(Future(strength, 200, (500, 700), ((0.5,), (0.9,)), done=True) for strength in (1.0, 0.1, 10.0))
    fan = Fan(strengths=(0.1, 1.0, 10.0), present=1.0, chosen=1.0, futures=Futures(500, 0, same))
    told = texts(drawn(fan, view, [], 100, 30, Palette()))
    assert any("nothing is held yet" in line for line in told)
    assert not any("what is kept" in line for line in told)


def test_a_future_that_broke_says_why(tmp_path: Path) -> None:
    known = futures().known
    broken = Futures(2500, 2, (*known[:2], dataclasses.replace(known[2], broken="the loss became nan at step 2510")))
    view = View("run", screen_data.session(tmp_path).config, screen_data.history(2500), "")
    fan = Fan(strengths=(0.1, 1.0, 10.0), present=1.0, chosen=1.0, futures=broken)
    assert "c = 10: the loss became nan at step 2510" in "\n".join(texts(drawn(fan, view, [], 100, 30, Palette())))
