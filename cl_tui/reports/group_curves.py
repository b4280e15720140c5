"""A group's curves: the means over its sessions, with their standard errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING, Literal

from cl_tui.reports import session_facts
from cl_tui.reports.statistics import Estimate
from engine.record.history import History

if TYPE_CHECKING:
    import numpy as np

POINTS = 400
"""Most points on a curve of loss or penalty: each is the mean over equally many steps."""
MOST_MEASUREMENTS = 2000
"""Most points on a curve of accuracy."""

CurveKind = Literal["accuracy", "loss", "penalty"]
KINDS: tuple[CurveKind, ...] = ("accuracy", "loss", "penalty")


@dataclass(frozen=True, eq=False)
class GroupCurve:
    """A group's curve: its mean at some steps, ascending; arrays of shape (points,)."""

    steps: "np.ndarray"
    means: "np.ndarray"
    errors: "np.ndarray"
    """Standard errors, NaN at steps that only one session has reached."""
    counts: "np.ndarray"
    """Number of sessions that each mean is over."""

    @property
    def lowest(self) -> float:
        """The lowest of the means and of the means minus a standard error."""
        below = self.means - self.errors
        return float(min(self.means.min(), below[below == below].min(initial=math.inf)))

    def at(self, step: float) -> Estimate | None:
        """The last point at or before ``step``; None before the first."""
        place = int(self.steps.searchsorted(step, side="right")) - 1
        if place < 0:
            return None
        error = float(self.errors[place])
        return Estimate(float(self.means[place]), None if math.isnan(error) else error, int(self.counts[place]))


def bin_width(histories: Sequence[History]) -> int:
    """Steps per point: the same for all groups."""
    return max(1, math.ceil(max((history.curve.length for history in histories), default=0) / POINTS))


def group_curve(kind: CurveKind, histories: Sequence[History], width: int) -> GroupCurve | None:
    """``width``: from ``bin_width``. None if no session has a point."""
    if kind == "accuracy":
        return _accuracy_curve([points for history in histories if (points := seen_accuracy(history))])
    known = [history.curve for history in histories if history.curve.length]
    return _binned_curve([curve.losses() if kind == "loss" else curve.penalties() for curve in known], width)


def seen_accuracy(history: History) -> list[session_facts.Point]:
    """Average accuracy over the tasks seen so far on their evaluation subsets, at each measurement."""
    rows = {step: row for step, _, _, row in session_facts.probed_rows(history)}
    return [(step, mean(row)) for step, row in rows.items() if row]


def _accuracy_curve(members: Sequence[Sequence[session_facts.Point]]) -> GroupCurve | None:
    """One point per measured step; between its own measurements, a session's value is interpolated."""
    import numpy as np

    if not members:
        return None
    points = [np.array(member, dtype=float) for member in members]
    steps = np.unique(np.concatenate([member[:, 0] for member in points]))
    steps = steps[session_facts.spread(len(steps), MOST_MEASUREMENTS)]
    values = [np.interp(steps, member[:, 0], member[:, 1], left=np.nan, right=np.nan) for member in points]
    return _over_sessions(steps, np.stack(values))


def _binned_curve(members: Sequence["np.ndarray"], width: int) -> GroupCurve | None:
    """Each point is the mean of a session's finite values in ``width`` steps, placed in the middle of them."""
    import numpy as np

    from cl_tui.charts.smoothing import means_between

    if not members:
        return None
    longest = max(map(len, members))
    starts = np.arange(0, longest, width)
    values = np.full((len(members), len(starts)), np.nan)
    for row, member in zip(values, members, strict=True):
        own = starts[: math.ceil(len(member) / width)]
        row[: len(own)] = means_between(own, member)
    return _over_sessions((starts + np.minimum(starts + width, longest) + 1) / 2, values)


def _over_sessions(steps: "np.ndarray", values: "np.ndarray") -> GroupCurve | None:
    """``values``: shape (sessions, points), NaN where a session has no value."""
    import numpy as np

    known = np.isfinite(values)
    counts = known.sum(axis=0)
    there = counts > 0
    if not there.any():
        return None
    steps, values, known, counts = steps[there], values[:, there], known[:, there], counts[there]
    means = np.where(known, values, 0.0).sum(axis=0) / counts
    squares = np.where(known, (values - means) ** 2, 0.0).sum(axis=0)
    errors = np.sqrt(squares / np.maximum(counts - 1, 1) / counts)
    return GroupCurve(steps, means, np.where(counts > 1, errors, np.nan), counts)
