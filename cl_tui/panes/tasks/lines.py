"""A line per task: its progress, and its score when learned and now."""

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.bars import bar
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import FEWEST, message, more, window
from cl_tui.panes.view import View
from engine.catalog.own_loop import OWN_LOOP
from engine.record.history import History
from engine.record.score import WIDTH, ScoreInfo


def score_width(score: ScoreInfo) -> int:
    """Most columns of a score."""
    return len("100.0") if score.fraction else WIDTH


def draw_tasks(view: View, width: int, height: int, palette: Palette, start: int | None = None) -> list[Line]:
    history = view.history
    if not history.tasks:
        known = view.config.tasks_known and view.config.benchmark != OWN_LOOP
        planned = f"{view.config.tasks} tasks wait" if known else "The tasks wait"
        return message(f"{planned}: {view.activity}…", width, palette.muted)
    count = len(history.tasks)
    number_width = len(str(count))
    name_width = min(max(cell_len(task.name) for task in history.tasks), max(4, width // 4))
    steps_width = len(f"{max(map(history.steps_of, range(count))):,}")
    each = score_width(history.score)
    both = 2 * each + len(" → ")
    with_steps = width >= 56 + 2 * steps_width
    bar_width = width - (2 + number_width + 2 + name_width + 2 + 2 + both)
    if with_steps:
        bar_width -= 2 + 2 * steps_width + 3
    lines: list[Line] = []
    cut = count > height >= FEWEST
    head = height > count or cut
    spread = height >= 2 * count + 4
    if head:
        before = width - len("learned → ") - each - (2 + 2 * steps_width + 3 if with_steps else 0)
        steps_head = f"  {'steps':>{2 * steps_width + 3}}" if with_steps else ""
        lines.append([Segment(f"{'':{before}}learned → {'now':>{each}}{steps_head}", palette.muted)])
    shown = window(count, height - head - cut, start, min(history.task, count - 1))
    for task in shown:
        info = history.tasks[task]
        done = history.steps_done(task)
        style = sign(view, task, palette)[1]
        line = [
            *label(view, task, number_width, name_width, 2, palette),
            *bar(done / max(history.steps_of(task), 1) if info.steps else 0, bar_width, style, palette.muted),
            Segment("  ", palette.text),
            *_scores(history, task, each, palette),
        ]
        if with_steps:
            steps = " / ".join(f"{count:,}" for count in (done, info.steps) if count)
            line.append(Segment(f"  {steps:>{2 * steps_width + 3}}", palette.muted))
        lines.append(line)
        if spread:
            lines.append([])
    if cut:
        lines.append([Segment(more(shown, count), palette.muted)])
    elif height >= len(lines) + 2 - spread and not history.open:
        share = history.step / history.total_steps
        whole = [
            Segment(f"{'all':<{2 + number_width + 2 + name_width + 2}}", palette.muted),
            *bar(share, bar_width, palette.strong, palette.muted),
            Segment(f"  {100 * share:>{both - 2}.0f} %", palette.muted),
        ]
        lines += [whole] if spread else [[], whole]
    return lines


def label(view: View, task: int, number_width: int, name_width: int, gap: int, palette: Palette) -> Line:
    glyph, style = sign(view, task, palette)
    name = set_cell_size(beginning(view.history.tasks[task].name, name_width), name_width) + " " * gap
    return [
        Segment(f"{glyph} ", style),
        Segment(f"{task + 1:>{number_width}}  ", palette.muted),
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


def _scores(history: History, task: int, each: int, palette: Palette) -> Line:
    """'99.4 → 98.1', the second number coloured if it became worse."""
    rows, score = history.alike, history.score
    if task >= len(history.matrix):
        newest = score.value(rows[-1][task]) if rows and task < len(rows[-1]) else ""
        return [Segment(f"{newest:>{2 * each + len(' → ')}}", palette.strong)]
    learned, now = rows[task][task], rows[-1][task]
    style = fallen(score, score.lost(learned, now), now, palette)
    told = f"{score.value(learned):>{each}} → "
    return [Segment(told, palette.muted), Segment(f"{score.value(now):>{each}}", style)]


def fallen(score: ScoreInfo, lost: float, now: float, palette: Palette) -> Style:
    """The style of a score that is worse by ``lost`` than before."""
    return (palette.good, palette.caution, palette.bad)[score.fallen(lost, now)]
