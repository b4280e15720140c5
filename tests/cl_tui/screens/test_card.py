"""The card over a run that has just ended, or over its replay, and the screens that it leads to."""

import re
from itertools import dropwhile
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList, Static

from cl_tui.app.app import ClTui
from cl_tui.panes.card import CardPane
from cl_tui.screens.analyse import AnalyseScreen
from cl_tui.screens.card import CardScreen
from cl_tui.screens.catalog import CatalogScreen, Kind
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.explain import ExplainDialog
from cl_tui.screens.fork import ForkDialog
from cl_tui.screens.keys_here import ActionsDialog
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.watch import WatchScreen
from engine.analysis.forgotten import put_back
from engine.record.events import Event, StepsTaken
from tests import runs, saved, screen_data
from tests.screen_data import ToldEngine
from tests.waiting import on_screen


def rest(after: int) -> list[Event]:
    """What a run tells after the report at the step ``after``."""
    events = dropwhile(lambda event: not (isinstance(event, StepsTaken) and event.step == after), screen_data.events())
    return list(events)[1:]


async def test_the_card_covers_a_run_that_ends_and_q_prints_it(tmp_path: Path) -> None:
    engine = ToldEngine(screen_data.session(tmp_path), screen_data.history(4950))
    app = ClTui(monitor := MonitorScreen(engine, None))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        engine.tell(*rest(4950))
        engine.over = True
        await on_screen(pilot, lambda: isinstance(app.screen, CardScreen))
        await pilot.press("escape")
        assert app.screen is monitor
        await pilot.pause(0.3)
        assert app.screen is monitor, "it does not come back by itself"
        await pilot.press("R")
        assert isinstance(app.screen, CardScreen)
        offers = [offer.key for offer in app.screen.query_one(CardPane).offers]
        assert offers[:2] == ["B", "J"], "what is missing is offered first"
        await pilot.press("F")
        assert "nothing to mend" in str(app.screen.query_one("Notice", Static).content)
        await pilot.press("q")
    assert app.return_value is not None
    first, *others = app.return_value.message.splitlines()
    assert first.startswith("Finished in 10 s: average accuracy 95.0 %")
    assert [line.split()[0] for line in others] == ["1", "2", "3", "4", "5"]


async def test_the_keys_of_the_card_of_a_replay_lead_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers are put back in this process: another cannot be started while Textual captures what is printed."""
    monkeypatch.setattr("cl_tui.screens.card.run_apart", lambda work, *of: put_back(*of))
    for method in ("si", "none"):
        runs.finished(tmp_path, runs.tiny(method, tasks=3, scenario="domain", epochs=8), method)
    app = ClTui(watch := WatchScreen(tmp_path, "si"))
    async with app.run_test(size=(100, 30)) as pilot:
        await on_screen(pilot, lambda: watch.replay is not None)
        await pilot.press("c")
        await on_screen(pilot, lambda: isinstance(app.screen, CompareScreen))
        await pilot.press("escape", "R")
        card = app.screen
        assert isinstance(card, CardScreen)
        await on_screen(pilot, lambda: card.card is not None and bool(card.card.peers))
        pane = card.query_one(CardPane)
        actions = [offer.action for offer in pane.offers]
        assert actions[0] == "run_bound('joint')"
        assert set(actions[1:]) == {"fork", "compare", "replay", "again", "put_back", "analyse", "app.share"}
        shown = "\n".join(strip.text for strip in pane._built())
        assert card.card is not None
        assert card.card.worst is not None
        assert f"Worst: task {card.card.worst.number}" in shown
        assert re.search(r"\d+ of \d+ \w+ are now called \d", shown)
        assert "▀" in shown, "pictures of them"
        assert "turned for good in task" in card.words
        await pilot.press("i")
        assert isinstance(app.screen, ExplainDialog)
        assert card.card.score.full(card.card.worst.now) in {number.value for number in app.screen._numbers}
        await pilot.press("escape", "full_stop")
        assert isinstance(app.screen, ActionsDialog)
        offered = {action.key for action in app.screen._actions}
        assert {"F", "c", "r", "a", "L", "A", "i"} <= offered
        assert "B" not in offered, "none is there already"
        await pilot.press("escape")
        await pilot.press("c")
        assert isinstance(app.screen, CompareScreen)
        await on_screen(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen.found is not None)
        await pilot.press("escape")
        assert app.screen is card
        while pane.offers[pane.chosen].action != "analyse":
            await pilot.press("down")
        await pilot.press("enter")
        found = app.screen
        assert isinstance(found, AnalyseScreen)
        await on_screen(pilot, lambda: found.found is not None)
        await pilot.press("escape", "L")
        await on_screen(pilot, lambda: "Put back to the end of task" in card.words)
        await pilot.press("F")
        await on_screen(pilot, lambda: isinstance(app.screen, ForkDialog))
        assert app.screen.query_one("#strength", Input).value == "100", "ten times the strength"
        await pilot.press("escape", "r")
        assert app.screen is watch
        assert watch.replay is not None
        assert watch.replay.step == 16, "the end of the first task, which lost most"


async def test_an_analysis_says_why_it_is_impossible(tmp_path: Path) -> None:
    session = saved.interrupted(tmp_path, "run", until=500)
    app = ClTui(screen := AnalyseScreen(session))
    async with app.run_test() as pilot:
        await on_screen(pilot, lambda: "nothing to analyse" in str(screen.query_one("#page", Static).content))


@pytest.mark.parametrize(("kind", "name"), [("method", "ewc"), ("preset", "pathint-split-mnist")])
async def test_a_form_begins_with_what_a_catalog_shows(tmp_path: Path, kind: Kind, name: str) -> None:
    app = ClTui(screen := CatalogScreen(kind, tmp_path))
    async with app.run_test(size=(100, 30)) as pilot:
        screen.query_one(OptionList).highlighted = screen.names.index(name)
        await pilot.pause()
        await pilot.press("enter")
        await on_screen(pilot, lambda: getattr(app.screen, "values", {}).get(kind) == name)
