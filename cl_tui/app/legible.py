"""Filters that keep text readable in every theme and on every terminal."""

import re
from functools import lru_cache
from itertools import islice

from rich.color import Color as RichColor
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from cl_tui.charts.contrast import LEAST_CONTRAST, contrast, luminance, mixed
from cl_tui.charts.marks import NARROW
from cl_tui.host.ascii_filter import by_sign, spelled_line

DIM = 0.66
"""The share of its colour that dim text keeps."""
_TEXT = re.compile("[^\\s\u2500-\u259f\u2800-\u28ff·]")
"""Any character except lines, blocks and braille, which form pictures."""
_STEPS = 16
_NARROW = str.maketrans(NARROW)


class LegibleFilter(LineFilter):
    """Moves the colour of text towards white or black until it stands out from its background."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [_legible(segment, background) for segment in segments]


class AsciiFilter(LineFilter):
    """Draws every character in ASCII, and keeps each line's width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        forms = [by_sign(text) for text, _, _ in segments]
        if None not in forms:
            return [
                Segment(form or "", style, control) for form, (_, style, control) in zip(forms, segments, strict=True)
            ]
        letters = iter(spelled_line("".join(segment.text for segment in segments), fixed=True))
        return [Segment("".join(islice(letters, len(text))), style, control) for text, style, control in segments]


class NarrowFilter(LineFilter):
    """Replaces signs that East Asian terminals draw two cells wide."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control or segment.text.isascii()
            else Segment(segment.text.translate(_NARROW), segment.style)
            for segment in segments
        ]


def _legible(segment: Segment, background: Color) -> Segment:
    text, style, control = segment
    if style is None or control or not _TEXT.search(text):
        return segment
    better = legible(style, background.rgb)
    return segment if better is style else Segment(text, better, control)


@lru_cache(4096)
def legible(style: Style, background: tuple[int, int, int]) -> Style:
    """``style`` itself if it is readable, or if the terminal chooses the colours."""
    ink, paper = style.color, style.bgcolor
    if ink is None or ink.triplet is None or (paper is not None and paper.triplet is None):
        return style
    below = ColorTriplet(*background) if paper is None or paper.triplet is None else paper.triplet
    front, back = (below, ink.triplet) if style.reverse else (ink.triplet, below)
    seen = mixed(back, front, DIM) if style.dim else front
    if contrast(seen, back) >= LEAST_CONTRAST:
        return style
    lighter = luminance(front) >= luminance(back)
    ends = [ColorTriplet(*([255] * 3 if end else [0] * 3)) for end in (lighter, not lighter)]
    end = next(end for end in ends if contrast(end, back) >= LEAST_CONTRAST)
    mixes = (mixed(front, end, step / _STEPS) for step in range(1, _STEPS + 1))
    found = RichColor.from_triplet(next(mix for mix in mixes if contrast(mix, back) >= LEAST_CONTRAST))
    return style + Style(bgcolor=found, dim=False) if style.reverse else style + Style(color=found, dim=False)
