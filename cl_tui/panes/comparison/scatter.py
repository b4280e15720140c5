"""Plasticity against stability: how well tasks were learned, and how much of that was kept."""

import math
from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette
from cl_tui.charts.ticks import round_step, round_values
from cl_tui.panes.base import message
from cl_tui.panes.comparison.base import ComparePane
from cl_tui.panes.comparison.board import Board
from cl_tui.reports.groups import Group
from cl_tui.reports.statistics import Estimate

GUTTER = 6
Cells = list[list[tuple[str, Style]]]


class ScatterPane(ComparePane):
    HELP_TITLE = "Plasticity against stability"
    HOW_TO_READ = (
        "To the right: the mean accuracy on each task just after it was learned. Up: the mean accuracy now on all "
        "tasks but the last. A good method is at the top right. Lines reach one standard error over the seeds."
    )

    def content(self, board: Board, width: int, height: int, palette: Palette) -> list[Line]:
        self.border_title = f"{self.HELP_TITLE}{'  up: kept, right: learned' if width >= 56 else ''}"
        known = [k for k in board.ordered if board.group(k).learned and board.group(k).kept]
        if not known:
            return message("Two tasks must have ended in a group.", width, palette.muted)
        return draw(board, known, width, height, palette)


def draw(board: Board, known: Sequence[int], width: int, height: int, palette: Palette) -> list[Line]:
    across, up = _span(board, known, "learned"), _span(board, known, "kept")
    room, rows = max(width - GUTTER, 8), max(height - 2, 3)
    cells: Cells = [[(" ", palette.text)] * room for _ in range(rows)]

    def column(value: float) -> int:
        return min(max(round((value - across[0]) / (across[1] - across[0]) * (room - 1)), 0), room - 1)

    def row(value: float) -> int:
        return min(max(round((up[1] - value) / (up[1] - up[0]) * (rows - 1)), 0), rows - 1)

    others = [k for k in known if k not in board.drawn]
    drawn = [k for k in known if k in board.drawn]
    points: dict[int, tuple[int, int]] = {}
    for k in [*others, *reversed(drawn)]:
        learned, kept = _both(board.group(k))
        x, y = points[k] = (column(learned.mean), row(kept.mean))
        style = palette.muted if k in others else board.marks[k].style(palette)
        if k in drawn:
            for other in _reach(learned, column):
                cells[y][other] = ("─", style)
            for other in _reach(kept, row):
                cells[other][x] = ("│", style)
    for k in [*others, *reversed(drawn)]:
        x, y = points[k]
        cells[y][x] = ("·", palette.muted) if k in others else (board.marks[k].sign, board.marks[k].style(palette))
    for k in sorted(drawn, key=lambda k: (k != board.selected, drawn.index(k))):
        _name(cells, board, k, *points[k], palette)
    return _framed(board, cells, across, up, palette)


def _both(group: Group) -> tuple[Estimate, Estimate]:
    assert group.learned is not None
    assert group.kept is not None
    return group.learned, group.kept


def _span(board: Board, known: Sequence[int], name: str) -> tuple[float, float]:
    """The ends of an axis, of which the second is better: round, with all errors in it."""
    score = board.found.score
    found = [getattr(board.group(k), name) for k in known]
    values = [of.mean + way * (of.error or 0.0) for of in found for way in (-1, 1) if math.isfinite(of.mean)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    step = round_step(max(high - low, 0.02 if score.fraction else 1e-6 * max(abs(high), 1.0)), 5)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    low, high = max(low, score.least), min(high, score.most)
    if not high > low:
        high = low + step
    return (low, high) if score.higher else (high, low)


def _reach(of: Estimate, place: "object") -> range:
    """The cells that one standard error reaches."""
    assert callable(place)
    ends = sorted(place(of.mean + way * (of.error or 0.0)) for way in (-1, 1))
    return range(ends[0], ends[1] + 1) if of.error else range(0)


def _name(cells: Cells, board: Board, place: int, x: int, y: int, palette: Palette) -> None:
    """A group's title where there is room: right of its point, left of it, below or above; else nowhere."""
    title = board.group(place).title
    room, rows = len(cells[0]), len(cells)
    right, left = x + 2, x - 1 - len(title)
    for start, at in ((right, y), (left, y), (right, y + 1), (left, y + 1), (right, y - 1), (left, y - 1)):
        there = 0 <= at < rows and start >= 0 and start + len(title) <= room
        if there and all(sign in " ─" for sign, _ in cells[at][start : start + len(title)]):
            style = palette.strong if place == board.selected else palette.text
            cells[at][start : start + len(title)] = [(sign, style) for sign in title]
            return


def _framed(
    board: Board, cells: Cells, across: tuple[float, float], up: tuple[float, float], palette: Palette
) -> list[Line]:
    score, rows = board.found.score, len(cells)
    labels = {}
    for value in round_values(min(up), max(up), max(rows // 4, 1)):
        labels[round((up[1] - value) / (up[1] - up[0]) * (rows - 1))] = score.tick(value)
    lines: list[Line] = []
    for number, row in enumerate(cells):
        line: Line = [Segment(f"{labels.get(number, ''):>{GUTTER - 2}} │", palette.muted)]
        lines.append([*line, *(Segment(sign, style) for sign, style in row)])
    room = len(cells[0])
    low, high = score.tick(across[0]), score.tick(across[1])
    named = f"{score.title} just after learning{score.mark and f',{score.mark}'}"
    between = room - len(low) - len(high)
    middle = named if len(named) + 2 <= between else ""
    lines.append([Segment(f"{'':{GUTTER - 1}}└{'─' * room}", palette.muted)])
    lines.append([Segment(f"{'':{GUTTER}}{low}{middle:^{max(between, 0)}}{high}", palette.muted)])
    return lines
