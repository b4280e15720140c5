"""The groups' accuracy matrices as thumbnails, and below each its difference from the baseline."""

import math
from collections.abc import Sequence
from itertools import zip_longest

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.colour_scale import ColourScale, in_halves
from cl_tui.charts.contrast import contrast, mixed
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import message, side_by_side, window
from cl_tui.panes.comparison.base import ComparePane, label
from cl_tui.panes.comparison.board import Board
from cl_tui.reports.compare_page import points, uncertain
from cl_tui.reports.groups import Change, Group
from cl_tui.reports.statistics import with_error

_BETTER, _WORSE = ColorTriplet(86, 180, 233), ColorTriplet(230, 150, 30)
_DARK, _LIGHT = ColorTriplet(38, 40, 48), ColorTriplet(222, 224, 228)
FULL = 0.5
"""The difference of accuracies from which its colour is at its strongest."""
GAP = 2
Cell = tuple[str, Style]


class MatricesPane(ComparePane):
    HELP_TITLE = "Matrices"
    HOW_TO_READ = (
        "Row: after training this task. Column: accuracy (%) on that task's test set, as mean over the group's "
        "sessions. Below: the difference from the baseline in points, blue where it is better, orange where it is "
        "worse, and faint or = where it is smaller than its standard error. ↑ ↓ choose the group. Zoomed: the chosen "
        "group alone, with its errors where there is room."
    )

    def content(self, board: Board, width: int, height: int, palette: Palette) -> list[Line]:
        score = board.found.score
        self.border_title = (
            f"{score.capital}{f' {score.mark.strip()}' if score.mark else ''} on task (column) after task (row); "
            f"below: difference from {board.group(board.baseline).title}{score.changes_in}"
        )
        if not any(group.matrix for group in board.found.groups):
            return message("No task has ended yet.", width, palette.muted)
        if self.zoomed:
            return _alone(board, width, palette)
        return thumbnails(board, width, height, palette)


def thumbnails(board: Board, width: int, height: int, palette: Palette) -> list[Line]:
    """As many groups as fit, with the selected one in view: each matrix, and its difference below or beside it."""
    tasks = max(len(group.matrix) for group in board.found.groups)
    score = board.found.score
    each = 5 if score.fraction else 7
    stacked = height >= 2 * tasks + 2
    numbers = each * tasks <= width and height >= tasks + 1
    if not numbers:
        stacked = height >= 2 * (-(-tasks // 2)) + 2
    wide = each * tasks if numbers else min(tasks, width)
    block = wide if stacked else 2 * wide + GAP
    places = [k for k in board.ordered if board.group(k).matrix]
    most = max((width + GAP) // (block + GAP), 1)
    chosen = places.index(board.selected) if board.selected in places else 0
    shown = [places[k] for k in window(len(places), most, None, chosen)]
    gap = max(min((width - block * len(shown)) // max(len(shown), 1), 6), GAP)
    scale = board.scale
    blocks = []
    for k in shown:
        matrix = _matrix(board.group(k), scale, palette, each, numbers)
        below = _differences(board, k, palette, each, numbers) if k != board.baseline else []
        if k == board.baseline:
            below = [[Segment("baseline", palette.muted)]]
        head = [label(board, k, block, palette)]
        parts = (
            [*head, *matrix, [], *below] if stacked else [*head, *side_by_side(matrix, below, wide + GAP, palette.text)]
        )
        blocks.append(parts)
    lines: list[Line] = []
    for row in zip_longest(*blocks, fillvalue=[]):
        line: Line = []
        for part in row:
            line += [*part, Segment(" " * max(block + gap - sum(of.cell_length for of in part), 0), palette.text)]
        lines.append(line)
    if len(shown) < len(places):
        lines[0] = [*lines[0][:-1], Segment(f" {len(shown)} of {len(places)}: ↑ ↓", palette.muted)]
    return lines


def _matrix(group: Group, scale: ColourScale, palette: Palette, each: int, numbers: bool) -> list[Line]:
    if not numbers:
        return in_halves([[scale.fraction(cell.mean) for cell in row] for row in group.matrix], palette)
    return [
        [Segment(f"{_short(scale, cell.mean):>{each - 1}} ", scale.style(cell.mean, palette)) for cell in row]
        for row in group.matrix
    ]


def _short(scale: ColourScale, value: float) -> str:
    if math.isnan(value):
        return "·"
    return f"{100 * value:.0f}" if scale.score.fraction else scale.score.value(value, 5)


# Differences


def _differences(board: Board, place: int, palette: Palette, each: int, numbers: bool) -> list[Line]:
    changes = board.difference(place)
    if not changes:
        why = "other benchmark" if changes is None else "no task yet"
        return [[Segment(why, palette.muted)]]
    if not numbers:
        return in_halves([[_share(change) for change in row] for row in changes], palette)
    return [[Segment(*_change(change, each, palette)) for change in row] for row in changes]


def _share(change: Change) -> float:
    """From much worse (0) to much better (1)."""
    if math.isnan(change.value) or not change.certain:
        return 0.5
    size = -change.score.lost(0.0, change.value)
    return min(max(0.5 + size / (2 * _full(change)), 0.0), 1.0)


def _full(change: Change) -> float:
    return FULL if change.score.fraction else max(abs(change.value), 1e-9)


def _change(change: Change, each: int, palette: Palette) -> Cell:
    """The difference with its sign; = where it is within its error."""
    if math.isnan(change.value):
        return f"{'·':>{each - 1}} ", palette.muted
    text = points(change, 0).strip(" ~").replace("-", "−")
    if text in ("+0", "−0"):
        text = "0"
    if not change.certain:
        return f"{text if palette.coloured else '=':>{each - 1}} ", palette.muted
    return f"{text:>{each - 1}} ", change_style(change, palette)


def change_style(change: Change, palette: Palette) -> Style:
    """Blue for better, orange for worse, the stronger the larger."""
    if not change.certain or not change.direction:
        return palette.muted
    if palette.tones != "full" or not palette.coloured:
        return palette.good if change.direction > 0 else palette.caution
    base = _DARK if _is_dark(palette) else _LIGHT
    share = min(abs(change.value) / _full(change), 1.0)
    paper = mixed(base, _BETTER if change.direction > 0 else _WORSE, 0.15 + 0.85 * share)
    ink = max((ColorTriplet(255, 255, 255), ColorTriplet(0, 0, 0)), key=lambda ink: contrast(ink, paper))
    return Style(color=Color.from_triplet(ink), bgcolor=Color.from_triplet(paper))


def _is_dark(palette: Palette) -> bool:
    """Whether the screen is dark: whether its text is light."""
    colour = palette.text.color
    return colour is None or colour.triplet is None or sum(colour.triplet) > 3 * 128


# One group


def _alone(board: Board, width: int, palette: Palette) -> list[Line]:
    """The selected group's matrix and difference, with errors if they fit."""
    place, score = board.selected, board.found.score
    group = board.group(place)
    if not group.matrix:
        return message(f"No task has ended yet in {group.title}.", width, palette.muted)
    scale = board.scale
    forms = [
        lambda cell: with_error(cell, score=score),
        lambda cell: with_error(cell, "±", score=score),
        lambda cell: score.value(cell.mean),
        lambda cell: _short(scale, cell.mean),
    ]
    tables = ([[form(cell) for cell in row] for row in group.matrix] for form in forms)
    told = next((table for table in tables if _width(table) <= width), None)
    if told is None:
        matrix = in_halves([[scale.fraction(cell.mean) for cell in row] for row in group.matrix], palette)
        each = 0
    else:
        each = max(len(text) for row in told for text in row) + 2
        matrix = [
            [Segment(f"{text:>{each - 1}} ", scale.style(cell.mean, palette)) for text, cell in zip(*rows, strict=True)]
            for rows in zip(told, group.matrix, strict=True)
        ]
    lines = [[*label(board, place, min(width, 60), palette)], _heads(group, each, palette), *matrix, []]
    if place == board.baseline:
        return [*lines, [Segment("This is the baseline.", palette.muted)]]
    changes = board.difference(place)
    lines.append([Segment(f"Difference from {board.group(board.baseline).title}{score.changes_in}", palette.strong)])
    lines += _differences(board, place, palette, max(each, 6), each > 0)
    if changes and uncertain(changes):
        lines.append([Segment("faint or =: smaller than its standard error", palette.muted)])
    return lines


def _width(texts: Sequence[Sequence[str]]) -> int:
    return (max(len(text) for row in texts for text in row) + 2) * max(map(len, texts))


def _heads(group: Group, each: int, palette: Palette) -> Line:
    names = group.tasks[: len(group.matrix)]
    if not each:
        return [Segment(f"tasks 1 to {len(names)}", palette.muted)]
    if not all(len(name) < each for name in names):
        names = tuple(str(number) for number in range(1, len(names) + 1))
    return [Segment("".join(f"{name:>{each - 1}} " for name in names), palette.muted)]
