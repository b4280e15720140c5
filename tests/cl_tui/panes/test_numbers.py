"""What i says about a pane's numbers."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import OptionList, Static

from cl_tui.app.app import ClTui
from cl_tui.panes import numbers
from cl_tui.panes.view import View, Viewport
from cl_tui.reports.glossary import TERMS, Number
from cl_tui.screens.explain import ExplainDialog
from cl_tui.screens.monitor import MonitorScreen
from engine.settings.run import resolve
from tests import screen_data
from tests.screen_data import ToldEngine

ROOT = Path(__file__).parents[3]
VIEW = View("run", resolve({"method": "si"}), screen_data.history(2500), "training")


def told(found: list[Number]) -> list[tuple[str, str, str, str]]:
    return [(number.term.name, number.where, number.value, number.measured) for number in found]


def test_the_task_in_training_is_explained_first_and_then_the_others() -> None:
    found = told(numbers.of_tasks(VIEW))
    assert found[0] == (
        "accuracy",
        "task 3 (2 3), now",
        "99.0 %",
        "on its evaluation subset: 72 examples, at step 2,500",
    )
    assert found[1][:3] == ("accuracy", "task 1 (0 8), now", "95.0 %")
    assert found[2][2:] == (
        "99.0 %",
        "on its evaluation subset: 72 examples, at the end of its training, at step 1,000",
    )
    assert found[3][:3] == ("forgetting", "task 1 (0 8)", "4.0 points")
    assert found[-3][:3] == ("average accuracy", "the run", "97.0 %")


def test_after_the_end_they_are_of_whole_test_sets() -> None:
    found = told(numbers.of_tasks(replace(VIEW, history=screen_data.history())))
    assert found[0][3] == "on its whole test set: 72 examples, at step 5,000"
    assert found[-3] == ("average accuracy", "the run", "95.0 %", "over 5 tasks, on whole test set, at step 5,000")


def test_loss_and_penalty_are_those_at_the_crosshair() -> None:
    found = told(numbers.of_curves(replace(VIEW, viewport=Viewport(cursor=1201))))
    loss, penalty, strength, *_ = found
    curve = VIEW.history.curve
    assert loss[0] == "loss"
    assert float(loss[2]) == pytest.approx(float(curve.losses(1200)[0]), rel=0.01)
    assert loss[3].startswith("step 1,201, on its batch of ")
    assert float(penalty[2]) == pytest.approx(float(curve.penalties(1200)[0]), rel=0.01)
    assert strength[:3] == ("strength", "c", "1")


def test_a_layer_has_its_mean_importance_and_how_it_is_spread() -> None:
    names = [(number.term.name, number.where) for number in numbers.of_importance(VIEW)]
    assert names[:3] == [("importance Ω", "fc1.weight"), ("importance Ω", "fc2.weight"), ("importance Ω", "fc3.weight")]


def test_the_guide_has_the_same_meanings() -> None:
    page = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8").partition("## Glossary")[2]
    rows = re.findall(r"^\| ([^|]+) \| (.+) \|$", page, re.MULTILINE)
    emphasis = re.compile(r"`|\*(?=\w)|(?<=[\w²])\*(?=[, ]|$)")
    guide = {re.sub(r",? \*.*", "", word): emphasis.sub("", meaning) for word, meaning in rows}
    shared = [name for name in TERMS if name in guide]
    assert len(shared) >= 9
    for name in shared:
        assert TERMS[name].meaning == guide[name], name


async def test_i_lists_the_numbers_of_the_pane_in_focus(tmp_path: Path) -> None:
    app = ClTui(MonitorScreen(ToldEngine(screen_data.session(tmp_path), screen_data.history(2500)), None))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.press("i")
        assert isinstance(app.screen, ExplainDialog)
        await pilot.pause()
        explained = app.screen.query_one("#explained", Static)
        assert "classified correctly" in str(explained.content)
        assert app.screen.query_one(OptionList).option_count > 6
        await pilot.press("down", "down")
        assert "when learned" in str(explained.content)
        await pilot.press("i")
        assert app.screen is app.first
