"""Panes in a layout: going to them by number, choosing a layout, and changing it."""

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType

from cl_tui.host.preferences import OwnColumn, Preferences
from cl_tui.panes.base import Pane, keys
from cl_tui.panes.files import name_of
from cl_tui.screens import layouts
from cl_tui.screens.dialogs import NameDialog
from cl_tui.screens.layouts import Column, Layout
from cl_tui.screens.panes_grid import PanesGrid
from cl_tui.screens.zooming import ZoomingScreen
from engine.text import visible

AUTOMATIC = "by the terminal's width"
LONGEST_NAME = 40
ACROSS = 2
"""Cells that a key moves a border to the side."""

_BORDER = "While the layout is changed: move the pane's right or lower border"
_PANE = "While the layout is changed: move the pane itself"
_ARROWS = (("left", -1, 0), ("right", 1, 0), ("up", 0, -1), ("down", 0, 1))


def _held(key: str, action: str, name: str, does: str) -> Binding:
    """A key that is the screen's while the layout is changed, and the pane's otherwise."""
    return Binding(key, action, name, tooltip=does, show=False, priority=True)


class ArrangingScreen(ZoomingScreen):
    """Subclasses mount a PanesGrid, and say for which benchmark it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *keys(
            ("v", "next_layout", "Layout", "The next layout; remembered for this benchmark"),
            ("V", "name_layout", "Name layout", "Name the layout, and so keep it; without a name it is dropped"),
            ("vertical_line", "arrange", "Change layout", "Change the layout: borders, and which panes stand where"),
        ),
        *(_held(key, f"move_border({x}, {y})", f"Border {key}", _BORDER) for key, x, y in _ARROWS),
        *(_held(f"shift+{key}", f"move_pane({x}, {y})", f"Pane {key}", _PANE) for key, x, y in _ARROWS),
        _held("delete,backspace", "hide_pane", "Hide pane", "While the layout is changed: leave the pane out"),
        _held("enter", "keep_layout", "Keep layout", "While the layout is changed: keep it"),
        _held("escape", "drop_layout", "Drop changes", "While the layout is changed: leave it as it was"),
    ]
    _OF_CHANGES = frozenset({"move_border", "move_pane", "hide_pane", "keep_layout", "drop_layout"})

    arranging: Layout | None = None
    """The changed layout, while the user changes it."""

    @property
    def benchmark(self) -> str:
        raise NotImplementedError

    @property
    def grid(self) -> PanesGrid:
        return self.query_one(PanesGrid)

    @property
    def panes_in_place(self) -> list[Pane]:
        return self.grid.shown

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in self._OF_CHANGES:
            return self.arranging is not None
        return super().check_action(action, parameters)

    def action_go_to_pane(self, number: int) -> None:
        """While the layout is changed, the pane is put below the one with the keys."""
        pane = next((pane for pane in self.query(Pane) if pane.number == number), None)
        if self.arranging is None or pane is None:
            super().action_go_to_pane(number)
        else:
            self._put(pane)

    def _focus_in_place(self) -> None:
        shown = self.panes_in_place
        if shown and (self.focused is None or self.focused is self.active_pane):
            self.set_focus(self.active_pane if self.active_pane in shown else shown[0])

    def on_resize(self) -> None:
        """Another layout may leave out the pane that had the keys."""
        if self.maximized is None:
            self.call_after_refresh(self._focus_in_place)

    # Choosing a layout

    def apply_layout(self, preferences: Preferences) -> None:
        self.arranging = None
        self.grid.choose(_own(preferences), preferences.layout_of.get(self.benchmark))
        if self.maximized is None:
            self._focus_in_place()

    def action_next_layout(self) -> None:
        """First that of the width, then the automatic ones that have room, then the user's own."""
        preferences, width = self.host.preferences, self.grid.size.width
        if self.maximized is not None:
            self.reply("One pane fills the screen: z shows the layout again")
            return
        every = {layout.name: layout for layout in layouts.AUTOMATIC.values()} | _own(preferences)
        names = [None, *(name for name, layout in every.items() if layout.fits(width))]
        now = preferences.layout_of.get(self.benchmark)
        chosen = names[(names.index(now) + 1) % len(names)] if now in names else None
        self._remember(chosen, _own(preferences))
        self.reply(f"Layout: {chosen or f'{AUTOMATIC} ({self.grid.present.name})'}; v goes on to the next")

    def _remember(self, chosen: str | None, own: Mapping[str, Layout]) -> None:
        others = {name: of for name, of in self.host.preferences.layout_of.items() if name != self.benchmark}
        stored = {
            name: tuple(OwnColumn(share=column.share, panes=dict(column.panes)) for column in layout.columns)
            for name, layout in own.items()
        }
        self.host.remember(layout_of=others | ({self.benchmark: chosen} if chosen else {}), layouts=stored)
        self.apply_layout(self.host.preferences)
        self.redraw_soon()

    def redraw_soon(self) -> None:
        """After the panes have their new places."""

    # Changing it

    def on_panes_grid_changed(self, message: PanesGrid.Changed) -> None:
        self._keep(message.layout)

    def _keep(self, layout: Layout) -> None:
        """Keeps the change of an automatic layout as one of the user's own."""
        name = f"my {layout.name}" if layouts.automatic(layout.name) else layout.name
        kept = Layout(name, layout.columns)
        self._remember(name, {**_own(self.host.preferences), name: kept})
        self.reply(f"Kept as the layout {visible(name)}: V names it, v chooses another")

    def action_arrange(self) -> None:
        if self.maximized is not None or self.grid.stacked:
            full = "One pane fills the screen: z shows the layout again"
            self.reply(full if self.maximized is not None else "A layout needs a terminal of at least 60 columns")
        elif self.arranging is None:
            self.arranging = self.grid.present
            self._say_how()
        else:
            self.action_keep_layout()

    def _say_how(self) -> None:
        how = "arrows move borders, shift+arrows the pane, Delete hides it, digits put panes here; Enter keeps, Esc not"
        self.reply(f"{self.active_pane.HELP_TITLE.split()[0]}: {how}", float("inf"))

    def _try(self, layout: Layout) -> None:
        self.arranging = layout
        self.grid.try_out(layout)
        self._say_how()
        self.redraw_soon()

    def action_move_border(self, across: int, down: int) -> None:
        if self._movable:
            self._try(self.grid.move_border(self.active_pane, ACROSS * across, down))

    def action_move_pane(self, across: int, down: int) -> None:
        if self._movable:
            layout = layouts.moved(self.grid.present, name_of(self.active_pane), across, down)
            if layout.fits(self.grid.size.width):
                self._try(layout)

    def action_hide_pane(self) -> None:
        hidden = self.active_pane
        if self._movable and (left := [pane for pane in self.panes_in_place if pane is not hidden]):
            self.set_focus(left[0])
            self._try(layouts.without(self.grid.present, name_of(hidden)))

    def _put(self, pane: Pane) -> None:
        layout = self.grid.present
        if name_of(pane) not in layout.panes and self._movable:
            self._try(layouts.with_pane(layout, name_of(pane), name_of(self.active_pane)))
        self.set_focus(pane)
        self._say_how()

    @property
    def _movable(self) -> bool:
        """Whether the pane with the keys has borders: the terminal may have become too small since the change began."""
        return not self.grid.stacked and self.maximized is None and self.active_pane in self.panes_in_place

    def action_keep_layout(self) -> None:
        changed = self.arranging
        self.arranging = None
        if changed is not None:
            self._keep(changed)

    def action_drop_layout(self) -> None:
        self.apply_layout(self.host.preferences)
        self.reply("The layout is as it was")
        self.redraw_soon()

    def action_name_layout(self) -> None:
        if self.arranging is not None:
            self.action_keep_layout()
        self.app.push_screen(NameDialog("The layout's name", self.grid.present.name, _problem), self._take_name)

    def _take_name(self, name: str | None) -> None:
        if name is None:
            return
        layout = self.grid.present
        own = {other: of for other, of in _own(self.host.preferences).items() if other != layout.name}
        if name:
            self._remember(name, {**own, name: Layout(name, layout.columns)})
            self.reply(f"Layout: {visible(name)}")
        else:
            self._remember(None, own)
            self.reply(f"Layout: {AUTOMATIC} ({self.grid.present.name})")


def _own(preferences: Preferences) -> dict[str, Layout]:
    return {
        name: Layout(name, tuple(Column(column.share, column.panes) for column in columns))
        for name, columns in preferences.layouts.items()
    }


def _problem(name: str) -> str:
    if layouts.automatic(name):
        return f"{name} is chosen by width and stays as it is: take another name"
    return f"Too long: at most {LONGEST_NAME} characters" if len(name) > LONGEST_NAME else ""
