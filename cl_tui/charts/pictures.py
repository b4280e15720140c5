"""Pictures and arrays of numbers as half blocks: each cell shows two pixels, one above the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette

if TYPE_CHECKING:
    import numpy as np

RGB = tuple[int, int, int]
_TILE: RGB = (18, 19, 24)
"""What is black in a picture: a tile that stands out a little from a dark screen, and from a light one."""
_LEVELS = 32
"""Steps of a ramp; more could not be told apart, and each pair of colours is a style that is kept."""
_BLOCKS = " ▀▄█"


@dataclass(frozen=True)
class Ramp:
    """Colours from the lowest value to the highest, equally far apart."""

    colours: tuple[RGB, ...]
    sixteen: tuple[str, ...]
    """The same in few steps, for terminals with sixteen colours."""


GREY = Ramp((_TILE, (255, 255, 255)), ("black", "bright_black", "white", "bright_white"))
BLUE = Ramp((_TILE, (24, 62, 104), (86, 180, 233), (236, 248, 255)), ("black", "blue", "bright_blue", "bright_cyan"))
ORANGE = Ramp((_TILE, (104, 54, 10), (230, 150, 30), (255, 240, 205)), ("black", "red", "yellow", "bright_yellow"))
BLUE_TO_ORANGE = Ramp(
    ((120, 200, 245), (40, 96, 150), _TILE, (150, 84, 16), (245, 170, 60)),
    ("bright_blue", "blue", "black", "yellow", "bright_yellow"),
)
"""For a share between two sides; the middle is dark."""
ORANGE_TO_GREEN = Ramp(
    ((240, 160, 45), (128, 78, 22), (30, 32, 38), (16, 96, 74), (52, 196, 146)),
    ("bright_yellow", "yellow", "black", "green", "bright_green"),
)
"""For the probability of the right answer: wrong, undecided, right."""


def fit(shape: Sequence[int], width: int, height: int) -> tuple[int, int]:
    """The cells (columns, rows) that such a picture fills in ``width`` × ``height``; a cell is two pixels high.

    >>> fit((28, 28), 14, 7), fit((28, 28, 1), 40, 7), fit((8, 8), 3, 9), fit((32, 64, 3), 20, 20)
    ((14, 7), (14, 7), (3, 2), (20, 5))
    """
    scale = min(width / shape[1], 2 * height / shape[0])
    columns, rows = round(shape[1] * scale), round(shape[0] * scale / 2)
    return min(max(columns, 1), max(width, 0)), min(max(rows, 1), max(height, 0))


def half_blocks(
    picture: "np.ndarray", width: int, height: int, palette: Palette, tint: Ramp | None = None
) -> list[Line]:
    """A picture, of shape (rows, columns) or (rows, columns, channels) with values up to 255, as large as it fits in
    ``width`` × ``height`` cells and in their middle: ``height`` lines of ``width`` cells. No lines if the terminal
    shows no pictures (``palette.tones``). ``tint`` is drawn instead of its colours."""
    import numpy as np

    if palette.tones == "none" or width < 1 or height < 1:
        return []
    columns, rows = fit(picture.shape, width, height)
    pixels = picture.reshape(*picture.shape[:2], -1).astype(float) / 255
    if pixels.shape[2] != 3 or tint is not None or palette.tones != "full":
        grey = pixels @ _LIGHT if pixels.shape[2] == 3 else pixels.mean(axis=2)
        lines = _of_shares(_bright(_scaled(grey, columns, 2 * rows), grey), palette, tint or GREY)
    else:
        shown = np.stack([_scaled(pixels[:, :, channel], columns, 2 * rows) for channel in range(3)], axis=2)
        tile = np.array(_TILE)
        steps = np.rint(tile + shown * (255 - tile)).astype(int) & ~7  # fewer colours are fewer styles to keep
        lines = _cells((steps[:, :, 0] << 16) | (steps[:, :, 1] << 8) | steps[:, :, 2], _in_rgb)
    return _middle(lines, columns, rows, width, height, palette.text)


_LIGHT = (0.299, 0.587, 0.114)
"""How bright red, green and blue look."""


def heat_image(
    values: "np.ndarray",
    width: int,
    height: int,
    palette: Palette,
    ramp: Ramp,
    span: tuple[float, float] | None = None,
) -> list[Line]:
    """Numbers of shape (rows, columns) in the colours of ``ramp``, otherwise as ``half_blocks``. ``span``: the values
    of its ends, instead of 0 and the largest value. A value that is not finite is drawn as the lowest."""
    import numpy as np

    if palette.tones == "none" or width < 1 or height < 1:
        return []
    known = np.where(np.isfinite(values), values, -np.inf)
    low, high = span or (0.0, float(known.max(initial=0.0)))
    shares = np.clip((known - low) / (high - low), 0, 1) if high > low else np.zeros(values.shape)
    columns, rows = fit(values.shape, width, height)
    lines = _of_shares(_scaled(shares, columns, 2 * rows), palette, ramp)
    return _middle(lines, columns, rows, width, height, palette.text)


def heat_rows(shares: "np.ndarray", palette: Palette, ramp: Ramp) -> list[Line]:
    """Shares of shape (rows, columns) in the colours of ``ramp``: a cell to a column, two rows to a line."""
    import numpy as np

    if palette.tones == "none" or not shares.size:
        return []
    whole = np.concatenate([shares, shares[-1:]]) if len(shares) % 2 else shares
    return _of_shares(np.clip(np.nan_to_num(whole), 0, 1), palette, ramp)


def _scaled(array: "np.ndarray", columns: int, rows: int) -> "np.ndarray":
    """Each new pixel is the mean of the area that it covers: smooth if it shrinks, larger pixels if it grows."""
    if array.shape == (rows, columns):
        return array
    shown: np.ndarray = _overlap(array.shape[0], rows) @ array @ _overlap(array.shape[1], columns).T
    return shown


def _bright(shown: "np.ndarray", before: "np.ndarray") -> "np.ndarray":
    """As bright at its brightest as before it shrank: thin strokes would fade in the mean."""
    most = float(shown.max(initial=0.0))
    return shown * (float(before.max()) / most) if most > 0 else shown


@lru_cache(64)
def _overlap(before: int, after: int) -> "np.ndarray":
    """How much each of ``after`` parts of a line takes of ``before`` parts, shape (after, before). Rows add up to 1."""
    import numpy as np

    old, new = np.linspace(0, 1, before + 1), np.linspace(0, 1, after + 1)
    common = np.minimum(new[1:, None], old[1:]) - np.maximum(new[:-1, None], old[:-1])
    shares: np.ndarray = np.clip(common, 0, None) * after
    return shares


def _of_shares(shares: "np.ndarray", palette: Palette, ramp: Ramp) -> list[Line]:
    import numpy as np

    if palette.tones == "two":
        on = (shares >= 0.45).astype(int)
        return [
            [Segment("".join(_BLOCKS[top + 2 * below] for top, below in zip(*pair, strict=True)), palette.text)]
            for pair in zip(on[::2].tolist(), on[1::2].tolist(), strict=True)
        ]
    if palette.tones == "four":
        steps = np.minimum(shares * len(ramp.sixteen), len(ramp.sixteen) - 1).astype(int)
        return _cells(steps, lambda top, below: _in_sixteen(ramp.sixteen[top], ramp.sixteen[below]))
    return _cells(np.array(_colours(ramp))[np.rint(shares * (_LEVELS - 1)).astype(int)], _in_rgb)


def shades(ramp: Ramp, count: int) -> list[str]:
    """``count`` colours of the ramp, equally far apart.

    >>> shades(GREY, 2)
    ['#121318', '#ffffff']
    """
    found = []
    for number in range(count):
        place = number * (len(ramp.colours) - 1) / max(count - 1, 1)
        below = min(int(place), len(ramp.colours) - 2)
        pair = zip(ramp.colours[below], ramp.colours[below + 1], strict=True)
        found.append("#" + "".join(f"{round(low + (high - low) * (place - below)):02x}" for low, high in pair))
    return found


@lru_cache(16)
def _colours(ramp: Ramp) -> tuple[int, ...]:
    """The ramp in _LEVELS steps, each colour as one number."""
    import numpy as np

    ends = np.linspace(0, 1, len(ramp.colours))
    red, green, blue = (
        np.rint(np.interp(np.linspace(0, 1, _LEVELS), ends, channel)).astype(int)
        for channel in np.array(ramp.colours).T
    )
    return tuple(((red << 16) | (green << 8) | blue).tolist())


def _cells(codes: "np.ndarray", style: Callable[[int, int], Style]) -> list[Line]:
    """Two rows of pixels to a line. Neighbours with the same colours become one segment."""
    lines: list[Line] = []
    for tops, belows in zip(codes[::2].tolist(), codes[1::2].tolist(), strict=True):
        line: Line = []
        before, count = (tops[0], belows[0]), 0
        for pair in [*zip(tops, belows, strict=True), None]:
            if pair == before:
                count += 1
                continue
            line.append(Segment((" " if before[0] == before[1] else "▀") * count, style(*before)))
            if pair is not None:
                before, count = pair, 1
        lines.append(line)
    return lines


@lru_cache(1 << 14)
def _in_rgb(top: int, below: int) -> Style:
    back = Color.from_rgb(below >> 16, below >> 8 & 255, below & 255)
    return Style.from_color(Color.from_rgb(top >> 16, top >> 8 & 255, top & 255) if top != below else None, back)


@lru_cache(256)
def _in_sixteen(top: str, below: str) -> Style:
    return Style.from_color(Color.parse(top) if top != below else None, Color.parse(below))


def _middle(lines: list[Line], columns: int, rows: int, width: int, height: int, blank: Style) -> list[Line]:
    left, above = (width - columns) // 2, (height - rows) // 2
    if width > columns:
        before, after = Segment(" " * left, blank), Segment(" " * (width - columns - left), blank)
        lines = [[*([before] if left else []), *line, after] for line in lines]
    empty: Line = [Segment(" " * width, blank)]
    return [empty] * above + lines + [empty] * (height - rows - above)
