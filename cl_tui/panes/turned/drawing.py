"""The examples that turned wrong over time, and by task."""

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from cl_tui.charts.bars import bar
from cl_tui.charts.canvas import Series, line_chart
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import window
from cl_tui.panes.view import View
from engine.record.turned import Seen, Turns

MOST_LINES = 5
"""Most tasks that have a line of their own, those that lost most."""
LEAST_CHART = 8
"""Fewest lines of the zoomed chart."""
WIDEST_NAME = 12
WIDEST_BAR = 20


def draw_turned(
    turns: Turns, seen: Seen, view: View, width: int, height: int, palette: Palette, zoomed: bool
) -> list[Line]:
    """``seen``: what the table by task says, at the crosshair or now."""
    history = view.history
    total = np.nansum(turns.counts, axis=1)
    series = []
    below: list[Line] = []
    if zoomed:
        inks = (palette.loss, palette.importance, palette.good, palette.text, palette.muted)
        newest = np.nan_to_num(turns.counts[-1])
        worst = [int(task) for task in np.argsort(-newest, kind="stable")[:MOST_LINES] if newest[task]]
        series = [
            Series(str(task + 1), turns.steps, turns.counts[:, task], ink, dotted=True)
            for task, ink in zip(sorted(worst), inks, strict=False)
        ]
        below = _by_task(seen, view, width, max(height - LEAST_CHART, 0), palette)
    series.append(Series(f"{total[-1]:,.0f} shown", turns.steps, total, palette.caution))
    steps = view.viewport.steps or (0, history.total_steps)
    borders = history.starts[1:-1] if len(history.tasks) * 4 <= width else ()
    room, cursor = height - len(below), view.viewport.cursor
    return [*line_chart(series, steps, width, room, palette, _whole, cursor, borders), *below]


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _by_task(seen: Seen, view: View, width: int, height: int, palette: Palette) -> list[Line]:
    """How many examples of each task are wrong at the crosshair, or now."""
    tasks = [task for task, learned in enumerate(seen.learned) if learned]
    visible = window(len(tasks), height - 1, None, len(tasks)) if tasks and height > 1 else range(0)
    names = [view.history.tasks[task].name for task in tasks]
    name = min(max(map(cell_len, names), default=0), WIDEST_NAME)
    lines: list[Line] = [[]] if visible else []
    for place in visible:
        task = tasks[place]
        wrong, learned = seen.counts[task], seen.learned[task]
        before = f"task {task + 1:<{len(str(len(names)))}}  {set_cell_size(names[place], name)}  "
        told, share = f"{wrong:>6,} of {learned:<6,}", f" {100 * wrong / learned:>3.0f} %"
        room = min(max(width - cell_len(before) - len(told) - len(share), 0), WIDEST_BAR)
        line = [Segment(before, palette.muted), Segment(told, palette.caution if wrong else palette.text)]
        line += bar(wrong / learned, room, palette.caution, palette.muted)
        lines.append([*line, Segment(share, palette.text)])
    return lines
