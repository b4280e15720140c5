"""A score's range in a session: the colours of its values, and the ends of an axis."""

import math
from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from cl_tui.charts.ticks import round_step
from engine.record.score import ScoreInfo

if TYPE_CHECKING:
    import numpy as np

LEVELS = (0.65, 0.80, 0.90, 0.95, 0.98)
"""Accuracies at which the colour changes, on every screen and page: finer near the top, where forgetting begins."""


class Scale(NamedTuple):
    """The colours of a score, from poor (0) to perfect (5)."""

    score: ScoreInfo
    steps: tuple[float, ...] = LEVELS
    """The scores at which the colour changes, the worst first; negated if lower is better, so that they ascend."""

    @classmethod
    def of(cls, score: ScoreInfo, scores: Iterable[float]) -> "Scale":
        """In equal steps from the worst to the best of ``scores``; an accuracy has steps of its own.

        >>> from engine.record.score import R2, RMSE
        >>> Scale.of(RMSE, [1.0, 7.0]).steps, Scale.of(R2, [-5.0, 0.75]).steps
        ((-6.0, -5.0, -4.0, -3.0, -2.0), (0.125, 0.25, 0.375, 0.5, 0.625))
        """
        if score.fraction:
            return cls(score)
        known = [score.sign * value for value in scores if math.isfinite(value)]
        worst, best = min(known, default=0.0), max(known, default=0.0)
        if score.nothing is not None:
            worst = max(worst, score.nothing)
        if worst > best:
            return cls(score, (math.inf,) * len(LEVELS))
        count = len(LEVELS) + 1
        return cls(score, tuple(worst + (best - worst) * k / count for k in range(1, count)))

    def level(self, score: float) -> int:
        """
        >>> from engine.record.score import ACCURACY
        >>> scale = Scale(ACCURACY)
        >>> scale.level(0.5), scale.level(0.8), scale.level(1.0)
        (0, 2, 5)
        """
        return bisect_right(self.steps, self.score.sign * score)

    def levels(self, scores: "np.ndarray") -> "np.ndarray":
        import numpy as np

        return np.searchsorted(self.steps, self.score.sign * scores, side="right")

    @property
    def names(self) -> list[str]:
        """What each colour means, without a unit.

        >>> from engine.record.score import ACCURACY
        >>> Scale(ACCURACY).names
        ['<65', '65', '80', '90', '95', '98']
        """
        steps = (self.score.sign * step for step in self.steps)
        told = [f"{100 * step:.0f}" if self.score.fraction else self.score.value(step, 5) for step in steps]
        return [f"{'<' if self.score.higher else '>'}{told[0]}", *told]


def axis(score: ScoreInfo, worst: float, best: float) -> tuple[float, float]:
    """The ends of an axis for a score that is no fraction: round numbers, or a bound if the axis gets at most twice as
    long by reaching it.

    >>> from engine.record.score import R2, RMSE, score_info
    >>> axis(R2, -2.8, 0.9), axis(R2, 0.93, 0.99), axis(RMSE, 23.0, 0.1), axis(RMSE, 2.4, 1.5), axis(RMSE, 0.0, 0.0)
    ((-3.0, 1.0), (0.93, 1.0), (0.0, 25.0), (1.4, 2.4), (0.0, 1.0))
    >>> axis(score_info("return"), 5.0, 5.0), axis(score_info("return"), -1e30, 1e30)
    ((2.0, 8.0), (-1e+30, 1e+30))
    """
    if not math.isfinite(worst + best):
        return (0.0, 1.0)
    low, high = (worst, best) if score.higher else (best, worst)
    span = high - low
    if high - score.least <= 2 * span:
        low = score.least
    if score.most - low <= 2 * span:
        high = score.most
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-290):
        half = abs(low) / 2 or 1.0
        low, high = max(low - half, score.least), min(high + half, score.most)
    step = round_step(high - low, 8)
    return (
        low if low == score.least else float(f"{math.floor(low / step + 1e-9) * step:.12g}"),
        high if high == score.most else float(f"{math.ceil(high / step - 1e-9) * step:.12g}"),
    )
