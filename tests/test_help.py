"""Help: every key that a screen has is in it, with what it does."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static

from cl_tui.app import ClTui, declared
from cl_tui.outcome import Outcome
from cl_tui.screens.help import HelpScreen
from cl_tui.screens.offering import OfferingScreen
from cl_tui.widgets.pane import Pane
from tests.first_screens import FIRST_SCREENS


@pytest.mark.parametrize("first", FIRST_SCREENS)
async def test_every_binding_is_in_the_help(first: Callable[[Path], Screen[Outcome]], tmp_path: Path) -> None:
    app = ClTui(first(tmp_path))
    async with app.run_test(size=(100, 200)) as pilot:
        await pilot.pause()
        others = {ClTui, *map(type, app.first.query(Pane))}
        of_screen, of_others = (
            [binding for owner in owners for binding in Binding.make_bindings(declared(owner))]
            for owners in ({type(app.first)}, others)
        )
        assert isinstance(app.first, OfferingScreen)
        bindings = [*of_others, *(binding for binding in of_screen if binding.action not in app.first.never)]
        assert len(bindings) > 10
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        text = "\n".join(str(part.content) for part in app.screen.query(Static))
        told = {binding.tooltip for binding in bindings}
        never = {binding.tooltip for binding in of_screen if binding.tooltip not in told}
        assert not [line for line in text.splitlines() if line[11:] in never]
        for binding in bindings:
            assert binding.tooltip, binding
            assert binding.tooltip in text
            assert re.search(rf"(^|\s){re.escape(app.get_key_display(binding))}\s", text, re.M), binding
