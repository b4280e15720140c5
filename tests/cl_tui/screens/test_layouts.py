"""Layouts: where panes stand at every size, and the digits that go to them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Size

from cl_tui.panes.importance.pane import ImportancePane
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.screens import layouts, panes
from tests.cl_tui.screens.test_monitor import watching

NAMES = ("tasks", "accuracy", "loss", "importance", "forgotten", "held", "log", "confusion", "turned", "lost")


@given(st.integers(32, 400), st.integers(14, 117), st.sampled_from(list(layouts.AUTOMATIC.values())))
def test_panes_fill_every_size_without_overlap(width: int, height: int, layout: layouts.Layout) -> None:
    for chosen in (layout if layout.fits(width) else layouts.FOUR, layouts.by_width(width)):
        found = layouts.places(chosen, Size(width, height), NAMES)
        assert {"tasks", "accuracy", "loss", "importance"} <= found.keys()
        regions = list(found.values())
        assert all(a is b or not a.overlaps(b) for a in regions for b in regions)
        assert all(region.width >= min(layouts.NARROWEST, width) and region.height >= 3 for region in regions)
        if width >= 60:
            assert sum(region.area for region in regions) == width * height


@pytest.mark.parametrize(("width", "gone"), [(160, ()), (120, ("held",)), (80, ("held", "log", "forgotten"))])
def test_as_the_width_shrinks_held_goes_first_then_the_log(width: int, gone: tuple[str, ...]) -> None:
    found = layouts.places(layouts.by_width(width), Size(width, 44), NAMES[:7])
    assert set(NAMES[:7]) - found.keys() == set(gone)


async def test_a_digit_goes_to_its_pane_and_zooms_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panes, "PANES", panes.PANES[:4])
    async with watching(tmp_path) as watched:
        monitor = watched.monitor
        await watched.press("4")
        assert isinstance(monitor.focused, ImportancePane)
        assert monitor.maximized is None
        await watched.press("4")
        assert monitor.maximized is monitor.focused
        await watched.press("1")
        assert isinstance(monitor.maximized, TasksPane)
        await watched.press("1")
        assert monitor.maximized is None
        monitor.action_go_to_pane(10)
        assert watched.notice.startswith("There is no pane 10")


async def test_a_pane_without_a_place_is_not_drawn_and_is_shown_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = layouts.Layout("two", (layouts.Column(1, {"tasks": 1, "loss": 1}),))
    monkeypatch.setattr(layouts, "by_width", lambda width: two)
    async with watching(tmp_path) as watched:
        monitor = watched.monitor
        pane = monitor.query_one(ImportancePane)
        monkeypatch.setattr(pane, "draw", lambda *_: pytest.fail("drawn without a place"))
        await watched.settle()
        await watched.press("n", "n")
        assert isinstance(monitor.focused, TasksPane)
        monkeypatch.undo()
        monkeypatch.setattr(layouts, "by_width", lambda width: two)
        await watched.press("4")
        assert monitor.maximized is monitor.focused is pane
        assert "fc1.wei" in watched.text(ImportancePane)
        await watched.press("4")
        assert monitor.maximized is None
        assert isinstance(monitor.focused, TasksPane)
