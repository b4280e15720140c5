"""A line or more per task: its score over time, when it was learned and now, and what it lost."""

from dataclasses import dataclass, replace

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.bars import LONGEST_BAR, bar
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import AccuracyTable, as_of_cursor
from cl_tui.panes.base import FEWEST, message, more, window
from cl_tui.panes.view import View
from engine.catalog.own_loop import OWN_LOOP
from engine.record import metrics
from engine.record.chance import chance_of
from engine.record.history import History
from engine.record.score import WIDTH, ScoreInfo
from engine.settings.run import RunConfig

_LEAST_CHART, _MOST_CHART = 6, 60
"""Cells of a task's chart."""
_MOST_BAND = 5
"""Most lines of a task."""


def score_width(score: ScoreInfo) -> int:
    """Most columns of a score."""
    return len("100.0") if score.fraction else WIDTH


def draw_tasks(
    view: View, table: AccuracyTable, width: int, height: int, palette: Palette, start: int | None = None
) -> list[Line]:
    """At the crosshair the numbers are those of its step, while the charts show the whole run."""
    whole, view = view, as_of_cursor(view)
    history = view.history
    if not history.tasks:
        known = view.config.tasks_known and view.config.benchmark != OWN_LOOP
        planned = f"{view.config.tasks} tasks wait" if known else "The tasks wait"
        return message(f"{planned}: {view.activity}…", width, palette.muted)
    count = len(history.tasks)
    columns = _columns(view, width)
    cut = count > height >= FEWEST
    head = height > count or cut
    below = height > count + head + 1
    band = min(max((height - head - 2 * below) // count, 1), _MOST_BAND)
    shown = window(count, height - head - cut, start, min(history.task, count - 1))
    charts = _charts(whole, table, shown, columns.chart, band, palette)
    lines: list[Line] = [_heads(history, columns, width, band, palette)] if head else []
    for place, task in enumerate(shown):
        beside = [_scores(history, task, columns, view.config, palette), *_under(view, task, columns, palette)]
        for part in range(band):
            name = label(view, task, columns.number, columns.name, 1, palette) if part == 0 else None
            line = name or [Segment(" " * columns.label, palette.text)]
            if charts:
                line = [*line, *charts[place * band + part], Segment(" ", palette.text)]
            elif columns.chart:
                line = [*line, *_in_line(view, task, columns.chart, palette), Segment(" ", palette.text)]
            lines.append([*line, *(beside[part] if part < len(beside) else [])])
    if cut:
        lines.append([Segment(more(shown, count), palette.muted)])
    elif below and (summed_up := summary(whole, history, width, palette)):
        lines += [*([[]] if len(lines) + 1 < height else []), summed_up]
    return lines[:height]


@dataclass(frozen=True)
class _Columns:
    """How wide the parts of a task's line are."""

    number: int
    name: int
    chart: int
    each: int
    """Of a score."""
    lost: int

    @property
    def label(self) -> int:
        return 2 + self.number + 1 + self.name + 1

    @property
    def beside(self) -> int:
        """Right of the chart."""
        return 2 * self.each + len(" → ") + self.lost


def _columns(view: View, width: int) -> _Columns:
    history = view.history
    number = len(str(len(history.tasks)))
    longest = max(cell_len(task.name) for task in history.tasks)
    each = score_width(history.score)
    for name in (min(longest, max(4, width // 4)), min(longest, 4)):
        for lost in (each + 3, 0):
            found = _Columns(number, name, 0, each, lost)
            chart = width - found.label - found.beside - 1
            if chart >= _LEAST_CHART:
                return replace(found, chart=min(chart, _MOST_CHART))
    return replace(found, chart=max(chart, 0))


def _heads(history: History, columns: _Columns, width: int, band: int, palette: Palette) -> Line:
    scale = "each 0 to 100" if history.score.fraction and columns.chart >= 13 and band > 1 else ""
    gap = columns.chart + 1 if columns.chart else 0
    numbers = f"{'learned':>{columns.each + 2}} → {'now':>{columns.each - 2}}"
    told = f"{'':{columns.label}}{scale:<{gap}}"
    numbers = f"{numbers[-(2 * columns.each + 3) :]}{'lost':>{columns.lost}}" if columns.lost else numbers
    return [Segment(f"{told}{numbers}"[:width], palette.muted)]


def _charts(view: View, table: AccuracyTable, shown: range, width: int, band: int, palette: Palette) -> list[Line]:
    """Each task's scores over time; no lines if there is no room, or no score yet."""
    if not width or not view.history.accuracies:
        return []
    from cl_tui.charts.canvas import steps_axis
    from cl_tui.panes.tasks.charts import task_charts

    history = view.history
    table.looks(history)
    time = steps_axis(view.viewport.steps or (0, history.total_steps), 2 * width)
    ends = (0.0, 1.0) if history.score.fraction else table.ends(history)
    key = (width, band, shown, view.viewport, history.total_steps, view.baseline, palette)
    return table.kept(key, lambda: task_charts(view, table, shown, time, band, ends, palette, plain=band == 1))


def _in_line(view: View, task: int, width: int, palette: Palette) -> Line:
    """The progress of a task, before there are scores."""
    done, info = view.history.steps_done(task), view.history.tasks[task]
    share = done / max(view.history.steps_of(task), 1) if info.steps else 0.0
    length = min(width, LONGEST_BAR)
    return [*bar(share, length, palette.strong, palette.muted), Segment(" " * (width - length), palette.text)]


def _scores(history: History, task: int, columns: _Columns, config: RunConfig, palette: Palette) -> Line:
    """'99.4 →  98.1   −1.3', orange if it became worse, with ▼ if it is below chance."""
    rows, score, each = history.alike, history.score, columns.each
    if task >= len(history.matrix):
        newest = score.value(rows[-1][task]) if rows and task < len(rows[-1]) else ""
        return [Segment(f"{newest:>{2 * each + len(' → ')}}", palette.strong)]
    learned, now = rows[task][task], rows[-1][task]
    loss = score.lost(learned, now)
    notable = bool(score.fallen(loss, now))
    worse = palette.strong if columns.lost else palette.caution  # what it lost says so where there is room
    line = [
        Segment(f"{score.value(learned):>{each}} → ", palette.muted),
        Segment(f"{score.value(now):>{each}}", worse if notable else palette.good),
    ]
    if columns.lost and loss == loss:
        line.append(
            Segment(f"{change(score, loss):>{columns.lost - 1}}", palette.caution if notable else palette.muted)
        )
        line.append(Segment("▼" if _below(history, config, task, now) else " ", palette.caution))
    return line


def change(score: ScoreInfo, loss: float) -> str:
    """A loss with its sign: − if less is left, ▲ if an error grew; + for a gain.

    >>> from engine.record.score import ACCURACY, RMSE
    >>> change(ACCURACY, 0.356), change(ACCURACY, -0.01), change(ACCURACY, 0.0), change(RMSE, 12.0)
    ('−35.6', '+1.0', '0.0', '▲12.0')
    """
    told = score.value(abs(loss))
    if not any(digit in "123456789" for digit in told):
        return told
    return f"{('−' if score.higher else '▲') if loss > 0 else '+' if score.higher else '−'}{told}"


def _below(history: History, config: RunConfig, task: int, now: float) -> float | None:
    """Chance, if the score ``now`` is worse."""
    chance = chance_of(history, config, task)
    return chance if chance is not None and history.score.lost(chance, now) > 0 else None


def _under(view: View, task: int, columns: _Columns, palette: Palette) -> list[Line]:
    """What stands under a task's scores where its chart has more than a line."""
    history, score, room = view.history, view.history.score, columns.beside
    if task >= len(history.matrix):
        if task != history.task or not (done := history.steps_done(task)):
            return []
        planned = history.tasks[task].steps
        steps = f"{done:,} of {planned:,} steps" if planned else f"{done:,} steps"
        progress = bar(done / planned, min(room, LONGEST_BAR), palette.loss, palette.muted) if planned else []
        return [progress, [Segment(steps[:room], palette.muted)]]
    rows = history.alike
    learned, now = rows[task][task], rows[-1][task]
    found: list[Line] = []
    if score.fraction and score.fallen(score.lost(learned, now), now):
        found.append(bar(max(learned - now, 0.0), min(room, LONGEST_BAR), palette.caution, palette.muted))
    if (chance := _below(history, view.config, task, now)) is not None:
        worse = (
            f"below chance, {score.tick(chance)}" if score.fraction else f"worse than guessing, {score.value(chance)}"
        )
        found.append([Segment(f"▼ {worse}"[:room], palette.caution)])
    return found


def summary(view: View, history: History, width: int, palette: Palette) -> Line:
    """The average, the forgetting, and how much better it is than the baseline, as far as there is room."""
    rows, score = history.alike, history.score
    average, lost = metrics.average_accuracy(rows), metrics.forgetting(rows, score)
    if average is None or average != average:
        return []
    parts: list[Line] = [
        [
            Segment("average ", palette.muted),
            Segment(score.value(average), palette.strong),
            Segment(score.mark, palette.muted),
        ]
    ]
    if lost is not None and lost == lost:
        style = palette.caution if score.fallen(lost, average) else palette.text
        parts.append([Segment("forgetting ", palette.muted), Segment(score.value(lost), style)])
    if view.baseline is not None:
        from cl_tui.panes.baseline import difference

        gained = difference(replace(view, history=history))
        if gained is not None:
            said = change(score, -gained)
            style = palette.good if gained > 0 else palette.caution if gained < 0 else palette.text
            parts.insert(
                1, [Segment(f"against {view.baseline.label(view.config)} ", palette.muted), Segment(said, style)]
            )
    line: Line = []
    for part in parts:
        added = [*([Segment("   ", palette.text)] if line else []), *part]
        if sum(segment.cell_length for segment in (*line, *added)) <= width:
            line += added
    return line


def label(view: View, task: int, number_width: int, name_width: int, gap: int, palette: Palette) -> Line:
    glyph, style = sign(view, task, palette)
    name = set_cell_size(beginning(view.history.tasks[task].name, name_width), name_width) + " " * gap
    return [
        Segment(f"{glyph} ", style),
        Segment(f"{task + 1:>{number_width}} ", palette.muted),
        Segment(name, palette.text if view.history.steps_done(task) else palette.muted),
    ]


def beginning(name: str, width: int) -> str:
    """A task's name in at most ``width`` columns: the beginning of its first classes, and that there is more.

    >>> [beginning(n, 9) for n in ("airplane, cat", "lamp … mountain", "bird, cat", "Task_name_1", "鳥鳥鳥鳥鳥")]
    ['airplane…', 'lamp…', 'bird, cat', 'Task_nam…', '鳥鳥鳥鳥…']
    """
    if cell_len(name) <= width:
        return name
    return chop_cells(name, max(width - 1, 1))[0].partition(" … ")[0].rstrip(" ,…") + "…"


def sign(view: View, task: int, palette: Palette) -> tuple[str, Style]:
    history = view.history
    if task < len(history.matrix):
        return "✔", palette.good
    if task == history.task and not view.loading and not history.between:
        return view.glyph, palette.bad if history.state == "failed" else palette.strong
    return " ", palette.muted


def fallen(score: ScoreInfo, lost: float, now: float, palette: Palette) -> Style:
    """The style of a score that is worse by ``lost`` than before."""
    return (palette.good, palette.caution, palette.bad)[score.fallen(lost, now)]
