"""The pictures of an exported page. Each is a list of marks that ``templates/picture.html`` writes as SVG; CSS classes
set the colours, so that the page's style sheet adapts a picture to dark mode and paper."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from cl_tui.charts.colour_scale import LEVELS, ColourScale, level_style
from cl_tui.charts.ticks import round_values
from cl_tui.reports import session_facts, text
from cl_tui.reports.class_facts import LEAST_SHARE
from cl_tui.reports.scale import axis
from engine.catalog.methods import METHODS
from engine.record.events import ImportanceMeasured, LayerHistogram
from engine.record.history import History
from engine.settings.run import RunConfig
from engine.settings.text import shown

if TYPE_CHECKING:
    import numpy as np

    from cl_tui.charts.braille import Axis

WIDTH, HEIGHT = 960, 300
LEFT, TOP, FOOT = 58, 30, 266
COLUMNS = 440
"""Number of bins that a curve's steps are gathered into; each is drawn from its lowest to its highest value."""
MOST_LINES = 7
"""Most tasks that get their own colour and label."""
MOST_BORDERS = 25
MOST_LABELS = 8
"""Most changes of the strength that are labelled."""
LABEL_HEIGHT = 15
SMALL = (228, 74)
"""Size of one layer's histogram."""


@dataclass(frozen=True)
class Path:
    d: str
    kind: str


@dataclass(frozen=True)
class Label:
    x: float
    y: float
    text: str
    kind: str = "tick"
    anchor: str = ""
    """Which part of the text is at x: its start, middle or end."""


Mark = Path | Label


@dataclass(frozen=True)
class Picture:
    label: str
    """What it shows, for people who cannot see it."""
    marks: list[Mark]
    width: int = WIDTH
    height: int = HEIGHT
    kind: str = "plot"


@dataclass(frozen=True)
class Frame:
    """Positions in a picture: steps to the right, values upwards (as shares of the height)."""

    steps: int
    right: int

    def x(self, step: float) -> float:
        return LEFT + (WIDTH - LEFT - self.right) * step / max(self.steps, 1)

    def y(self, share: float) -> float:
        return FOOT - (FOOT - TOP) * share


# Loss and penalty


def curves(config: RunConfig, history: History) -> Picture:
    """Task loss and penalty; needs at least one step."""
    import numpy as np

    from cl_tui.charts.braille import fitting_axis

    frame = Frame(history.total_steps, right=32)
    bands = {"loss": _band(history.curve.losses(), frame), "penalty": _band(history.curve.penalties(), frame)}
    shown = [name for name, band in bands.items() if name == "loss" or np.nanmax(band.highs, initial=0) > 0]
    axis = fitting_axis(*(np.concatenate([getattr(bands[name], end) for name in shown]) for end in ("lows", "highs")))
    parts = [
        *_across(frame, [(share, text.quantity(value)) for value, share in _values_of(axis)]),
        *_along(frame, history),
        *(part for name in shown for part in _curve(bands[name], axis, frame, name)),
        *_strengths(config, history, frame),
    ]
    return Picture("Task loss and penalty over the steps", parts)


@dataclass(frozen=True)
class _Band:
    places: list[float]
    means: "np.ndarray"
    lows: "np.ndarray"
    highs: "np.ndarray"
    broken: "np.ndarray"


def _band(values: "np.ndarray", frame: Frame) -> _Band:
    import numpy as np

    from cl_tui.charts.braille import exact_columns
    from cl_tui.charts.smoothing import means_between

    count = min(COLUMNS, len(values))
    edges = np.arange(count + 1) * len(values) // count
    places = [frame.x(step) for step in ((edges[:-1] + edges[1:] + 1) / 2).tolist()]
    return _Band(places, means_between(edges[:-1], values), *exact_columns(values, edges))


def _curve(band: _Band, axis: "Axis", frame: Frame, kind: str) -> Iterator[Mark]:
    """A value of 0 is at the foot of a logarithmic axis too."""
    import numpy as np

    heights = (axis.shares(values) for values in (band.lows, band.highs, band.means))
    lows, highs, means = (np.clip(np.nan_to_num(shares), 0, 1) for shares in heights)
    drawn = band.highs > 0 if axis.log else band.highs == band.highs
    area, line = [], []
    there = np.flatnonzero(drawn)
    for run in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1) if len(there) else ():
        upper = [(band.places[k], frame.y(highs[k])) for k in run]
        lower = [(band.places[k], frame.y(lows[k])) for k in reversed(run)]
        area.append(f"M{_points(upper + lower)}Z")
        line.append(f"M{_points((band.places[k], frame.y(means[k])) for k in run)}h.1")
    yield Path("".join(area), f"band {kind}")
    yield Path("".join(line), f"line {kind}")
    for k in np.flatnonzero(band.broken):
        yield Path(f"M{band.places[k] - 3:.1f} {TOP - 3}l6 6m0 -6l-6 6", "broken")


def _values_of(axis: "Axis") -> Iterator[tuple[float, float]]:
    """Values to draw a grid line at, and the height of each."""
    import numpy as np

    values = round_values(axis.low, axis.high, 5)
    if axis.log:
        lowest, highest = math.log10(axis.low), math.log10(axis.high)
        every = max(1, math.ceil((highest - lowest) / 6))
        values = [10.0**power for power in range(math.ceil(lowest), math.floor(highest) + 1, every)]
    return zip(values, axis.shares(np.array(values)).tolist(), strict=True)


def _strengths(config: RunConfig, history: History, frame: Frame) -> Iterator[Mark]:
    symbol = METHODS[config.method].symbol
    labelled = session_facts.spread(len(history.strengths), MOST_LABELS)
    for number, change in enumerate(history.strengths):
        x = frame.x(change.step)
        yield Path(f"M{x:.1f} {TOP}V{FOOT}", "strength")
        if number in labelled:
            label = f"{symbol} {shown(change.before)} → {shown(change.strength)}"
            lower = TOP + 12 + LABEL_HEIGHT * (labelled.index(number) % 3)
            at, anchor = (x - 4, "end") if x > WIDTH * 0.8 else (x + 4, "start")
            yield Label(at, lower, label, "note", anchor)


# Scores


def scores(history: History, series: Sequence[Sequence[session_facts.Point]]) -> Picture:
    """Each task's score over the steps: a line per task; if there are many, only a few are coloured."""
    frame = Frame(history.total_steps, right=132)
    seen = [task for task, points in enumerate(series) if points]
    coloured = [seen[place] for place in session_facts.spread(len(seen), MOST_LINES)]
    score, found = history.score, [value for points in series for _, value in points]
    low, high = min(math.floor(min(found) * 10) / 10, 0.9), 1.0
    if not score.fraction:
        low, high = axis(score, score.worst(found), score.best(found))
    told = [
        (value, f"{100 * value:.0f} %" if score.fraction else score.tick(value)) for value in round_values(low, high, 5)
    ]
    grid = [((value - low) / (high - low), label) for value, label in told]
    parts = [*_across(frame, grid), *_along(frame, history)]

    def line(task: int, kind: str) -> float:
        """Draws a task's line; returns where it ends."""
        points = [(frame.x(step), frame.y((value - low) / (high - low))) for step, value in _telling(series[task])]
        parts.append(Path(f"M{_points(points)}h.1", f"line {kind}"))
        return points[-1][1]

    for task in seen:
        if task not in coloured:
            line(task, "faint")
    ends = [line(task, f"s{number}") for number, task in enumerate(coloured)]
    for number, (task, y) in enumerate(zip(coloured, _apart(ends, FOOT), strict=True)):
        (name,) = session_facts.named([task], history)
        parts.append(Label(WIDTH - 124, y + 4, name if len(name) <= 15 else f"{name[:14]}…", f"name s{number}"))
    return Picture(f"{score.capital} on each task over the steps", parts)


def _telling(points: Sequence[session_facts.Point]) -> Sequence[session_facts.Point]:
    """The points to draw of a long line: the lowest and highest of each stretch, and both ends."""
    import numpy as np

    if len(points) <= COLUMNS:
        return points
    steps, _ = session_facts.band(np.array([value for _, value in points]), COLUMNS // 4)
    return [points[k] for k in sorted({0, len(points) - 1, *(step - 1 for step in steps)})]


def _apart(heights: Sequence[float], bottom: float) -> list[float]:
    """Moves labels so that they do not overlap, each near its place.

    >>> _apart([100.0, 104.0, 200.0], 300)
    [100.0, 115.0, 200.0]
    """
    placed = list(heights)
    order = sorted(range(len(placed)), key=lambda place: placed[place])
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + LABEL_HEIGHT)
    limit = bottom
    for place in reversed(order):
        placed[place] = min(placed[place], limit)
        limit = placed[place] - LABEL_HEIGHT
    return placed


SHADES = 11
"""Colours of scores, whose CSS classes are c0 to c10."""


def shades() -> list[tuple[str, str, str]]:
    """Of each shade its CSS class, its colour, and that of text on it: those of the screens."""
    made = []
    for shade in range(SHADES):
        style = level_style(round(shade * (LEVELS - 1) / (SHADES - 1)), coloured=True, sixteen=False)
        assert style.bgcolor is not None
        assert style.color is not None
        made.append((f"c{shade}", style.bgcolor.get_truecolor().hex, style.color.get_truecolor().hex))
    return made


def shade_of(score: float, scale: ColourScale) -> str:
    """The CSS class of a score; empty for NaN."""
    return "" if math.isnan(score) else f"c{round(scale.fraction(score) * (SHADES - 1))}"


def matrix_map(matrix: Sequence[Sequence[float]], scale: ColourScale) -> Picture:
    """The whole matrix as colours: one square per score, rows downwards."""
    kinds = [[shade_of(score, scale) for score in scores] for scores in matrix]
    label = f"{scale.score.capital} after each task (downwards) on each task (to the right)"
    return _map(label, kinds, max(len(matrix[-1]), len(matrix)))


# Confusions

SHARES = (LEAST_SHARE, 0.05, 0.2, 0.5, 0.8)
"""Shares of a class's examples at which the colour of an answer changes."""


def share_level(share: float | None) -> str:
    """The CSS class of an answer; empty if it was not given.

    >>> share_level(0.0), share_level(0.25), share_level(None)
    ('', 'h3', '')
    """
    level = bisect_right(SHARES, share or 0.0)
    return f"h{level}" if level else ""


def confusion_map(shares: Sequence[Sequence[float | None]]) -> Picture:
    """All answers as colours: a row for each class, a column for each answer."""
    kinds = [[share_level(answer) for answer in answers] for answers in shares]
    return _map("Answers (to the right) to each class (downwards)", kinds, len(shares[0]))


def heat_map(label: str, shares: Sequence[Sequence[float]], ramp: str, shades: int) -> Picture:
    """Shares from 0 to 1 in ``shades`` colours, whose CSS classes are ``ramp`` and a number."""
    kinds = [[f"{ramp}{round(share * (shades - 1))}" for share in row] for row in shares]
    return _map(label, kinds, len(shares[0]))


def _map(label: str, kinds: Sequence[Sequence[str]], width: int) -> Picture:
    """A square for each CSS class in ``kinds``, rows downwards; none for an empty one."""
    squares: dict[str, list[str]] = {}
    for row, of_row in enumerate(kinds):
        for column, kind in enumerate(of_row):
            if kind:
                squares.setdefault(kind, []).append(f"M{column} {row}h1v1h-1z")
    paths: list[Mark] = [Path("".join(found), kind) for kind, found in squares.items()]
    return Picture(label, paths, width, len(kinds), "map")


# Importance


def histogram(layer: LayerHistogram, measured: ImportanceMeasured, bins: range) -> Picture:
    """How many of a layer's weights have which importance; heights follow the square root of the count."""
    width, height = SMALL
    foot = height - 14
    most = math.sqrt(max(layer.counts, default=0) or 1)
    bar = width / len(bins)
    bars = [
        f"M{bar * place:.1f} {foot}v{-max(1.0, (foot - 4) * math.sqrt(layer.counts[k]) / most):.1f}"
        f"h{bar - 0.8:.1f}V{foot}z"
        for place, k in enumerate(bins)
        if layer.counts[k]
    ]
    low, high = session_facts.edges(measured, bins)
    marks: list[Mark] = [
        Path("".join(bars), "bars"),
        Path(f"M0 {foot}.5H{width}", "axis"),
        Label(0, height - 2, low),
        Label(width, height - 2, high, anchor="end"),
    ]
    return Picture(f"Histogram of the importance in {layer.name}", marks, width, height, "")


# Axes


def _across(frame: Frame, marks: Iterable[tuple[float, str]]) -> Iterator[Mark]:
    """A line at each value, with the value on its left."""
    for share, label in marks:
        y = frame.y(share)
        yield Path(f"M{LEFT} {y:.1f}H{WIDTH - frame.right}", "grid")
        yield Label(LEFT - 7, y + 4, label, anchor="end")


def _along(frame: Frame, history: History) -> Iterator[Mark]:
    """Steps below, tasks above, and task borders; thinned if there are many."""
    for step in round_values(0, frame.steps, 8):
        yield Label(frame.x(step), FOOT + 16, f"{step:,.0f}", anchor="middle")
    yield Label(frame.x(frame.steps), HEIGHT - 3, "step", anchor="end")
    every = math.ceil(len(history.tasks) / MOST_BORDERS)
    for task in range(0, len(history.tasks), every):
        start, end = history.starts[task], history.starts[task + 1]
        if task:
            yield Path(f"M{frame.x(start):.1f} {TOP}V{FOOT}", "border")
        at = frame.x((start + end) / 2)
        label = f"task {task + 1}" if len(history.tasks) <= 10 else str(task + 1)
        yield Label(at, TOP - 8, label, anchor="middle")
    yield Path(f"M{LEFT} {FOOT}.5H{WIDTH - frame.right}", "axis")


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f} {y:.1f}" for x, y in places)
