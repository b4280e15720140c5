"""Curves as braille dots, two by four a cell. Arrays in, text out; no widget here.

A curve of any length is kept as an envelope: the smallest and largest value in each of a bounded number of bins, so
that a redraw costs the same after a hundred steps and after a million, and one step's spike is never averaged away.
"""

from dataclasses import dataclass

import numpy as np

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint16)
BLANK = "\u2800"
MOST_BINS = 8192


class Envelope:
    """Smallest and largest finite value per bin of ``width`` steps; ``broken`` where a value is not finite."""

    def __init__(self, bins: int = MOST_BINS) -> None:
        self.width = 1
        self.length = 0
        """Steps seen."""
        self.lows = np.full(bins, np.nan)
        self.highs = np.full(bins, np.nan)
        self.broken = np.zeros(bins, dtype=bool)

    def extend(self, values: np.ndarray) -> None:
        """Takes the next steps' values."""
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

    def columns(self, count: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lows, highs and broken of ``count`` columns that span ``steps`` steps; NaN where no step is yet."""
        lows, highs, broken = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count, dtype=bool)
        starts = np.arange(count) * steps // count
        begun = int(np.searchsorted(starts, self.length))
        if begun:
            bins = starts[:begun] // self.width
            end = (self.length - 1) // self.width + 1
            lows[:begun] = np.fmin.reduceat(self.lows[:end], bins)
            highs[:begun] = np.fmax.reduceat(self.highs[:end], bins)
            broken[:begun] = np.logical_or.reduceat(self.broken[:end], bins)
        return lows, highs, broken


@dataclass(frozen=True)
class Axis:
    """The values between the lower and the upper edge of a chart."""

    low: float
    high: float
    log: bool

    def rows(self, values: np.ndarray, height: int) -> np.ndarray:
        """Dot rows from the top, −1 where there is nothing to draw (NaN; on a log axis also 0)."""
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
        """The text row in which ``value`` lies."""
        dot = int(self.rows(np.array([value]), height)[0])
        return dot // 4 if dot >= 0 else None


def fitting_axis(lows: np.ndarray, highs: np.ndarray) -> Axis:
    """From 0 to the largest value; logarithmic where the curves span more than two decades."""
    finite = highs[np.isfinite(highs)]
    positive = lows[lows > 0]
    top = float(finite.max()) if len(finite) else 1.0
    if top <= 0:
        return Axis(0.0, 1.0, log=False)
    floor = float(np.quantile(positive, 0.05)) if len(positive) else top
    if floor * 100 < top:
        return Axis(max(floor, top * 1e-9), top, log=True)
    return Axis(0.0, top, log=False)


def outline(lows: np.ndarray, highs: np.ndarray, axis: Axis, height: int, dotted: bool = False) -> np.ndarray:
    """A curve as an array of dots, shape (4·height, columns); neighbouring columns are joined.

    ``dotted`` leaves out every other column, which tells two curves apart without colour.
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


def text(dots: np.ndarray) -> list[str]:
    """One string a row of cells; an empty cell is BLANK."""
    height, width = dots.shape[0] // 4, dots.shape[1] // 2
    cells = dots.reshape(height, 4, width, 2).transpose(0, 2, 1, 3)
    codes = (cells * _DOTS).sum(axis=(2, 3)) + ord(BLANK)
    return ["".join(map(chr, row)) for row in codes.tolist()]
