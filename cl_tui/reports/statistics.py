"""Mean and standard error of several runs, and Student's t."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, mean, stdev
from typing import TYPE_CHECKING

from engine.record.score import ACCURACY, ScoreInfo

if TYPE_CHECKING:
    import numpy as np

UNKNOWN = "—"


@dataclass(frozen=True)
class Estimate:
    """A mean over several runs, with its standard error."""

    mean: float
    error: float | None = None
    """None for a single run, or if it is not known."""
    count: int | None = None
    """The number of runs; None if it is not known."""

    @property
    def deviation(self) -> float | None:
        """Standard deviation of single runs.

        >>> Estimate(0.9, 0.01, 16).deviation
        0.04
        """
        return None if self.error is None or self.count is None else self.error * math.sqrt(self.count)


def estimate(values: Iterable[float | None]) -> Estimate | None:
    """The estimate over the known, finite values; None if there are none.

    >>> estimate([0.5, None, 1.0])
    Estimate(mean=0.75, error=0.25, count=2)
    >>> estimate([0.5]), estimate([])
    (Estimate(mean=0.5, error=None, count=1), None)
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return None
    return Estimate(mean(known), stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None, len(known))


def with_error(
    found: Estimate | None, between: str = " ± ", digits: int = 1, sign: str = "", score: ScoreInfo = ACCURACY
) -> str:
    """With the standard error if it is known. An accuracy is in percent, with so many ``digits`` and its ``sign``.

    >>> with_error(Estimate(0.985, 0.002)), with_error(Estimate(0.985), digits=2, sign="+"), with_error(None)
    ('98.5 ± 0.2', '+98.50', '—')
    >>> from engine.record.score import R2
    >>> with_error(Estimate(0.985, 0.002), score=R2)
    '0.985 ± 0.002'
    """
    if found is None:
        return UNKNOWN
    if not score.fraction:
        return score.value(found.mean) + ("" if found.error is None else f"{between}{score.value(found.error)}")
    error = "" if found.error is None else f"{between}{100 * found.error:.{digits}f}"
    return f"{100 * found.mean:{sign}.{digits}f}{error}"


def student_t(degrees: float, confidence: float) -> float:
    """The t ≥ 0 with a share ``confidence`` of Student's distribution between −t and t; ``degrees``: at least 1.

    With t = √ν · tan φ, that share is proportional to f(φ) = ∫₀^φ cos^(ν−1)(u) du. f rises and is concave up to π/2, so
    Newton's steps from 0 rise to the solution. The integral is taken by Gauss and Legendre's rule.

    >>> [round(student_t(degrees, 0.95), 3) for degrees in (1, 4, 19, 38, math.inf)]
    [12.706, 2.776, 2.093, 2.024, 1.96]
    """
    if math.isinf(degrees):
        return NormalDist().inv_cdf((1 + confidence) / 2)
    import numpy as np

    places, weights = _gauss_legendre()
    whole = math.sqrt(math.pi) / 2 * math.exp(math.lgamma(degrees / 2) - math.lgamma((degrees + 1) / 2))
    angle, step = 0.0, 1.0
    while step > 1e-13 * angle:
        covered = angle * float(weights @ np.cos(angle * places) ** (degrees - 1))
        step = (confidence * whole - covered) / math.cos(angle) ** (degrees - 1)
        angle += step
    return math.sqrt(degrees) * math.tan(angle)


@cache
def _gauss_legendre() -> tuple["np.ndarray", "np.ndarray"]:
    """Places and weights of an integral from 0 to 1."""
    import numpy as np

    places, weights = np.polynomial.legendre.leggauss(40)
    return (1 + places) / 2, weights / 2
