"""The table of sessions: blocks, groups of seeds that unfold, forks as a tree. Only visible lines are drawn."""

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.message import Message

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.painted import Painted
from cl_tui.panes.sessions.columns import (
    DEFAULT,
    METHOD,
    Column,
    fitting,
    headings,
    label,
    on_cursor,
    padded,
)
from cl_tui.reports.arrangement import ORDERS, Block, Order, Row
from cl_tui.reports.text import share_done
from engine.sessions.listing import SessionState

SIGNS: dict[SessionState, tuple[str, str]] = {
    "running": ("▶", "loss"),
    "finished": ("✔", "good"),
    "stopped": ("■", "muted"),
    "interrupted": ("⚠", "caution"),
    "failed": ("✖", "bad"),
    "damaged": ("✖", "bad"),
}
"""The sign of each state, and the name of its style."""
_LEFT = 6
"""Cells before the first column: cursor, mark, sign, fold."""


@dataclass(frozen=True, eq=False)
class _Place:
    """A line of the table: a row of a block, the title of a block, or a blank line."""

    block: Block | None = None
    row: Row | None = None
    branch: str = ""
    """What is drawn before a row that stands below another."""


@dataclass
class _Shown:
    places: list[_Place] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    """Which of the places are rows, to which the cursor can go."""


class SessionsTable(Painted, can_focus=True):
    """The screen handles what is done with a row; the table knows where the cursor is and what is unfolded."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sessions--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1000000)", "Top", show=False),
        Binding("end", "move(1000000)", "Bottom", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row."""

    class Chosen(Message):
        """The row under the cursor was clicked."""

    class Sorted(Message):
        """The heading of a column was clicked: ``by`` is one of ORDERS."""

        def __init__(self, by: str) -> None:
            super().__init__()
            self.by = by

    def __init__(self) -> None:
        super().__init__()
        self.blocks: Sequence[Block] = ()
        self.chosen: Collection[str] = DEFAULT
        """The names of the columns that may be shown."""
        self.order = Order()
        self._marked: AbstractSet[str] = frozenset()
        self._shown = _Shown()
        self._turned: set[str] = set()
        """Keys of rows that are not as they are at first: groups of seeds folded, forks unfolded."""
        self._cursor = 0
        """Counts rows, not lines."""
        self._top = 0
        """The first visible line."""

    # What is shown

    @property
    def current(self) -> Row | None:
        place = self._current_place
        return place.row if place else None

    @property
    def current_block(self) -> Block | None:
        place = self._current_place
        return place.block if place else None

    @property
    def _current_place(self) -> _Place | None:
        rows = self._shown.rows
        return self._shown.places[rows[self._cursor]] if self._cursor < len(rows) else None

    @property
    def rows(self) -> list[Row]:
        """Those that are visible or could be scrolled to, in their order."""
        return [row for place in self._shown.rows if (row := self._shown.places[place].row) is not None]

    def show(self, blocks: Sequence[Block], marked: AbstractSet[str], order: Order) -> None:
        """The cursor stays on its row, or on the row that has its session."""
        before = self.current
        self.blocks, self._marked, self.order = blocks, marked, order
        self._place_all(before)
        self.repaint()

    def show_marks(self, marked: AbstractSet[str]) -> None:
        self._marked = marked
        self.repaint()

    def _place_all(self, cursor: Row | None) -> None:
        shown = _Shown()
        for block in self.blocks:
            if shown.places:
                shown.places.append(_Place())
            shown.places.append(_Place(block))
            for row in block:
                for place in self._branches(block, row, "", ""):
                    shown.rows.append(len(shown.places))
                    shown.places.append(place)
        self._shown = shown
        self._cursor = min(self._cursor, max(len(shown.rows) - 1, 0))
        if cursor is not None:
            self._find(cursor.key) or self._find(cursor.first.name)
        self._scroll_into_view()

    def _branches(self, block: Block, row: Row, before: str, below: str) -> Iterator[_Place]:
        yield _Place(block, row, before)
        if row.children and self._is_open(row):
            last = len(row.children) - 1
            for number, child in enumerate(row.children):
                corner, bar = ("└ ", "  ") if number == last else ("├ ", "│ ")
                yield from self._branches(block, child, below + corner, below + bar)

    def _is_open(self, row: Row) -> bool:
        return (len(row.members) == 1) != (row.key in self._turned)

    def _find(self, key: str) -> bool:
        """Moves the cursor to the row of this key."""
        for number, row in enumerate(self.rows):
            if row.key == key:
                self._cursor = number
                return True
        return False

    def go_to(self, name: str) -> bool:
        """Moves the cursor to a session, and unfolds what it stands under; False if it is not in the table."""
        above = next((path for block in self.blocks for row in block if (path := _path(row, name))), None)
        if above is None:
            return False
        for row in above[:-1]:
            if not self._is_open(row):
                self._turned ^= {row.key}
        self._place_all(None)
        self._find(above[-1].key)
        self._moved()
        return True

    # Moving and folding

    def _moved(self) -> None:
        self._scroll_into_view()
        self.repaint()
        self.post_message(self.Moved())

    def _scroll_into_view(self) -> None:
        if not self._shown.rows:
            self._top = 0
            return
        line, height = self._shown.rows[self._cursor], max(self.size.height - 1, 1)
        first = line - 1 if line and self._shown.places[line - 1].row is None else line
        if first < self._top:
            self._top = 0 if first <= 1 else first
        elif line >= self._top + height:
            self._top = line - height + 1
        self._top = max(0, min(self._top, len(self._shown.places) - height))

    def action_move(self, by: int) -> None:
        place = min(max(self._cursor + by, 0), max(len(self._shown.rows) - 1, 0))
        if place != self._cursor:
            self._cursor = place
            self._moved()

    def action_page(self, ways: int) -> None:
        self.action_move(ways * max(self.size.height - 3, 1))

    def unfold(self) -> bool:
        """Shows what is below the row; False if there is nothing, or it is shown."""
        return self._fold(to_open=True)

    def fold(self) -> bool:
        """Hides what is below the row, or else goes to the row above; False if neither can be."""
        if self._fold(to_open=False):
            return True
        row = self.current
        above = [path for block in self.blocks for of in block if row and (path := _path_to(of, row))]
        if above and len(above[0]) > 1:
            self._find(above[0][-2].key)
            self._moved()
            return True
        return False

    def _fold(self, to_open: bool) -> bool:
        row = self.current
        if row is None or not row.children or self._is_open(row) == to_open:
            return False
        self._turned ^= {row.key}
        self._place_all(row)
        self._moved()
        return True

    # The mouse

    def on_click(self, event: Click) -> None:
        if event.y == 0:
            by = self._heading_at(event.x)
            if by in ORDERS:
                self.post_message(self.Sorted(by))
            return
        line = self._top + event.y - 1
        if line not in self._shown.rows:
            return
        at = self._shown.rows.index(line)
        row = self._shown.places[line].row
        if row is not None and row.children and event.x == _LEFT - 2:
            self._cursor = at
            self._fold(not self._is_open(row))
        elif at == self._cursor:
            self.post_message(self.Chosen())
        else:
            self._cursor = at
            self._moved()

    def _heading_at(self, x: int) -> str:
        start = _LEFT
        for column, width in self._columns():
            if x < start + width + 1:
                return column.name
            start += width + 1
        return ""

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        self._scroll(3)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        self._scroll(-3)

    def _scroll(self, by: int) -> None:
        self._top = max(0, min(self._top + by, len(self._shown.places) - self.size.height + 1))
        self.repaint()

    # Drawing

    def on_resize(self) -> None:
        super().on_resize()
        self._scroll_into_view()

    def _columns(self) -> list[tuple[Column, int]]:
        tasks = max((block.tasks for block in self.blocks), default=0)
        return fitting(self.chosen, self.size.width - _LEFT - 1, min(tasks, 20))

    def drawing(self, width: int, height: int, palette: Palette) -> list[Line]:
        columns = self._columns()
        lines = [self._header(columns, palette)]
        places = self._shown.places
        on = self._shown.rows[self._cursor] if self._shown.rows else -1
        for line in range(self._top, min(self._top + height - 1, len(places))):
            lines.append(self._line(places[line], columns, width - 1, palette, line == on))
        return _with_bar(lines, width, height, self._top, len(places), palette)

    def _header(self, columns: Sequence[tuple[Column, int]], palette: Palette) -> Line:
        named = headings([block.score for block in self.blocks])
        line = [Segment(" " * _LEFT)]
        for column, width in columns:
            told = named.get(column.name, column.heading)
            if column.name == "dots":
                told = _axis(self.blocks, width)
            if column.name == self.order.by:
                told = told if cell_len(told) + 2 <= width else told.partition(" ")[0]
                told = f"{told} {'▲' if self.order.reverse else '▼'}"
            ink = palette.text if column.name == self.order.by else palette.muted
            line += [*padded([Segment(told, ink)], width, column.right), Segment(" ")]
        return line

    def _line(
        self, place: _Place, columns: Sequence[tuple[Column, int]], width: int, palette: Palette, on: bool
    ) -> Line:
        block, row = place.block, place.row
        if block is None:
            return []
        if row is None:
            return [Segment(block.title, palette.strong)]
        line = [*self._left(row, place, palette, on)]
        for column, cells in columns:
            if column.name == METHOD:
                ink = palette.strong if row is block.best else palette.text
                room = cells - len(place.branch)
                told = label(block, row, max(room, 1))
                progress = _progress(row)
                told += progress if cell_len(told) + len(progress) <= room else ""
                drawn = [Segment(place.branch, palette.muted), Segment(told, ink)]
            else:
                drawn = column.draw(block, row, cells, palette)
            line += [*padded(drawn, cells, column.right), Segment(" ")]
        line.pop()
        if not on:
            return line
        return on_cursor(padded(line, width), self.get_component_rich_style("sessions--cursor"), palette)

    def _left(self, row: Row, place: _Place, palette: Palette, on: bool) -> Line:
        marked = {listed.name for listed in row.members} <= self._marked
        sign, ink = SIGNS[row.state]
        fold = (" ▾" if self._is_open(row) else " ▸") if row.children else "  "
        mark = "●" if marked else "↑" if row.pinned else " "
        return [
            Segment("▸" if on else " ", palette.loss),
            Segment(mark, palette.loss),
            Segment(sign if not row.label or row.state != "finished" else " ", getattr(palette, ink)),
            Segment(fold, palette.muted),
            Segment(" "),
        ]


def _progress(row: Row) -> str:
    history = row.urgent.history
    if row.state in ("finished", "damaged") or history is None or not history.tasks:
        return ""
    return f" {share_done(history)}"


def _axis(blocks: Sequence[Block], width: int) -> str:
    best = "100" if {block.score.name for block in blocks if block.tasks} == {"accuracy"} else "best"
    return f"chance … {best}" if width > 12 else f"chance…{best}"


def _path(row: Row, name: str) -> list[Row] | None:
    """The rows from ``row`` down to that of the session alone."""
    if len(row.members) == 1 and row.first.name == name:
        return [row]
    for child in row.children:
        if below := _path(child, name):
            return [row, *below]
    return None


def _path_to(row: Row, wanted: Row) -> list[Row] | None:
    if row is wanted:
        return [row]
    for child in row.children:
        if below := _path_to(child, wanted):
            return [row, *below]
    return None


def _with_bar(lines: list[Line], width: int, height: int, top: int, count: int, palette: Palette) -> list[Line]:
    """A bar in the last column, where not all lines are visible."""
    room = height - 1
    if count <= room or room < 1:
        return lines
    size = max(1, room * room // count)
    start = round((room - size) * top / max(count - room, 1))
    made = [padded(lines[0], width)]
    for number in range(room):
        line = lines[number + 1] if number + 1 < len(lines) else []
        on = start <= number < start + size
        made.append([*padded(line, width - 1), Segment("┃" if on else "│", palette.text if on else palette.muted)])
    return made
