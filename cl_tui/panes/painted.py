"""Painted: a widget of lines. They are drawn once per change, and only different lines are repainted."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from cl_tui.charts.style import Line, Palette, Tones
from cl_tui.host.host import Host

_NAMES = (
    "text",
    "muted",
    "strong",
    "good",
    "caution",
    "bad",
    "loss",
    "penalty",
    "importance",
    "accent",
    "band",
    "selected",
)


_NEAR = 8
"""Least equal cells between two runs that are painted apart; moving the cursor costs about ten."""


class Painted(Widget):
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"pane--{name}" for name in _NAMES}
    ALLOW_SELECT = False

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._strips: list[Strip] | None = None

    def drawing(self, width: int, height: int, palette: Palette) -> list[Line]:
        """The content, at most ``height`` lines of at most ``width`` cells."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Draws again, and paints of each line what differs."""
        before, self._strips = self._strips, None
        if before is None or len(before) != self.size.height:  # the size may be new before the widget learns of it
            self.refresh()
            return
        after = self._built()
        lines = enumerate(zip(before, after, strict=True))
        changed = [Region(start, y, end - start, 1) for y, two in lines for start, end in differing(*two)]
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        strips = self._built()
        return strips[y] if y < len(strips) else Strip.blank(self.size.width, self.rich_style)

    def notify_style_update(self) -> None:
        self._strips = None
        super().notify_style_update()

    def on_resize(self) -> None:
        self._strips = None
        self.refresh()

    def _built(self) -> list[Strip]:
        if self._strips is None:
            width, height = self.size
            palette = self._palette()
            self._strips = strips(self.drawing(width, height, palette), width, height, palette.text)
        return self._strips

    def _palette(self) -> Palette:
        styles = {name: self.get_component_rich_style(f"pane--{name}") for name in _NAMES}
        return Palette(**styles, coloured=not self.app.no_color, tones=self._tones())

    def _tones(self) -> Tones:
        """Textual turns colours into greys for NO_COLOR, but leaves out the terminal's own sixteen."""
        if isinstance(self.app, Host) and self.app.ascii_charts:
            return "none"
        few = self.app.native_ansi_color or self.app.console.color_system == "standard"
        return "full" if not few else "two" if self.app.no_color else "four"


def differing(old: Strip, new: Strip) -> list[tuple[int, int]]:
    """The cells (from, to) in which two strips of equal width differ: a few runs, or one if their parts do not align.

    >>> old, new = (Strip([Segment("a"), Segment(text), Segment("d"), Segment(text)]) for text in ("bc", "ef"))
    >>> differing(old, new), differing(old, old)
    ([(1, 6)], [])
    >>> differing(old, Strip([Segment("ab"), Segment("c"), Segment("d"), Segment("bc")]))
    [(0, 3)]
    """
    if old == new:
        return []
    before, after = list(old), list(new)
    if len(before) == len(after) and all(a.cell_length == b.cell_length for a, b in zip(before, after, strict=True)):
        runs: list[tuple[int, int]] = []
        x = 0
        for one, other in zip(before, after, strict=True):
            end = x + other.cell_length
            if one != other:
                together = runs and x - runs[-1][1] < _NEAR
                runs[-1:] = [(runs[-1][0], end)] if together else [*runs[-1:], (x, end)]
            x = end
        return runs
    start, end = 0, new.cell_length
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        start += other.cell_length
    for one, other in zip(reversed(before), reversed(after), strict=False):
        if one != other or end - other.cell_length <= start:
            break
        end -= other.cell_length
    return [(start, end)]


def strips(lines: Sequence[Line], width: int, height: int, blank: Style) -> list[Strip]:
    """Exactly ``height`` strips of exactly ``width`` cells; what has no style is ``blank``."""
    built = []
    for line in lines[:height]:
        inked = [of if of.style is not None else Segment(of.text, blank) for of in line]
        built.append(Strip(inked).adjust_cell_length(width, blank))
    return built + [Strip.blank(width, blank)] * (height - len(built))
