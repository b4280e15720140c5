"""The zoomed accuracy pane: the matrix of any number of tasks, with the scores over time beside or below it."""

from itertools import pairwise

import numpy as np
from rich.segment import Segment

from cl_tui.charts.bars import BLOCKS
from cl_tui.charts.canvas import Series, line_chart
from cl_tui.charts.style import Line, Palette
from cl_tui.charts.ticks import spaced
from cl_tui.panes.accuracy.grid import WIDEST, draw_matrix, narrowest, out_of_view, summary
from cl_tui.panes.as_of import AccuracyTable, as_of_cursor
from cl_tui.panes.base import FEWEST, side_by_side, window
from cl_tui.panes.view import View
from cl_tui.reports import text
from cl_tui.reports.scale import Scale
from engine.record.events import PROBE
from engine.record.history import History
from engine.record.metrics import Looks
from engine.record.score import ScoreInfo

BESIDE = 120
"""Width from which the curves stand beside the matrix."""
_FEWEST_ROWS = 8
"""Fewest rows of the curves, and of the matrix above them; if only one fits, it is the matrix."""
_SIGNS = "#x=-' ·"
"""Characters used without colours, by level, from poor to perfect; the last for what is not evaluated."""
_SHADE = "▒"
"""A cell whose colour differs from its background's."""
_LEGEND = 66
"""Cells for the legend."""
_MOST_LINES = 6
"""Most tasks that have a line each; if there are more, only the _WORST and the newest have one."""
_WORST = 3


def draw_accuracies(
    view: View, table: AccuracyTable, width: int, height: int, palette: Palette, pan: tuple[int, int] | None = None
) -> list[Line]:
    """Needs a score. At the crosshair the matrix is that of its step, while the curves show the whole run."""
    now, looks, matrix = as_of_cursor(view), table.looks(view.history), table.matrix(view.history)
    count = len(view.history.tasks)
    label = len(f"{count} now ")
    scale = table.scale(view.history)
    if width >= BESIDE:
        share = min(label + count * WIDEST, width * 3 // 5)
        if (share - label) // count < narrowest(scale.score):
            share = min(share, max(label + 2 * count, _LEGEND))
        left = _matrix(now, scale, looks, matrix, share, height, palette, pan)
        right = _curves(view, table, width - share - 2, height, palette)
        return side_by_side(left, right, share + 2, palette.text)
    below = max(height - (count + 4 + bool(text.of_several_classes(now.history, now.config))), _FEWEST_ROWS)
    if height - below < _FEWEST_ROWS:
        return _matrix(now, scale, looks, matrix, width, height, palette, pan)
    return [
        *_matrix(now, scale, looks, matrix, width, height - below, palette, pan),
        *_curves(view, table, width, below, palette),
    ]


def _matrix(
    view: View,
    scale: Scale,
    looks: Looks,
    matrix: np.ndarray,
    width: int,
    height: int,
    palette: Palette,
    pan: tuple[int, int] | None,
) -> list[Line]:
    """The matrix in numbers if all tasks fit, else in colours or signs; and the averages without one-class tasks."""
    count = len(view.history.tasks)
    label = len(f"{count} now ")
    others = text.of_several_classes(view.history, view.config).replace("average accuracy", "average")
    below: list[Line] = [[Segment(others[:width], palette.muted)]] if others else []
    height -= len(below)
    if (width - label) // count >= narrowest(scale.score) or not view.history.accuracies:
        return draw_matrix(view, scale, width, height, palette, pan, with_best=True) + below
    return _cells(view, scale, looks, matrix, width, height, palette, pan) + below


def _cells(
    view: View,
    scale: Scale,
    looks: Looks,
    matrix: np.ndarray,
    width: int,
    height: int,
    palette: Palette,
    pan: tuple[int, int] | None,
) -> list[Line]:
    """A colour for each score, or a sign without colours, each task's loss as bars, and a legend."""
    history = view.history
    count, now = len(history.tasks), min(history.task, len(history.tasks) - 1)
    ended = len(history.matrix)
    rows = alike = matrix[:ended]
    if history.look is not None:
        newest = np.pad(history.probe, (0, count - len(history.probe)), constant_values=np.nan)
        rows = alike = np.vstack([rows, newest])
        if history.look.part == PROBE:
            alike = np.vstack([looks.accuracies[looks.ended][:ended], newest])
    label = len(f"{count} now ")
    cell = 2 if (width - label) // count >= 2 else 1
    shown = window(count, (width - label) // cell, pan[0] if pan else None, now)
    cut = height >= FEWEST and (len(shown) < count or height < count + 4)
    visible = window(count, max(height - 4 - cut, 1), pan[1] if pan else None, now)

    styles = (*palette.heat, *[palette.muted] * len(_SIGNS))
    seen = np.full((len(visible), len(shown)), np.nan)
    seen[: max(len(rows) - visible.start, 0)] = rows[visible.start : visible.stop, shown.start : shown.stop]
    levels = np.where(np.isnan(seen), len(scale.steps) + 1, scale.levels(seen))
    if palette.coloured:
        later = _later(history, visible, count)[:, shown.start : shown.stop]
        levels = np.where(np.isnan(later), levels, len(scale.steps) + 2 + scale.levels(later))
    signs = np.full((len(visible), len(shown) * cell), " ", dtype="<U1")
    for first, by_level, of_later in zip((0, cell - 1), _signs(palette), (" " * len(_SIGNS), _SIGNS), strict=True):
        signs[:, first::cell] = np.array([*by_level, *of_later])[levels]
    changes = levels[:, 1:] != levels[:, :-1]

    lines: list[Line] = [[Segment(f"{'after':<{label}}{_column_numbers(shown, cell)}", palette.muted)]]
    for place, i in enumerate(visible):
        name = f"{i + 1} now" if i == len(history.matrix) and history.probe else str(i + 1)
        line = [Segment(f"{name:<{label}}", palette.strong if i == now and view.training else palette.muted)]
        cells = signs[place].tobytes().decode("utf-32-le")
        cuts = [0, *(np.flatnonzero(changes[place]) + 1).tolist(), len(shown)]
        inks = levels[place].tolist()
        line += [Segment(cells[a * cell : b * cell], styles[inks[a]]) for a, b in pairwise(cuts)]
        lines.append(line)
    drops = _drops(scale.score, alike[:-1], alike[-1])
    learned = drops[: len(alike) - 1]
    lines.append(_lost(drops[shown.start : shown.stop], label, cell, palette))
    average = None if np.isnan(alike[-1]).all() else float(np.nanmean(alike[-1]))
    forgetting = float(learned.mean()) if len(learned) else None
    if cut:
        lines.append(out_of_view(shown, visible, count, width, palette))
    lines.append(summary(history, average, forgetting, width, palette))
    lines.append(_legend(scale, width, palette))
    return lines[:height]


def _later(history: History, visible: range, count: int) -> np.ndarray:
    """The scores on tasks that had not begun, shape (visible rows, count); NaN elsewhere."""
    found = np.full((len(visible), count), np.nan)
    for row, i in zip(found, visible, strict=True):
        scores = history.later[i] if i < len(history.later) else ()
        row[i + 1 : i + 1 + len(scores)] = scores
    return found


def _drops(score: ScoreInfo, earlier: np.ndarray, now: np.ndarray) -> np.ndarray:
    """How much worse each task is than its best in ``earlier``, of shape (looks, tasks)."""
    best = (np.fmax if score.higher else np.fmin).reduce(earlier, axis=0, initial=np.nan)
    drops: np.ndarray = best - now if score.higher else now - best
    return drops


def _signs(palette: Palette) -> tuple[str, str]:
    """The characters of a cell by level, at its start and at its end; the last for what is not evaluated."""
    if not palette.coloured:
        return " " * len(_SIGNS), _SIGNS
    shades = "".join(" " if ink.bgcolor and not ink.bgcolor.is_default else _SHADE for ink in palette.heat)
    return f"{shades} ", f"{shades}{_SIGNS[-1]}"


def _column_numbers(shown: range, cell: int) -> str:
    """Every fifth task's number, and the first, over the end of its column, as far as they do not touch."""
    numbers = ((place, str(task + 1)) for place, task in enumerate(shown, 1) if (task + 1) % 5 == 0 or place == 1)
    return spaced(((place * cell - len(number), number) for place, number in numbers), len(shown) * cell)


def _lost(drops: np.ndarray, label: int, cell: int, palette: Palette) -> Line:
    """What each task lost since its best, as bars up to the largest loss."""
    most = float(np.nanmax(drops, initial=0.0))
    levels = np.ceil(8 * np.clip(np.nan_to_num(drops), 0, None) / most) if most > 0 else np.zeros(len(drops))
    bars = "".join(" " * (cell - 1) + BLOCKS[level] for level in levels.astype(int).tolist())
    return [Segment(f"{'lost':<{label}}", palette.muted), Segment(bars, palette.caution)]


def _legend(scale: Scale, width: int, palette: Palette) -> Line:
    """The meaning of the colours or signs, from the first level to the last."""
    names = [*scale.names, "not yet"]
    line: Line = []
    styles = (*palette.heat, palette.muted)
    for fill, sign, name, style in zip(*_signs(palette), names, styles, strict=True):
        line += [Segment(f"{fill}{sign}{fill}", style), Segment(f" {name}  ", palette.muted)]
    return line if sum(segment.cell_length for segment in line) <= width else line[: 2 * max(width // 9, 1)]


def _curves(view: View, table: AccuracyTable, width: int, height: int, palette: Palette) -> list[Line]:
    """The average and single tasks over time: all if there are few, else those that lost most and the newest."""
    key = (width, height, view.viewport, view.history.total_steps, palette)
    return table.kept(key, lambda: _drawn_curves(view, table, width, height, palette))


def _drawn_curves(view: View, table: AccuracyTable, width: int, height: int, palette: Palette) -> list[Line]:
    history = view.history
    looks = table.looks(history)
    score = history.score
    tasks = _worth_a_line(score, looks)
    inks = (palette.loss, palette.penalty, palette.importance, palette.good, palette.text, palette.muted)
    series = [
        Series(str(task + 1), looks.steps[since], looks.accuracies[since, task], inks[place % len(inks)])
        for place, task in enumerate(tasks)
        for since in [looks.during >= task]
    ]
    if len(history.accuracies) > 1:
        average = np.nansum(looks.accuracies, axis=1) / (looks.during + 1)
        series.append(Series("avg", looks.steps, average, palette.strong, dotted=True))
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
        table.ends(history),
    )
    return [[Segment(said[:width], palette.muted)], *chart]


def _worth_a_line(score: ScoreInfo, looks: Looks) -> list[int]:
    """The tasks that get a line, counted from 0."""
    seen = int(looks.during[-1]) + 1
    if seen <= _MOST_LINES:
        return list(range(seen))
    lost = _drops(score, looks.accuracies[:, : seen - 1], looks.accuracies[-1, : seen - 1])
    return [*sorted(np.argsort(-lost, kind="stable")[:_WORST].tolist()), seen - 1]
