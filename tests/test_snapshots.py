"""The screens as pictures. After a wanted change of its looks: pytest tests/test_snapshots.py --snapshot-update"""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from cl_tui.app.app import ClTui
from cl_tui.app.themes import DEFAULT
from cl_tui.panes.base import Pane
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.watch import WatchScreen
from tests import saved, screen_data
from tests.screen_data import ToldEngine
from tests.waiting import on_screen


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


def monitor(folder: Path, until: int | None, theme: str = DEFAULT) -> ClTui:
    session = screen_data.session(folder)
    return ClTui(MonitorScreen(ToldEngine(session, screen_data.history(until)), None), theme=theme)


async def drawn(pilot: Pilot[Any]) -> None:
    """Everything told is on the screen, and nothing moves any more."""
    await pilot.pause()
    screen = pilot.app.screen
    screen.redraw()  # type: ignore[attr-defined]
    assert all(pane.view for pane in screen.query(Pane))
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_monitor_in_training(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    assert snap_compare(monitor(tmp_path, 3500), terminal_size=size, run_before=drawn)


def test_the_monitor_at_the_end(snap_compare: Any, tmp_path: Path) -> None:
    assert snap_compare(monitor(tmp_path, None), terminal_size=(80, 24), run_before=drawn)


def test_the_monitor_in_a_light_theme(snap_compare: Any, tmp_path: Path) -> None:
    light = monitor(tmp_path, 3500, "okabe-ito-light")
    assert snap_compare(light, terminal_size=(80, 24), run_before=drawn)


def test_the_help(snap_compare: Any, tmp_path: Path) -> None:
    assert snap_compare(monitor(tmp_path, 3500), terminal_size=(80, 48), run_before=drawn, press=["question_mark"])


def sessions(folder: Path) -> list[str]:
    for method in ("joint", "si", "none"):
        saved.finished(folder, method, method=method)
    return ["joint", "si", "none"]


def test_a_comparison(snap_compare: Any, tmp_path: Path) -> None:
    screen = CompareScreen(tmp_path, sessions(tmp_path))

    async def compared(pilot: Pilot[Any]) -> None:
        await on_screen(pilot, lambda: screen.found is not None)

    assert snap_compare(ClTui(screen), terminal_size=(160, 48), run_before=compared)


def test_the_card_at_the_end_of_a_run(snap_compare: Any, tmp_path: Path) -> None:
    sessions(tmp_path)
    app = ClTui(WatchScreen(tmp_path, "si"))

    async def carded(pilot: Pilot[Any]) -> None:
        await on_screen(pilot, lambda: isinstance(app.first, WatchScreen) and app.first.replay is not None)
        await pilot.press("R")
        await on_screen(pilot, lambda: "none" in getattr(app.screen, "words", ""))

    assert snap_compare(app, terminal_size=(100, 30), run_before=carded)
