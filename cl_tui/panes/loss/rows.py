"""The curves as rows of named values, for a table or a file."""

import numpy as np

from cl_tui.charts.braille import exact_columns
from cl_tui.charts.canvas import TimeAxis
from engine.record.series import Curve

COLUMNS = ("first_step", "last_step", "lowest_loss", "highest_loss", "lowest_penalty", "highest_penalty")


def rows_by_column(curve: Curve, time: TimeAxis) -> list[dict[str, object]]:
    """One row for each column that has steps, with their lowest and highest values."""
    loss, penalty = exact_columns(curve.losses(), time.edges), exact_columns(curve.penalties(), time.edges)
    edges = np.minimum(time.edges, curve.length)
    columns = (edges[:-1] + 1, edges[1:], loss.lows, loss.highs, penalty.lows, penalty.highs)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows if row[0] <= row[1]]
