"""Pane: a bordered part of the monitor. Its lines are built once per change, and only different lines are repainted."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from cl_tui.charts.style import Line, Palette, Tones
from cl_tui.host.host import Host
from cl_tui.panes.view import View, Viewport

_NAMES = ("text", "muted", "strong", "good", "caution", "bad", "loss", "penalty", "importance", "accent")
_HEAT = tuple(f"heat-{level}" for level in range(6))

FEWEST = 4
"""Rows from which a list of tasks that does not fit has a header, and a last line with the number of missing tasks."""


def keys(*each: tuple[str, str, str, str]) -> list[BindingType]:
    """Bindings that the footer leaves out, from their keys, action, name, and what it does."""
    return [Binding(key, action, name, tooltip=does, show=False) for key, action, name, does in each]


def arrows(does: str) -> list[tuple[str, str, str, str]]:
    """The keys that pan."""
    ways = (("up", "0, -1"), ("down", "0, 1"), ("left", "-1, 0"), ("right", "1, 0"))
    return [(key, f"pan({way})", key.capitalize(), does) for key, way in ways]


class Pane(Widget, can_focus=True):
    """Subclasses define the content; the arrow keys move ``offset`` if not everything fits."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"pane--{name}" for name in (*_NAMES, *_HEAT)}
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = keys(
        *arrows("Pan where there are more tasks than fit"),
        ("home", "follow", "Follow", "Follow the task in training again"),
    )
    HELP_TITLE: ClassVar[str]
    HOW_TO_READ: ClassVar[str]

    @dataclass
    class Said(Message):
        """The answer to a key, for the line below the panes."""

        text: str

    @dataclass
    class ViewportChanged(Message):
        """The pane moved the crosshair or the time axis."""

        viewport: Viewport

    def __init__(self) -> None:
        super().__init__()
        self.border_title = self._title = self.HELP_TITLE
        self.view: View | None = None
        self.pan: tuple[int, int] | None = None
        """First visible column and row of tasks; None to follow the task in training."""
        self._strips: list[Strip] | None = None

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        """The pane's content, at most ``height`` lines of at most ``width`` cells."""
        raise NotImplementedError

    @property
    def how_to_read(self) -> str:
        """For the help, where it may depend on the run."""
        return self.HOW_TO_READ

    def title(self, view: View) -> str:
        """The text of the upper border."""
        return self.HELP_TITLE

    def subtitle(self, view: View) -> str:
        """The text of the lower border."""
        return ""

    def pannable(self, view: View) -> tuple[int, int]:
        """How many columns and rows of tasks follow the first."""
        return (0, 0)

    @property
    def zoomed(self) -> bool:
        """Whether the pane fills the screen, and shows more than its summary."""
        return self.screen.maximized is self

    def data(self, view: View) -> list[dict[str, object]]:
        """The pane's content as rows of named values, for a table or a file."""
        raise NotImplementedError

    def back_out(self) -> bool:
        """Closes what Esc should close inside the pane; False if there is nothing."""
        return False

    def say(self, text: str) -> None:
        self.post_message(self.Said(text))

    def show(self, view: View) -> None:
        """Repaints the lines that ``view`` changes."""
        self.view = view
        if not self.size:
            return
        if (title := self.title(view)) != self._title:
            self._title, self.border_title = title, Content(title)
        subtitle = self.subtitle(view)
        if subtitle != self.border_subtitle:
            self.border_subtitle = subtitle
        before, self._strips = self._strips, None
        if before is None or len(before) != self.size.height:  # the size may be new before the pane learns of it
            self.refresh()
            return
        after = self._built()
        changed = [y for y, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

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
            lines = self.draw(self.view, width, height, palette) if self.view else []
            self._strips = strips(lines, width, height, palette.text)
        return self._strips

    def _palette(self) -> Palette:
        styles = {name: self.get_component_rich_style(f"pane--{name}") for name in _NAMES}
        heat = tuple(self.get_component_rich_style(f"pane--{name}") for name in _HEAT)
        return Palette(**styles, heat=heat, coloured=not self.app.no_color, tones=self._tones())

    def _tones(self) -> Tones:
        """Textual turns colours into greys for NO_COLOR, but leaves out the terminal's own sixteen."""
        if isinstance(self.app, Host) and self.app.ascii_charts:
            return "none"
        few = self.app.native_ansi_color or self.app.console.color_system == "standard"
        return "full" if not few else "two" if self.app.no_color else "four"

    def action_pan(self, across: int, down: int) -> None:
        if self.view is None:
            return
        columns, rows = self.pannable(self.view)
        x, y = self.pan or (0, 0)
        self.pan = (min(max(x + across, 0), columns), min(max(y + down, 0), rows))
        self.show(self.view)

    def action_follow(self) -> None:
        self.pan = None
        if self.view is not None:
            self.show(self.view)


def strips(lines: Sequence[Line], width: int, height: int, blank: Style) -> list[Strip]:
    """Exactly ``height`` strips of exactly ``width`` cells."""
    built = [Strip(line).adjust_cell_length(width, blank) for line in lines[:height]]
    return built + [Strip.blank(width, blank)] * (height - len(built))


def message(text: str, width: int, style: Style) -> list[Line]:
    """A wrapped sentence for a pane that has nothing to show yet."""
    lines = wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False)
    return [[Segment(line, style)] for line in lines] or [[]]


def side_by_side(left: Sequence[Line], right: Sequence[Line], width: int, style: Style) -> list[Line]:
    """Two blocks of lines, the right one after ``width`` cells."""
    lines = []
    for before, after in zip_longest(left, right, fillvalue=()):
        gap = width - sum(segment.cell_length for segment in before)
        lines.append([*before, Segment(" " * gap, style), *after])
    return lines


def window(count: int, room: int, start: int | None, follow: int) -> range:
    """Which of ``count`` things are visible in ``room``: from ``start``, or so that ``follow`` is in view.

    >>> window(5, 9, None, 2), window(20, 5, None, 10), window(20, 5, 18, 10)
    (range(0, 5), range(8, 13), range(15, 20))
    """
    room = max(1, min(room, count))
    first = start if start is not None else follow - room // 2
    first = min(max(first, 0), count - room)
    return range(first, first + room)


def more(shown: range, count: int, before: str = "above", after: str = "below") -> str:
    """How many of ``count`` tasks are out of view, with words for both sides.

    >>> more(range(2, 5), 9), more(range(0, 5), 9), more(range(4, 9), 9), more(range(9), 9)
    ('2 more above, 4 below', '4 more below', '4 more above', '')
    """
    earlier, later = shown.start, count - shown.stop
    if earlier and later:
        return f"{earlier} more {before}, {later} {after}"
    return f"{earlier} more {before}" if earlier else f"{later} more {after}" if later else ""
