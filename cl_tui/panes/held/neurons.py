"""The neurons of the first layer as small pictures of what Ω holds of each, those that hold most first."""

import numpy as np
from rich.segment import Segment

from cl_tui.charts.pictures import BLUE, heat_image
from cl_tui.charts.style import Line, Palette

CELLS = 16
"""Columns of a picture; it is half as many lines high."""


def draw_neurons(images: np.ndarray, first: int, width: int, height: int, palette: Palette) -> list[Line]:
    """``images``: shape (neurons, rows, columns). ``first``: the first visible row of them."""
    totals = images.sum(axis=(1, 2), dtype=float)
    order = np.argsort(-totals, kind="stable")
    shares = totals / max(float(totals.sum()), 1e-300)
    across, down = _across(width), max(height // _tall(palette), 1)
    lines: list[Line] = []
    for row in range(first, first + down):
        of_row = order[row * across : (row + 1) * across].tolist()
        if not of_row:
            break
        names = "".join(f"{f'{neuron + 1}  {100 * shares[neuron]:.1f} %':<{CELLS + 1}}" for neuron in of_row)
        lines.append([Segment(names[:width], palette.muted)])
        lines += _pictures(images[of_row], palette)
    return lines[:height]


def last_row(count: int, width: int, height: int) -> int:
    """The last row from which to begin."""
    return max(-(-count // _across(width)) - max(height // (CELLS // 2 + 1), 1), 0)


def _across(width: int) -> int:
    return max((width + 1) // (CELLS + 1), 1)


def _tall(palette: Palette) -> int:
    return 1 if palette.tones == "none" else CELLS // 2 + 1


def _pictures(of_row: np.ndarray, palette: Palette) -> list[Line]:
    """Side by side, each up to its own largest Ω."""
    most = of_row.max(axis=(1, 2), keepdims=True)
    bright = of_row / np.where(most > 0, most, 1)
    pictures = [heat_image(picture, CELLS, CELLS // 2, palette, BLUE, (0.0, 1.0)) for picture in bright]
    gap = Segment(" ", palette.text)
    return [[segment for part in parts for segment in (*part, gap)] for parts in zip(*pictures, strict=True)]
