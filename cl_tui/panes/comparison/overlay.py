"""Overlaid curves of several groups, each with its band of standard errors and its letter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.style import Style

from cl_tui.charts import braille
from cl_tui.charts.canvas import GUTTER, Canvas, TimeAxis, axis_for, framed, line_columns, steps_axis
from cl_tui.charts.style import Line, Palette
from cl_tui.reports.compare_page import MOST_MARKS, marks
from cl_tui.reports.group_curves import GroupCurve

ROOM_FOR_BANDS = 9
"""Rows from which bands show more than they hide."""
_DIM = Style(dim=True)


@dataclass(frozen=True, eq=False)
class Curve:
    letter: str
    course: GroupCurve
    style: Style
    dotted: bool
    """Distinguishes it from its neighbours without colour."""


def axis_of_steps(steps: int, width: int) -> TimeAxis:
    """The steps of the columns of a chart ``width`` cells wide."""
    return steps_axis((0, steps), 2 * max(width - GUTTER, 4))


def overlay(
    curves: Sequence[Curve],
    time: TimeAxis,
    height: int,
    palette: Palette,
    values: tuple[float, float] | None,
    shown: Callable[[float], str],
    borders: Sequence[int],
    cursor: int | None,
) -> list[Line]:
    """``height`` lines: plot and steps. ``values``: the ends of the vertical axis, by default fitting. ``shown``
    formats a value. ``borders``: steps after which a task begins. ``cursor``: the step at the crosshair."""
    width, height = (len(time.edges) - 1) // 2, max(height - 1, 1)
    drawn = [line_columns(curve.course.steps, curve.course.means, time) for curve in curves]
    axis = axis_for(drawn, values)
    canvas = Canvas(width, height, palette.muted)
    for curve in curves if height >= ROOM_FOR_BANDS else ():
        canvas.curve(_band(curve.course, time, axis, height), curve.style + _DIM, joined=True)
    for curve, (lows, highs) in zip(curves, drawn, strict=True):
        canvas.curve(braille.outline(lows, highs, axis, height, curve.dotted), curve.style, joined=True)
    for place, (curve, (lows, _)) in enumerate(zip(curves, drawn, strict=True)):
        _letters(canvas, curve, axis.rows(lows, height), place, len(curves))
    return framed(canvas, axis, time, palette, shown, cursor, borders)


def _band(course: GroupCurve, time: TimeAxis, axis: braille.Axis, height: int) -> np.ndarray:
    """Sparse dots from one standard error below the mean to one above; shape (4·height, columns)."""
    middles = (time.edges[:-1] + time.edges[1:] + 1) / 2
    ends = (course.means + course.errors, course.means - course.errors)
    along = (np.interp(middles, course.steps, values, left=np.nan, right=np.nan) for values in ends)
    tops, bottoms = (axis.rows(values, height) for values in along)
    bottoms = np.where(bottoms < 0, 4 * height - 1, bottoms)  # on a logarithmic axis, below its lower end
    y, x = np.ogrid[: 4 * height, : len(tops)]
    dots: np.ndarray = (tops >= 0) & (y >= tops) & (y <= bottoms) & (x % 4 == 0) & ((y + x // 4) % 2 == 0)
    return dots


def _letters(canvas: Canvas, curve: Curve, rows: np.ndarray, place: int, curves: int) -> None:
    """``rows``: the row of dots of each column, −1 if there is none."""
    there = np.flatnonzero(rows >= 0)
    width = canvas.cells.shape[1]
    times = min(max(width // (8 * curves), 2), MOST_MARKS)
    for k in marks(len(there), place, curves, times) if len(there) else ():
        cells = np.arange(width) == there[k] // 2
        canvas.put(int(rows[there[k]]) // 4, cells, curve.letter, curve.style)
