"""The data that the loss and penalty pane keeps of a run's curves, so that a redraw costs the same after any step."""

from itertools import accumulate

import numpy as np

from cl_tui.charts.braille import Columns, Envelope, exact_columns
from cl_tui.charts.canvas import TimeAxis, epochs_axis, seconds_axis, steps_axis
from cl_tui.charts.smoothing import Sums, band_within, means_within
from cl_tui.panes.loss.axes import knows_epochs
from engine.record.history import History
from engine.record.series import Curve

_WINDOWS = 40
"""How many means beside each other span the time axis."""
_COARSE = 2
"""Fewest bins of an envelope that a column spans; otherwise its values are read directly."""


class CurveCache:
    """Envelopes and sums of loss and penalty that follow a History."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._curve = Curve()
        self._starts = np.zeros(1, dtype=int)
        self._last = b""
        self._envelopes = (Envelope(), Envelope())
        self._sums = (Sums(), Sums())

    def follow(self, history: History) -> None:
        """Adds what is new; reads everything again if the history goes back, as in a replay."""
        curve, seen = history.curve, self._curve.length
        if curve.length < seen or (seen and _row(curve, seen) != self._last):
            self._begin()
            seen = 0
        self._curve, self._starts = curve, np.array(history.starts)
        if not curve.length:
            return
        for envelope, sums, values in zip(self._envelopes, self._sums, _curves(curve, seen), strict=True):
            envelope.extend(values)
            sums.extend(values)
        self._last = _row(curve, curve.length)

    def columns(self, time: TimeAxis) -> list[Columns]:
        """Loss and penalty over ``time``: from the envelopes, or from each step if their bins are too wide."""
        if not self.step_by_step(time):
            return [envelope.columns(time.edges) for envelope in self._envelopes]
        first, last = self._part(time)
        curves = [values[: last - first] for values in _curves(self._curve, first)]
        return [exact_columns(values, time.edges - first) for values in curves]

    def means(self, time: TimeAxis) -> list[np.ndarray]:
        """The mean of loss and penalty around each column of ``time``, within its task; NaN where there is none."""
        begun, starts, ends = self._stretches(time, 1)
        count = len(time.edges) - 1
        found = []
        for sums, values in zip(self._sums, _curves(self._curve, 0), strict=True):
            means = np.full(count, np.nan)
            if begun and self.step_by_step(time):
                first, last = int(starts[0]), int(ends.max())
                means[:begun] = means_within(starts - first, ends - first, values[first:last])
            elif begun:
                means[:begun] = sums.means(starts, ends)
            found.append(means)
        return found

    def band(self, time: TimeAxis) -> tuple[np.ndarray, np.ndarray]:
        """Between which values 80 % of the losses lie around each cell, two columns of ``time``."""
        begun, starts, ends = self._stretches(time, 2)
        low, high = np.full((2, (len(time.edges) - 1) // 2), np.nan)
        if begun:
            low[:begun], high[:begun] = band_within(starts, ends, self._curve.losses())
        return low, high

    def step_by_step(self, time: TimeAxis) -> bool:
        """Whether the columns of ``time`` are too narrow for the bins of the envelopes."""
        width = self._envelopes[0].width
        return width > 1 and time.span < _COARSE * width * (len(time.edges) - 1)

    def _part(self, time: TimeAxis) -> tuple[int, int]:
        first = max(0, int(time.edges[0]))
        return first, max(min(max(int(time.edges[-1]), int(time.edges[-2]) + 1), self._curve.length), first)

    def _stretches(self, time: TimeAxis, every: int) -> tuple[int, np.ndarray, np.ndarray]:
        """How many groups of ``every`` columns have begun, and from where to where their means reach: over a share of
        ``time``, but only within the group's task."""
        edges, length = time.edges[::every], self._curve.length
        begun = int(np.searchsorted(edges[:-1], length))
        left, right = edges[:begun], np.minimum(np.maximum(edges[1 : begun + 1], edges[:begun] + 1), length)
        middle = (left + right) // 2
        reach = max(time.span // _WINDOWS // 2, 1 if every == 1 else 4)
        task = np.clip(np.searchsorted(self._starts, middle, side="right") - 1, 0, max(len(self._starts) - 2, 0))
        lower, upper = self._starts[task], self._starts[np.minimum(task + 1, len(self._starts) - 1)]
        upper = np.where(upper > middle, upper, length)
        starts = np.maximum(np.minimum(left, middle - reach), lower)
        ends = np.minimum(np.minimum(np.maximum(right, middle + reach), upper), length)
        return begun, starts, np.maximum(ends, starts + 1)


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
