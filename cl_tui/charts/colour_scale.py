"""Scores as colours, from chance (dark blue) to the best (yellow), on the cividis scale, whose lightness rises steadily
for every kind of colour vision."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.contrast import contrast, mixed
from cl_tui.charts.style import Line, Palette
from engine.record.score import ScoreInfo

if TYPE_CHECKING:
    import numpy as np

# Nuñez, Anderton & Renslow (2018), "Optimizing colormaps with consideration for color vision deficiency", at twelve
# equal steps.
_CIVIDIS = (
    "00204d",
    "00306f",
    "2a406c",
    "48526b",
    "5e626e",
    "727374",
    "878479",
    "9e9677",
    "b6a971",
    "d0be67",
    "ead357",
)
_STOPS = [ColorTriplet(*bytes.fromhex(stop)) for stop in (*_CIVIDIS, "ffea46")]
_FOUR = (("blue", "bright_white"), ("bright_black", "bright_white"), ("yellow", "black"), ("bright_yellow", "black"))
"""Backgrounds and texts in a terminal with sixteen colours."""
LEVELS = 64
"""How many colours the scale has, so that neighbouring cells often share a style."""
SIGNS = "#x=-' "
"""Characters used without colours, from poor to perfect."""
_BLACK, _WHITE = ColorTriplet(0, 0, 0), ColorTriplet(255, 255, 255)


def colour_at(fraction: float) -> ColorTriplet:
    """The colour of 0 (poor) to 1 (best); beyond them that of the end.

    >>> colour_at(0.0).hex, colour_at(1.0).hex, colour_at(7.0).hex
    ('#00204d', '#ffea46', '#ffea46')
    """
    place = min(max(fraction, 0.0), 1.0) * (len(_STOPS) - 1)
    stop = min(int(place), len(_STOPS) - 2)
    return mixed(_STOPS[stop], _STOPS[stop + 1], place - stop)


def style_at(fraction: float, palette: Palette) -> Style:
    """A background with the text that can be read on it; no colours for NaN, or where the terminal has none."""
    if math.isnan(fraction):
        return Style()
    return level_style(round(min(max(fraction, 0.0), 1.0) * (LEVELS - 1)), palette.coloured, palette.tones != "full")


@lru_cache(None)
def level_style(level: int, coloured: bool, sixteen: bool) -> Style:
    """The style of one of the LEVELS."""
    if not coloured:
        return Style()
    if sixteen:
        paper, ink = _FOUR[level * len(_FOUR) // LEVELS]
        return Style(color=ink, bgcolor=paper)
    below = colour_at(level / (LEVELS - 1))
    text = max(_WHITE, _BLACK, key=lambda text: contrast(text, below))
    return Style(color=Color.from_triplet(text), bgcolor=Color.from_triplet(below))


@lru_cache(4096)
def halves(upper: int | None, lower: int | None, sixteen: bool, blank: Style) -> tuple[str, Style]:
    """The character and the style of a cell whose halves have these LEVELS; None leaves a half ``blank``."""
    above, below = (None if level is None else level_style(level, True, sixteen).bgcolor for level in (upper, lower))
    if above is None:
        return (" ", blank) if below is None else ("▄", Style(color=below, bgcolor=blank.bgcolor))
    return "▀", Style(color=above, bgcolor=below or blank.bgcolor)


def in_halves(rows: Sequence[Sequence[float]], palette: Palette, cell: int = 1) -> list[Line]:
    """Two of ``rows`` to a line, as colours or characters of fractions from poor (0) to best (1), each ``cell`` columns
    wide; blank where there is none or it is NaN. Without colours the later row alone."""
    lines: list[Line] = []
    for pair in zip_longest(rows[::2], rows[1::2], fillvalue=()):
        line: Line = []
        for column in range(max(map(len, pair))):
            known = [None if column >= len(row) or math.isnan(row[column]) else row[column] for row in pair]
            if palette.coloured:
                upper, lower = (None if of is None else round(of * (LEVELS - 1)) for of in known)
                sign, style = halves(upper, lower, palette.tones != "full", palette.text)
            else:
                newest = next((of for of in reversed(known) if of is not None), None)
                sign, style = " " if newest is None else sign_at(newest), palette.text
            line.append(Segment(sign * cell, style))
        lines.append(line)
    return lines


def sign_at(fraction: float) -> str:
    """The character for a fraction where there are no colours.

    >>> sign_at(0.0), sign_at(0.5), sign_at(1.0)
    ('#', '-', ' ')
    """
    return SIGNS[min(int(min(max(fraction, 0.0), 1.0) * len(SIGNS)), len(SIGNS) - 1)]


@dataclass(frozen=True)
class ColourScale:
    """A score's range of colours."""

    score: ScoreInfo
    worst: float
    best: float
    chance: float | None = None
    """The score of guessing, if it is the same for all tasks and known."""

    @classmethod
    def of(cls, score: ScoreInfo, scores: Iterable[float], chance: float | None = None) -> "ColourScale":
        """From ``chance``, or from what fell below it, to the best of ``scores``. The ends of accuracies are round, so
        that the colours rarely move.

        >>> from engine.record.score import ACCURACY, R2, RMSE
        >>> scale = ColourScale.of(ACCURACY, [0.208, 0.97], 0.5)
        >>> scale.worst, scale.best, [round(scale.fraction(value), 2) for value in (0.2, 0.6, 0.99, 0.1)]
        (0.2, 1.0, [0.0, 0.5, 0.99, 0.0])
        >>> ColourScale.of(RMSE, [1.0, 7.0]).fraction(1.0), ColourScale.of(R2, [-5.0, 0.75]).worst
        (1.0, 0.0)
        """
        known = [value for value in scores if math.isfinite(value)]
        if score.fraction:
            lowest, highest = min(known, default=0.0), max(known, default=1.0)
            floor = math.floor(10 * lowest + 1e-9) / 10
            worst = floor if chance is None or lowest < chance else chance
            return cls(score, worst, max(math.ceil(20 * highest - 1e-9) / 20, worst + 0.05), chance)
        worst, best = (score.worst(known), score.best(known)) if known else (0.0, 0.0)
        if score.nothing is not None:
            chance = score.nothing
            worst = score.best([worst, chance])
            best = score.best([worst, best])
        return cls(score, worst, best, chance)

    def fraction(self, value: float) -> float:
        """How far ``value`` is from the worst (0) to the best (1)."""
        span = self.best - self.worst
        if not span:
            return 1.0 if value == self.best else 0.0
        return min(max((value - self.worst) / span, 0.0), 1.0)

    def levels(self, values: "np.ndarray") -> "np.ndarray":
        """The level of each value, as an integer; −1 where it is NaN."""
        import numpy as np

        span = self.best - self.worst
        shares = (
            (values - self.worst) / span if span else np.where(np.isnan(values), np.nan, 1.0 * (values == self.best))
        )
        there = ~np.isnan(shares)
        found: np.ndarray = np.where(there, np.rint(np.clip(np.where(there, shares, 0), 0, 1) * (LEVELS - 1)), -1)
        return found.astype(int)

    def style(self, value: float, palette: Palette) -> Style:
        return style_at(self.fraction(value), palette)

    def bar(self, width: int, palette: Palette) -> Line:
        """The colours from the worst to the best with their values, and chance at its place if there is room."""
        told = self.score.tick if self.score.fraction else self.score.value  # the ends of others are not round
        low, high = told(self.worst), told(self.best)
        gap = "\0" * (width - len(low) - len(high))
        text = [*f"{low}{gap}{high}"[:width]]
        if self.chance is not None:
            place = round(self.fraction(self.chance) * (width - 1))
            label = " chance " if place == 0 else f" {told(self.chance)} chance "
            start = len(low) if place == 0 else place - 1
            if len(low) <= start and start + len(label) < width - len(high):
                text[start : start + len(label)] = label
        line: Line = []
        for cell, mark in enumerate(text):
            share = cell / max(width - 1, 1)
            style = style_at(share, palette)
            if mark == "\0":
                mark = " " if palette.coloured else sign_at(share)
            if line and line[-1].style == style:
                line[-1] = Segment(line[-1].text + mark, style)
            else:
                line.append(Segment(mark, style))
        return line
