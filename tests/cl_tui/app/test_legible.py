"""All text on all screens has a contrast of 4.5 to 1 with its background, in every theme."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.screen import Screen

from cl_tui.app.app import ClTui
from cl_tui.app.legible import _TEXT, DIM, LegibleFilter
from cl_tui.charts.contrast import LEAST_CONTRAST, contrast, mixed
from cl_tui.host.exit_status import ExitStatus
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.monitor import MonitorScreen
from tests import saved, screen_data
from tests.screen_data import ToldEngine

SIXTEEN = {"ansi-dark", "ansi-light"}
"""Their colours are the terminal's own."""


def monitor(folder: Path) -> Screen[ExitStatus]:
    """With a weak cell in each shade of the heat map."""
    session = screen_data.session(folder)
    return MonitorScreen(ToldEngine(session, screen_data.history(3500)), None)


def home(folder: Path) -> Screen[ExitStatus]:
    makers = (saved.finished, saved.stopped, saved.interrupted, saved.failed, saved.damaged)
    for number, make in enumerate(makers):
        make(folder / "sessions", f"session-{number}")
    return HomeScreen(folder / "sessions")


def compared(folder: Path) -> Screen[ExitStatus]:
    for name, method in (("calm-otter", "si"), ("brave-fox", "ewc")):
        saved.finished(folder / "sessions", name, method=method)
    return CompareScreen(folder / "sessions", ["calm-otter", "brave-fox"])


WALKS: dict[str, tuple[Callable[[Path], Screen[ExitStatus]], list[list[str]]]] = {
    "monitor": (
        monitor,
        [
            ["k"],
            ["e"],
            ["escape", "escape", "question_mark"],
            ["escape", "z"],
            ["n"],
            ["n", "left"],
            ["n"],
            ["l"],
            ["escape", "w"],
        ],
    ),
    "home": (
        home,
        [["down", "space"], ["down", "f"], ["escape", "d"], ["escape", "slash", "a"], ["escape", "escape", "Y"]],
    ),
    "form": (home, [["n"], ["tab"], ["tab", "tab"], ["enter"]]),
    "compare": (compared, [["m"], ["z"], ["n"], ["n"]]),
}


def unreadable(app: ClTui) -> Iterator[str]:
    """What stands on the topmost screen with too little contrast; not what a dialog has dimmed behind it."""
    on_top = [child.region for child in app.screen.children]
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        x = 0
        for text, style, _ in strip:
            shown = not app.screen.is_modal or any(region.contains(x, y) for region in on_top)
            x += len(text)
            if style is None or not shown or not _TEXT.search(text):
                continue
            assert style.color is not None
            assert style.bgcolor is not None
            ink, paper = style.color.triplet, style.bgcolor.triplet
            if ink is None or paper is None:
                continue
            seen = contrast(mixed(paper, ink, DIM) if style.dim else ink, paper)
            if seen < LEAST_CONTRAST:
                yield f"{text!r}: {seen:.2f}"


@pytest.mark.parametrize("walk", WALKS)
async def test_all_text_can_be_read_in_every_theme(walk: str, tmp_path: Path) -> None:
    first, steps = WALKS[walk]
    app = ClTui(first(tmp_path))
    async with app.run_test(size=(110, 34)) as pilot:
        await pilot.pause(0.3)
        themes = sorted(set(app.available_themes) - SIXTEEN)
        apart = 5 if walk == "form" else 3  # its many fields take long to style
        for number, keys in enumerate([[], *steps]):
            await pilot.press(*keys)
            await pilot.pause(0.2)
            for theme in themes if number == 0 and walk != "form" else themes[number % apart :: apart]:
                app.theme = theme
                await pilot.pause()
                await pilot.pause()
                assert not list(unreadable(app)), (theme, keys)


async def test_the_measure_finds_what_is_unreadable_without_the_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers on green in the default theme, and the focused pane's title in a light one."""
    monkeypatch.setattr(LegibleFilter, "apply", lambda self, segments, background: segments)
    app = ClTui(monitor(tmp_path))
    async with app.run_test(size=(110, 34)) as pilot:
        await pilot.pause(0.3)
        assert any("99.0" in found for found in unreadable(app))
        app.theme = "textual-light"
        await pilot.pause(0.2)
        assert any("Tasks" in found for found in unreadable(app))
