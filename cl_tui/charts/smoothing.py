"""Means and bands along a curve of any length, in numpy alone."""

import numpy as np

from cl_tui.charts.braille import MOST_BINS

SAMPLE = 64
"""Most values of which a band is taken: with more its ends move by less than the eye sees."""
_LOW, _HIGH = 6, 57
"""The places of the tenth and the ninetieth percentile among SAMPLE values."""


def means_between(starts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mean of the finite values from each start up to the next, NaN where there is none.

    >>> means_between(np.array([0, 2, 3]), np.array([1.0, 2.0, np.nan, 4.0, np.inf])).tolist()
    [1.5, nan, 4.0]
    """
    finite = np.isfinite(values)
    sums, counts = np.add.reduceat(np.where(finite, values, 0.0), starts), np.add.reduceat(finite, starts, dtype=float)
    return _divided(sums, counts)


def means_within(starts: np.ndarray, ends: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mean of the finite values in each stretch, which may overlap; NaN where there is none.

    >>> means_within(np.array([0, 1]), np.array([2, 3]), np.array([1.0, 2.0, 4.0])).tolist()
    [1.5, 3.0]
    """
    finite = np.isfinite(values)
    return _divided(
        _sums_within(starts, ends, np.where(finite, values, 0.0)), _sums_within(starts, ends, finite.astype(float))
    )


class Sums:
    """The sum and the number of the finite values in each of a bounded number of bins of ``width`` steps, so that means
    cost the same after any step."""

    def __init__(self, bins: int = MOST_BINS) -> None:
        self.width = 1
        self.length = 0
        self._bins = np.zeros((2, bins))

    def extend(self, values: np.ndarray) -> None:
        if not len(values):
            return
        bins = self._bins.shape[1]
        while self.length + len(values) > bins * self.width:
            halved = self._bins[:, 0::2] + self._bins[:, 1::2]
            self._bins = np.concatenate([halved, np.zeros((2, bins - halved.shape[1]))], axis=1)
            self.width *= 2
        finite = np.isfinite(values)
        first, last = self.length // self.width, (self.length + len(values) - 1) // self.width
        starts = np.maximum(np.arange(first, last + 1) * self.width - self.length, 0)
        self._bins[0, first : last + 1] += np.add.reduceat(np.where(finite, values, 0.0), starts)
        self._bins[1, first : last + 1] += np.add.reduceat(finite, starts, dtype=float)
        self.length += len(values)

    def means(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """As ``means_within``, to a bin."""
        first = starts // self.width
        last = np.maximum(-(-ends // self.width), first + 1)
        sums, counts = (_sums_within(first, last, row) for row in self._bins)
        return _divided(sums, counts)


def band_within(starts: np.ndarray, ends: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tenth and the ninetieth percentile of the values in each stretch, of at most SAMPLE equally spaced ones; NaN
    where there are not so many finite ones."""
    along = (np.arange(SAMPLE) + 0.5) / SAMPLE
    places = (starts[:, None] + along * (ends - starts)[:, None]).astype(int)
    sample = values[np.minimum(places, len(values) - 1)]
    sample = np.partition(np.where(np.isfinite(sample), sample, np.nan), (_LOW, _HIGH), axis=1)
    return sample[:, _LOW], sample[:, _HIGH]


def _sums_within(starts: np.ndarray, ends: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Needs ``starts`` < ``ends`` ≤ len(values)."""
    if not len(starts):
        return np.empty(0)
    borders = np.stack([starts, ends], axis=1).ravel()
    sums: np.ndarray = np.add.reduceat(np.append(values, 0.0), borders)[::2]
    return sums


def _divided(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    means: np.ndarray = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means
