"""What all screens that q leaves have in common."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.screen import Screen

from cl_tui.app.app import ClTui
from cl_tui.host.exit_status import ExitStatus
from cl_tui.host.host import Host
from cl_tui.panes.base import Pane
from cl_tui.panes.notice import Notice
from tests.first_screens import FIRST_SCREENS
from tests.waiting import on_screen


@pytest.mark.parametrize("first", FIRST_SCREENS)
async def test_what_a_pane_says_is_read_on_its_screen(
    first: Callable[[Path], Screen[ExitStatus]], tmp_path: Path
) -> None:
    app = ClTui(first(tmp_path))
    assert isinstance(app, Host)
    async with app.run_test() as pilot:
        await pilot.pause()
        app.first.post_message(Pane.Said("There is nothing [b]here[/b]"))
        await on_screen(pilot, lambda: str(app.first.query_one(Notice).content) == "There is nothing [b]here[/b]")
