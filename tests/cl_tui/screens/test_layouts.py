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


LAYOUTS = st.sampled_from(list(layouts.AUTOMATIC.values()))
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["border", "line", "move", "hide", "put"]), st.sampled_from(NAMES[:9]), st.integers(-30, 30)
    ),
    max_size=12,
)


@given(LAYOUTS, st.integers(180, 400), st.integers(40, 117), MOVES)
def test_any_changes_leave_a_layout_that_fills_the_screen(
    layout: layouts.Layout, width: int, height: int, moves: list[tuple[str, str, int]]
) -> None:
    size = Size(width, height)
    for what, pane, by in moves:
        seen = layouts.places(layout, size, NAMES)
        if what == "border":
            layout = layouts.with_border(layout, size, NAMES, abs(by) % 4, by)
        elif what == "put" and pane not in layout.panes:
            layout = layouts.with_pane(layout, pane, next(iter(seen)))
        elif pane in seen and what == "line":
            layout = layouts.with_line(layout, size, NAMES, pane, by)
        elif pane in seen and what == "hide":
            layout = layouts.without(layout, pane)
        elif pane in seen and what == "move":
            changed = layouts.moved(layout, pane, (by > 0) - (by < 0), by % 2 if by % 3 == 0 else 0)
            layout = changed if changed.fits(width) else layout
    regions = list(layouts.places(layout, size, NAMES).values())
    assert sum(region.area for region in regions) == width * height
    assert all(region.width >= layouts.NARROWEST and region.height >= 3 for region in regions)


def test_a_border_moves_by_whole_cells_and_not_too_far() -> None:
    size = Size(160, 44)
    before = layouts.places(layouts.THREE_COLUMNS, size, NAMES)
    wider = layouts.places(layouts.with_border(layouts.THREE_COLUMNS, size, NAMES, 0, 7), size, NAMES)
    assert wider["tasks"].width == before["tasks"].width + 7
    assert wider["forgotten"] == before["forgotten"]
    widest = layouts.places(layouts.with_border(layouts.THREE_COLUMNS, size, NAMES, 0, 99), size, NAMES)
    assert widest["loss"].width == layouts.NARROWEST
    lower = layouts.places(layouts.with_line(layouts.THREE_COLUMNS, size, NAMES, "tasks", 3), size, NAMES)
    assert lower["tasks"].height == before["tasks"].height + 3
    assert lower["log"] == before["log"]


async def test_a_layout_is_chosen_changed_named_and_remembered(tmp_path: Path) -> None:
    async with watching(tmp_path, size=(120, 36)) as watched:
        monitor, host = watched.monitor, watched.app
        before = monitor.query_one(TasksPane).region
        await watched.press("v")
        assert host.preferences.layout_of == {"split-digits": "four panes"}
        await watched.press("vertical_line", "right", "down", "delete")
        assert "tasks" not in monitor.grid.places
        await watched.press("escape")
        assert monitor.grid.present.name == "four panes"
        await watched.press(*"vvvvv")
        assert host.preferences.layout_of == {}
        assert monitor.query_one(TasksPane).region == before
        await watched.press("n", "1", "vertical_line", "right", "right", "down", "enter")
        assert monitor.query_one(TasksPane).region.size == (before.width + 4, before.height + 1)
        assert host.preferences.layout_of == {"split-digits": "my six panes"}
        await watched.press("V", *["backspace"] * 12, *"mine", "enter")
        assert list(host.preferences.layouts) == ["mine"]
        assert monitor.grid.present.name == "mine"
    async with watching(tmp_path / "again", size=(120, 36)) as again:
        assert again.monitor.query_one(TasksPane).region.size == (before.width + 4, before.height + 1)
        await again.press("V", *["backspace"] * 4, "enter")
        assert (again.app.preferences.layouts, again.app.preferences.layout_of) == ({}, {})


async def test_the_keys_stay_with_a_pane_that_is_seen_at_any_size(tmp_path: Path) -> None:
    async with watching(tmp_path, size=(160, 48)) as watched:
        await watched.press("5")
        for size in ((80, 24), (240, 60), (40, 18), (32, 18), (300, 80), (400, 120), (60, 18)):
            await watched.pilot.resize_terminal(*size)
            await watched.settle()
            monitor = watched.monitor
            assert monitor.active_pane in monitor.panes_in_place
            assert monitor.focused is monitor.active_pane
            await watched.press("n")
            assert monitor.focused in monitor.panes_in_place


async def test_the_mouse_drags_borders(tmp_path: Path) -> None:
    async with watching(tmp_path, size=(120, 36)) as watched:
        pane = watched.monitor.query_one(TasksPane)
        before, pilot = pane.region, watched.pilot
        await pilot.mouse_down(offset=(before.right, before.y + 5))
        await pilot.hover(offset=(before.right - 5, before.y + 9))
        await pilot.mouse_up(offset=(before.right - 5, before.y + 9))
        await watched.settle()
        assert pane.region.size == (before.width - 5, before.height)
        await pilot.mouse_down(offset=(before.x + 3, before.bottom))
        await pilot.hover(offset=(before.x + 3, before.bottom + 2))
        await pilot.mouse_up(offset=(before.x + 3, before.bottom + 2))
        await watched.settle()
        assert pane.region.size == (before.width - 5, before.height + 2)
        assert watched.app.preferences.layout_of == {"split-digits": "my six panes"}
