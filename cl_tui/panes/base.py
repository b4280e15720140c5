"""Pane: a part of the monitor under its title. Its lines are built once per change, and only different lines are
repainted."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from cl_tui.charts.style import Line, Palette
from cl_tui.host.ascii_filter import translated
from cl_tui.panes.painted import Painted
from cl_tui.panes.view import View, Viewport
from cl_tui.reports.glossary import Number

FEWEST = 4
"""Rows from which a list of tasks that does not fit has a header, and a last line with the number of missing tasks."""


def keys(*each: tuple[str, str, str, str]) -> list[BindingType]:
    """Bindings that the footer leaves out, from their keys, action, name, and what it does."""
    return [Binding(key, action, name, tooltip=does, show=False) for key, action, name, does in each]


def arrows(does: str) -> list[tuple[str, str, str, str]]:
    """The keys that pan."""
    ways = (("up", "0, -1"), ("down", "0, 1"), ("left", "-1, 0"), ("right", "1, 0"))
    return [(key, f"pan({way})", key.capitalize(), does) for key, way in ways]


class Pane(Painted, can_focus=True):
    """Subclasses define the content; the arrow keys move ``offset`` if not everything fits."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"pane--title", "pane--rule"}
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

    number: int | None = None
    """The digit that goes to the pane."""

    def __init__(self) -> None:
        self._title, self._subtitle = self.HELP_TITLE, ""
        super().__init__()
        self.view: View | None = None
        self.pan: tuple[int, int] | None = None
        """First visible column and row of tasks; None to follow the task in training."""

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        """The pane's content, at most ``height`` lines of at most ``width`` cells."""
        raise NotImplementedError

    @property
    def how_to_read(self) -> str:
        """For the help, where it may depend on the run."""
        return self.HOW_TO_READ

    def title(self, view: View) -> str:
        """What stands above the pane, at the left end of a rule."""
        return self.HELP_TITLE

    def subtitle(self, view: View) -> str:
        """What stands at the right end of the rule."""
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

    WHOLE: ClassVar[bool] = False
    """Whether it is all that its screen shows, so that the screen's keys are its own."""

    def numbers(self) -> list[Number]:
        """What i explains: the numbers that the pane shows, the one at the cursor first."""
        from cl_tui.panes import numbers

        return numbers.of_run(self.view) if self.view else []

    def back_out(self) -> bool:
        """Closes what Esc should close inside the pane; False if there is nothing."""
        return False

    def say(self, text: str) -> None:
        self.post_message(self.Said(text))

    def show(self, view: View) -> None:
        """Repaints the lines that ``view`` changes; nothing while the pane has no place on the screen."""
        self.view = view
        if not self.size or not self.region:
            return
        self.entitle()
        self.repaint()

    def entitle(self) -> None:
        if self.view is not None:
            self.border_title, self.border_subtitle = self.title(self.view), self.subtitle(self.view)

    def renew(self) -> None:
        """Draws everything again at the next paint, as after the pane is zoomed."""
        self._strips = None
        self.entitle()
        self.refresh()

    def on_resize(self) -> None:
        """The pane may have had no place before, and so an old title."""
        self.entitle()

    def drawing(self, width: int, height: int, palette: Palette) -> list[Line]:
        return self.draw(self.view, width, height, palette) if self.view else []

    @property
    def border_title(self) -> str:
        """Textual would repaint the whole pane if its title changes; this repaints its line alone."""
        return self._title

    @border_title.setter
    def border_title(self, title: str | Text | Content | None) -> None:
        before, self._title = self._title, str(title or "")
        if self._title != before:
            self._refresh_title()

    @property
    def border_subtitle(self) -> str:
        return self._subtitle

    @border_subtitle.setter
    def border_subtitle(self, subtitle: str | Text | Content | None) -> None:
        before, self._subtitle = self._subtitle, str(subtitle or "")
        if self._subtitle != before:
            self._refresh_title()

    def _refresh_title(self) -> None:
        self.refresh(Region(0, -1, self.size.width, 1))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The title stands in the padding above the content."""
        lines = super().render_lines(crop)
        if crop.y == 0 and lines:
            line = self._title_line()
            for each in self.get_line_filters():
                line = line.apply_filter(each, self.background_colors[1])
            lines[0] = line.crop(crop.x, crop.right)
        return lines

    def _title_line(self) -> Strip:
        left, room = self.gutter.left, self.size.width
        blank, muted, title, rule = (
            self.rich_style,
            *(self.get_component_rich_style(f"pane--{name}") for name in ("muted", "title", "rule")),
        )
        name = self.HELP_TITLE if self._title.startswith(self.HELP_TITLE) else self._title
        said = [name, self._title[len(name) :], self._subtitle]
        if self._tones() == "none":  # words for signs need their room
            said = [translated(part) for part in said]
        head = [Segment(f"{self.number} " if self.number else "", muted), Segment(said[0], title)]
        line = Strip([*head, Segment(said[1], muted)])
        if line.cell_length > room:
            line = line.crop(0, max(room - 1, 0))
            line = Strip([*line, Segment("…", muted)])
        between = room - line.cell_length - cell_len(said[2])
        end = [Segment(f" {said[2]}", muted)] if said[2] and between >= 3 else []
        ruled = room - line.cell_length - sum(segment.cell_length for segment in end) - 1
        ink = "━" if self.has_focus else "─"
        line = Strip([Segment(" " * left, blank), *line, Segment(f" {ink * ruled}" if ruled > 0 else "", rule), *end])
        return line.adjust_cell_length(self.outer_size.width, blank)

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


def message(text: str, width: int, style: Style) -> list[Line]:
    """A wrapped sentence for a pane that has nothing to show yet."""
    lines = wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False)
    return [[Segment(line, style)] for line in lines] or [[]]


def heading(name: str, more: str, width: int, palette: Palette, end: str = "") -> Line:
    """'name more ──── end'; of ``more`` only the part after its last comma, or nothing, where there is no room."""
    room = width - cell_len(name) - cell_len(end) - 3
    more = next((shorter for shorter in (more, more.rpartition(", ")[2]) if cell_len(shorter) <= room), "")
    rule = max(width - cell_len(name) - cell_len(more) - cell_len(end) - (2 if more else 1) - bool(end), 0)
    rest = " ".join(part for part in (more, "─" * rule, end) if part)
    return [Segment(name, palette.strong), Segment(f" {rest}", palette.muted)]


def side_by_side(left: Sequence[Line], right: Sequence[Line], width: int, style: Style) -> list[Line]:
    """Two blocks of lines, the right one after ``width`` cells."""
    lines = []
    for before, after in zip_longest(left, right, fillvalue=()):
        gap = width - sum(segment.cell_length for segment in before)
        lines.append([*before, Segment(" " * gap, style), *after])
    return lines


def cut(text: str, width: int) -> str:
    """
    >>> cut("learning rate", 9)
    'learning…'
    """
    return text if cell_len(text) <= width else f"{set_cell_size(text, max(width - 1, 0))}…"


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


def out_of_view(shown: range, visible: range, count: int, width: int, palette: Palette) -> Line:
    """How many of ``count`` columns and rows a matrix leaves out."""
    sides = [more(shown, count, "left", "right"), more(visible, count)]
    text = " · ".join(side for side in sides if side)
    shortest = f"{len(shown)} of {count} tasks"
    fitting = (form for form in (text, text.replace(" more", "")) if len(form) <= width)
    return [Segment(next(fitting, shortest), palette.muted)]
