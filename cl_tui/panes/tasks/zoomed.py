"""Every task's learning history, for the zoomed pane: small charts on a shared time axis, and the stability gap."""

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment

from cl_tui.charts.canvas import steps_axis
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import AccuracyTable, as_of_cursor
from cl_tui.panes.base import more, window
from cl_tui.panes.tasks.charts import task_charts
from cl_tui.panes.tasks.lines import fallen, label
from cl_tui.panes.view import View
from cl_tui.reports import text
from engine.record.history import History
from engine.record.metrics import Lowest, Stability
from engine.record.score import ScoreInfo

_HEADS = f"{'learned':>9}{'best':>7}{'now':>7}{'lowest in':>12}"
_WORST = f"{'learned':>9}{'best':>7}{'now':>7}{'worst in':>12}"
"""If lower is better."""
_WIDE = 116
"""Width from which a task's lowest point and dips stand beside its line, not below."""
_STEP, _DIPS = 10, 34
"""Columns for the step at which a task was lowest, and most columns for its dips."""
_MOST_BAND = 8
"""Most rows of a task's chart."""


def draw_histories(
    view: View, table: AccuracyTable, width: int, height: int, palette: Palette, start: int | None = None
) -> list[Line]:
    """Every task's score over time as small charts on one axis, beside its numbers. At the crosshair, the numbers
    are those of its step, while the charts show the whole run."""
    whole, found, whole_view, view = view.history, table.stability(view), view, as_of_cursor(view)
    history, score = view.history, view.history.score
    count = len(history.tasks)
    number_width = len(str(count))
    name_width = min(max(cell_len(task.name) for task in history.tasks), max(4, width // 8))
    label_width = 2 + number_width + 1 + name_width + 1
    wide = width >= _WIDE
    numbers = len(_HEADS) + number_width
    room = max(height - 3, 1)
    band = min(max(room // count, 1), _MOST_BAND)
    shown = window(count, room // band, start, min(history.task, count - 1))
    dips = [dip_words(score, found.dips[:, task].tolist(), _DIPS if wide else numbers - 1, wide) for task in shown]
    right = numbers + (2 + _STEP + 2 + max(len("dips"), *map(len, dips)) if wide else 0)
    chart_width = max(width - label_width - right, 4)

    time = steps_axis(view.viewport.steps or (0, whole.total_steps), 2 * chart_width)
    ends = table.ends(whole)

    def draw() -> list[Line]:
        return task_charts(whole_view, table, shown, time, band, ends, palette)

    charts = table.kept(
        (chart_width, band, shown, view.viewport, whole.total_steps, whole_view.baseline, palette), draw
    )
    heads = f"{'':{label_width}}{_scale(ends, history, chart_width):<{chart_width}}{_HEADS if score.higher else _WORST}"
    heads += " " * number_width
    lines: list[Line] = [[Segment(heads + (f"  {'at step':>{_STEP}}  dips" if wide else ""), palette.muted)]]
    for place, task in enumerate(shown):
        lowest = found.lowest[task]
        scores = _numbers(history, task, lowest, found.best[task], number_width, palette)
        at = f"{lowest.step:,}" if lowest else ""
        under = (
            [f"{'lowest' if score.higher else 'worst'} at step {at}", dips[place]][1 - band :]
            if lowest and not wide
            else []
        )
        for part in range(band):
            line = charts[place * band + part]
            if part == 0:
                line = [*label(view, task, number_width, name_width, 1, palette), *line, *scores]
                if wide:
                    line.append(Segment(f"  {at:>{_STEP}}  {dips[place]}", palette.muted))
            else:
                below = under[part - 1] if part <= len(under) else ""
                line = [Segment(" " * label_width, palette.text), *line, Segment(f"{below:>{right}}", palette.muted)]
            lines.append(line)
    steps = time.ticks(chart_width) if chart_width >= 40 else time.ends(chart_width)
    lines.append([Segment(f"{'':{label_width}}{steps:<{chart_width}}{more(shown, count):>{right}}", palette.muted)])
    lines.append(_summary(found, history, width, palette))
    return lines


def _scale(ends: tuple[float, float], history: History, width: int) -> str:
    """The ends of the charts' axis and, if there is room, what the scores are measured on."""
    low, high = map(history.score.tick, ends)
    scale = f"{low}–{high}{history.score.mark}" if ends[0] >= 0 else f"{low} to {high}{history.score.mark}"
    on = f"{scale} on {text.probed_on(history)}"
    return on if len(on) < width else scale


def _numbers(
    history: History, task: int, lowest: Lowest | None, best: float | None, number_width: int, palette: Palette
) -> Line:
    """Learned, best, now, lowest and in which task; as wide as _HEADS and a task's number."""
    newest = history.newest_probed
    if task >= len(newest):
        return []
    now, score = newest[task], history.score
    if task >= len(history.probed):
        return [Segment(f"{'':>9}{'':>7}{score.value(now):>7}", palette.strong)]
    highest = now if best is None else best
    line = [
        Segment(f"{score.value(history.probed[task][task]):>9}{score.value(highest):>7}", palette.muted),
        Segment(f"{score.value(now):>7}", fallen(score, score.lost(highest, now), now, palette)),
    ]
    if lowest is None:
        return [*line, Segment("", palette.good)]
    low = f"{score.value(lowest.accuracy):>8} in {lowest.during + 1:>{number_width}}"
    return [*line, Segment(low, fallen(score, score.lost(highest, lowest.accuracy), lowest.accuracy, palette))]


def dip_words(score: ScoreInfo, found: list[float], room: int, headed: bool = False) -> str:
    """A task's dips, one per later task, an accuracy's in points; only the deepest if there are too many. ``headed``:
    under "dips".

    >>> from functools import partial
    >>> from engine.record.score import ACCURACY
    >>> nan = float("nan")
    >>> told = partial(dip_words, ACCURACY)
    >>> told([nan, 0.021, 0.0], 30), told([nan, 0.021, 0.0], 10), told([nan, nan], 30)
    ('dips 2.1 0.0', '2.1 in 2', '')
    >>> told([nan, 0.021, 0.0], 30, headed=True)
    '2.1 0.0'
    """
    told = [(dip, task) for task, dip in enumerate(found) if dip == dip]
    if not told:
        return ""
    if len("dips") + len(" 0.0") * len(told) <= room:
        each = ("" if headed else "dips ") + " ".join(score.value(dip) for dip, _ in told)
        if len(each) <= room:
            return each
    dip, task = max(told, key=lambda one: one[0])
    brief = f"{score.value(dip)} in {task + 1}"
    return f"deepest dip {brief}" if len(brief) + 12 <= room else brief


def _summary(found: Stability, history: History, width: int, palette: Palette) -> Line:
    """The run's own numbers, on the evaluation subsets: average, min-ACC, worst case, and the deepest dip."""
    newest, score = history.newest_probed, history.score
    if found.worst_case is None or not newest:
        return []
    parts = [("average", score.value(sum(newest) / len(newest)))]
    if found.minimum is not None:
        lowest = "min-ACC" if score.fraction else "mean of the lowest" if score.higher else "mean of the worst"
        parts += [(lowest, score.value(found.minimum)), ("worst case", score.value(found.worst_case))]
    if np.isfinite(found.dips).any():
        during, task = divmod(int(np.nanargmax(found.dips)), len(history.tasks))
        parts.append(("deepest dip", f"{score.value(found.dips[during, task])} of task {task + 1} in {during + 1}"))
    line: Line = []
    used = 0
    for name, value in parts:
        used += len(name) + len(value) + 3
        if used - 2 <= width:
            line += [Segment(f"{'  ' if line else ''}{name} ", palette.muted), Segment(value, palette.strong)]
    return line


def task_rows(view: View, found: Stability) -> list[dict[str, object]]:
    """What the zoomed pane shows, for a file; accuracies as fractions, steps and tasks counted from 1."""
    history = as_of_cursor(view).history
    newest, on = history.newest_probed, "evaluation subset" if history.measured_alike else text.probed_on(history)
    rows: list[dict[str, object]] = []
    for task, info in enumerate(history.tasks):
        lowest = found.lowest[task]
        row: dict[str, object] = {
            "task": task + 1,
            "name": info.name,
            "steps": info.steps,
            "done": history.steps_done(task),
            "measured_on": on,
            "learned": history.probed[task][task] if task < len(history.probed) else None,
            "best": found.best[task],
            "now": newest[task] if task < len(newest) else None,
            "lowest": lowest.accuracy if lowest else None,
            "lowest_at_step": lowest.step if lowest else None,
            "lowest_in_task": lowest.during + 1 if lowest else None,
        }
        row |= {f"dip_in_task_{later + 1}": float(found.dips[later, task]) for later in range(1, len(history.tasks))}
        rows.append(row)
    return rows
