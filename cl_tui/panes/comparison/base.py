"""A pane that shows a part of a comparison."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import Pane, cut, keys
from cl_tui.panes.comparison.board import Board
from cl_tui.reports.glossary import Number


class ComparePane(Pane, inherit_bindings=False):
    """Shows ``board``; content larger than the pane scrolls. Subclasses define the content."""

    BINDINGS: ClassVar[list[BindingType]] = keys(
        ("left", "across(-1)", "Left", "Scroll; in the curves, move the crosshair"),
        ("right", "across(1)", "Right", "Scroll; in the curves, move the crosshair"),
        ("pageup", "scroll(-5)", "Page up", "Scroll up"),
        ("pagedown", "scroll(5)", "Page down", "Scroll down"),
        ("home", "follow", "First", "Scroll back to the beginning"),
    )
    follows_selected = False
    """Whether the selected group's line is kept in view."""

    def __init__(self) -> None:
        super().__init__()
        self.board: Board | None = None
        self.at = (0, 0)
        """First visible column and line."""
        self._reach = (0, 0)
        self._selected_line = 0

    def content(self, board: Board, width: int, height: int, palette: Palette) -> list[Line]:
        """All lines, of at most ``width`` cells."""
        raise NotImplementedError

    def numbers(self) -> list[Number]:
        from cl_tui.panes import numbers

        return numbers.of_comparison(self.board) if self.board else []

    def columns_beyond(self, board: Board) -> int:
        """How far the pane can scroll to the right."""
        return 0

    def show_board(self, board: Board) -> None:
        chosen = self.board is None or board.selected != self.board.selected
        self.board = board
        if chosen and self.follows_selected:
            self.at = (self.at[0], -1)
        self.repaint()

    def drawing(self, width: int, height: int, palette: Palette) -> list[Line]:
        if self.board is None:
            return []
        lines = self.content(self.board, width, height, palette)
        self._reach = (self.columns_beyond(self.board), max(0, len(lines) - height))
        top = self._selected_line - height // 2 if self.at[1] < 0 else self.at[1]
        self.at = (min(self.at[0], self._reach[0]), min(max(top, 0), self._reach[1]))
        self.border_subtitle = "PgUp PgDn more" if len(lines) > height else ""
        return lines[self.at[1] :]

    def action_across(self, by: int) -> None:
        self.at = (min(max(self.at[0] + by, 0), self._reach[0]), self.at[1])
        self.repaint()

    def action_scroll(self, by: int) -> None:
        self.at = (self.at[0], min(max(self.at[1] + by, 0), self._reach[1]))
        self.repaint()

    def action_follow(self) -> None:
        self.at = (0, 0)
        self.repaint()


def cell(text: str, width: int, style: Style, right: bool = False) -> Segment:
    """``text`` in exactly ``width`` cells."""
    shown = cut(text, width)
    gap = " " * (width - cell_len(shown))
    return Segment(gap + shown if right else shown + gap, style)


def label(board: Board, place: int, width: int, palette: Palette) -> list[Segment]:
    """A group's mark and title in exactly ``width`` cells."""
    mark = board.marks[place]
    style = palette.strong if place in (board.selected, board.best) else palette.text
    return [Segment(f"{mark.sign} ", mark.style(palette)), cell(board.group(place).title, width - 2, style)]


def spread_rows(wanted: Sequence[int], height: int) -> list[int]:
    """A row for each of ``wanted``, which ascend: as near as possible, and no two the same.

    >>> spread_rows([0, 0, 4, 9, 9], 10), spread_rows([3, 3], 4)
    ([0, 1, 4, 8, 9], [2, 3])
    """
    rows: list[int] = []
    for row in wanted:
        rows.append(max(row, rows[-1] + 1 if rows else 0))
    last = height - 1
    for place in reversed(range(len(rows))):
        rows[place] = min(rows[place], last)
        last = rows[place] - 1
    return rows
