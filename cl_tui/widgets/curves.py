"""Task loss against penalty over the steps of the whole run."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from cl_tui import words
from cl_tui.widgets.pane import Line, Palette, Pane, message
from cl_tui.widgets.view import View
from engine.history import History
from engine.methods import METHODS

if TYPE_CHECKING:
    from cl_tui.widgets.braille import Axis, Envelope

_GUTTER = 6
"""Cells left of the plot, for the values."""
_MARKS = 2
"""Cells right of the plot, where L and P point at the current values."""


class CurvesPane(Pane):
    HELP_TITLE = "Loss and penalty"
    HOW_TO_READ = (
        "Solid dots, L: the loss on the current task alone. Sparse dots, P: the penalty that holds earlier tasks' "
        "weights. Each column spans from the smallest to the largest value of its steps, so a single spike stays "
        "visible. ┊ is a task border, ✖ a step whose value was not finite. On a logarithmic axis ('log axis') a "
        "penalty of exactly 0 has no dots."
    )

    def __init__(self) -> None:
        super().__init__()
        self._envelopes: tuple[Envelope, Envelope] | None = None

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        curve = view.history.curve
        if not curve.length:
            return message("The curves begin with the first steps.", width, palette.muted)
        from cl_tui.widgets.braille import Envelope  # numpy: not before the first frame

        if self._envelopes is None:
            self._envelopes = (Envelope(), Envelope())
        loss, penalty = self._envelopes
        loss.extend(curve.losses(loss.length))
        penalty.extend(curve.penalties(penalty.length))
        return draw_curves(view, loss, penalty, width, height, palette)


def draw_curves(
    view: View, loss: "Envelope", penalty: "Envelope", width: int, height: int, palette: Palette
) -> list[Line]:
    import numpy as np

    from cl_tui.widgets import braille

    history = view.history
    with_numbers = height >= 10
    plot = Plot(max(width - _GUTTER - _MARKS, 4), max(height - 2 - with_numbers, 1), history.total_steps)
    loss_lows, loss_highs, loss_broken = loss.columns(2 * plot.width, plot.steps)
    penalty_lows, penalty_highs, penalty_broken = penalty.columns(2 * plot.width, plot.steps)
    axis = braille.fitting_axis(np.concatenate([loss_lows, penalty_lows]), np.concatenate([loss_highs, penalty_highs]))
    solid = braille.outline(loss_lows, loss_highs, axis, plot.height)
    sparse = braille.outline(penalty_lows, penalty_highs, axis, plot.height, dotted=True)
    losses, penalties = braille.text(solid), braille.text(sparse)
    broken = (loss_broken | penalty_broken).reshape(-1, 2).any(axis=1).tolist()
    borders = {plot.column(step) for step in history.starts[1:-1]}

    current = float(history.curve.losses(history.curve.length - 1)[0])
    held = float(history.curve.penalties(history.curve.length - 1)[0])
    loss_row, penalty_row = axis.row(current, plot.height), axis.row(held, plot.height)
    labels = axis_labels(axis, plot.height)

    lines = [_legend(view, current, held, width, palette)]
    for row in range(plot.height):
        line = [Segment(f"{labels.get(row, ''):>{_GUTTER - 1}}{'┤' if row in labels else '│'}", palette.muted)]
        line += _plot_row(losses[row], penalties[row], borders, broken if row == 0 else [], palette)
        line.append(Segment("L" if row == loss_row else " ", palette.loss))
        line.append(Segment("P" if row == penalty_row else " ", palette.penalty))
        lines.append(line)
    if with_numbers:
        lines.append([Segment(" " * _GUTTER + plot.task_numbers(history), palette.muted)])
    lines.append([Segment(" " * _GUTTER + plot.step_labels(axis.log), palette.muted)])
    return lines


@dataclass(frozen=True)
class Plot:
    """Where the dots go: a size in cells, and the steps that it spans."""

    width: int
    height: int
    steps: int

    def column(self, step: int) -> int:
        return step * self.width // self.steps

    def step_labels(self, log: bool) -> str:
        """The ends of the lower axis, and what kind the other one is."""
        end = f"{self.steps:,} steps"
        room = max(0, self.width - 1 - len(end))
        kind = "log axis" if log else ""
        return f"0{kind if len(kind) + 2 <= room else '':^{room}}{end}"

    def task_numbers(self, history: History) -> str:
        """Each task's number under the middle of its steps; thinned where they would touch."""
        row = [" "] * self.width
        free = 0
        for task in range(len(history.tasks)):
            number = str(task + 1)
            middle = (self.column(history.starts[task]) + self.column(history.starts[task + 1])) // 2
            start = middle - len(number) // 2
            if free <= start and start + len(number) <= self.width:
                row[start : start + len(number)] = number
                free = start + len(number) + 1
        return "".join(row)


def _legend(view: View, loss: float, penalty: float, width: int, palette: Palette) -> Line:
    """The present values, named; in a narrow pane by their letters alone."""
    wide = width >= len("L loss 1.2e-10   P penalty 1.2e-10")
    line = [Segment(f"L {'loss ' if wide else ''}{words.quantity(loss)}", palette.loss)]
    if METHODS[view.config.method].symbol:
        line.append(Segment(f"   P {'penalty ' if wide else ''}{words.quantity(penalty)}", palette.penalty))
    return line


def _plot_row(losses: str, penalties: str, borders: set[int], broken: list[bool], palette: Palette) -> Line:
    """One row of the plot: the penalty before the loss, cells of the same style gathered into one segment."""
    from cl_tui.widgets.braille import BLANK

    line: Line = []
    run, run_style = "", palette.muted
    for x, (loss, penalty) in enumerate(zip(losses, penalties, strict=True)):
        cell: str
        style: Style
        if broken and broken[x]:
            cell, style = "✖", palette.bad
        elif penalty != BLANK:
            cell, style = penalty, palette.penalty
        elif loss != BLANK:
            cell, style = loss, palette.loss
        else:
            cell, style = ("┊", palette.muted) if x in borders else (" ", run_style)
        if style is not run_style and run:
            line.append(Segment(run, run_style))
            run = ""
        run, run_style = run + cell, style
    line.append(Segment(run, run_style))
    return line


def axis_labels(axis: "Axis", height: int) -> dict[int, str]:
    """Values beside the plot's rows: decades on a logarithmic axis, else the ends and the middle."""
    if axis.log:
        decades = range(math.ceil(math.log10(axis.low)), math.floor(math.log10(axis.high)) + 1)
        every = -(-len(decades) * 2 // height) if decades else 1
        values = [10.0**exponent for exponent in decades if exponent % every == 0]
    else:
        values = [axis.low, (axis.low + axis.high) / 2, axis.high] if height >= 5 else [axis.low, axis.high]
    labels: dict[int, str] = {}
    for value in values:
        row = axis.row(value, height)
        if row is not None:
            labels.setdefault(row, words.quantity(value))
    return labels
