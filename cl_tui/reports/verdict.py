"""Whether a mean measured here agrees with a published one, given both errors.

The difference of the two means has a 95 % confidence interval: difference ± t·√(s² + p²), where s is the standard error
here, p the published standard error, and t Student's quantile with Welch's degrees of freedom. A published mean without
an error counts as exact (p = 0), so that only the error here widens the interval.

A difference matters from ``margin`` on: one point of accuracy, or the standard deviation of the published single runs
if that is larger, since nobody sees a smaller difference in a run. The two means

- agree if the whole interval lies within ± margin,
- differ if the whole interval lies outside,
- otherwise there are too few runs to tell.

So "agrees" is an equivalence test, not just a lack of evidence, and a difference too small to matter never counts as
one, however many runs prove it.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from cl_tui.reports.statistics import Estimate, student_t

LEAST_MARGIN = 0.01
"""One point of accuracy."""
CONFIDENCE = 0.95
POWER = 0.8
"""The chance of a verdict with the seeds that ``seeds_to_tell`` names, if the difference is as large as it looks."""
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Verdict:
    word: Literal["agrees", "differs", "too few runs to tell"]
    difference: float
    half_width: float | None
    """Half the width of its 95 % confidence interval; None for a single run, which has no error."""
    margin: float
    seeds: int | None
    """If there are too few runs, how many would tell; None if no number up to MOST_SEEDS would, or if the scatter
    of the runs is unknown."""


def judge(here: Estimate, published: Estimate) -> Verdict:
    """
    Both errors 0.1 points over 20 runs: the interval is ± 0.29, and the margin one point.

    >>> published = Estimate(0.99, 0.001, 20)
    >>> [judge(Estimate(value, 0.001, 20), published).word for value in (0.993, 0.96, 0.998)]
    ['agrees', 'differs', 'too few runs to tell']
    >>> judge(Estimate(0.96), published).word
    'too few runs to tell'
    """
    difference, width, matters = here.mean - published.mean, half_width(here, published), margin(published)
    if width is not None and abs(difference) + width <= matters:
        return Verdict("agrees", difference, width, matters, None)
    if width is not None and abs(difference) - width >= matters:
        return Verdict("differs", difference, width, matters, None)
    return Verdict("too few runs to tell", difference, width, matters, seeds_to_tell(here, published))


def margin(published: Estimate) -> float:
    """
    >>> margin(Estimate(0.6, 0.01, 16)), margin(Estimate(0.99, 0.001, 16)), margin(Estimate(0.5))
    (0.04, 0.01, 0.01)
    """
    return max(LEAST_MARGIN, published.deviation or 0.0)


def half_width(here: Estimate, published: Estimate) -> float | None:
    """
    Two errors of 1 point over 20 runs each: t(38) = 2.0244, times √2 points. Against an exact value: t(19) = 2.0930.

    >>> round(half_width(Estimate(0.9, 0.01, 20), Estimate(0.9, 0.01, 20)), 6)
    0.028629
    >>> round(half_width(Estimate(0.9, 0.01, 20), Estimate(0.9)), 6)
    0.02093
    """
    if here.error is None or here.count is None:
        return None
    error = math.hypot(here.error, published.error or 0.0)
    return error * student_t(degrees(here, published), CONFIDENCE) if error else 0.0


def degrees(here: Estimate, published: Estimate) -> float:
    """Welch's degrees of freedom; an error from an unknown number of runs counts as exact.

    Equal errors over 20 runs each: (1 + 1)² / (1/19 + 1/19) = 38.

    >>> round(degrees(Estimate(0.9, 0.01, 20), Estimate(0.8, 0.01, 20)), 9)
    38.0
    >>> degrees(Estimate(0.9, 0.01, 5), Estimate(0.8))
    4.0
    """
    squares = [((each.error or 0.0) ** 2, each.count or 1) for each in (here, published)]
    parts = sum(squared**2 / (count - 1) for squared, count in squares if count > 1)
    return sum(squared for squared, _ in squares) ** 2 / parts if parts else math.inf


def seeds_to_tell(here: Estimate, published: Estimate) -> int | None:
    """The fewest seeds with which a verdict has a chance of POWER, if difference and scatter are as they look now.

    No difference, a run's standard deviation of 2 points, against an exact value: the interval stays within ± 1 point
    with a chance of 80 % once 1 / error ≥ t + 1.2816. 44 runs have √44 / 2 = 3.317 against t(43) + 1.2816 = 3.298, and
    43 have 3.279 against 3.300.

    >>> seeds_to_tell(Estimate(0.9, 0.01, 4), Estimate(0.9))
    44
    >>> seeds_to_tell(Estimate(0.9), Estimate(0.9)) is None
    True
    """
    deviation = published.deviation if here.deviation is None else here.deviation
    if deviation is None:
        return None
    for runs in range(max(2, (here.count or 0) + 1), MOST_SEEDS + 1):
        if chance(Estimate(here.mean, deviation / math.sqrt(runs), runs), published) >= POWER:
            return runs
    return None


def chance(here: Estimate, published: Estimate) -> float:
    """The chance that another such experiment gives a verdict, if the means are the true ones (normal approximation).

    At the very edge of the margin, nothing can be decided:

    >>> round(chance(Estimate(0.51, 0.0001, 100), Estimate(0.5)), 3)
    0.047
    """
    error, matters = math.hypot(here.error or 0.0, published.error or 0.0), margin(published)
    difference = abs(here.mean - published.mean)
    if not error:
        return float(difference != matters)
    t, below = student_t(degrees(here, published), CONFIDENCE), NormalDist().cdf
    agrees = below((matters - difference) / error - t) + below((matters + difference) / error - t) - 1
    return max(0.0, agrees) + below((difference - matters) / error - t)
