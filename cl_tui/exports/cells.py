"""What a terminal shows, as cells, and as a vector picture of them. Blocks, braille and lines are drawn as shapes, one
path a colour, so that a picture is small, needs no font for them, and has no gaps."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import groupby

from rich.cells import cell_len
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, TerminalTheme

CELL = (10, 20)
"""Width and height of a cell in a picture."""
FONT_SIZE = 16.6
FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
DIM = 0.6
"""The share of its colour that dim text keeps."""
_LIGHT, _HEAVY = 0.06, 0.14
"""Half the thickness of a line, as a share of a cell's width."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of a cell."""


@dataclass(frozen=True)
class Cell:
    """One character; empty where a wide character before it reaches."""

    text: str
    ink: ColorTriplet
    paper: ColorTriplet
    bold: bool = False


@dataclass(frozen=True)
class Grid:
    """What is shown, a row of cells for each line, all of the same length."""

    rows: tuple[tuple[Cell, ...], ...]
    paper: ColorTriplet
    ink: ColorTriplet

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return len(self.rows[0]) if self.rows else 0, len(self.rows)


def grid(
    lines: Iterable[Iterable[Segment]],
    ink: ColorTriplet,
    paper: ColorTriplet,
    theme: TerminalTheme = DEFAULT_TERMINAL_THEME,
) -> Grid:
    """``ink`` and ``paper`` are the colours where a line has none of its own; ``theme`` has the sixteen colours."""
    rows = tuple(tuple(_cells(line, ink, paper, theme)) for line in lines)
    width = max(map(len, rows), default=0)
    blank = Cell(" ", ink, paper)
    return Grid(tuple(row + (blank,) * (width - len(row)) for row in rows), paper, ink)


def with_caption(shown: Grid, caption: Sequence[str]) -> Grid:
    """A line below for each line of ``caption``, cut where it does not fit."""
    width = shown.size[0]
    muted = _mixed(shown.ink, shown.paper, DIM)
    below = [[Segment(f" {line}"[:width], Style(color=None))] for line in ("", *caption)]
    added = grid(below, muted, shown.paper)
    blank = Cell(" ", muted, shown.paper)
    rows = tuple((*row, *[blank] * (width - len(row)))[:width] for row in added.rows)
    return Grid(shown.rows + rows, shown.paper, shown.ink)


def _cells(line: Iterable[Segment], ink: ColorTriplet, paper: ColorTriplet, theme: TerminalTheme) -> Iterator[Cell]:
    for text, style, control in line:
        if control:
            continue
        front, back, bold = _colours(style or Style.null(), ink, paper, theme)
        for character in text:
            width = cell_len(character)
            if width and character != "\n":
                yield Cell(character, front, back, bold)
                yield from [Cell("", front, back, bold)] * (width - 1)


def _colours(
    style: Style, ink: ColorTriplet, paper: ColorTriplet, theme: TerminalTheme
) -> tuple[ColorTriplet, ColorTriplet, bool]:
    front = style.color.get_truecolor(theme) if style.color and not style.color.is_default else ink
    back = style.bgcolor.get_truecolor(theme, False) if style.bgcolor and not style.bgcolor.is_default else paper
    if style.reverse:
        front, back = back, front
    return (_mixed(front, back, DIM) if style.dim else front), back, bool(style.bold)


def _mixed(one: ColorTriplet, other: ColorTriplet, share: float) -> ColorTriplet:
    red, green, blue = (round(a * share + b * (1 - share)) for a, b in zip(one, other, strict=True))
    return ColorTriplet(red, green, blue)


@lru_cache(4096)
def shapes(character: str) -> tuple[Box, ...] | None:
    """The boxes that a block, a braille sign or a line is made of; None for what needs a font.

    >>> shapes("▀"), shapes("▌"), shapes(" "), shapes("a")
    (((0.0, 0.0, 1.0, 0.5),), ((0.0, 0.0, 0.5, 1.0),), (), None)
    """
    code = ord(character) if character else 32
    if character in ("", " "):
        return ()
    if character == "⏸":  # which few fonts have
        return ((0.2, 0.25, 0.4, 0.75), (0.6, 0.25, 0.8, 0.75))
    if 0x2800 <= code <= 0x28FF:
        return _braille(code - 0x2800)
    if 0x2580 <= code <= 0x259F:
        return _block(character, code)
    return _line(character) if 0x2500 <= code <= 0x257F else None


def _braille(dots: int) -> tuple[Box, ...]:
    places = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
    found = [place for bit, place in enumerate(places) if dots >> bit & 1]
    return tuple((x / 2 + 0.12, y / 4 + 0.06, x / 2 + 0.38, y / 4 + 0.19) for x, y in found)


def _block(character: str, code: int) -> tuple[Box, ...] | None:
    if code == 0x2580:
        return ((0.0, 0.0, 1.0, 0.5),)
    if code <= 0x2588:
        return ((0.0, 1 - (code - 0x2580) / 8, 1.0, 1.0),)
    if code <= 0x258F:
        return ((0.0, 0.0, (0x2590 - code) / 8, 1.0),)
    if code == 0x2590:
        return ((0.5, 0.0, 1.0, 1.0),)
    if code == 0x2594:
        return ((0.0, 0.0, 1.0, 0.125),)
    if code == 0x2595:
        return ((0.875, 0.0, 1.0, 1.0),)
    words = unicodedata.name(character)
    if "QUADRANT" not in words:
        return None  # shades
    corners = {"UPPER LEFT": (0.0, 0.0), "UPPER RIGHT": (0.5, 0.0), "LOWER LEFT": (0.0, 0.5), "LOWER RIGHT": (0.5, 0.5)}
    return tuple((x, y, x + 0.5, y + 0.5) for corner, (x, y) in corners.items() if corner in words)


def _line(character: str) -> tuple[Box, ...] | None:
    words = unicodedata.name(character).removeprefix("BOX DRAWINGS ").split()
    if "DIAGONAL" in words or ("DOUBLE" in words and "DASH" not in words):
        return None
    arms: dict[str, float] = {}
    weight, waiting = _LIGHT, list[str]()
    for word in words:
        if word in ("LIGHT", "HEAVY"):
            weight = _HEAVY if word == "HEAVY" else _LIGHT
            arms |= dict.fromkeys(waiting, weight)
            waiting = []
        elif word in ("UP", "DOWN", "LEFT", "RIGHT"):
            arms[word] = weight
        elif word in ("HORIZONTAL", "VERTICAL"):
            arms |= dict.fromkeys(("LEFT", "RIGHT") if word == "HORIZONTAL" else ("UP", "DOWN"), weight)
    dashes = {"DOUBLE": 2, "TRIPLE": 3, "QUADRUPLE": 4}.get(words[1], 0) if "DASH" in words else 0
    if dashes:
        return tuple(_dashes(dashes, "LEFT" in arms, next(iter(arms.values()))))
    return tuple(_arm(arm, half) for arm, half in arms.items())


def _arm(arm: str, half: float) -> Box:
    """From a cell's middle to its side. A cell is twice as high as wide."""
    across, along = half, half / 2
    return {
        "LEFT": (0.0, 0.5 - along, 0.5 + across, 0.5 + along),
        "RIGHT": (0.5 - across, 0.5 - along, 1.0, 0.5 + along),
        "UP": (0.5 - across, 0.0, 0.5 + across, 0.5 + along),
        "DOWN": (0.5 - across, 0.5 - along, 0.5 + across, 1.0),
    }[arm]


def _dashes(count: int, level: bool, half: float) -> Iterator[Box]:
    for number in range(count):
        start, end = (number + 0.2) / count, (number + 0.8) / count
        if level:
            yield (start, 0.5 - half / 2, end, 0.5 + half / 2)
        else:
            yield (0.5 - half, start, 0.5 + half, end)


def boxes(shown: Grid) -> list[tuple[ColorTriplet, list[Box]]]:
    """The boxes of each colour, papers before inks, in the unit of CELL. Equal neighbours are one box."""
    width, height = CELL
    papers: dict[ColorTriplet, list[Box]] = {}
    inks: dict[ColorTriplet, list[Box]] = {}
    for y, row in enumerate(shown.rows):
        x = 0
        for paper, cells in groupby(row, key=lambda cell: cell.paper):
            count = len(list(cells))
            if paper != shown.paper:
                papers.setdefault(paper, []).append((x * width, y * height, (x + count) * width, (y + 1) * height))
            x += count
        x = 0
        for (text, ink), cells in groupby(row, key=lambda cell: (cell.text, cell.ink)):
            count = len(list(cells))
            for box in shapes(text) or ():
                for left, top, right, bottom in _repeated(box, count):
                    placed = ((x + left) * width, (y + top) * height, (x + right) * width, (y + bottom) * height)
                    inks.setdefault(ink, []).append(placed)
            x += count
    return [*papers.items(), *inks.items()]


def _repeated(box: Box, count: int) -> Iterator[Box]:
    """In each of ``count`` cells; one box if it reaches from side to side."""
    left, top, right, bottom = box
    if left == 0.0 and right == 1.0:
        yield (left, top, float(count), bottom)
    else:
        yield from ((left + n, top, right + n, bottom) for n in range(count))


@dataclass(frozen=True)
class Words:
    """Neighbouring characters of the same look that need a font."""

    x: int
    y: int
    text: str
    ink: ColorTriplet
    bold: bool

    @property
    def placed(self) -> list[tuple[str, int]]:
        """Each character and how many cells it takes."""
        return [(character, cell_len(character)) for character in self.text]


def words(shown: Grid) -> Iterator[Words]:
    for y, row in enumerate(shown.rows):
        x = 0
        for (ink, bold, lettered), cells in groupby(row, key=_look):
            run = list(cells)
            text = "".join(cell.text for cell in run)
            if lettered and text.strip():
                yield Words(x, y, text, ink, bold)
            x += len(run)


def _look(cell: Cell) -> tuple[ColorTriplet, bool, bool]:
    return cell.ink, cell.bold, cell.text in (" ", "") or shapes(cell.text) is None


def svg(shown: Grid, title: str) -> str:
    """A vector picture that loads nothing from elsewhere."""
    width, height = (count * side for count, side in zip(shown.size, CELL, strict=True))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{escape(title)}</title>",
        f"<style>text{{font-family:{FONTS};font-size:{FONT_SIZE}px;white-space:pre}}</style>",
        f'<rect width="{width}" height="{height}" fill="{shown.paper.hex}"/>',
    ]
    parts += [f'<path fill="{colour.hex}" d="{"".join(map(_path, made))}"/>' for colour, made in boxes(shown)]
    for (ink, bold), runs in groupby(sorted(words(shown), key=_inked), key=_inked):
        drawn = "".join(map(_text, runs))
        weight = ' font-weight="bold"' if bold else ""
        parts.append(f'<g fill="{ink.hex}"{weight}>{drawn}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _inked(run: Words) -> tuple[ColorTriplet, bool]:
    return run.ink, run.bold


def _path(box: Box) -> str:
    left, top, right, bottom = box
    return f"M{_number(left)} {_number(top)}H{_number(right)}V{_number(bottom)}H{_number(left)}z"


def _text(run: Words) -> str:
    lead = len(run.text) - len(run.text.lstrip(" "))
    text = run.text.strip(" ")
    x, cells = run.x + lead, cell_len(text)
    y = (run.y + 0.76) * CELL[1]
    return f'<text x="{x * CELL[0]}" y="{_number(y)}" textLength="{cells * CELL[0]}">{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
