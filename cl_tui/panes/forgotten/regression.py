"""What a regression has forgotten, as curves: the targets of a task's examples in order, what was predicted for them
when the task ended, and what is predicted now."""

from dataclasses import dataclass

import numpy as np
from rich.segment import Segment

from cl_tui.charts import braille
from cl_tui.charts.canvas import Canvas, line_columns, steps_axis
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import message
from cl_tui.panes.forgotten.column import lost_style
from cl_tui.panes.forgotten.tiles import block
from cl_tui.panes.tasks.lines import beginning
from engine.record.events import ANSWERS
from engine.record.history import History
from engine.record.shown import Shown, answers_of

_GUTTER = 8
_LEAST = 9


@dataclass(frozen=True, eq=False)
class Curves:
    """Of one task, in the order of the targets. Each of shape (N,): the first number of a target."""

    task: int
    target: np.ndarray
    then: np.ndarray
    now: np.ndarray

    @property
    def moved(self) -> float:
        """How much farther from the targets the predictions are now: the difference of the mean distances."""
        return float(np.abs(self.now - self.target).mean() - np.abs(self.then - self.target).mean())


def curves(history: History, shown: Shown, step: int | None) -> list[Curves]:
    """Of each task that has ended by ``step``, or by now."""
    told = history.packed.get(ANSWERS)
    known = told.until(step) if told is not None and step is not None else told
    if not known:
        return []
    now, made = answers_of(known[-1], shown), []
    for task in range(min(len(history.matrix), len(now))):
        end = next((one for one in reversed(known) if one.phase == task), None)
        then = answers_of(end, shown) if end is not None else []
        if not then or now[task].right is not None:
            continue
        target = now[task].target.reshape(len(now[task].target), -1)[:, 0]
        order = np.argsort(target, kind="stable")
        made.append(Curves(task, target[order], then[task].given[order, 0], now[task].given[order, 0]))
    return made


def draw_regression(
    found: list[Curves], history: History, start: int, width: int, height: int, palette: Palette
) -> list[Line]:
    """A chart for each task from ``start`` on, as many as fit."""
    if not found:
        return message("Curves appear at the end of the first task.", width, palette.muted)
    legend: Line = [
        Segment("target", palette.text),
        Segment("  when learned", palette.good),
        Segment("  now", lost_style(palette)),
        Segment("   examples in the order of their targets", palette.muted),
    ]
    seen = found[min(start, len(found) - 1) :]
    across = 2 if width >= 100 and len(seen) > 1 else 1
    rows = max(1, min(-(-len(seen) // across), (height - 1) // _LEAST))
    each = (height - 1) // rows
    lines = [legend]
    for row in range(rows):
        part = seen[row * across : (row + 1) * across]
        wide = (width - 2 * (across - 1)) // across
        blocks = [block(_chart(of, history, wide, each, palette), wide, each, palette) for of in part]
        lines += [
            [
                segment
                for number, each_block in enumerate(blocks)
                for segment in ([*([Segment("  ", palette.text)] if number else []), *each_block[line]])
            ]
            for line in range(each)
        ]
    return lines


def _chart(of: Curves, history: History, width: int, height: int, palette: Palette) -> list[Line]:
    score = history.score
    head: Line = [Segment(f"task {of.task + 1}  {beginning(history.tasks[of.task].name, 20)}", palette.strong)]
    rows = history.alike
    if rows and of.task < len(rows[-1]):
        told = f"   {score.value(rows[of.task][of.task])} → {score.value(rows[-1][of.task])}"
        head.append(Segment(told, palette.muted))
    plot_width, plot_height = max(width - _GUTTER, 4), max(height - 2, 1)
    finite = [values[np.isfinite(values)] for values in (of.target, of.then, of.now)]
    every = np.concatenate(finite)
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    axis = braille.Axis(low, high if high > low else low + 1, log=False)
    time, canvas = steps_axis((0, len(of.target)), 2 * plot_width), Canvas(plot_width, plot_height, palette.muted)
    places = np.arange(1, len(of.target) + 1)
    styles = (palette.text, palette.good, lost_style(palette))
    for values, style, dotted in zip((of.target, of.then, of.now), styles, (False, True, False), strict=True):
        lows, highs = line_columns(places, values.astype(float), time)
        dots = braille.outline(lows, highs, axis, plot_height, dotted and not palette.coloured)
        canvas.curve(dots, style, joined=True)
    labels = {0: f"{axis.high:.3g}", plot_height - 1: f"{axis.low:.3g}"}
    return [
        head,
        *(
            [Segment(f"{labels.get(row, ''):>{_GUTTER - 1}} ", palette.muted), *cells]
            for row, cells in enumerate(canvas.lines())
        ),
    ]
