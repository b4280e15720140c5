"""Curves as braille dots, two by four per cell. Arrays in, text out; no widgets here.

A curve of any length is stored as an envelope: the smallest and largest value in each of a bounded number of bins, so
that a redraw costs the same after a hundred steps and after a million, and the spike of a single step stays visible.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
BLANK = "\u2800"
EMPTY = ord(BLANK)
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


class Envelope:
    """Smallest and largest finite value per bin of ``width`` steps; ``broken`` if a value is not finite."""

    def __init__(self, bins: int = MOST_BINS) -> None:
        self.width = 1
        self.length = 0
        """Number of steps seen."""
        self.lows, self.highs, self.broken = Columns.blank(bins)

    def extend(self, values: np.ndarray) -> None:
        """Adds the next steps' values."""
        if not len(values):
            return
        while self.length + len(values) > len(self.lows) * self.width:
            self._halve()
        finite = np.isfinite(values)
        values = np.where(finite, values, np.nan)
        first, last = self.length // self.width, (self.length + len(values) - 1) // self.width
        starts = np.maximum(np.arange(first, last + 1) * self.width - self.length, 0)
        bins = slice(first, last + 1)
        self.lows[bins] = np.fmin(self.lows[bins], np.fmin.reduceat(values, starts))
        self.highs[bins] = np.fmax(self.highs[bins], np.fmax.reduceat(values, starts))
        self.broken[bins] |= np.logical_or.reduceat(~finite, starts)
        self.length += len(values)

    def _halve(self) -> None:
        half = len(self.lows) // 2
        for array, merged, empty in (
            (self.lows, np.fmin(self.lows[0::2], self.lows[1::2]), np.nan),
            (self.highs, np.fmax(self.highs[0::2], self.highs[1::2]), np.nan),
            (self.broken, self.broken[0::2] | self.broken[1::2], False),
        ):
            array[:half] = merged
            array[half:] = empty
        self.width *= 2

    def columns(self, edges: np.ndarray) -> Columns:
        """The steps from ``edges[k]`` up to ``edges[k + 1]``, to a bin; ``edges`` ascend, shape (columns + 1,)."""
        found = Columns.blank(len(edges) - 1)
        begun, end = _begun(edges, self.length)
        if begun:
            bins = edges[:begun] // self.width - edges[0] // self.width
            part = slice(edges[0] // self.width, (end - 1) // self.width + 1)
            found.lows[:begun] = np.fmin.reduceat(self.lows[part], bins)
            found.highs[:begun] = np.fmax.reduceat(self.highs[part], bins)
            found.broken[:begun] = np.logical_or.reduceat(self.broken[part], bins)
        return found


def exact_columns(values: np.ndarray, edges: np.ndarray) -> Columns:
    """Like ``Envelope.columns``, but exact to the step, from the values themselves; the cost grows with the steps."""
    found = Columns.blank(len(edges) - 1)
    begun, end = _begun(edges, len(values))
    if begun:
        part, starts = values[edges[0] : end], edges[:begun] - edges[0]
        finite = np.isfinite(part)
        if not finite.all():
            part = np.where(finite, part, np.nan)
            found.broken[:begun] = np.logical_or.reduceat(~finite, starts)
        found.lows[:begun] = np.fmin.reduceat(part, starts)
        found.highs[:begun] = np.fmax.reduceat(part, starts)
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

    def rows(self, values: np.ndarray, height: int) -> np.ndarray:
        """Dot rows from the top, −1 if there is nothing to draw (NaN; on a log axis also 0)."""
        low, high = self.low, self.high
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.log:
                values = np.where(values > 0, np.log10(values), np.nan)
                low, high = np.log10(low), np.log10(high)
            share = (values - low) / (high - low)
        there = ~np.isnan(share)
        dots = np.rint((1 - np.clip(np.where(there, share, 0.0), 0, 1)) * (4 * height - 1)).astype(int)
        return np.where(there, dots, -1)

    def row(self, value: float, height: int) -> int | None:
        """The text row that contains ``value``."""
        dot = int(self.rows(np.array([value]), height)[0])
        return dot // 4 if dot >= 0 else None


def fitting_axis(lows: np.ndarray, highs: np.ndarray) -> Axis:
    """An axis from 0 to the largest value; logarithmic if the curves span more than two decades."""
    finite = highs[np.isfinite(highs)]
    positive = lows[lows > 0]
    top = float(finite.max()) if len(finite) else 1.0
    if top <= 1e-300:  # or nothing is left of its parts
        return Axis(0.0, 1.0, log=False)
    floor = float(np.quantile(positive, 0.05)) if len(positive) else top
    if floor * 100 < top:
        return Axis(max(floor, top * 1e-9), top, log=True)
    return Axis(0.0, top, log=False)


def outline(lows: np.ndarray, highs: np.ndarray, axis: Axis, height: int, dotted: bool = False) -> np.ndarray:
    """A curve as an array of dots, shape (4·height, columns); neighbouring columns are joined.

    ``dotted`` leaves out every other column, which distinguishes two curves without colour.
    """
    if axis.log:
        lows = np.where(lows > 0, lows, highs)
    tops, bottoms = axis.rows(highs, height), axis.rows(lows, height)
    drawn = tops >= 0
    joined = drawn[1:] & drawn[:-1]
    before_tops, before_bottoms = tops[:-1], bottoms[:-1]
    joined_tops = np.where(joined, np.minimum(tops[1:], before_bottoms + 1), tops[1:])
    joined_bottoms = np.where(joined, np.maximum(bottoms[1:], before_tops - 1), bottoms[1:])
    tops, bottoms = np.concatenate([tops[:1], joined_tops]), np.concatenate([bottoms[:1], joined_bottoms])
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


def text(dots: np.ndarray) -> list[str]:
    """One string per row of cells; an empty cell is BLANK."""
    return ["".join(map(chr, row)) for row in codes(dots).tolist()]
