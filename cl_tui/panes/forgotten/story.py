"""One example through time: how sure the network was of the right answer at each probe, and when it turned."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts import braille
from cl_tui.charts.canvas import Canvas, TimeAxis, line_columns, steps_axis
from cl_tui.charts.pictures import ORANGE_TO_GREEN, heat_rows
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import message
from cl_tui.panes.forgotten.chosen import Example
from cl_tui.panes.forgotten.column import lost_style
from cl_tui.panes.forgotten.found import Looks, Way
from cl_tui.panes.forgotten.layers import of_example, sure
from cl_tui.panes.forgotten.tiles import Tiles, beside, block, drawable, fixed, tall
from cl_tui.panes.tasks.lines import beginning
from engine.analysis.figures import PutBack
from engine.record.history import History
from engine.record.shown import Answers, Shown

_GUTTER = 5
_SIDE = 26
"""Cells of the words at the right."""
_LOWEST = 16
"""Lines that the example has above the others of its group."""
_JOIN = "\0"
"""A blank where a line does not break."""
_WIDE = 72
"""Cells from which there are such words."""


@dataclass(frozen=True, eq=False)
class Story:
    example: Example
    history: History
    """As of the crosshair."""
    shown: Shown
    answers: Answers
    way: Way
    put_back: PutBack | None
    cursor: int | None

    @property
    def name(self) -> str:
        """What it is."""
        return self.answers.names[int(self.answers.target[self.example.row])]

    @property
    def answer(self) -> str:
        return self.answers.names[int(self.answers.given[self.example.row])]

    @property
    def place(self) -> int:
        """In its task's test set, counted from 1."""
        return int(self.shown.tasks[self.example.task].places[self.example.row]) + 1


def draw_alone(
    story: Story,
    fellows: Sequence[Example],
    looks: Looks,
    tiles: Tiles,
    width: int,
    height: int,
    palette: Palette,
) -> list[Line]:
    """One example, and below it the others of its group on the same axis, a row of colours each."""
    rows = min((len(fellows) + 1) // 2, height - _LOWEST - 2) if palette.tones != "none" else 0
    if rows < 1:
        return draw_story(story, tiles, width, height, palette)
    columns = _columns(story, width, palette)
    room = columns.plot - _GUTTER
    steps, values, _ = looks.together(fellows[: 2 * rows], story.cursor)
    shares = line_columns(steps, values, steps_axis(_span(story), room))[0]
    told = f"{len(shares)} of its group, a row each: green while right, orange while wrong"
    indent = Segment(" " * (columns.picture + _GUTTER), palette.text)
    strips = heat_rows(np.where(np.isnan(shares), 0.5, shares), palette, ORANGE_TO_GREEN)
    return [
        *draw_story(story, tiles, width, height - rows - 2, palette),
        [],
        [indent, Segment(told[: width - columns.picture - _GUTTER], palette.muted)],
        *([indent, *line] for line in strips),
    ]


class _Columns(NamedTuple):
    picture: int
    plot: int
    side: int


def _columns(story: Story, width: int, palette: Palette) -> _Columns:
    """Cells of the picture, the curve and the words beside it."""
    picture = (30 if width < 150 else 42) if width >= 96 and drawable(story.shown, palette) else 0
    side = _SIDE + 2 if width >= _WIDE else 0
    return _Columns(picture, width - picture - side, side)


def draw_story(story: Story, tiles: Tiles, width: int, height: int, palette: Palette) -> list[Line]:
    """``height`` lines of ``width`` cells."""
    head, inner = _head(story, width, palette), max(height - 1, 1)
    left, plot, with_side = _columns(story, width, palette)
    with_picture, picture = bool(left), min(inner - 1, (left - 2) // 2)
    parts = []
    if with_picture:
        tile = tiles.lines(story.shown, story.example, 2 * picture, picture, palette)
        gap, blank = Segment(" " * (left - 2 * picture), palette.text), [Segment(" " * left, palette.text)]
        parts.append([*([*line, gap] for line in tile), *[blank] * (inner - len(tile))])
    parts.append(block(_curve(story, plot, inner, palette), plot, inner, palette))
    if with_side:
        gap = Segment("  ", palette.text)
        side = [[gap, *line] for line in _side(story, _SIDE, inner - 1, palette)]
        parts.append(tall([[], *side], inner))
    return [head, *beside(parts, 0, palette)]


def _head(story: Story, width: int, palette: Palette) -> Line:
    known = f"Example {story.place:,} of task {story.example.task + 1}"
    long = f" through time: how sure the network is that it is {_a(story.name)}, at each probe"
    short = f" how sure that it is {_a(story.name)}"
    rest = long if cell_len(known + long) + 4 <= width else short
    line: Line = [Segment(known, palette.strong), Segment(f"{rest} ", palette.muted)]
    taken = sum(segment.cell_length for segment in line)
    return fixed([*line, Segment("─" * max(0, width - taken), palette.muted)], width, palette)


def _a(name: str) -> str:
    """
    >>> _a("5"), _a("8"), _a("apple"), _a("cat")
    ('a 5', 'an 8', 'an apple', 'a cat')
    """
    return f"{'an' if name[:1].lower() in tuple('aeio8') else 'a'} {name}"


def _curve(story: Story, width: int, height: int, palette: Palette) -> list[Line]:
    way, history = story.way, story.history
    with_marks = height >= 11
    plot_width, plot_height = max(width - _GUTTER, 8), max(height - 2 - with_marks, 1)
    time = steps_axis(_span(story), 2 * plot_width)
    axis, canvas = braille.Axis(0.0, 1.0, log=False), Canvas(plot_width, plot_height, palette.muted)
    middle = plot_height // 2
    for number, (start, end, style) in enumerate(_parts(way, palette)):
        lows, highs = line_columns(way.steps[start:end], way.values[start:end], time)
        canvas.curve(braille.outline(lows, highs, axis, plot_height), style, joined=number > 0)
    blank = canvas.cells[middle] == ord(" ")
    blank[np.arange(plot_width) % 2 == 1] = False
    canvas.put(middle, blank, "╌", palette.muted)
    for task in range(story.example.task + 1, len(history.starts)):
        if history.starts[task] < way.steps[-1]:
            canvas.vertical(time.cell(history.starts[task] + 1), "┊", palette.muted)
    if story.cursor is not None:
        canvas.crosshair(time.cell(story.cursor), palette.strong)
    labels = {0: "100%", middle: "50%", plot_height - 1: "0%"}
    lines: list[Line] = [
        [Segment(f"{labels.get(row, ''):>{_GUTTER - 1}} ", palette.muted), *cells]
        for row, cells in enumerate(canvas.lines())
    ]
    gutter = Segment(" " * _GUTTER, palette.text)
    lines.append([gutter, *_names(story, time, plot_width, palette)])
    if with_marks:
        lines.append([gutter, *_marks(way, time, plot_width, palette)])
    return [*lines, [gutter, *_told(story, plot_width, palette)]]


def _span(story: Story) -> tuple[int, int]:
    first = story.history.starts[story.example.task]
    return first, max(int(story.way.steps[-1]), first + 1)


def _parts(way: Way, palette: Palette) -> list[tuple[int, int, Style]]:
    """The curve before it was learned, while it was known, and since it turned for good."""
    count, learned, turned = len(way.steps), way.learned, way.turned
    if learned is None:
        return [(0, count, palette.text)]
    known = turned if turned is not None else count
    parts = [(0, learned + 1, palette.muted), (learned, known, palette.strong)]
    return [*parts, (known - 1, count, lost_style(palette))] if turned is not None else parts


def _names(story: Story, time: TimeAxis, width: int, palette: Palette) -> Line:
    """The tasks' names below their steps."""
    row, own = [" "] * width, (0, 0)
    history, last = story.history, int(story.way.steps[-1])
    borders = [*(start for start in history.starts if start < last), last]
    for task, (start, end) in enumerate(pairwise(borders)):
        if task < story.example.task:
            continue
        left = time.cell(start + 1) or 0
        right = time.cell(end) or left
        name = beginning(history.tasks[task].name, max(right - left, 1))
        at = (left + right + 1 - len(name)) // 2
        if cell_len(name) == len(name) <= right - left and at >= 0:
            row[at : at + len(name)] = name
            if task == story.example.task:
                own = (at, at + len(name))
    text = "".join(row)[:width]
    return [
        Segment(text[: own[0]], palette.muted),
        Segment(text[own[0] : own[1]], palette.strong),
        Segment(text[own[1] :], palette.muted),
    ]


def _marks(way: Way, time: TimeAxis, width: int, palette: Palette) -> Line:
    marks: dict[int, tuple[str, Style]] = {}
    if way.learned is not None and not way.wrong[way.learned]:
        marks[time.cell(int(way.steps[way.learned])) or 0] = ("✔", palette.good)
    if way.turned is not None:
        at = time.cell(int(way.steps[way.turned])) or 0
        marks[at + (at in marks)] = ("▲", palette.caution)
    line: Line = []
    before = 0
    for at, (sign, style) in sorted(marks.items()):
        line += [Segment(" " * (at - before), palette.text), Segment(sign, style)]
        before = at + 1
    return line


def _told(story: Story, width: int, palette: Palette) -> Line:
    way = story.way
    now = sure(float(way.values[-1]))
    if way.learned is None:
        return [Segment(f"not learned yet: {now}", palette.text)]
    at = int(way.steps[way.learned])
    if way.wrong[way.learned]:
        return [Segment(f"it was wrong when its task ended at {at:,}; now {now}", palette.muted)]
    line: Line = [Segment(f"✔ learned at {at:,}: {sure(float(way.values[way.learned]))}", palette.good)]
    if way.turned is None:
        return [*line, Segment(f"   still right: {now}", palette.text)]
    turned = int(way.steps[way.turned])
    taken = sum(segment.cell_length for segment in line)
    tries = (f"▲ turned for good at {turned:,}; now {now}", f"▲ turned at {turned:,}")
    told = next((one for one in tries if taken + 3 + len(one) <= width), f"▲ {turned:,}")
    if taken + 3 + len(told) > width:
        line = [Segment(f"✔ {at:,}", palette.good)]
    return [*line, Segment("   ", palette.text), Segment(told, palette.caution)]


def _side(story: Story, width: int, height: int, palette: Palette) -> list[Line]:
    """Which layer did it, and how it turned, in words."""
    lines: list[Line] = []
    found = story.put_back
    words = [
        [Segment(segment.text.replace(_JOIN, " "), segment.style) for segment in line]
        for line in message(_turned(story), width, palette.text)
    ]
    if found is not None:
        again = f"{story.name} again, if put back to the end of task {story.example.task + 1}"
        lines += message(again, width, palette.text)
        lines += of_example(found, story.example.row, width, max(height - len(words) - 4, 1), palette)
        lines.append([])
    lines += words
    if found is None and height > len(lines) + 3 and story.way.turned is not None:
        lines += [[], [Segment("L", palette.accent), Segment(" which layer did it?", palette.muted)]]
    return lines


def _turned(story: Story) -> str:
    """'turned once, 38 steps into task 4 (6 7)'."""
    way, history = story.way, story.history
    if way.learned is None:
        return "Its task is being learned"
    if way.wrong[way.learned]:
        return f"It was never learned: at the end of its task it was {story.answer}" if way.wrong[-1] else "Right now"
    if way.turned is None:
        times = way.times
        return f"Right now, though it turned {_times(times)} in between" if times else "It has been right ever since"
    step = int(way.steps[way.turned])
    task = sum(start < step for start in history.starts[1:])
    steps, name = step - history.starts[task], beginning(history.tasks[task].name, 16).replace(" ", _JOIN)
    often = "turned once," if way.times == 1 else f"turned {_times(way.times)}, for good"
    return f"{often} {steps:,} step{'s' * (steps != 1)} into task {task + 1} ({name})"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
