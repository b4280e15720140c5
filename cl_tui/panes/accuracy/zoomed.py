"""The zoomed accuracy pane: the heat map of any number of tasks, with the scores over time beside or below it."""

import numpy as np
from rich.segment import Segment

from cl_tui.charts.canvas import Level, Series, line_chart
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.accuracy.grid import WIDEST, Scores, draw_matrix, drops, narrowest
from cl_tui.panes.as_of import AccuracyTable, as_of_cursor
from cl_tui.panes.base import side_by_side
from cl_tui.panes.baseline import aligned
from cl_tui.panes.view import View
from cl_tui.reports import text
from engine.record.chance import common_chance
from engine.record.metrics import Looks
from engine.record.score import ScoreInfo

BESIDE = 120
"""Width from which the curves stand beside the matrix."""
_FEWEST_ROWS = 8
"""Fewest rows of the curves, and of the matrix above them; if only one fits, it is the matrix."""
_MAP, _LEAST_CURVES = 40, 44
"""Least cells for a map without numbers, and for the curves beside it."""
_MOST_LINES = 6
"""Most tasks that have a line each; if there are more, only the _WORST and the newest have one."""
_WORST = 3
_LONGEST_NAME = 12
"""Cells for the baseline's name."""


def draw_accuracies(
    view: View, table: AccuracyTable, width: int, height: int, palette: Palette, pan: tuple[int, int] | None = None
) -> list[Line]:
    """Needs a score. At the crosshair the matrix is that of its step, while the curves show the whole run."""
    count = len(view.history.tasks)
    label = len("lost ")
    if width >= BESIDE:
        share = min(label + count * WIDEST, width * 3 // 5)
        if (share - label) // count < narrowest(view.history.score):
            cell = max((share - label) // count, 1)
            share = min(max(label + min(cell, 2) * count, _MAP), width - _LEAST_CURVES)
        left = _matrix(view, table, share, height, palette, pan)
        right = _curves(view, table, width - share - 2, height, palette)
        return side_by_side(left, right, share + 2, palette.text)
    below = max(height - (count + 5 + bool(text.of_several_classes(view.history, view.config))), _FEWEST_ROWS)
    if height - below < _FEWEST_ROWS:
        return _matrix(view, table, width, height, palette, pan)
    return [
        *_matrix(view, table, width, height - below, palette, pan),
        *_curves(view, table, width, below, palette),
    ]


def _matrix(
    view: View, table: AccuracyTable, width: int, height: int, palette: Palette, pan: tuple[int, int] | None
) -> list[Line]:
    """The map, and the averages without one-class tasks."""
    now = as_of_cursor(view)
    others = text.of_several_classes(now.history, now.config).replace("average accuracy", "average")
    below: list[Line] = [[Segment(others[:width], palette.muted)]] if others else []
    scores = Scores.of(now.history, table, view.history)
    return draw_matrix(now, table.scale(view), scores, width, height - len(below), palette, pan, with_best=True) + below


def _curves(view: View, table: AccuracyTable, width: int, height: int, palette: Palette) -> list[Line]:
    """The average and single tasks over time: all if there are few, else those that lost most and the newest."""
    history = view.history
    key = (width, height, view.viewport, history.total_steps, len(history.warnings), view.baseline, palette)
    return table.kept(key, lambda: _drawn_curves(view, table, width, height, palette))


def _drawn_curves(view: View, table: AccuracyTable, width: int, height: int, palette: Palette) -> list[Line]:
    history = view.history
    looks = table.looks(history)
    score = history.score
    tasks = _worth_a_line(score, looks)
    inks = (palette.loss, palette.accent, palette.importance, palette.good, palette.text, palette.muted)
    series = [
        Series(str(task + 1), looks.steps[since], looks.accuracies[since, task], inks[place % len(inks)])
        for place, task in enumerate(tasks)
        for since in [looks.during >= task]
    ]
    if len(history.accuracies) > 1:
        average = np.nansum(looks.accuracies, axis=1) / (looks.during + 1)
        series.append(Series("avg", looks.steps, average, palette.strong, dotted=True))
    if (behind := aligned(view, table)) is not None and view.baseline is not None:
        name = view.baseline.label(view.config)[:_LONGEST_NAME]
        average = np.nansum(behind.accuracies, axis=1) / (behind.during + 1)
        series.insert(0, Series(name, behind.steps, average, palette.muted))
    ends = table.ends(history)
    chance = common_chance(history, view.config)
    levels = [Level("chance", chance)] if chance is not None and ends[0] <= chance <= ends[1] else []
    seen = int(looks.during[-1]) + 1
    some = f"{len(tasks) - 1} that lost most, newest, average"
    which = "each task, and their average" if len(tasks) == seen else some
    measured_in = f" ({score.mark.strip()})" if score.mark else ""
    said = f"Over time{measured_in}, {text.probed_on(history)}: {which}"
    chart = line_chart(
        series,
        view.viewport.steps or (0, history.total_steps),
        width,
        height - 1,
        palette,
        score.tick,
        view.viewport.cursor,
        history.starts[1:-1] if len(history.tasks) * 4 <= width else (),
        ends,
        levels,
        [warned.step for warned in history.warnings],
    )
    return [[Segment(said[:width], palette.muted)], *chart]


def _worth_a_line(score: ScoreInfo, looks: Looks) -> list[int]:
    """The tasks that get a line, counted from 0."""
    seen = int(looks.during[-1]) + 1
    if seen <= _MOST_LINES:
        return list(range(seen))
    lost = drops(score, looks.accuracies[:, : seen - 1], looks.accuracies[-1, : seen - 1])
    return [*sorted(np.argsort(-lost, kind="stable")[:_WORST].tolist()), seen - 1]
