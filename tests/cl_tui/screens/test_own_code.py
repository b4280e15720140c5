"""Sessions whose code nobody here has typed: the screens show them, and train none."""

import shutil
from pathlib import Path

import pytest
from textual.widgets import Static

from cl_tui.app.app import ClTui
from cl_tui.screens.fork import ForkDialog
from cl_tui.screens.home import HomeScreen
from engine.settings import own_code as allowed
from engine.training.runner import train
from tests import own_code
from tests.runs import AtStep, create
from tests.waiting import on_screen


@pytest.mark.parametrize("key", ["r", "F"])
async def test_neither_resume_nor_fork(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_code.write(tmp_path)
    session = create(tmp_path / "sessions", own_code.own(tmp_path), "theirs")
    train(session, AtStep(5))
    monkeypatch.setattr(allowed, "_ALLOWED", set())
    shutil.rmtree(tmp_path / "preferences")
    app = ClTui(HomeScreen(tmp_path / "sessions"))
    async with app.run_test(size=(110, 36)) as pilot:
        home = app.first
        assert isinstance(home, HomeScreen)

        def told(shown: str) -> str:
            return str(app.screen.query_one(shown, Static).content)

        await on_screen(pilot, lambda: "my_nets.py:build" in told("#detail"))
        await pilot.press(key)
        if key == "F":
            await on_screen(pilot, lambda: isinstance(app.screen, ForkDialog))
        where = "#problem" if key == "F" else "Notice"
        await on_screen(pilot, lambda: "the function build in" in told(where))
        assert "--trust-code" in told(where)
    assert [path.name for path in (tmp_path / "sessions").iterdir()] == ["theirs"]
