"""Help: every key that a screen has is in it, with what it does."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.screen import Screen

from cl_tui.app.app import ClTui, declared
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.base import Pane
from cl_tui.screens.help import KeyTable
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
        for table in app.screen.query(KeyTable):
            rows = [table.render_line(y).text for y in range(table.region.height)]
            column = max(10, *(len(keys) for keys, _ in table.lines)) + 1
            assert len(rows) > len(table.lines)
            assert {row[column - 1] for row in rows} == {" "}
            assert [row[:column].strip() for row in rows if row[:column].strip()] == [keys for keys, _ in table.lines]


@pytest.mark.parametrize("first", FIRST_SCREENS)
async def test_a_key_stands_once_in_each_section(first: Callable[[Path], Screen[ExitStatus]], tmp_path: Path) -> None:
    app = ClTui(first(tmp_path))
    async with app.run_test(size=(100, 200)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        tables = list(app.screen.query(KeyTable))
        panes = len(app.first.query(Pane))
        assert len(tables) == 1 + panes, "the screen's, and a table for each pane"
        for table in tables:
            keys = [key for keys, _ in table.lines for key in keys.split()]
            assert sorted(keys) == sorted(set(keys))
