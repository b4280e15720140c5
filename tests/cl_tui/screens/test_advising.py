"""A baseline behind a run, and warnings with their remedies."""

import sys
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import OptionList

from cl_tui.panes.accuracy.pane import AccuracyPane
from cl_tui.panes.header import HeaderLine, header
from cl_tui.panes.notice import WarningLine
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.panes.view import View
from cl_tui.screens import baseline
from cl_tui.screens.baseline import BaselineDialog, comparable, start_none
from cl_tui.screens.warnings import WarningsDialog, told, words
from engine.record.alarm import Cure
from engine.record.events import StrengthChanged, Warned
from engine.record.history import History
from engine.sessions.session import Session
from engine.settings.run import resolve
from tests import saved, screen_data
from tests.cl_tui.screens.test_monitor import watching
from tests.waiting import on_screen

CONFIG = resolve({"method": "si", "device": "cpu", "scenario": "domain"})


def forgetful() -> History:
    """Two tasks of thirty are lost in the thirtieth, which is trained."""
    return screen_data.history(29_950, tasks=30)


def test_each_warning_has_its_step_and_what_can_be_done_now() -> None:
    history = forgetful()
    (first, *_) = found = told(history, CONFIG, True, list(range(29)))
    assert "is forgotten in task 30" in first.text
    assert first.step == history.step
    assert [words(cure, CONFIG) for cure in first.cures] == [
        f"fork at the end of task {first.cures[0].fork + 1} with c = 10",  # type: ignore[operator]
        "c = 10 from the next step on",
    ]
    assert told(history, CONFIG, False, [])[0].cures == (), "where nothing can be trained"
    logged = history.apply(Warned(0, 100, 0.0, "saturated", "task 1 learns nothing"))
    assert [one.step for one in told(logged, CONFIG, True, [])] == [*(one.step for one in found), 100]
    warned = history.apply(Warned(int(first.text.split()[1]) - 1, history.step, 0.0, "forgot", first.text))
    steered = warned.apply(StrengthChanged(history.step + 1, 0.0, 1.0, 10.0))
    cures = told(steered, CONFIG, True, list(range(29)))[-1].cures
    assert words(cures[0], CONFIG).endswith("with c = 10"), "as its text says"
    assert words(Cure("replay", None, 2), CONFIG) == "fork at the end of task 3 with replay"


def test_the_header_counts_the_warnings() -> None:
    history = screen_data.history(2500).apply(Warned(1, 1500, 0.0, "drowned", "-"))
    assert "▲ 1  ▶ task 3 of 5" in header(View("calm-otter", CONFIG, history, ""), 150)
    assert "▲" not in header(View("calm-otter", CONFIG, screen_data.history(2500), ""), 150)


async def test_enter_applies_the_remedy(tmp_path: Path) -> None:
    async with watching(tmp_path, known=forgetful(), scenario="domain") as watched:
        assert "  W: " in watched.warning
        await watched.pilot.click(WarningLine)
        await on_screen(watched.pilot, lambda: isinstance(watched.app.screen, WarningsDialog))
        options = watched.app.screen.query_one(OptionList)
        shown = [str(options.get_option_at_index(number).prompt) for number in range(options.option_count)]
        assert "  ⏎ c = 10 from the next step on" in shown
        options.highlighted = shown.index("  ⏎ c = 10 from the next step on")
        await watched.pilot.press("enter")
        await on_screen(watched.pilot, lambda: watched.app.screen is watched.monitor)
        await on_screen(watched.pilot, lambda: watched.engine.control.asked)
        assert watched.engine.control.take_requests().strength == 10.0


async def test_without_a_warning_the_key_says_so(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        await watched.press("W")
        await on_screen(watched.pilot, lambda: watched.notice == "No warnings so far")
        await watched.pilot.click(HeaderLine, offset=(1, 0))
        assert not watched.engine.control.paused, "a click on the name"
        await watched.pilot.click(HeaderLine, offset=(1 + watched.header.index("▶"), 0))
        assert watched.engine.control.paused


async def test_a_baseline_is_drawn_behind_and_compared(tmp_path: Path) -> None:
    saved.finished(tmp_path / "sessions", "unprotected", method="none")
    saved.finished(tmp_path / "sessions", "other-scenario", method="none", scenario="class")
    async with watching(tmp_path, size=(120, 40)) as watched:
        before = watched.text(AccuracyPane)
        await watched.press("B")
        await on_screen(watched.pilot, lambda: isinstance(watched.app.screen, BaselineDialog))
        options = watched.app.screen.query_one(OptionList)
        assert [str(options.get_option_at_index(n).prompt) for n in range(options.option_count)] == [
            "none  same seed  95.0 %  unprotected",
            "run none with seed 0 now, in a process of its own",
        ]
        await watched.pilot.press("enter")
        await on_screen(watched.pilot, lambda: "against none 0.0" in watched.text(TasksPane))
        assert watched.text(AccuracyPane) == before, "the matrix is that of the run alone"
        await watched.press("2", "2")
        await watched.settle()
        assert "none" in watched.text(AccuracyPane)
        await watched.press("B")
        await on_screen(watched.pilot, lambda: isinstance(watched.app.screen, BaselineDialog))
        await watched.pilot.press("enter")
        await on_screen(watched.pilot, lambda: watched.monitor.behind is None)


def test_none_is_trained_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(baseline.subprocess, "Popen", lambda command, **how: started.append((command, how)))
    ours = saved.create(tmp_path, "protected", seed=7)
    made = start_none(tmp_path, ours)
    config = Session.open(tmp_path, made.name).config
    assert (config.method, config.seed, config.threads) == ("none", 7, 1)
    assert config.benchmark == ours.config.benchmark
    ((command, how),) = started
    assert command[:4] == [sys.executable, "-m", "cl_tui", "resume"]
    assert command[4:] == [made.name, "--headless", "--sessions-dir", str(tmp_path)]
    assert how["start_new_session"]


def test_sessions_without_protection_and_of_the_same_seed_come_first(tmp_path: Path) -> None:
    ours = saved.finished(tmp_path, "ours", seed=1)
    for name, settings in (
        ("a", {"seed": 2}),
        ("b", {"method": "none", "seed": 2}),
        ("c", {"method": "none", "seed": 1}),
    ):
        saved.finished(tmp_path, name, **settings)
    assert [listed.name for listed in comparable(tmp_path, ours)] == ["c", "b", "a"]
