"""How the axes of the curves count, and which steps they span."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cl_tui.panes.view import View
from engine.record.history import History

if TYPE_CHECKING:
    from cl_tui.charts.canvas import TimeAxis

Scale = Literal["auto", "log", "linear"]
Unit = Literal["steps", "epochs", "seconds"]

SCALES: tuple[Scale, ...] = ("auto", "log", "linear")
UNITS: tuple[Unit, ...] = ("steps", "epochs", "seconds")
FEWEST_STEPS = 16
"""Fewest steps on the time axis."""


@dataclass(frozen=True)
class CurveOptions:
    """How the curves are drawn; the same for every run."""

    y: Scale = "auto"
    """auto: logarithmic if the curves span more than two decades."""
    x: Unit = "steps"
    curves: Literal["mean", "raw"] = "mean"
    """mean: with the band of 80 % of the values; raw: from the smallest to the largest value."""


def seen_steps(view: View) -> tuple[int, int]:
    """Steps done at the left and right edges of time axes."""
    first, last = view.viewport.steps or (0, _whole(view))
    first = min(max(first, 0), _whole(view) - 1)
    return first, min(max(last, first + 1), _whole(view))


def task_of(history: History, step: int) -> int:
    """The task that ``step`` belongs to, counted from 0."""
    return min(max(bisect_right(history.starts, step - 1) - 1, 0), len(history.tasks) - 1)


def knows_epochs(history: History) -> bool:
    return bool(history.tasks) and all(task.epoch_steps for task in history.tasks)


def _whole(view: View) -> int:
    """How many steps time axes can span."""
    return max(view.history.total_steps, view.history.curve.length, 1)


def step_at(time: "TimeAxis", cell: int, here: int, count: int) -> int:
    """The step of a cell, extrapolated beyond the plot, and at least one step from ``here``."""
    cells = (len(time.edges) - 1) // 2
    inside = min(max(cell, 0), cells - 1)
    step = time.step(inside) + (cell - inside) * max(1, time.span // cells)
    return max(step, here + 1) if count > 0 else min(step, here - 1)


def magnified(view: View, step: int, factor: float) -> tuple[int, int] | None:
    """``factor`` times as many steps in view, with ``step`` in the same place; None for all."""
    (first, last), whole = seen_steps(view), _whole(view)
    span = max(round((last - first) * factor), min(FEWEST_STEPS, last - first))
    if span >= whole:
        return None
    if span == last - first:
        return first, last
    return _within(round(step - (step - first) / (last - first) * span), span, whole)


def shifted(view: View, share: float) -> tuple[int, int] | None:
    """The steps in view, moved by a share of their number; None for all."""
    if view.viewport.steps is None:
        return None
    (first, last), whole = seen_steps(view), _whole(view)
    span = last - first
    by = max(1, round(abs(share) * span)) * (1 if share > 0 else -1)
    return _within(first + by, span, whole)


def holding(view: View, step: int) -> tuple[int, int] | None:
    """The steps in view, moved just enough to show ``step`` with some room around it."""
    if view.viewport.steps is None:
        return None
    (first, last), whole = seen_steps(view), _whole(view)
    span = last - first
    if first < step <= last:
        return first, last
    return _within(step - 1 - span // 4 if step <= first else step + span // 4 - span, span, whole)


def _within(start: int, span: int, whole: int) -> tuple[int, int]:
    start = min(max(start, 0), max(whole - span, 0))
    return start, start + span
