"""Charts over the steps of a run: the steps that each column spans, and a canvas of cells for lines."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts import braille
from cl_tui.charts.style import Line, Palette
from cl_tui.charts.ticks import round_step, round_values, spaced

GUTTER = 6
"""Cells left of the plot, for the values."""
_CURSOR = Style(reverse=True)


@dataclass(frozen=True)
class Series:
    letter: str
    """A few characters to the right of the line's last value; + if there is no room for it."""
    xs: np.ndarray
    """The steps of its points, ascending."""
    ys: np.ndarray
    style: Style
    dotted: bool = False
    """Whether to leave out every other column, which distinguishes the line without colour."""


@dataclass(frozen=True)
class Level:
    """A value that a dashed line marks."""

    label: str
    value: float


def line_chart(
    series: Sequence[Series],
    steps: tuple[int, int],
    width: int,
    height: int,
    palette: Palette,
    shown: Callable[[float], str],
    cursor: int | None = None,
    borders: Iterable[int] = (),
    values: tuple[float, float] | None = None,
    levels: Sequence[Level] = (),
    marked: Iterable[int] = (),
) -> list[Line]:
    """``height`` lines of at most ``width`` cells, for the steps after ``steps[0]``, up to ``steps[1]``. ``cursor`` is
    the step at the crosshair; something begins after each of the steps ``borders``, and ▲ stands at those ``marked``.
    ``values``: the ends of the other axis, by default fitting what is visible. ``shown`` formats a value."""
    room = max(
        (len(label) for label in (*(line.letter for line in series), *(level.label for level in levels))), default=0
    )
    plot_width, plot_height = max(width - GUTTER - room - 1, 4), max(height - 1, 1)
    time = steps_axis(steps, 2 * plot_width)
    drawn = [line_columns(line.xs, line.ys, time) for line in series]
    axis = axis_for(drawn, values)
    canvas = Canvas(plot_width, plot_height, palette.muted)
    ends: list[tuple[int, str, Style]] = []
    for level in levels:
        if (row := axis.row(level.value, plot_height)) is not None:
            canvas.dashes(row, palette.muted)
            ends.append((row, level.label, palette.muted))
    for line, (lows, highs) in zip(series, drawn, strict=True):
        canvas.curve(braille.outline(lows, highs, axis, plot_height, line.dotted), line.style, joined=True)
        last = lows[np.isfinite(lows)][-1:]
        row = axis.row(float(last[0]), plot_height) if len(last) else None
        if row is not None:
            ends.insert(0, (row, line.letter, line.style))
    for step in marked:
        canvas.mark(time.cell(step), palette.caution)
    lines = framed(canvas, axis, time, palette, shown, cursor, borders)
    for row, (label, style) in placed(ends, plot_height, palette.muted).items():
        lines[row].append(Segment(f"{label:<{room}}"[: room + 1], style))
    return lines[:height]


def placed(ends: Sequence[tuple[int, str, Style]], height: int, muted: Style) -> dict[int, tuple[str, Style]]:
    """A label for each row, as near as there is room to the row that it wants; + after the last if some are left out.

    >>> placed([(0, "a", Style()), (0, "b", Style()), (4, "c", Style())], 3, Style()).keys()
    dict_keys([0, 1, 2])
    """
    order = sorted(ends, key=lambda end: end[0])
    kept = order[:height]
    rows: list[int] = []
    for row, _, _ in kept:
        rows.append(max(row, rows[-1] + 1 if rows else 0))
    for back, place in enumerate(reversed(range(len(rows)))):
        rows[place] = min(rows[place], height - 1 - back)
    found = {row: (label, style) for row, (_, label, style) in zip(rows, kept, strict=True)}
    if len(kept) < len(order):
        row = rows[-1]
        found[row] = (f"{found[row][0]}+", found[row][1])
    return found


def framed(
    canvas: "Canvas",
    axis: braille.Axis,
    time: "TimeAxis",
    palette: Palette,
    shown: Callable[[float], str],
    cursor: int | None,
    borders: Iterable[int] = (),
) -> list[Line]:
    """The canvas with borders and crosshair, with values on its left and the steps below."""
    height, width = canvas.cells.shape
    for border in borders:
        canvas.vertical(time.cell(border + 1), "┊", palette.muted)
    canvas.crosshair(time.cell(cursor) if cursor is not None else None, palette.strong)
    labels = value_labels(axis, height, shown)
    lines = []
    for row, cells in enumerate(canvas.lines()):
        value = f"{labels.get(row, ''):>{GUTTER - 1}}{'┤' if row in labels else '│'}"
        lines.append([Segment(value, palette.muted), *cells])
    return [*lines, [Segment(" " * GUTTER + time.ends(width), palette.muted)]]


def line_columns(xs: np.ndarray, ys: np.ndarray, time: "TimeAxis") -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest values in each column of a line, or several, exact in columns that contain points.

    ``xs`` (points,): the steps of the points, ascending. ``ys`` (points,) or (points, lines): their values, NaN where
    there is none. Returns shapes (columns,) or (lines, columns).
    """
    lows = np.full((len(time.edges) - 1, *ys.shape[1:]), np.nan)
    if not len(xs):
        return lows.T, lows.T
    centres = (time.edges[:-1] + time.edges[1:] + 1) / 2
    after = np.searchsorted(xs, centres, side="right")
    within = (after > 0) & (after < len(xs))
    right = after[within]
    left = right - 1
    share = (centres[within] - xs[left]) / (xs[right] - xs[left])
    lows[within] = ys[left] + (share * (ys[right] - ys[left]).T).T
    highs = lows.copy()
    seen = np.flatnonzero((xs > time.edges[0]) & (xs <= time.edges[-1]))
    if len(seen):
        places = time.columns(xs[seen])
        first = np.flatnonzero(np.diff(places, prepend=-1))
        there = places[first]
        lows[there] = np.fmin(lows[there], np.fmin.reduceat(ys[seen], first, axis=0))
        highs[there] = np.fmax(highs[there], np.fmax.reduceat(ys[seen], first, axis=0))
    return lows.T, highs.T


def axis_for(drawn: Sequence[tuple[np.ndarray, np.ndarray]], values: tuple[float, float] | None) -> braille.Axis:
    """An axis with the ends ``values``; by default it fits what is drawn."""
    if values is not None:
        return braille.Axis(*values, log=False)
    nothing = np.empty(0)
    return braille.fitting_axis(*(np.concatenate([nothing, *(columns[end] for columns in drawn)]) for end in (0, 1)))


@dataclass(frozen=True, eq=False)
class TimeAxis:
    """The steps of each column of dots, in the unit in which the columns are equally wide."""

    edges: np.ndarray
    """Steps done at the left edge of each column and at the right edge of the last; ascending, shape (columns + 1,)."""
    low: float
    high: float
    """The ends of the axis, in its unit."""
    unit: str = "steps"

    @property
    def span(self) -> int:
        return int(self.edges[-1] - self.edges[0])

    def columns(self, steps: np.ndarray) -> np.ndarray:
        """The column of each of ``steps``, counted from 1; the outermost column if a step is not visible."""
        return np.clip(np.searchsorted(self.edges[:-1], steps - 1, side="right") - 1, 0, len(self.edges) - 2)

    def cell(self, step: int) -> int | None:
        """The cell of ``step``, counted from 1, the middle one if it has several; None if it is not visible."""
        if not self.edges[0] < step <= max(self.edges[-1], self.edges[0] + 1):
            return None
        last = int(np.searchsorted(self.edges[:-1], step - 1, side="right")) - 1
        first = int(np.searchsorted(self.edges[:-1], self.edges[last], side="left"))
        return (first + last) // 4

    def step(self, cell: int) -> int:
        """The middle step of ``cell``, counted from 1."""
        first = int(self.edges[2 * cell])
        return (first + max(first, int(self.edges[2 * cell + 2]) - 1)) // 2 + 1

    def ends(self, width: int, between: str = "") -> str:
        """The labels of both ends, with ``between`` in the middle if there is room."""
        low, high = self._label(self.low), f"{self._label(self.high)} {self.unit}"
        if len(low) + len(high) >= width:
            return f"{high:>{width}}"[:width]
        room = width - len(low) - len(high)
        return f"{low}{between if len(between) + 2 <= room else '':^{room}}{high}"

    def ticks(self, width: int) -> str:
        """Round values along the axis, as many as are easy to read, and the unit at its end."""
        unit = f" {self.unit}"
        room, labels = width - len(unit), []
        for value in round_values(self.low, self.high, max(1, width // 14), whole=self.unit == "steps"):
            label = f"{value:,.10g}"
            place = round((value - self.low) / (self.high - self.low) * width)
            labels.append((min(max(place - len(label) // 2, 0), room - len(label)), label))
        return f"{spaced(labels, room, gap=2)}{unit}"[:width]

    def _label(self, value: float) -> str:
        digits = 0 if self.unit == "steps" or self.high - self.low >= 100 else 1 if self.high - self.low >= 1 else 3
        return f"{round(value, digits):,.12g}"


def steps_axis(steps: tuple[int, int], columns: int) -> TimeAxis:
    """Columns with equally many steps, from ``steps[0]`` done to ``steps[1]`` done."""
    first, last = steps
    last = max(last, first + 1)
    return TimeAxis(first + np.arange(columns + 1) * (last - first) // columns, first, last)


def epochs_axis(starts: Sequence[int], epochs: Sequence[float], steps: tuple[int, int], columns: int) -> TimeAxis:
    """Columns of equal parts of an epoch; after the step ``starts[k]``, ``epochs[k]`` of them were done."""
    low, high = np.interp((steps[0], max(steps[1], steps[0] + 1)), starts, epochs).tolist()
    edges = np.floor(np.interp(np.linspace(low, high, columns + 1), epochs, starts) + 1e-6).astype(int)
    edges[[0, -1]] = steps[0], max(steps[1], steps[0] + 1)
    return TimeAxis(edges, low, high, "epochs")


def seconds_axis(seconds: np.ndarray, steps: tuple[int, int], columns: int) -> TimeAxis:
    """Columns of equally long training; the k-th step ended after ``seconds[k - 1]``, which ascend.

    The duration of future steps is not known, so the axis then ends at a round number of seconds,
    which makes it move rarely.
    """
    taken = len(seconds)
    first, last = min(steps[0], taken - 1), min(max(steps[1], steps[0] + 1), taken)
    low, high = float(seconds[first - 1]) if first else 0.0, float(seconds[last - 1])
    ends = min(steps[1], taken)
    if steps[1] > taken or high <= low:
        every = round_step(max(high - low, 1e-3), 5)
        high, ends = low + every * (np.floor((high - low) / every) + 1), taken
    edges = search(seconds, np.linspace(low, high, columns + 1))
    edges[[0, -1]] = first, max(ends, first + 1)
    return TimeAxis(edges, low, high, "seconds")


def search(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """np.searchsorted(values, wanted, side="right"), which would copy values that are not contiguous."""
    low, high = np.zeros(len(wanted), dtype=int), np.full(len(wanted), len(values))
    for _ in range(len(values).bit_length()):
        middle = (low + high) // 2
        behind = (low < high) & (values[np.minimum(middle, len(values) - 1)] <= wanted)
        low, high = np.where(behind, middle + 1, low), np.where(behind, high, middle)
    return low


class Canvas:
    """Cells of one character and one style each; later drawing covers earlier drawing."""

    def __init__(self, width: int, height: int, style: Style) -> None:
        self.cells = np.full((height, width), ord(" "), dtype="<u4")
        self._inks = np.zeros((height, width), dtype=np.uint8)
        self._styles = [style]
        self._behind = Style()

    def curve(self, dots: np.ndarray, style: Style, joined: bool = False) -> None:
        """Draws dots of shape (4·height, 2·width), instead of those already in a cell, or ``joined`` to them."""
        codes = braille.codes(dots)
        drawn = codes != braille.EMPTY
        if joined:
            codes = np.where(self.cells >= braille.EMPTY, self.cells | codes, codes)
        self.cells[drawn] = codes[drawn]
        self._inks[drawn] = self._ink(style)

    def shade(self, filled: np.ndarray, style: Style, dotted: bool = False) -> None:
        """Fills the background of half cells, of shape (2·height, width), with that of ``style``; to be drawn before
        everything else. ``dotted``: with dots, where there are no backgrounds or half cells."""
        upper, lower = filled[::2], filled[1::2]
        if dotted or style.bgcolor is None or style.bgcolor.is_default:
            self.cells[upper | lower] = ord("·")
            return
        half = Style(color=style.bgcolor, bgcolor=self._styles[0].bgcolor)
        for there, sign in ((upper & ~lower, "▀"), (lower & ~upper, "▄")):
            self.cells[there] = ord(sign)
            self._inks[there] = self._ink(half)
        self._full = upper & lower
        self._behind = Style(bgcolor=style.bgcolor)

    def vertical(self, cell: int | None, sign: str, style: Style) -> None:
        """Fills the empty cells of a column."""
        if cell is not None:
            empty = self.cells[:, cell] == ord(" ")
            self.cells[empty, cell] = ord(sign)
            self._inks[empty, cell] = self._ink(style)

    def dashes(self, row: int, style: Style, cells: np.ndarray | None = None) -> None:
        """Fills every other cell of a row that is empty, among ``cells``, of shape (width,)."""
        there = self.cells[row] == ord(" ")
        there[1::2] = False
        self.put(row, there if cells is None else there & cells, "╌", style)

    def write(self, row: int, cell: int, text: str, style: Style) -> str:
        """Writes from a cell on; returns what has no room."""
        room = max(self.cells.shape[1] - cell, 0)
        for place, letter in enumerate(text[:room], start=cell):
            self.cells[row, place] = ord(letter)
            self._inks[row, place] = self._ink(style)
        return text[room:]

    def mark(self, cell: int | None, style: Style) -> None:
        """▲ in the top row of a column."""
        if cell is not None:
            self.cells[0, cell] = ord("▲")
            self._inks[0, cell] = self._ink(style)

    def crosshair(self, cell: int | None, style: Style) -> None:
        """Fills a whole column; the dots that it crosses are reversed."""
        if cell is None:
            return
        for ink in np.unique(self._inks[:, cell]).tolist():
            rows = (self._inks[:, cell] == ink) & (self.cells[:, cell] >= braille.EMPTY)
            self._inks[rows, cell] = self._ink(self._styles[ink] + _CURSOR)
        line = self.cells[:, cell] < braille.EMPTY
        self.cells[line, cell] = ord("│")
        self._inks[line, cell] = self._ink(style)

    def put(self, row: int, cells: np.ndarray, sign: str, style: Style) -> None:
        """Draws ``sign`` where ``cells``, of shape (width,), is true."""
        self.cells[row, cells] = ord(sign)
        self._inks[row, cells] = self._ink(style)

    def lines(self) -> list[Line]:
        """Gathers cells of the same style into one segment; an empty cell has the style of the cell on its left."""
        height, width = self.cells.shape
        text = self.cells.tobytes().decode("utf-32-le")
        reversed_ = np.array([bool(style.reverse) for style in self._styles])
        inked = (self.cells != ord(" ")) & ~reversed_[self._inks]
        nearest = np.maximum.accumulate(np.where(inked, np.arange(width), -1), axis=1)
        spread = np.where(nearest < 0, 0, np.take_along_axis(self._inks, nearest, axis=1))
        inks = np.where(self.cells == ord(" "), spread, self._inks)
        styles = self._styles
        if self._behind:
            inks = np.where(self._full, inks + len(styles), inks)
            styles = [*styles, *(style + self._behind for style in styles)]
        changes = inks[:, 1:] != inks[:, :-1]
        lines: list[Line] = []
        for row in range(height):
            cuts = [0, *(np.flatnonzero(changes[row]) + 1).tolist(), width]
            start, ink = row * width, inks[row].tolist()
            lines.append([Segment(text[start + a : start + b], styles[ink[a]]) for a, b in pairwise(cuts)])
        return lines

    def _ink(self, style: Style) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return self._styles.index(style)


def value_labels(axis: braille.Axis, height: int, shown: Callable[[float], str]) -> dict[int, str]:
    """Values beside the plot's rows: round values, or decades on a logarithmic axis; if fewer than two, its ends."""
    ends = [axis.low, axis.high]
    if axis.log:
        decades = range(int(np.ceil(np.log10(axis.low))), int(np.floor(np.log10(axis.high))) + 1)
        every = max(-(-len(decades) * 2 // height), 1)
        values = [10.0**exponent for exponent in decades if exponent % every == 0] if len(decades) > 1 else ends
    else:
        rounded = round_values(axis.low, axis.high, max(1, height // 3))
        values = rounded if len(rounded) > 1 else ends
    labels: dict[int, str] = {}
    for value in values:
        row = axis.row(value, height)
        if row is not None:
            labels.setdefault(row, shown(value))
    return labels
