"""The log: what was printed while the screen was up, and the events of the run, searchable."""

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, cycle
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input

from cl_tui.host.capture import Captured, Line, Stream
from cl_tui.panes import notice as warning
from cl_tui.panes.base import keys
from cl_tui.screens.dialogs import Dialog

POLL_SECONDS = 0.5
MOST_COPIED = 60_000
"""Most characters to copy: terminals refuse a much larger clipboard."""

FILTERS: dict[str, tuple[Stream, ...]] = {
    "everything": ("out", "err", "run"),
    "prints": ("out", "err"),
    "errors": ("err",),
    "the run": ("run",),
}
_MATCH, _FOUND = Style(underline=True, bold=True), Style(reverse=True, bold=True)
"""Styles of every match and of the current one; without colour, so that they stand out in any theme."""
_INDENT = len("12:00:00  err  ")


class LogLines(ScrollView, can_focus=True):
    """The lines that pass the filter. Only visible lines are drawn, so that ten thousand cost as much as a page."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--muted", "log--err", "log--run"}
    BINDINGS: ClassVar[list[BindingType]] = keys(
        ("home", "scroll_home", "Top", "The oldest line"),
        ("end", "scroll_end", "Follow", "The newest line, and follow"),
    )
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self.lines: Sequence[Line] = []
        self.needle = ""
        self.matches: list[int] = []
        """Indices of the lines that contain the needle."""
        self.found: int | None = None
        """Index of the current match in ``matches``."""
        self.following = True
        """Whether the newest line stays in view: until the user scrolls up, and again at the end."""

    def show(self, lines: Sequence[Line], width: int) -> None:
        """Shows other lines, the widest of ``width`` cells; the view stays, or at the newest line if it was there."""
        top = self._at(self.scroll_offset.y)
        found = self._at(self.matches[self.found]) if self.found is not None else None
        following = self.following
        self.lines = lines
        self.virtual_size = Size(_INDENT + width, len(lines))
        self._match()
        self.found = None
        if found is not None and self.matches:
            self.found = min(bisect_left(self.matches, bisect_left(lines, found)), len(self.matches) - 1)
        self.following = following
        if following:
            self._follow()
        elif top is not None:
            self.scroll_to(y=bisect_left(lines, top), animate=False)
        self.refresh()

    def on_resize(self) -> None:
        if self.following:
            self._follow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.following = round(new_value) >= self.max_scroll_y

    def _follow(self) -> None:
        self.scroll_end(animate=False, force=True, x_axis=False)

    def _at(self, place: int) -> Line | None:
        return self.lines[place] if place < len(self.lines) else None

    def search(self, needle: str) -> None:
        """Marks the lines that contain ``needle`` in any case, and goes to the newest in view or above."""
        self.needle = needle.casefold()
        self._match()
        self.found = None
        if self.matches:
            below = bisect_left(self.matches, self.scroll_offset.y + self.size.height)
            self._go(max(below - 1, 0))
        self.refresh()

    def _match(self) -> None:
        needle = self.needle
        self.matches = [i for i, line in enumerate(self.lines) if needle in line.text.casefold()] if needle else []

    def go(self, direction: int) -> None:
        if self.matches:
            self._go(((-1 if self.found is None else self.found) + direction) % len(self.matches))

    def _go(self, found: int) -> None:
        self.found = found
        line = self.matches[found]
        if not self.scroll_offset.y <= line < self.scroll_offset.y + self.size.height:
            self.scroll_to(y=line - self.size.height // 2, animate=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        x, top = self.scroll_offset
        width, plain = self.size.width, self.rich_style
        place = top + y
        if place >= len(self.lines):
            return Strip.blank(width, plain)
        found = self.found is not None and self.matches[self.found] == place
        return Strip(self._drawn(self.lines[place], found, plain)).crop_extend(x, x + width, plain)

    def _drawn(self, line: Line, found: bool, plain: Style) -> list[Segment]:
        muted = self.get_component_rich_style("log--muted")
        own = plain if line.stream == "out" else self.get_component_rich_style(f"log--{line.stream}")
        drawn = [Segment(f"{_clock(line):8}  ", muted), Segment(f"{line.stream}  ", own)]
        mark = own + (_FOUND if found else _MATCH)
        start = 0
        for begin in _places(line.text, self.needle):
            drawn.append(Segment(line.text[start:begin], own))
            start = begin + len(self.needle)
            drawn.append(Segment(line.text[begin:start], mark))
        drawn.append(Segment(line.text[start:], own))
        return drawn


def _clock(line: Line) -> str:
    return time.strftime("%H:%M:%S", time.localtime(line.time)) if line.time else ""


def _places(text: str, needle: str) -> list[int]:
    """The positions of ``needle`` in ``text``; none if folding the case changes lengths, as for ß.

    >>> _places("Ab ab", "ab"), _places("Maß", "ss")
    ([0, 3], [])
    """
    folded = text.casefold()
    if not needle or len(folded) != len(text):
        return []
    return [match.start() for match in re.finditer(re.escape(needle), folded)]


class LogScreen(Dialog[None]):
    """The log over the monitor; it reads ``captured`` and ``history`` twice a second while it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/", tooltip="Search; Enter leaves the field"),
        Binding("n", "go(1)", "Next", tooltip="The next match"),
        Binding("N", "go(-1)", "Previous", tooltip="The previous match"),
        Binding("f", "filter", "Filter", tooltip="Show everything, prints, errors, or the run"),
        Binding("C", "copy", "Copy", tooltip="Copy the lines shown; only the newest if there are very many"),
        Binding("escape", "back", "Close", tooltip="Leave the search, then the log"),
        Binding("l,q", "dismiss", "Close", show=False),
    ]
    AUTO_FOCUS = "LogLines"

    def __init__(self, captured: Captured, happened: Callable[[], Sequence[Line]]) -> None:
        super().__init__("Log")
        self._captured = captured
        self._happened = happened
        self._filters = cycle(FILTERS)
        self._filter = next(self._filters)
        self._measured = self._widest = 0
        """The first captured line that is not measured yet, and the width of the widest line in cells."""
        self._seen: tuple[object, ...] = ()
        self._answer, self._answer_until = "", 0.0

    def content(self) -> ComposeResult:
        yield LogLines()
        yield Input(placeholder="Search", compact=True)

    def on_mount(self) -> None:
        self.set_interval(POLL_SECONDS, self.poll)
        self.call_after_refresh(self.poll)

    def poll(self) -> None:
        told = self._happened() if "run" in FILTERS[self._filter] else []
        known = (self._captured.count, told, self._filter)
        if known != self._seen:
            self._seen = known
            streams = FILTERS[self._filter]
            lines = [line for line in self._captured.since() if line.stream in streams]
            self.query_one(LogLines).show(sorted([*lines, *told]), self._width(told))
        self._say()

    def _width(self, told: Sequence[Line]) -> int:
        """The widest line so far; measuring is expensive, so each captured line is measured once."""
        new = self._captured.since(self._measured)
        self._measured = new[-1].number + 1 if new else self._measured
        self._widest = max([self._widest, *(cell_len(line.text) for line in [*new, *told])])
        return self._widest

    def _say(self) -> None:
        lines, box = self.query_one(LogLines), self.query_one(Vertical)
        parts = [self._filter, f"{len(lines.lines):,} lines"]
        if self._captured.dropped:
            parts.append(f"{self._captured.dropped:,} older ones dropped")
        if lines.needle:
            place = f"{lines.found + 1} of " if lines.found is not None else ""
            parts.append(f"{place}{len(lines.matches):,} matches" if lines.matches else "no match")
        parts.append("following" if lines.following else "End follows")
        answered = time.monotonic() < self._answer_until
        box.border_subtitle = self._answer if answered else " · ".join(parts)

    def _reply(self, text: str) -> None:
        self._answer, self._answer_until = text, time.monotonic() + warning.REPLY_SECONDS
        self._say()

    def action_search(self) -> None:
        field = self.query_one(Input)
        field.add_class("-open")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one(LogLines).search(event.value)
        self._answer_until = 0.0
        self._say()

    def on_input_submitted(self) -> None:
        self.query_one(LogLines).focus()

    def action_go(self, direction: int) -> None:
        lines = self.query_one(LogLines)
        lines.go(direction)
        self._answer_until = 0.0
        if lines.needle:
            self._say()
        else:
            self._reply("No search yet: / searches")

    def action_filter(self) -> None:
        self._filter = next(self._filters)
        self.poll()

    def action_copy(self) -> None:
        lines = self.query_one(LogLines).lines
        texts = [f"{_clock(line)}  {line.stream}  {line.text}" for line in lines]
        sizes = accumulate(len(text) + 1 for text in reversed(texts))
        kept = sum(size <= MOST_COPIED for size in sizes)
        if kept:
            self.app.copy_to_clipboard("\n".join(texts[-kept:]))
        some = f"the newest {kept:,} of {len(texts):,} lines" if kept < len(texts) else f"{kept:,} lines"
        self._reply(f"Sent to the terminal's clipboard: {some}" if kept else "Nothing to copy")

    def action_back(self) -> None:
        field = self.query_one(Input)
        if field.has_class("-open"):
            field.value = ""
            field.remove_class("-open")
            self.query_one(LogLines).focus()
        else:
            self.dismiss()
