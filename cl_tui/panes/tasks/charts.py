"""The tasks' scores over time as small charts below each other, on one time axis."""

import numpy as np

from cl_tui.charts import braille
from cl_tui.charts.canvas import Canvas, TimeAxis, line_columns
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import AccuracyTable
from cl_tui.panes.baseline import aligned
from cl_tui.panes.view import View
from engine.record.chance import chance_of
from engine.record.metrics import Looks

_LEAST_BORDER = 4
"""Least distance of two task borders in cells; closer ones are not drawn."""
_LEAST_CHANCE = 2
"""Rows of a chart from which chance is marked."""


def task_charts(
    view: View,
    table: AccuracyTable,
    shown: range,
    time: TimeAxis,
    band: int,
    ends: tuple[float, float],
    palette: Palette,
    plain: bool = False,
) -> list[Line]:
    """``band`` lines for each of the tasks ``shown``. The crosshair crosses them; ``plain`` leaves out borders and
    chance. The baseline's curves are dim."""
    history, count = view.history, len(view.history.tasks)
    width = (len(time.edges) - 1) // 2
    canvas = Canvas(width, len(shown) * band, palette.muted)
    axis = braille.Axis(*ends, log=False)
    if (baseline := aligned(view, table)) is not None:
        canvas.curve(_dots(baseline, shown, band, axis, time), palette.muted)
    canvas.curve(_dots(table.looks(history), shown, band, axis, time), palette.loss)
    if not plain and band >= _LEAST_CHANCE:
        for place, task in enumerate(shown):
            chance = chance_of(history, view.config, task)
            if chance is not None and ends[0] < chance < ends[1]:
                row = axis.row(chance, _tall(band))
                canvas.dashes(place * band + (row or 0), palette.muted)
    if not plain and count * _LEAST_BORDER <= width:
        for border in history.starts[1:-1]:
            canvas.vertical(time.cell(border + 1), "┊", palette.muted)
    cursor = view.viewport.cursor
    canvas.crosshair(time.cell(cursor) if cursor is not None else None, palette.strong)
    return canvas.lines()


def _tall(band: int) -> int:
    """Rows of a chart; from four on, one of them is empty."""
    return band - (band >= 4)


def _dots(looks: Looks, shown: range, band: int, axis: braille.Axis, time: TimeAxis) -> np.ndarray:
    """The tasks' curves below each other, in ``band`` rows of cells each."""
    lows, highs = line_columns(looks.steps, looks.accuracies[:, shown.start : shown.stop], time)
    count, columns = lows.shape
    tall = _tall(band)
    gap = ((0, 0), (0, 1))  # an empty column between two tasks' curves, so that one outline serves all
    ends = [np.pad(part, gap, constant_values=np.nan).ravel() for part in (lows, highs)]
    drawn = braille.outline(ends[0], ends[1], axis, tall)
    dots = np.zeros((count, 4 * band, columns), dtype=bool)
    dots[:, : 4 * tall] = drawn.reshape(4 * tall, count, columns + 1)[:, :, :columns].transpose(1, 0, 2)
    return dots.reshape(-1, columns)
