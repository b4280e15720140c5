"""Curves as braille dots, two by four per cell. A curve is stored as an envelope, its lowest and highest value in each
of a bounded number of bins: a redraw costs the same after any step, and the spike of one step stays visible."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
EMPTY = 0x2800
MOST_BINS = 8192


class Columns(NamedTuple):
    """The values of a curve in each column of dots: arrays of shape (columns,)."""

    lows: np.ndarray
    """Smallest finite values; NaN if there are none."""
    highs: np.ndarray
    broken: np.ndarray
    """Whether any value is not finite."""

    @classmethod
    def blank(cls, count: int) -> "Columns":
        return cls(np.full(count, np.nan), np.full(count, np.nan), np.zeros(count, dtype=bool))


_MERGES = (np.fmin, np.fmax, np.logical_or)


class Envelope:
    """Smallest and largest finite value per bin of ``width`` steps; ``broken`` if a value is not finite."""

    def __init__(self, bins: int = MOST_BINS) -> None:
        self.width = 1
        self.length = 0
        self.lows, self.highs, self.broken = self._bins = Columns.blank(bins)

    def extend(self, values: np.ndarray) -> None:
        if not len(values):
            return
        half = len(self._bins.lows) // 2
        while self.length + len(values) > 2 * half * self.width:
            for array, merge, empty in zip(self._bins, _MERGES, Columns.blank(half), strict=True):
                array[:] = np.concatenate([merge(array[0::2], array[1::2]), empty])
            self.width *= 2
        first, last = self.length // self.width, (self.length + len(values) - 1) // self.width
        starts = np.maximum(np.arange(first, last + 1) * self.width - self.length, 0)
        bins = slice(first, last + 1)
        for array, merge, new in zip(self._bins, _MERGES, _each(values), strict=True):
            array[bins] = merge(array[bins], merge.reduceat(new, starts))
        self.length += len(values)

    def columns(self, edges: np.ndarray) -> Columns:
        """The steps from ``edges[k]`` up to ``edges[k + 1]``, to a bin; ``edges`` ascend, shape (columns + 1,)."""
        begun, end = _begun(edges, self.length)
        first = edges[0] // self.width
        part = slice(first, (end - 1) // self.width + 1)
        return _gathered(Columns(*(array[part] for array in self._bins)), edges, edges[:begun] // self.width - first)


def exact_columns(values: np.ndarray, edges: np.ndarray) -> Columns:
    """Like ``Envelope.columns``, but exact to the step, from the values themselves; the cost grows with the steps."""
    begun, end = _begun(edges, len(values))
    return _gathered(_each(values[edges[0] : end]), edges, edges[:begun] - edges[0])


def _each(values: np.ndarray) -> Columns:
    broken = ~np.isfinite(values)
    finite = np.where(broken, np.nan, values) if broken.any() else values
    return Columns(finite, finite, broken)


def _gathered(part: Columns, edges: np.ndarray, starts: np.ndarray) -> Columns:
    """The columns between ``edges`` from those of ``part``: the first begin at ``starts``, the others are blank."""
    found = Columns.blank(len(edges) - 1)
    if len(starts):
        for array, merge, values in zip(found, _MERGES, part, strict=True):
            array[: len(starts)] = merge.reduceat(values, starts)
    return found


def _begun(edges: np.ndarray, length: int) -> tuple[int, int]:
    """How many columns begin before ``length``, and where their steps end."""
    return int(np.searchsorted(edges[:-1], length)), min(max(int(edges[-1]), int(edges[-2]) + 1), length)


@dataclass(frozen=True)
class Axis:
    """The range of values of a chart, from its lower to its upper edge."""

    low: float
    high: float
    log: bool

    def shares(self, values: np.ndarray) -> np.ndarray:
        """The height of each value, 0 to 1 within the range; NaN if it has none (NaN; on a log axis also 0)."""
        low, high = self.low, self.high
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.log:
                values, low, high = np.where(values > 0, np.log10(values), np.nan), np.log10(low), np.log10(high)
            shares: np.ndarray = (values - low) / (high - low)
        return shares

    def rows(self, values: np.ndarray, height: int) -> np.ndarray:
        """Dot rows from the top, −1 if there is nothing to draw."""
        share = self.shares(values)
        there = ~np.isnan(share)
        dots = np.rint((1 - np.clip(np.where(there, share, 0.0), 0, 1)) * (4 * height - 1)).astype(int)
        return np.where(there, dots, -1)

    def row(self, value: float, height: int) -> int | None:
        """The text row that contains ``value``."""
        dot = int(self.rows(np.array([value]), height)[0])
        return dot // 4 if dot >= 0 else None


def fitting_axis(lows: np.ndarray, highs: np.ndarray) -> Axis:
    """An axis from 0, or the lowest value below it, to the largest; logarithmic if the curves span more than two
    decades, and what is below 0 is less than a hundredth of the largest."""
    finite = highs[np.isfinite(highs)]
    positive, negative = lows[lows > 0], lows[(lows < 0) & np.isfinite(lows)]
    top = float(finite.max()) if len(finite) else 1.0
    bottom = float(negative.min()) if len(negative) else 0.0
    if top <= 1e-300:  # or nothing is left of its parts
        return Axis(bottom, 1.0 if bottom == 0 else 0.0, log=False)
    floor = float(np.quantile(positive, 0.05)) if len(positive) else top
    if floor * 100 < top and bottom * -100 < top:
        return Axis(max(floor, top * 1e-9), top, log=True)
    return Axis(bottom, top, log=False)


def outline(lows: np.ndarray, highs: np.ndarray, axis: Axis, height: int, dotted: bool = False) -> np.ndarray:
    """A curve as an array of dots, shape (4·height, columns); neighbouring columns are joined.

    ``dotted`` leaves out every other column, which distinguishes two curves without colour.
    """
    if axis.log:
        lows = np.where(lows > 0, lows, highs)
    tops, bottoms = axis.rows(highs, height), axis.rows(lows, height)
    drawn = tops >= 0
    joined = drawn[1:] & drawn[:-1]
    tops[1:], bottoms[1:] = (
        np.where(joined, np.minimum(tops[1:], bottoms[:-1] + 1), tops[1:]),
        np.where(joined, np.maximum(bottoms[1:], tops[:-1] - 1), bottoms[1:]),
    )
    y = np.arange(4 * height)[:, None]
    dots: np.ndarray = drawn & (y >= tops) & (y <= bottoms)
    if dotted:
        dots[:, 1::2] = False
    return dots


def codes(dots: np.ndarray) -> np.ndarray:
    """The characters for dots of shape (4·height, 2·width), as numbers of shape (height, width)."""
    height, width = dots.shape[0] // 4, dots.shape[1] // 2
    cells = dots.view(np.uint8).reshape(height, 4, width, 2)
    found = np.full((height, width), EMPTY, dtype=np.uint32)
    for y, x in np.ndindex(4, 2):
        found += cells[:, y, :, x] * _DOTS[y, x]
    return found
