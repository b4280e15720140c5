"""Help: every key that a screen has is in it, with what it does."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.screen import Screen
from textual.widgets import OptionList, Static

from cl_tui.app.app import ClTui
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.base import Pane
from cl_tui.panes.loss.pane import CurvesPane
from cl_tui.screens.help import KeyTable, Part
from cl_tui.screens.keys_here import ActionsDialog, declared
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.root import RootScreen
from cl_tui.screens.watch import WatchScreen
from tests.first_screens import FIRST_SCREENS, helped, monitor
from tests.waiting import on_screen


@pytest.mark.parametrize("first", FIRST_SCREENS)
async def test_every_binding_is_in_the_help(first: Callable[[Path], Screen[ExitStatus]], tmp_path: Path) -> None:
    app = ClTui(first(tmp_path))
    async with app.run_test(size=(100, 200)) as pilot:
        await pilot.pause()
        if isinstance(watched := app.first, WatchScreen):
            await on_screen(pilot, lambda: watched.replay is not None)
        of_screen, of_program = declared(type(app.first)), declared(ClTui)
        of_program = [key for key in of_program if key.key not in {key.key for key in of_screen}]
        of_others = of_program + [key for pane in app.first.query(Pane) for key in declared(type(pane))]
        assert isinstance(app.first, RootScreen)
        bindings = [*of_others, *(binding for binding in of_screen if binding.action not in app.first.never)]
        assert len(bindings) > 10
        await pilot.press("question_mark")
        await pilot.pause()
        text = helped(app.screen)
        told = {binding.tooltip for binding in bindings}
        never = {binding.tooltip for binding in of_screen if binding.tooltip not in told}
        assert not [line for line in text.splitlines() if line[11:] in never]
        for binding in bindings:
            assert binding.tooltip, binding
            assert binding.tooltip in text
            assert re.search(rf"(^|\s){re.escape(app.get_key_display(binding))}\s", text, re.M), binding


async def test_what_a_key_does_wraps_in_its_own_column(tmp_path: Path) -> None:
    app = ClTui(monitor(tmp_path))
    async with app.run_test(size=(60, 100)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        tables = [table for table in app.screen.query(KeyTable) if table.lines]
        assert any(table.region.height > len(table.lines) for table in tables)
        for table in tables:
            rows = [table.render_line(y).text for y in range(table.region.height)]
            column = max(10, *(len(keys) for keys, _ in table.lines)) + 1
            assert {row[column - 1] for row in rows} == {" "}
            assert [row[:column].strip() for row in rows if row[:column].strip()] == [keys for keys, _ in table.lines]


@pytest.mark.parametrize("first", FIRST_SCREENS)
async def test_a_key_stands_once_in_each_section(first: Callable[[Path], Screen[ExitStatus]], tmp_path: Path) -> None:
    app = ClTui(first(tmp_path))
    async with app.run_test(size=(100, 200)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        for part in app.screen.query(Part):
            keys = [key for line in part.lines for key in line.shown.split()]
            assert sorted(keys) == sorted(set(keys))


def titles(app: ClTui) -> list[str]:
    return [str(title.content) for title in app.screen.query(".title").results(Static) if title.parent.display]


async def test_keys_are_grouped_by_what_they_are_for_and_the_pane_in_focus_comes_first(tmp_path: Path) -> None:
    app = ClTui(monitor(tmp_path))
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("n", "question_mark")
        await pilot.pause()
        assert titles(app)[0] == f"{type(app.first.focused).HELP_TITLE} (in focus)"
        assert titles(app)[1:4] == ["Run", "View", "Program"]
        assert len({part.region.x for part in app.screen.query(Part)}) == 2, "two columns from 120 cells on"
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert len({part.region.x for part in app.screen.query(Part)}) == 1


async def test_typing_filters_and_enter_does_the_marked_key(tmp_path: Path) -> None:
    screen = monitor(tmp_path)
    assert isinstance(screen, MonitorScreen)
    app = ClTui(screen)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("question_mark", *"pause after each", "backspace", "h")
        await pilot.pause()
        assert titles(app)[0] == "Run"
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is screen
        assert screen.engine.control.pause_at_task_end
        await pilot.press("question_mark", *"zzz", "enter", "down")
        await pilot.pause()
        assert titles(app) == []
        await pilot.press("escape")
        await pilot.pause()
        assert "View" in titles(app), "the filter is gone, the help is still there"
        await pilot.press("escape")
        assert app.screen is screen


async def test_the_full_stop_lists_what_can_be_done_with_the_pane_in_focus_and_does_it(tmp_path: Path) -> None:
    screen = monitor(tmp_path)
    app = ClTui(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        screen.query_one(CurvesPane).focus()
        await pilot.press("full_stop")
        await pilot.pause()
        assert isinstance(app.screen, ActionsDialog)
        listed = app.screen.query_one(OptionList)
        lines = [str(listed.get_option_at_index(n).prompt) for n in range(listed.option_count)]
        at = next(n for n, line in enumerate(lines) if "Y axis automatic" in line)
        before = screen.query_one(CurvesPane).options.y
        await pilot.press(*["down"] * at, "enter")
        await pilot.pause()
        assert screen.query_one(CurvesPane).options.y != before
