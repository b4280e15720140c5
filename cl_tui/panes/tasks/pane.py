"""Task progress: each task's classes, its progress, and its accuracy when learned and now.

Zoomed: every task's learning history on a shared time axis, and the stability gap.
"""

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import LookTable, seen_at_cursor, when
from cl_tui.panes.base import Pane, message, window
from cl_tui.panes.view import View
from cl_tui.reports import text as words
from engine.record.history import History

_ACCURACY = len("100.0 → 100.0")
FEWEST = 4
"""Rows from which a list of tasks that does not fit has a header, and a last line with the number of missing tasks."""
NOTABLE_DROP = 0.01
"""Loss of accuracy from which a task's number is coloured."""


class TasksPane(Pane):
    HELP_TITLE = "Tasks"
    HOW_TO_READ = (
        "One line per task: ✔ learned, ▶ in training, no sign if it waits. The bar shows how many steps are done. "
        "On the right the accuracy (%) when it was learned → now, both on the same examples: on the evaluation subset "
        "while a task is trained, else on the whole test set. If the second number falls, that is forgetting. Zoomed: "
        "each task's accuracy over time on the evaluation subset, some test examples of each class, the same for the "
        "whole run; the line above gives the scale and their number. 'Lowest' is the lowest accuracy since the task "
        "was learned, and in which task that was; a dip is how far it fell then, and min-ACC is the mean of the lowest."
    )

    def __init__(self) -> None:
        super().__init__()
        self._table = LookTable()

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        start = self.pan[1] if self.pan else None
        if self.zoomed and view.history.tasks:
            from cl_tui.panes.tasks.zoomed import draw_histories

            return draw_histories(view, self._table, width, height, palette, start)
        return draw_tasks(seen_at_cursor(view), width, height, palette, start)

    def subtitle(self, view: View) -> str:
        history = view.history
        if view.viewport.cursor is not None:
            return when(view)
        if not view.training or not history.rate or history.between or history.task >= len(history.tasks):
            return ""
        left = history.tasks[history.task].steps - history.steps_done(history.task)
        return f"{history.rate:,.0f} steps/s · task {words.duration(left / history.rate)} left"

    def pannable(self, view: View) -> tuple[int, int]:
        return (0, max(0, len(view.history.tasks) - 1))

    def data(self, view: View) -> list[dict[str, object]]:
        """A row per task: progress, its accuracies since it was learned, and its dip in each later task."""
        if not view.history.tasks:
            return []
        from cl_tui.panes.tasks.zoomed import task_rows

        return task_rows(view, self._table.stability(view))


def draw_tasks(view: View, width: int, height: int, palette: Palette, start: int | None = None) -> list[Line]:
    history = view.history
    if not history.tasks:
        return message(f"{view.config.tasks} tasks wait: {view.activity}…", width, palette.muted)
    count = len(history.tasks)
    number_width = len(str(count))
    name_width = min(max(cell_len(task.name) for task in history.tasks), max(4, width // 4))
    steps_width = len(f"{max(task.steps for task in history.tasks):,}")
    with_steps = width >= 56 + 2 * steps_width
    bar_width = width - (2 + number_width + 2 + name_width + 2 + 2 + _ACCURACY)
    if with_steps:
        bar_width -= 2 + 2 * steps_width + 3
    lines: list[Line] = []
    cut = count > height >= FEWEST
    head = height > count or cut
    spread = height >= 2 * count + 4
    if head:
        before = width - 2 - _ACCURACY - (2 + 2 * steps_width + 3 if with_steps else 0)
        steps_head = f"  {'steps':>{2 * steps_width + 3}}" if with_steps else ""
        lines.append([Segment(f"{'':{before}}learned → {'now':>5}{steps_head}", palette.muted)])
    shown = window(count, height - head - cut, start, min(history.task, count - 1))
    for task in shown:
        info = history.tasks[task]
        done = history.steps_done(task)
        glyph, style = sign(view, task, palette)
        line = [
            Segment(f"{glyph} ", style),
            Segment(f"{task + 1:>{number_width}}  ", palette.muted),
            Segment(set_cell_size(info.name, name_width) + "  ", palette.text if done else palette.muted),
            *bar(done / info.steps, bar_width, style, palette.muted),
            Segment("  ", palette.text),
            *_accuracy(history, task, palette),
        ]
        if with_steps:
            steps = f"{done:,} / {info.steps:,}" if done else f"{info.steps:,}"
            line.append(Segment(f"  {steps:>{2 * steps_width + 3}}", palette.muted))
        lines.append(line)
        if spread:
            lines.append([])
    if cut:
        lines.append([Segment(more(shown, count), palette.muted)])
    elif height >= len(lines) + 2 - spread:
        share = history.step / history.total_steps
        whole = [
            Segment(f"{'all':<{2 + number_width + 2 + name_width + 2}}", palette.muted),
            *bar(share, bar_width, palette.strong, palette.muted),
            Segment(f"  {100 * share:>{_ACCURACY - 2}.0f} %", palette.muted),
        ]
        lines += [whole] if spread else [[], whole]
    return lines


def more(shown: range, count: int, before: str = "above", after: str = "below") -> str:
    """How many of ``count`` tasks are out of view, with words for both sides.

    >>> more(range(2, 5), 9), more(range(0, 5), 9), more(range(4, 9), 9), more(range(9), 9)
    ('2 more above, 4 below', '4 more below', '4 more above', '')
    """
    earlier, later = shown.start, count - shown.stop
    if earlier and later:
        return f"{earlier} more {before}, {later} {after}"
    return f"{earlier} more {before}" if earlier else f"{later} more {after}" if later else ""


def sign(view: View, task: int, palette: Palette) -> tuple[str, Style]:
    history = view.history
    if task < len(history.matrix):
        return "✔", palette.good
    if task == history.task and not view.loading and not history.between:
        return view.glyph, palette.bad if history.state == "failed" else palette.strong
    return " ", palette.muted


def _accuracy(history: History, task: int, palette: Palette) -> Line:
    """'99.4 → 98.1', the second number coloured if it fell."""
    rows = history.alike
    if task >= len(history.matrix):
        newest = words.percent(rows[-1][task]) if rows and task < len(rows[-1]) else ""
        return [Segment(f"{newest:>{_ACCURACY}}", palette.strong)]
    learned, now = rows[task][task], rows[-1][task]
    style = fallen(learned - now, palette)
    return [Segment(f"{words.percent(learned):>5} → ", palette.muted), Segment(f"{words.percent(now):>5}", style)]


def fallen(drop: float, palette: Palette) -> Style:
    """The style of an accuracy that is ``drop`` lower than before."""
    return palette.bad if drop >= 5 * NOTABLE_DROP else palette.caution if drop >= NOTABLE_DROP else palette.good


def bar(share: float, width: int, done: Style, rest: Style) -> Line:
    """Progress as a heavy line on a light one, in half cells.

    >>> "".join(segment.text for segment in bar(0.5, 5, Style(), Style()))
    '━━╸──'
    """
    if width <= 0:
        return []
    halves = int(share * width * 2)
    full, half = divmod(halves, 2)
    return [Segment("━" * full + "╸" * half, done), Segment("─" * (width - full - half), rest)]
