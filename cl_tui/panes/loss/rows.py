"""The curves as rows of named values, for a table or a file. It imports numpy: import it where it is needed."""

import numpy as np

from cl_tui.charts.braille import exact_columns
from cl_tui.charts.canvas import TimeAxis
from cl_tui.panes.loss.chart import strength_at
from cl_tui.panes.view import View
from cl_tui.reports import session_facts as facts
from engine.record.history import Curve


def exact_rows(view: View, first: int, last: int) -> list[dict[str, object]]:
    """One row per step after ``first``, up to ``last``, with the columns of ``sessions export --csv``. The epoch,
    counted from 1 in each task, is None where it was not recorded."""
    history, curve = view.history, view.history.curve
    columns = [values(first)[: last - first].tolist() for values in (curve.seconds, curve.losses, curve.penalties)]
    starts = np.array(history.starts)
    steps = np.arange(first + 1, last + 1)
    tasks = np.clip(np.searchsorted(starts, steps - 1, side="right") - 1, 0, max(len(history.tasks) - 1, 0))
    epochs = [epoch or None for epoch in facts.epochs(history, steps).tolist()]
    strengths = _strengths(view, steps)
    names = ("step", "task", "epoch", "seconds", "loss", "penalty", "strength")
    every = zip(steps.tolist(), (tasks + 1).tolist(), epochs, *columns, strengths, strict=True)
    return [dict(zip(names, row, strict=True)) for row in every]


def _strengths(view: View, steps: np.ndarray) -> list[float]:
    changes = view.history.strengths
    values = np.array([strength_at(view, 1), *(change.strength for change in changes)])
    found: list[float] = values[np.searchsorted([change.step for change in changes], steps, side="left")].tolist()
    return found


def rows_by_column(curve: Curve, time: TimeAxis) -> list[dict[str, object]]:
    """One row for each column that has steps, with their lowest and highest values."""
    loss, penalty = exact_columns(curve.losses(), time.edges), exact_columns(curve.penalties(), time.edges)
    edges = np.minimum(time.edges, curve.length).tolist()
    return [
        {
            "first_step": edges[column] + 1,
            "last_step": edges[column + 1],
            "lowest_loss": float(loss.lows[column]),
            "highest_loss": float(loss.highs[column]),
            "lowest_penalty": float(penalty.lows[column]),
            "highest_penalty": float(penalty.highs[column]),
        }
        for column in range(len(edges) - 1)
        if edges[column] < edges[column + 1]
    ]
