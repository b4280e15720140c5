"""One run of a race: its average over time before those of the others, and its tasks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from cl_tui.charts.bars import BLOCKS
from cl_tui.charts.colour_scale import ColourScale
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.race.view import RaceView, spread_over
from cl_tui.reports.session_facts import probed_rows
from engine.record.history import History

if TYPE_CHECKING:
    import numpy as np

    from cl_tui.charts.braille import Axis
    from cl_tui.charts.canvas import TimeAxis

GUTTER = 4
"""Cells left of a curve."""
TASK = 1000
"""Parts of a task on the clock that the curves share."""
SPARK = 12
"""Most cells of a task's line over time."""

Curve = list[tuple[int, float]]


def title(view: RaceView, at: int, place: int, width: int, palette: Palette) -> Line:
    entry = view.entries[at]
    parts = [
        Segment(f"{place} ", palette.strong),
        Segment(f"{view.marks[at].sign} ", view.marks[at].style(palette)),
        Segment(entry.label, palette.selected if at == view.chosen else palette.strong),
        Segment(f" {entry.history.score.full(entry.average)} ", palette.text),
    ]
    left = width - sum(part.cell_length for part in parts)
    return [*parts, Segment("─" * max(left, 0), palette.muted)]


def averages(history: History) -> Curve:
    """The average over the tasks so far, at each test of the network; by the clock that all runs share, in parts of a
    TASK."""
    starts, found = history.starts, []
    for step, task, at_end, row in probed_rows(history):
        if row and not math.isnan(fmean(row)):
            share = 1.0 if at_end else (step - starts[task]) / max(history.steps_of(task), 1)
            found.append((round(TASK * (task + share)), fmean(row)))
    return found


@dataclass(frozen=True, eq=False)
class Drawn:
    """The curves of all runs as dots, which every lane shows."""

    axis: "Axis"
    time: "TimeAxis"
    dots: "Sequence[np.ndarray]"

    @classmethod
    def of(cls, view: RaceView, width: int, height: int) -> "Drawn":
        import numpy as np

        from cl_tui.charts import braille
        from cl_tui.charts.canvas import line_columns, steps_axis

        score, every = view.entries[0].history.score, [averages(entry.history) for entry in view.entries]
        tasks = max(1, *(len(entry.history.tasks) for entry in view.entries))
        time = steps_axis((0, TASK * tasks), 2 * (width - GUTTER))
        values = [value for curve in every for _, value in curve if math.isfinite(value)]
        low, high = min(values, default=0.0), max(values, default=1.0)
        if score.fraction:
            low, high = math.floor(10 * low + 1e-9) / 10, 1.0
        axis = braille.Axis(low, high if high > low else low + 1.0, log=False)
        curves = [(np.array([x for x, _ in of]), np.array([y for _, y in of])) for of in every]
        return cls(axis, time, [braille.outline(*line_columns(*of, time), axis, height - 1) for of in curves])


def curves(view: RaceView, at: int, drawn: Drawn, size: tuple[int, int], palette: Palette) -> list[Line]:
    """The run's curve, and dimly those of the others behind it; below it the tasks' names."""
    from cl_tui.charts.canvas import Canvas, value_labels

    width, height = size
    history = view.entries[at].history
    canvas = Canvas(width - GUTTER, height - 1, palette.muted)
    for other, dots in enumerate(drawn.dots):
        if other != at:
            thinned = dots.copy()
            thinned[:, 1::2] = False
            canvas.curve(thinned, palette.muted)
    canvas.curve(drawn.dots[at], view.marks[at].style(palette))
    for task in range(1, len(history.tasks)):
        canvas.vertical(drawn.time.cell(TASK * task + 1), "┊", palette.muted)
    labels = value_labels(drawn.axis, height - 1, history.score.tick)
    lines = [
        [Segment(f"{labels.get(row, '')[: GUTTER - 1]:>{GUTTER - 1}} ", palette.muted), *cells]
        for row, cells in enumerate(canvas.lines())
    ]
    return [*lines, [Segment(" " * GUTTER + _names(history, width - GUTTER), palette.muted)]]


def _names(history: History, width: int) -> str:
    """The tasks' names below their parts; numbers where there is no room."""
    count, cells = max(len(history.tasks), 1), [" "] * width
    for task in range(len(history.tasks)):
        first, last = task * width // count, (task + 1) * width // count
        name = history.tasks[task].name
        name = name if cell_len(name) < last - first else str(task + 1)
        if cell_len(name) <= last - first:
            place = first + (last - first - cell_len(name)) // 2
            cells[place : place + cell_len(name)] = [name, *[""] * (cell_len(name) - 1)]
    return "".join(cells)


def tasks(view: RaceView, at: int, width: int, height: int, palette: Palette) -> list[Line]:
    """A line for each task: how good it is now, over time, and what it has lost since it was learned."""
    history = view.entries[at].history
    score, row = history.score, history.accuracies
    scale = ColourScale.of(score, [value for of in history.alike for value in of])
    rows = [known for _, _, _, known in probed_rows(history)]
    names = min(max((cell_len(task.name) for task in history.tasks), default=1), max(width - 22, 4), 12)
    spark = min(SPARK, width - names - 20)
    known = history.alike
    lines: list[Line] = []
    for task in range(min(len(row), height)):
        then = known[task][task] if len(known) > task + 1 else math.nan
        lost = score.lost(then, row[task])
        line: Line = [
            Segment(set_cell_size(history.tasks[task].name, names) + " ", palette.text),
            Segment(f" {score.value(row[task]):>6} ", scale.style(row[task], palette)),
        ]
        if spark >= 4:
            line.append(Segment(f"  {_spark(rows, task, scale, spark)}", view.marks[at].style(palette)))
        told, style = "new", palette.loss
        if not math.isnan(lost):
            told = f"{'−' if lost > 0 else '+'}{score.value(abs(lost))}"
            style = palette.caution if score.fallen(lost, row[task]) else palette.text
        line.append(Segment(f"{told:>{min(width - names - 9 - (spark + 2 if spark >= 4 else 0), 9)}}", style))
        lines.append(line)
    return lines


def _spark(rows: Sequence[tuple[float, ...]], task: int, scale: ColourScale, width: int) -> str:
    """The scores of a task over the whole time so far."""
    found = [row[task] if len(row) > task else math.nan for row in rows]
    return "".join(
        " " if math.isnan(value) else BLOCKS[1 + round(7 * scale.fraction(value))]
        for value in spread_over(found, width)
    ).rjust(min(width, len(found)))
