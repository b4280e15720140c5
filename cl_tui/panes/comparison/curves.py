"""The curves of the groups over tasks, steps or seconds, with names where they end."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette, Tones
from cl_tui.host.ascii_filter import translated
from cl_tui.panes.base import message
from cl_tui.panes.comparison.base import ComparePane, cell, label, spread_rows
from cl_tui.panes.comparison.board import Board
from cl_tui.panes.comparison.clock import ClockAxis, places, step_at
from cl_tui.reports import text
from cl_tui.reports.groups import Group
from cl_tui.reports.scale import axis as score_axis
from cl_tui.reports.statistics import UNKNOWN, with_error

if TYPE_CHECKING:
    import numpy as np

    from cl_tui.charts.braille import Axis
    from cl_tui.charts.canvas import Canvas, TimeAxis

GUTTER = 6
WIDEST_NAME = 22
ROOM_FOR_BANDS = 9
"""Rows from which a band shows more than it hides."""
_DIM = Style(dim=True)


class GroupCurves(ComparePane):
    HELP_TITLE = "Average accuracy"
    HOW_TO_READ = (
        "One curve per group, with its mark at the end of each task and its name and newest value where it ends: the "
        "average accuracy over the tasks seen so far, on their evaluation subsets; at the end of a run, the value is "
        "the average on whole test sets. y shows the task loss and the penalty instead, x counts tasks of equal width, "
        "steps or seconds. Where there is room, faint dots reach one standard error around the selected group. With "
        "more than seven groups, the best, the baseline and the selected one are drawn. ← → move a crosshair."
    )
    TITLES: ClassVar = {"loss": "Task loss", "penalty": "Penalty"}

    def content(self, board: Board, width: int, height: int, palette: Palette) -> list[Line]:
        score = board.found.score
        of_score = f"Average {score.title}{f' ({score.mark.strip()})' if score.mark else ''} of the tasks seen"
        self.border_title = self.TITLES.get(board.kind, of_score)
        drawn = [k for k in board.drawn if board.group(k).has_any(board.kind)]
        if not drawn:
            known = {"accuracy": score.title, "loss": "loss", "penalty": "any penalty"}[board.kind]
            return message(f"No group has {known} yet.", width, palette.muted)
        return draw(board, drawn, width, height, palette)

    def action_across(self, by: int) -> None:
        """The crosshair, which the screen keeps for all panes."""
        if self.board is not None:
            self.screen.move_crosshair(by, self.plot_width)  # type: ignore[attr-defined]  # the screen of this pane

    @property
    def plot_width(self) -> int:
        assert self.board is not None
        return self.size.width - GUTTER - _label_width(self.board, self.size.width, self._tones())


def _label_width(board: Board, width: int, tones: Tones) -> int:
    """Columns right of the plot: a mark, and where there is room also name and value."""
    value = 1 + (5 if board.found.score.fraction and board.kind == "accuracy" else 7)
    titles = [board.group(k).title for k in board.drawn]
    longest = max((len(translated(title) if tones == "none" else title) for title in titles), default=0)
    name = min(longest, WIDEST_NAME, width // 4)
    return 3 + name + value if name >= 6 and width >= 44 else 2


def draw(board: Board, drawn: list[int], width: int, height: int, palette: Palette) -> list[Line]:
    from cl_tui.charts import braille
    from cl_tui.charts.canvas import Canvas, axis_for, line_columns, value_labels

    right = _label_width(board, width, palette.tones)
    room, rows = max(width - GUTTER - right, 4), max(height - 1, 2)
    clock = ClockAxis.of(board)
    time = clock.time(room)
    curves = {k: board.group(k).curves[board.kind] for k in drawn}
    xs = {k: _ascending(places(board.clock, board.group(k), curve.steps)) for k, curve in curves.items()}
    columns = {k: line_columns(xs[k], curve.means, time) for k, curve in curves.items()}
    axis = axis_for(list(columns.values()), _values(board, columns))
    canvas = Canvas(room, rows, palette.muted)
    if board.selected in curves and rows >= ROOM_FOR_BANDS:
        band = _band(board, xs[board.selected], time, axis, rows)
        canvas.curve(band, board.marks[board.selected].style(palette) + _DIM, joined=True)
    lows = {k: of[0] for k, of in columns.items()}
    for k in reversed(drawn):  # the best on top
        style = board.marks[k].style(palette) + Style(bold=k == board.selected)
        canvas.curve(braille.outline(*columns[k], axis, rows), style, joined=True)
    for border in clock.borders if len(clock.borders) * 4 < room else ():
        canvas.vertical(time.cell(max(border, clock.first + 1)), "┊", palette.muted)
    for k in reversed(drawn):
        _put_marks(canvas, board, k, time, axis, palette)
    canvas.crosshair(time.cell(round(board.cursor)) if board.cursor is not None else None, palette.strong)
    shown: Callable[[float], str] = text.quantity
    if board.kind == "accuracy":
        shown = text.percent if board.found.score.fraction else board.found.score.tick
    values = value_labels(axis, rows, _short(shown))
    ends = _ends(board, drawn, lows, axis, rows, right, palette)
    lines: list[Line] = []
    for row, line in enumerate(canvas.lines()):
        value = f"{values.get(row, ''):>{GUTTER - 1}} "
        lines.append([Segment(value, palette.muted), *line, *ends.get(row, [])])
    return [*lines, [Segment(" " * GUTTER + clock.labels(room), palette.muted)]]


def _short(shown: Callable[[float], str]) -> Callable[[float], str]:
    return lambda value: shown(value).removesuffix(".0")


def _ascending(found: list[int]) -> "np.ndarray":
    import numpy as np

    return np.maximum.accumulate(np.array(found, dtype=int))


def _values(board: Board, columns: "dict[int, tuple[np.ndarray, np.ndarray]]") -> tuple[float, float] | None:
    """The ends of the vertical axis of a score: round, and not closer than what is seen."""
    import numpy as np

    if board.kind != "accuracy":
        return None
    score = board.found.score
    every = np.concatenate([np.concatenate(both) for both in columns.values()])
    every = every[np.isfinite(every)]
    if not len(every):
        return None
    lowest, highest = float(every.min()), float(every.max())
    if score.fraction:
        return (min(int(lowest * 10) / 10, 0.9), 1.0)
    ends = (lowest, highest) if score.higher else (highest, lowest)
    return score_axis(score, *ends)


def _band(board: Board, xs: "np.ndarray", time: "TimeAxis", axis: "Axis", height: int) -> "np.ndarray":
    """Sparse dots from one standard error below the mean to one above; shape (4·height, columns)."""
    import numpy as np

    curve = board.group(board.selected).curves[board.kind]
    middles = (time.edges[:-1] + time.edges[1:] + 1) / 2
    ends = (curve.means + curve.errors, curve.means - curve.errors)
    along = (np.interp(middles, xs, values, left=np.nan, right=np.nan) for values in ends)
    tops, bottoms = (axis.rows(values, height) for values in along)
    bottoms = np.where(bottoms < 0, 4 * height - 1, bottoms)  # on a logarithmic axis, below its lower end
    y, x = np.ogrid[: 4 * height, : len(tops)]
    dots: np.ndarray = (tops >= 0) & (y >= tops) & (y <= bottoms) & (x % 4 == 0) & ((y + x // 4) % 2 == 0)
    return dots


def _put_marks(canvas: "Canvas", board: Board, place: int, time: "TimeAxis", axis: "Axis", palette: Palette) -> None:
    """A group's mark at the end of each task."""
    import numpy as np

    group, mark = board.group(place), board.marks[place]
    height, width = canvas.cells.shape
    if board.kind != "accuracy" or group.ended * 3 > width:
        return
    for step in group.starts[1 : group.ended + 1]:
        at = places(board.clock, group, (step,))[0]
        found = group.curves[board.kind].at(step)
        cell_ = time.cell(max(at, int(time.edges[0]) + 1))
        row = axis.row(found.mean, height) if found is not None else None
        if cell_ is not None and row is not None:
            canvas.put(row, np.arange(width) == cell_, mark.sign, mark.style(palette))


def _ends(
    board: Board,
    drawn: list[int],
    lows: "dict[int, np.ndarray]",
    axis: "Axis",
    height: int,
    width: int,
    palette: Palette,
) -> dict[int, Line]:
    """Name and value of each group beside where its curve ends, by row."""
    import numpy as np

    last: dict[int, int] = {}
    for k in drawn:
        known = lows[k][np.isfinite(lows[k])]
        row = axis.row(float(known[-1]), height) if len(known) else None
        last[k] = height - 1 if row is None else row
    order = sorted(drawn, key=lambda k: (last[k], drawn.index(k)))
    found: dict[int, Line] = {}
    for k, row in zip(order, spread_rows([last[k] for k in order], height), strict=True):
        if width <= 2:
            found[row] = [Segment(f" {board.marks[k].sign}", board.marks[k].style(palette))]
            continue
        value = _value(board, board.group(k))
        name = width - 1 - len(value) - 1
        found[row] = [
            Segment(" ", palette.text),
            *label(board, k, name, palette),
            cell(f" {value}", len(value) + 1, palette.strong),
        ]
    return found


def _value(board: Board, group: Group) -> str:
    """The newest value of a group, or that at the crosshair."""
    score = board.found.score
    if board.cursor is None and board.kind == "accuracy" and group.average is not None:
        return score.value(group.average.mean, 5)
    curve = group.curves[board.kind]
    step = float(curve.steps[-1]) if board.cursor is None else step_at(board.clock, group, board.cursor)
    found = curve.at(step)
    if found is None:
        return UNKNOWN
    return with_error(found, score=score).partition(" ±")[0] if board.kind == "accuracy" else text.quantity(found.mean)
