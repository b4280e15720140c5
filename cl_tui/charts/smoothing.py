"""Means along a curve of any length, in numpy alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

_FEW = 32
_NEGLIGIBLE = 1e-8


def means_between(starts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mean of the finite values from each start up to the next, NaN where there is none.

    >>> means_between(np.array([0, 2, 3]), np.array([1.0, 2.0, np.nan, 4.0, np.inf])).tolist()
    [1.5, nan, 4.0]
    """
    finite = np.isfinite(values)
    sums, counts = np.add.reduceat(np.where(finite, values, 0.0), starts), np.add.reduceat(finite, starts, dtype=float)
    means: np.ndarray = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return means


@dataclass(frozen=True)
class RunningMean:
    """A running mean in which each value counts ``weight`` times as much as the next: about the last
    1 ÷ (1 − ``weight``) values. Values that are not finite do not count."""

    weight: float
    sum: float = 0.0
    count: float = 0.0

    def extended(self, values: np.ndarray, begins: Sequence[int] = ()) -> tuple[np.ndarray, "RunningMean"]:
        """The mean after each of the next ``values``, NaN while there is none, and the state that continues it.

        It restarts before the values at ``begins``, ascending indices between 0 and the number of values.
        """
        finite = np.isfinite(values)
        counted = np.where(finite, values, 0.0)
        sums, counts = np.empty(len(values)), np.empty(len(values))
        total, number = self.sum, self.count
        pieces = [0, *(place for place in begins if place < len(values)), len(values)]
        for piece, (start, end) in enumerate(pairwise(pieces)):
            if piece:
                total = number = 0.0
            if start < end:
                sums[start:end] = _decayed(counted[start:end], self.weight, total)
                counts[start:end] = _counted(finite[start:end], self.weight, number)
                total, number = float(sums[end - 1]), float(counts[end - 1])
        means = np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)
        return means, RunningMean(self.weight, total, number)

    @property
    def memory(self) -> int:
        """How many values back a value still counts, to four digits."""
        return math.ceil(math.log(1e-4) / math.log(self.weight))


def _counted(finite: np.ndarray, weight: float, before: float) -> np.ndarray:
    """_decayed for ones and zeros; a geometric series if there are only ones."""
    if not finite.all():
        return _decayed(finite.astype(float), weight, before)
    all_ones = 1 / (1 - weight)
    counts: np.ndarray = all_ones - (all_ones - before) * np.exp(math.log(weight) * np.arange(1, len(finite) + 1))
    return counts


def _decayed(values: np.ndarray, weight: float, before: float) -> np.ndarray:
    """s[k] = weight · s[k−1] + values[k], where s[−1] is ``before``.

    Computed in blocks short enough for weight ** −block to lose no digits; the blocks' ends are summed the same way.
    """
    if len(values) <= _FEW:
        return np.array(
            list(accumulate(values.tolist(), lambda sum_, value: weight * sum_ + value, initial=before))[1:]
        )
    if weight < _NEGLIGIBLE:
        return values + weight * np.concatenate([[before], values[:-1]])
    block = max(2, round(-8 / math.log(weight)))
    rows = -(-len(values) // block)
    padded = np.zeros(rows * block)
    padded[: len(values)] = values
    powers = weight ** np.arange(block)
    within = np.cumsum(padded.reshape(rows, block) / powers, axis=1) * powers
    ends = _decayed(within[:, -1], weight**block, before)
    carried = np.concatenate([[before], ends[:-1]])
    sums: np.ndarray = within + carried[:, None] * (powers * weight)
    return sums.ravel()[: len(values)]
