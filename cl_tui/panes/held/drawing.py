"""Two images side by side, what is held and what is pulled, and where there is room the map of their ratio."""

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from cl_tui.charts.bars import bar
from cl_tui.charts.pictures import BLUE, BLUE_TO_ORANGE, GREY, ORANGE, fit, heat_image
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import message, side_by_side, window
from cl_tui.reports.held import Images, tiled
from engine.record.held import MOST_DOUBLINGS, holders, ratio

LEAST = 20
"""Fewest cells for the width of an image beside which there is a map of the ratio."""
WIDEST = 60
"""Most cells for the width of one of three images, so that all are drawn within a few milliseconds."""
WIDEST_NAME = 12


def draw_held(images: Images, width: int, height: int, palette: Palette) -> list[Line]:
    if palette.tones == "none":
        return [*_said(images, width, palette), *_holders(images, width, height - 3, palette)][:height]
    if images.puller is None:
        return _beside(images, width, height, palette)
    shape = tiled(images.held).shape
    row = fit(shape, (width - 4) // 3, height - 3)[0]
    square = fit(shape, (width - 2) // 2, (height - 3) // 2)[0]
    if max(row, square) < LEAST:
        return _pair(images, width, height, palette)
    return _row(images, width, height, palette) if row >= square else _square(images, width, height, palette)


def _held(images: Images, width: int, height: int, palette: Palette) -> list[Line]:
    head = Segment(f"{_cut(f'held by {images.by}: ΣΩ', width):^{width}}", palette.loss)
    return [[head], *heat_image(tiled(images.held), width, height - 1, palette, BLUE)]


def _pulled(images: Images, width: int, height: int, palette: Palette) -> list[Line]:
    puller = "" if images.puller is None else f"pulled by task {images.puller + 1}: Σ|g|"
    head = Segment(f"{_cut(puller, width):^{width}}", palette.caution)
    return [[head], *heat_image(tiled(images.pulled), width, height - 1, palette, ORANGE)]


def _ratio(images: Images, width: int, height: int, palette: Palette) -> list[Line]:
    """With its scale below it."""
    span = (-MOST_DOUBLINGS, MOST_DOUBLINGS)
    ramp = BLUE_TO_ORANGE if palette.coloured else GREY  # in greys, both ends would be alike
    found = heat_image(tiled(ratio(images.held, images.pulled)), width, height - 2, palette, ramp, span)
    most = f"{2**MOST_DOUBLINGS:.0f}×"
    left, right = f"held {most} ", f" {most} pulled"
    room = width - len(left) - len(right)
    scale: Line = [Segment("by share"[:width], palette.muted)]
    if room >= 5:
        shades = heat_image(np.linspace(*span, room)[None, :], room, 1, palette, ramp, span)
        scale = [Segment(left, palette.loss), *shades[0], Segment(right, palette.caution)]
    return [_what_is_more(width, palette), *found, scale]


def _what_is_more(width: int, palette: Palette) -> Line:
    words = [("more pulled", palette.caution), (" / ", palette.muted), ("more held", palette.loss)]
    for rest in (", by share", ""):
        told = [*words, (rest, palette.muted)]
        if (free := width - sum(len(word) for word, _ in told)) >= 0:
            return [Segment(" " * (free // 2), palette.muted), *(Segment(*part) for part in told)]
    return [Segment("ratio"[:width], palette.muted)]


def _pair(images: Images, width: int, height: int, palette: Palette) -> list[Line]:
    """Two images, and the sentence if there is one."""
    below = _said(images, width, palette)[:2] if height >= 8 else []
    half, room = (width - 2) // 2, height - len(below)
    held, pulled = (draw(images, half, room, palette) for draw in (_held, _pulled))
    return [*side_by_side(held, pulled, half + 2, palette.text), *below]


def _row(images: Images, width: int, height: int, palette: Palette) -> list[Line]:
    """Three images, the map in the middle."""
    third = min((width - 4) // 3, WIDEST)
    below = _said(images, width, palette)[:2]
    tall = fit(tiled(images.held).shape, third, height - len(below) - 2)[1]
    rest = height - len(below) - tall - 2
    room = tall + 2
    left = side_by_side(
        _held(images, third, room - 1, palette), _ratio(images, third, room, palette), third + 2, palette.text
    )
    lines = side_by_side(left, _pulled(images, third, room - 1, palette), 2 * third + 4, palette.text)
    more = _holders(images, width, rest, palette) if rest >= 3 else []
    return [*lines, *below, *more][:height]


def _square(images: Images, width: int, height: int, palette: Palette) -> list[Line]:
    """Two images above, the map and the words below."""
    half = min((width - 2) // 2, WIDEST)
    above = min((height - 1) // 2, WIDEST // 2 + 1)
    held, pulled = (draw(images, half, above, palette) for draw in (_held, _pulled))
    lines = side_by_side(held, pulled, half + 2, palette.text)
    map_ = _ratio(images, half, height - above, palette)
    words: list[Line] = [[], *_said(images, half, palette)]
    words += [[], *_holders(images, half, height - above - len(words) - 1, palette)]
    if len(words) + 3 < height - above:
        words += [[], _hints(half, palette)]
    return [*lines, *side_by_side(map_, words, half + 2, palette.text)]


def _beside(images: Images, width: int, height: int, palette: Palette) -> list[Line]:
    """Before a gradient is known: what is held, and who holds it."""
    words = _holders(images, width // 2, height - 2, palette)
    if not words:
        return _held(images, width, height, palette)
    half = width - width // 2 - 2
    return side_by_side(_held(images, half, height, palette), [[], *words], half + 2, palette.text)


def _hints(width: int, palette: Palette) -> Line:
    line = [
        Segment("[ ]", palette.loss),
        Segment(" one task   ", palette.muted),
        Segment("Enter", palette.loss),
        Segment(" neurons", palette.muted),
    ]
    return line if sum(segment.cell_length for segment in line) <= width else line[:2]


def _said(images: Images, width: int, palette: Palette) -> list[Line]:
    return message(images.sentence, width, palette.text) if images.sentence else []


def _holders(images: Images, width: int, height: int, palette: Palette) -> list[Line]:
    """What share of the half of Ω with the fewest points each task holds."""
    if len(images.parts) < 2 or height < 2:
        return []
    shares = holders(list(images.parts))
    visible = window(len(shares), height - 1, None, len(shares))
    names = [set_cell_size(images.names[task], min(cell_len(images.names[task]), WIDEST_NAME)) for task in visible]
    label = max(map(cell_len, names))
    of = "pixels" if len(images.held) == 1 else "weights"
    lines: list[Line] = [[Segment(_cut(f"who holds the top {of}", width), palette.muted)]]
    for task, name in zip(visible, names, strict=True):
        told = f"{task + 1:>3}  "
        share = f"{100 * shares[task]:>5.0f} % "
        room = min(width - len(told) - label - len(share), 20)
        lines.append(
            [
                Segment(told, palette.muted),
                Segment(set_cell_size(name, label), palette.strong),
                Segment(share, palette.text),
                *bar(shares[task], room, palette.loss, palette.muted),
            ]
        )
    return lines


def _cut(told: str, width: int) -> str:
    return told if cell_len(told) <= width else set_cell_size(told, max(width - 1, 0)) + "…" * (width > 0)
