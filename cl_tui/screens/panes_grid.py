"""The container that arranges panes in columns, as the layout says, and whose borders the mouse drags."""

from collections.abc import Mapping
from dataclasses import dataclass

from textual.containers import Container
from textual.events import MouseDown, MouseMove, MouseUp
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, WidgetPlacement
from textual.layout import Layout as TextualLayout
from textual.message import Message
from textual.widget import Widget

from cl_tui.panes.base import Pane
from cl_tui.panes.files import name_of
from cl_tui.screens import layouts


class _Columns(TextualLayout):
    name = "panes"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        assert isinstance(parent, PanesGrid)
        panes = {name_of(child): child for child in children if isinstance(child, Pane)}
        found = layouts.places(parent.chosen(size), size, panes)
        return [WidgetPlacement(region, NULL_OFFSET, NULL_SPACING, panes[name]) for name, region in found.items()]


@dataclass(frozen=True)
class _Grip:
    """A border that is dragged: that of a column on its right, or the line below a pane."""

    column: int | None
    pane: str
    at: int


class PanesGrid(Container):
    """Panes that the layout leaves out have no place on the screen, and so are not drawn."""

    _columns = _Columns()

    @dataclass
    class Changed(Message):
        """The user has changed the layout."""

        layout: layouts.Layout

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._own: Mapping[str, layouts.Layout] = {}
        self._named: str | None = None
        self._tried: layouts.Layout | None = None
        """A change that is not kept yet."""
        self._grip: _Grip | None = None

    @property
    def layout(self) -> TextualLayout:
        return self._columns

    def choose(self, own: Mapping[str, layouts.Layout], named: str | None) -> None:
        """Takes the layout ``named``, of the user's ``own`` or an automatic one; None: by the width."""
        if (own, named, None) != (self._own, self._named, self._tried):
            self._own, self._named, self._tried = own, named, None
            self.query(Pane).first().refresh(layout=True)

    def try_out(self, layout: layouts.Layout | None) -> None:
        """Shows ``layout`` until ``choose``; None shows the chosen one again."""
        if layout != self._tried:
            self._tried = layout
            self.query(Pane).first().refresh(layout=True)

    def chosen(self, size: Size) -> layouts.Layout:
        """A layout whose columns have no room gives way to that of the width."""
        known = {layout.name: layout for layout in layouts.AUTOMATIC.values()} | dict(self._own)
        layout = self._tried or known.get(self._named or "")
        fits = layout is not None and layout.fits(size.width)
        return layouts.complete(layout if layout and fits else layouts.by_width(size.width), self.known)

    @property
    def present(self) -> layouts.Layout:
        return self.chosen(self.size)

    @property
    def known(self) -> list[str]:
        return [name_of(pane) for pane in self.query_children(Pane)]

    @property
    def places(self) -> dict[str, Region]:
        return layouts.places(self.present, self.size, self.known)

    @property
    def shown(self) -> list[Pane]:
        """The panes that have a place, in the order of their numbers."""
        found = self.places
        return [pane for pane in self.query_children(Pane) if name_of(pane) in found]

    @property
    def stacked(self) -> bool:
        """Whether there is a single column that scrolls, without borders to move."""
        return self.size.width < min(layouts.AUTOMATIC)

    def move_border(self, pane: Pane, across: int, down: int) -> layouts.Layout:
        """The layout with the pane's right or lower border moved, or the left or upper one at an edge."""
        found, name, layout = self.places, name_of(pane), self.present
        if across:
            starts = sorted({region.x for region in found.values()})
            column = starts.index(found[name].x)
            last = column == len(starts) - 1
            return layouts.with_border(layout, self.size, self.known, column - last, across)
        above = [other for other, region in found.items() if region.x == found[name].x]
        lower = above[above.index(name) - 1] if above[-1] == name and len(above) > 1 else name
        return layouts.with_line(layout, self.size, self.known, lower, down)

    def on_mouse_down(self, event: MouseDown) -> None:
        x, y = event.screen_x - self.region.x, event.screen_y - self.region.y
        if self.stacked or self.screen.maximized is not None or (grip := self._grip_at(int(x), int(y))) is None:
            return
        self._grip = grip
        self.capture_mouse()

    def _grip_at(self, x: int, y: int) -> _Grip | None:
        found = self.places
        starts = sorted({region.x for region in found.values()})
        for column, start in enumerate(starts[1:]):
            if x in (start - 1, start):
                return _Grip(column, "", x)
        for name, region in found.items():
            below = [other for other in found.values() if other.x == region.x and other.y == region.bottom]
            if below and y == region.bottom and region.x <= x < region.right:
                return _Grip(None, name, y)
        return None

    def on_mouse_move(self, event: MouseMove) -> None:
        if (grip := self._grip) is None:
            return
        if grip.column is not None:
            at = int(event.screen_x) - self.region.x
            new = layouts.with_border(self.present, self.size, self.known, grip.column, at - grip.at)
        else:
            at = int(event.screen_y) - self.region.y
            new = layouts.with_line(self.present, self.size, self.known, grip.pane, at - grip.at)
        if at != grip.at:
            self._grip = _Grip(grip.column, grip.pane, at)
            self.try_out(new)

    def on_mouse_up(self, event: MouseUp) -> None:
        if self._grip is not None:
            self._grip = None
            self.release_mouse()
            if self._tried is not None:
                self.post_message(self.Changed(self._tried))
