"""The table of all groups: result, difference from the baseline, each task's final score."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.bars import BLOCKS
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import cut
from cl_tui.panes.comparison.base import ComparePane, cell
from cl_tui.panes.comparison.board import Board, Order
from cl_tui.reports import text
from cl_tui.reports.groups import Change, Group
from cl_tui.reports.statistics import UNKNOWN, Estimate, with_error
from engine.record import metrics

WIDEST_NAME = 30
BAR = 20
LEFT = ("letter", "group", "tasks", "bar")
"""Columns that are aligned at the left."""
ORDERED: Mapping[Order, str] = {
    "result": "best first",
    "forgetting": "least forgetting first",
    "learned": "best learned first",
    "speed": "fastest first",
    "name": "by name",
}
NUMBER = 5
"""Columns of a task's final score in numbers."""


@dataclass(frozen=True)
class Column:
    name: str
    head: str
    width: int
    cells: Callable[[int], list[Segment]]
    """Of a group, in ``width`` cells."""
    of_seed: Callable[[int, int], str]
    """Of one of its sessions, in words."""


class ResultsPane(ComparePane):
    HELP_TITLE = "Result"
    HOW_TO_READ = (
        "A line per group of sessions that differ only in the seed: average accuracy (%) over the tasks that it has "
        "ended, its difference from the baseline, forgetting, accuracy just after learning and what is kept of it, as "
        "mean ± standard error, and the final accuracy on each task. The best is bold; = marks what the errors "
        "cannot tell from it (joint is the upper bound and does not count). ↑ ↓ choose, o sorts, B makes the chosen "
        "group the baseline, u lists its seeds, Enter opens it. Zoomed: the final accuracies as bars."
    )
    COMPONENT_CLASSES: ClassVar[set[str]] = {"compare--chosen"}
    follows_selected = True

    def content(self, board: Board, width: int, height: int, palette: Palette) -> list[Line]:
        self.border_title = f"Result, {ORDERED[board.order]}; best bold, = as good within the error"
        lines = self._table(board, width, palette)
        room = height - len(lines) - 1
        if (self.zoomed or room >= len(board.group(board.selected).matrix) + 2) and board.group(board.selected).matrix:
            lines += [[], *_bars(board, width, palette)]
        return lines

    def _table(self, board: Board, width: int, palette: Palette) -> list[Line]:
        columns = columns_of(board, width, palette)
        heads = [cell(column.head, column.width, palette.muted, column.name not in LEFT) for column in columns]
        lines: list[Line] = [heads]
        for place in board.ordered:
            chosen = place == board.selected
            line: Line = [segment for column in columns for segment in column.cells(place)]
            here = [line, *(_seeds(board, place, columns, palette) if chosen and board.unfolded else ())]
            if chosen:
                at = board.member + 1 if board.unfolded else 0
                self._selected_line = len(lines) + at
                style = self.get_component_rich_style("compare--chosen", partial=True)
                here[at] = [_chosen(part, style, palette) for part in here[at]]
            lines += here
        return lines


def columns_of(board: Board, width: int, palette: Palette) -> list[Column]:
    """Those that fit, the most important first."""
    found, score = board.found, board.found.score
    longest = max(cell_len(group.title) + 10 * (group.ended < len(group.tasks)) for group in found.groups)
    name = min(longest, WIDEST_NAME, max(width // 3, 12))
    error = 12 if score.fraction else 17

    def figure(
        name: str, head: str, of: Callable[[Group], Estimate | None], of_row: Callable[[metrics.Matrix], float | None]
    ) -> Column:
        def cells(place: int) -> list[Segment]:
            told = with_error(of(board.group(place)), score=score)
            best = name == "average" and place == board.best
            return _with_error(told, error + 2, palette.strong if best else palette.text, palette)

        return Column(name, head, error + 2, cells, lambda place, member: _one(board, place, member, of_row))

    def against(place: int) -> list[Segment]:
        if place == board.baseline:
            return [cell("baseline", error + 3, palette.muted, right=True)]
        change = board.change(board.group(board.baseline).average, board.group(place).average)
        return _signed(board, place, change, error + 3, palette)

    columns = [
        Column("letter", "", 2, lambda place: [cell(board.group(place).letter, 2, palette.muted)], _nothing),
        Column(
            "group",
            "  group",
            name + 2,
            lambda place: _titled(board, place, name + 2, palette),
            partial(_member, board),
        ),
        Column("seeds", "seeds", 8, lambda place: [cell(board.group(place).size, 8, palette.muted, True)], _nothing),
        figure("average", score.heading, lambda group: group.average, metrics.average_accuracy),
        Column("against", f"against {board.group(board.baseline).title}"[: error + 2], error + 3, against, _nothing),
        figure(
            "forgetting",
            "forgetting",
            lambda group: group.figures["forgetting"],
            lambda rows: metrics.forgetting(rows, score),
        ),
        figure("learned", "learned", lambda group: group.learned, lambda rows: _mean(metrics.after_each_task(rows))),
        figure("kept", "kept", lambda group: group.kept, lambda rows: _mean(rows[-1][:-1]) if rows else None),
    ]
    room = width - sum(column.width for column in columns[:6])
    columns += [column for column in (_tasks_column(board, room, palette),) if column is not None]
    rate = lambda place: [cell(_rate(board.group(place)), 9, palette.muted, True)]  # noqa: E731
    columns += [Column("rate", "steps/s", 9, rate, _nothing), _bar_column(board, palette)]
    return _fitting(columns, width)


def _chosen(part: Segment, style: Style, palette: Palette) -> Segment:
    """A part of the selected line; the colours of scores stay."""
    own = part.style or Style()
    return part if own.bgcolor not in (None, palette.text.bgcolor) else Segment(part.text, own + style)


LEFT_OUT = ("bar", "rate", "kept", "learned", "tasks", "forgetting", "seeds", "against")
"""Columns that a narrow table does without, the first first."""


def _fitting(columns: list[Column], width: int) -> list[Column]:
    for name in LEFT_OUT:
        if sum(column.width for column in columns) <= width:
            break
        columns = [column for column in columns if column.name != name]
    return columns


def _nothing(place: int, member: int) -> str:
    return ""


def _titled(board: Board, place: int, width: int, palette: Palette) -> list[Segment]:
    mark, group = board.marks[place], board.group(place)
    style = palette.strong if place == board.best else palette.text if group.finished else palette.caution
    more = f" {group.ended}/{len(group.tasks)} tasks" if group.ended < len(group.tasks) else ""
    if not more and not group.finished:
        more = " (unfinished)"
    title = f"{cut(group.title, max(width - 2 - len(more), 4))}{more}"
    return [Segment(f"{mark.sign} ", mark.style(palette)), cell(title, width - 2, style)]


def _member(board: Board, place: int, member: int) -> str:
    of = board.group(place).members[member]
    state = "" if of.state == "finished" else f", {of.state}"
    return f"  seed {of.seed}{state}  {of.name}"


def _one(board: Board, place: int, member: int, of: Callable[[metrics.Matrix], float | None]) -> str:
    found = of(board.group(place).matrices[member])
    return UNKNOWN if found is None else board.found.score.value(found)


def _mean(scores: Sequence[float]) -> float | None:
    return sum(scores) / len(scores) if scores else None


def _with_error(told: str, width: int, style: Style, palette: Palette) -> list[Segment]:
    """The mean, and its error fainter; means stand below each other."""
    mean, between, error = told.partition(" ±")
    return [Segment(f"{mean:>{width - 7}}", style), Segment(f"{between + error:<7}", palette.muted)]


def _signed(board: Board, place: int, change: Change | None, width: int, palette: Palette) -> list[Segment]:
    if change is None:
        return [cell(UNKNOWN, width, palette.muted, right=True)]
    score = board.found.score
    told = with_error(Estimate(change.value, change.error), sign="+", score=score)
    if not score.fraction and change.value > 0:
        told = f"+{told}"
    style = palette.muted
    if change.certain and change.direction:
        style = palette.good if change.direction > 0 else palette.caution
    even = "=" if board.even_with_best(place) else " "
    mean, between, error = told.replace("-", "−").partition(" ±")
    return [Segment(f"{mean:>{width - 9}}", style), Segment(f"{between + error:<7}{even} ", palette.muted)]


def _rate(group: Group) -> str:
    return text.rate(group.rate.mean) if group.rate else UNKNOWN


def _tasks_column(board: Board, room: int, palette: Palette) -> Column | None:
    """The final score on each task: numbers on their colours, or bars of one column where there is too little room."""
    count = max((len(group.matrix) for group in board.found.groups), default=0)
    if not count or room < count + 1:
        return None
    score, scale = board.found.score, board.scale
    each = NUMBER if score.fraction else NUMBER + 2
    numbers = each * count + 1 <= room
    width = (each * count if numbers else count) + 2

    def cells(place: int) -> list[Segment]:
        last = board.group(place).matrix[-1] if board.group(place).matrix else ()
        found = [Segment("  ", palette.text)]
        for value in (of.mean for of in last):
            style = scale.style(value, palette)
            if numbers:
                told = f"{100 * value:.0f}" if score.fraction and not math.isnan(value) else score.value(value, 5)
                found.append(Segment(f"{told:>{each - 1}} ", style))
            else:
                found.append(Segment(BLOCKS[_eighths(scale.fraction(value))], Style(color=style.bgcolor)))
        missing = width - sum(part.cell_length for part in found)
        return [*found, Segment(" " * missing, palette.text)]

    heads = "".join(f"{task:>{each - 1}} " for task in range(1, count + 1)) if numbers else "tasks"
    return Column("tasks", f" {heads}" if numbers else cut(f"  {heads}", width), width, cells, _nothing)


def _eighths(fraction: float) -> int:
    return min(max(round(8 * fraction), 1), 8) if not math.isnan(fraction) else 0


def _bar_column(board: Board, palette: Palette) -> Column:
    scale = board.scale
    head = f" {scale.score.tick(scale.worst)} to {scale.score.tick(scale.best)}"

    def cells(place: int) -> list[Segment]:
        average = board.group(place).average
        share = scale.fraction(average.mean) if average and not math.isnan(average.mean) else 0.0
        full = round(share * BAR)
        style = board.marks[place].style(palette)
        return [Segment("  " + "━" * full, style), Segment("─" * (BAR - full), palette.muted)]

    return Column("bar", head, BAR + 2, cells, _nothing)


def _seeds(board: Board, place: int, columns: Sequence[Column], palette: Palette) -> list[Line]:
    lines: list[Line] = []
    for member in range(len(board.group(place).members)):
        line: Line = []
        for number, column in enumerate(columns):
            told = column.of_seed(place, member)
            if number == 1:
                line.append(cell(told, column.width, palette.muted))
            else:
                gap = 7 if told else 0
                line.append(Segment(f"{told:>{column.width - gap}}{'':{gap}}", palette.muted))
        lines.append(line)
    return lines


def _bars(board: Board, width: int, palette: Palette) -> list[Line]:
    """The final score of the selected group on each task as a bar, with the baseline's mark on it."""
    group, other = board.group(board.selected), board.group(board.baseline)
    score, scale = board.found.score, board.scale
    mark = board.marks[board.baseline]
    name = min(max(cell_len(task) for task in group.tasks[: len(group.matrix)]), max(width // 5, 6))
    room = max(min(width - name - 4 - 12, 100), 8)
    against = f", {mark.sign} {other.title}" if board.selected != board.baseline else ""
    lines: list[Line] = [[Segment(f"Final {score.title} of {group.title} by task{against}", palette.muted)]]
    theirs = other.matrix[-1] if other.matrix and other.benchmark == group.benchmark else ()
    for task, found in enumerate(group.matrix[-1]):
        full = round(scale.fraction(found.mean) * (room - 1)) if not math.isnan(found.mean) else 0
        cells = [("━", board.marks[board.selected].style(palette))] * (full + 1)
        cells += [("─", palette.muted)] * (room - full - 1)
        if board.selected != board.baseline and task < len(theirs) and not math.isnan(theirs[task].mean):
            cells[round(scale.fraction(theirs[task].mean) * (room - 1))] = (mark.sign, mark.style(palette))
        line: Line = [Segment(f"{task + 1:>3} ", palette.muted), cell(group.tasks[task], name + 1, palette.text)]
        line += [Segment(sign, style) for sign, style in cells]
        lines.append([*line, Segment(f" {with_error(found, score=score)}", palette.strong)])
    return lines
