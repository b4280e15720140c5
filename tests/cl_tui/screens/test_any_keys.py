"""Any keys, in any order and terminals of any size: nothing raises, and the screen still answers."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.binding import Binding
from textual.screen import Screen

from cl_tui.app.app import ClTui
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.card import CardPane
from cl_tui.screens import advising
from cl_tui.screens.card import CardScreen
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.fan import FanScreen
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.keys_here import declared
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.panes import PANES
from cl_tui.screens.watch import WatchScreen
from engine.errors import EngineError
from engine.sessions.session import Session
from tests.first_screens import FIRST_SCREENS

SIZES = [(80, 24), (160, 48), (60, 18), (40, 12), (200, 50)]
OWNERS = (MonitorScreen, FanScreen, WatchScreen, HomeScreen, CompareScreen, CardScreen, CardPane, ClTui, *PANES)
LEAVING = {"q", "ctrl+c", "ctrl+p"}
BOUND = {binding.key for owner in OWNERS for binding in Binding.make_bindings(declared(owner))}
KEYS = [*sorted(BOUND - LEAVING), *"1t5", "backspace", "down", "enter"]
MOVES = st.lists(st.one_of(st.sampled_from(KEYS), st.sampled_from(SIZES)), max_size=25)


@pytest.mark.parametrize("first", FIRST_SCREENS)
def test_any_sequence_of_keys_and_sizes(
    first: Callable[[Path], Screen[ExitStatus]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advising, "start_none", refuse)  # it would train in a process of its own

    @settings(max_examples=8)
    @given(MOVES)
    def check(moves: Sequence[str | tuple[int, int]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            before = Path.cwd()
            os.chdir(folder)  # w writes into the present folder
            try:
                asyncio.run(_press(first(Path(folder)), moves))
            finally:
                os.chdir(before)

    check()


def refuse(*_: object) -> Session:
    raise EngineError("nothing is trained here")


async def _press(first: Screen[ExitStatus], moves: Sequence[str | tuple[int, int]]) -> None:
    app = ClTui(first)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for move in moves:
            if isinstance(move, str):
                await pilot.press(move)
            else:
                await pilot.resize_terminal(*move)
            if not app.is_running:
                return
        await pilot.pause()
        assert app.screen.is_mounted
        app.export_screenshot()
