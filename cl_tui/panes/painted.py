"""Painted: a widget of lines. They are drawn once per change, and only different lines are repainted."""

from collections.abc import Iterator, Sequence
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
"""Least equal cells between two runs that are painted apart; moving the cursor costs about ten bytes."""
_FEW = 1
"""Most equal parts between two runs that are painted together: each may have colours of its own, of forty bytes."""


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
    """The cells (from, to) in which two strips of equal width differ: whole parts of the new one, as these are painted
    whole; those that are near each other as one. With signs two cells wide, all.

    >>> old, new = (Strip([Segment("a"), Segment(text), Segment("d"), Segment(text)]) for text in ("bc", "ef"))
    >>> differing(old, new), differing(old, old)
    ([(1, 6)], [])
    >>> differing(old, Strip([Segment("ab"), Segment("c"), Segment("d"), Segment("be")]))
    [(4, 6)]
    """
    if old == new:
        return []
    if any(part.cell_length != len(part.text) for strip in (old, new) for part in strip):
        return [(0, new.cell_length)]  # of signs two cells wide
    runs: list[tuple[int, int]] = []
    x, equal = 0, 0
    for part, same in _parts(old, new):
        end = x + part.cell_length
        equal += same
        if not same:
            together = runs and x - runs[-1][1] < _NEAR and equal <= _FEW
            runs[-1:] = [(runs[-1][0], end)] if together else [*runs[-1:], (x, end)]
            equal = 0
        x = end
    return runs


def _parts(old: Strip, new: Strip) -> Iterator[tuple[Segment, bool]]:
    """Each part of the new strip, and whether the same is there in the old one, in as many parts as may be."""
    before = iter(old)
    text, style = "", None
    for part in new:
        want, same = part.text, True
        while want:
            if not text:
                text, style, _ = next(before, Segment(want))
            count = min(len(text), len(want))
            same = same and text[:count] == want[:count] and style == part.style
            text, want = text[count:], want[count:]
        yield part, same


def strips(lines: Sequence[Line], width: int, height: int, blank: Style) -> list[Strip]:
    """Exactly ``height`` strips of exactly ``width`` cells; what has no style is ``blank``."""
    built = []
    for line in lines[:height]:
        inked = [of if of.style is not None else Segment(of.text, blank) for of in line]
        built.append(Strip(inked).adjust_cell_length(width, blank))
    return built + [Strip.blank(width, blank)] * (height - len(built))
