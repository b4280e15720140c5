"""The data that the loss and penalty pane keeps of a run's curves, so that a redraw costs the same after any step."""

from bisect import bisect_left
from itertools import accumulate

import numpy as np

from cl_tui.charts.braille import Columns, Envelope, exact_columns
from cl_tui.charts.canvas import TimeAxis, epochs_axis, seconds_axis, steps_axis
from cl_tui.charts.smoothing import RunningMean
from cl_tui.panes.loss.axes import knows_epochs
from engine.record.history import History
from engine.record.series import Curve

_COARSE = 2
"""Fewest bins of an envelope that a column spans; otherwise its values are read directly."""


class CurveCache:
    """Envelopes of loss and penalty, raw and smoothed, that follow a History."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._curve = Curve()
        self._borders: tuple[int, ...] = ()
        self._last = b""
        self._raw = (Envelope(), Envelope())
        self._smooth = (Envelope(), Envelope())
        self._means: list[RunningMean] = []

    def follow(self, history: History, smoothing: float) -> None:
        """Adds what is new; reads everything again if the history goes back, as in a replay."""
        curve, seen = history.curve, self._curve.length
        if curve.length < seen or (seen and _row(curve, seen) != self._last):
            self._begin()
            seen = 0
        weight = self._means[0].weight if self._means else 0.0
        if smoothing != weight:
            self._smooth = (Envelope(), Envelope())
            self._means = [RunningMean(smoothing)] * 2 if smoothing else []
        self._curve, self._borders = curve, history.starts[1:]
        if not curve.length:
            return
        for envelope, values in zip(self._raw, _curves(curve, seen), strict=True):
            envelope.extend(values)
        if self._means:
            begun = self._smooth[0].length
            begins = self._begins(begun, curve.length)
            for number, values in enumerate(_curves(curve, begun)):
                smoothed, self._means[number] = self._means[number].extended(values, begins)
                self._smooth[number].extend(smoothed)
        self._last = _row(curve, curve.length)

    def columns(self, time: TimeAxis, smooth: bool = False) -> list[Columns]:
        """Loss and penalty over ``time``: from the envelopes, or from each step if their bins are too wide."""
        if not self.step_by_step(time):
            return [envelope.columns(time.edges) for envelope in (self._smooth if smooth else self._raw)]
        first = max(0, int(time.edges[0]) - (self._means[0].memory if smooth and self._means else 0))
        last = min(max(int(time.edges[-1]), int(time.edges[-2]) + 1), self._curve.length)
        curves = [values[: max(last - first, 0)] for values in _curves(self._curve, first)]
        if smooth and self._means:
            fresh, begins = RunningMean(self._means[0].weight), self._begins(first, last)
            curves = [fresh.extended(values, begins)[0] for values in curves]
        return [exact_columns(values, time.edges - first) for values in curves]

    def step_by_step(self, time: TimeAxis) -> bool:
        """Whether the columns of ``time`` are too narrow for the bins of the envelopes."""
        width = self._raw[0].width
        return width > 1 and time.span < _COARSE * width * (len(time.edges) - 1)

    def _begins(self, first: int, last: int) -> list[int]:
        """The starts of tasks among the values of the steps after ``first``, up to ``last``."""
        borders = self._borders
        return [border - first for border in borders[bisect_left(borders, first) : bisect_left(borders, last)]]


def _curves(curve: Curve, start: int) -> tuple[np.ndarray, np.ndarray]:
    return curve.losses(start), curve.penalties(start)


def _row(curve: Curve, step: int) -> bytes:
    """Loss and penalty of a step, which distinguish runs."""
    return b"".join(values[:1].tobytes() for values in _curves(curve, step - 1))


def time_axis(history: History, steps: tuple[int, int], unit: str, columns: int) -> TimeAxis:
    """``steps`` in "steps", "epochs" or "seconds"; in steps if the run does not have the unit."""
    if unit == "epochs" and knows_epochs(history):
        return epochs_axis(history.starts, epochs(history), steps, columns)
    if unit == "seconds" and history.curve.length:
        return seconds_axis(history.curve.seconds(), steps, columns)
    return steps_axis(steps, columns)


def epochs(history: History) -> list[float]:
    """Total epochs of all tasks at each of ``history.starts``."""
    steps = map(history.steps_of, range(len(history.tasks)))
    return list(accumulate((n / task.epoch_steps for n, task in zip(steps, history.tasks, strict=True)), initial=0.0))
