"""The container that arranges panes in columns, as the layout of its width says."""

from textual.containers import Container
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, WidgetPlacement
from textual.layout import Layout as TextualLayout
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


class PanesGrid(Container):
    """Panes that the layout leaves out have no place on the screen, and so are not drawn."""

    _columns = _Columns()

    @property
    def layout(self) -> TextualLayout:
        return self._columns

    def chosen(self, size: Size) -> layouts.Layout:
        return layouts.by_width(size.width)

    @property
    def shown(self) -> list[Pane]:
        """The panes that have a place, in the order of their numbers."""
        found = self.places
        return [pane for pane in self.query_children(Pane) if name_of(pane) in found]

    @property
    def places(self) -> dict[str, Region]:
        panes = [name_of(pane) for pane in self.query_children(Pane)]
        return layouts.places(self.chosen(self.size), self.size, panes)
