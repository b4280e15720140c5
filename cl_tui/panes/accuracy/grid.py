"""The matrix of scores in numbers: a row after each task, a column on each task."""

from collections.abc import Sequence

from rich.segment import Segment

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import FEWEST, message, more, window
from cl_tui.panes.view import View
from cl_tui.reports import text
from cl_tui.reports.scale import Scale
from engine.record import metrics
from engine.record.events import PROBE
from engine.record.history import History
from engine.record.score import WIDTH, ScoreInfo

WIDEST = 12
"""Most cells for a column."""


def draw_matrix(
    view: View,
    scale: Scale,
    width: int,
    height: int,
    palette: Palette,
    pan: tuple[int, int] | None = None,
    with_best: bool = False,
) -> list[Line]:
    """The matrix in numbers, each task's loss and, if asked, its best; panned if not all tasks fit."""
    history, score = view.history, view.history.score
    if not history.tasks:
        what = "Scores" if view.config.problem == "regression" else "Accuracies"
        return message(f"{what} appear while the first task trains.", width, palette.muted)
    count, now = len(history.tasks), min(history.task, len(history.tasks) - 1)
    rows = [*history.full_matrix, history.probe] if history.probe else list(history.full_matrix)

    label = len(f"{count} now ")
    cell = min(max((width - label) // count, narrowest(score)), WIDEST)
    shown = window(count, (width - label) // cell, pan[0] if pan else None, now)
    cut = height >= FEWEST and (len(shown) < count or height < count + 2)
    with_losses = height >= count + 3 + cut
    with_best = with_best and height >= count + 4 + cut
    room = height - 2 - with_losses - with_best - cut
    tall = min(max(room // count, 1), 3)
    visible = window(count, room // tall, pan[1] if pan else None, now)

    lines = [_heads([history.tasks[task].name for task in shown], shown, label, cell, palette)]
    for i in visible:
        name = f"{i + 1} now" if i == len(history.matrix) and history.probe else str(i + 1)
        style = palette.strong if i == now and view.training else palette.muted
        for part in range(tall):
            middle = part == tall // 2
            line = [Segment(f"{name if middle else '':<{label}}", style)]
            for j in shown:
                found = rows[i][j] if i < len(rows) and j < len(rows[i]) else None
                line.append(_cell(found, scale, cell, middle, palette, later=j > i))
            lines.append(line)
    alike = history.alike
    if with_best:
        bests = [score.best(row[task] for row in alike[task:]) for task in range(len(alike))]
        lines.append(_numbers("best", score, bests, shown, label, cell, palette))
    drops = metrics.forgetting_by_task(alike, score)
    if with_losses:
        lines.append(_numbers("lost", score, drops, shown, label, cell, palette, alike[-1] if alike else ()))
    if cut:
        lines.append(out_of_view(shown, visible, count, width, palette))
    lines.append(summary(history, metrics.average_accuracy(alike), _mean(drops), width, palette))
    return lines


def narrowest(score: ScoreInfo) -> int:
    """Fewest cells for a number of the matrix, with a blank."""
    return 4 if score.fraction else 6


def _mean(drops: Sequence[float]) -> float | None:
    return sum(drops) / len(drops) if drops else None


def out_of_view(shown: range, visible: range, count: int, width: int, palette: Palette) -> Line:
    """How many of ``count`` columns and rows the matrix leaves out."""
    sides = [more(shown, count, "left", "right"), more(visible, count)]
    text = " · ".join(side for side in sides if side)
    shortest = f"{len(shown)} of {count} tasks"
    fitting = (form for form in (text, text.replace(" more", "")) if len(form) <= width)
    return [Segment(next(fitting, shortest), palette.muted)]


def _heads(names: list[str], tasks: range, label: int, cell: int, palette: Palette) -> Line:
    """Task names over the columns, or numbers if the names do not fit."""
    short = all(len(name) < cell - 1 for name in names)
    heads = [name if short else str(task + 1) for name, task in zip(names, tasks, strict=True)]
    return [Segment(f"{'after':<{label}}" + "".join(f"{centred(head, cell)}" for head in heads), palette.muted)]


def _cell(
    found: float | None, scale: Scale, width: int, with_number: bool, palette: Palette, later: bool = False
) -> Segment:
    """``later``: on a task that had not begun; it has no colour, and stands in brackets if nothing has."""
    if found is None:
        return Segment(centred("·" if with_number else "", width), palette.muted)
    number = _short(scale.score, found, width)
    if later and not palette.coloured:
        number = f"({number})" if len(number) < width - 2 else "·"
    style = palette.muted if later else palette.heat[scale.level(found)]
    return Segment(centred(number if with_number else "", width), style)


def _short(score: ScoreInfo, found: float, width: int) -> str:
    """In a cell of ``width``."""
    if score.fraction and width < 6:
        return f"{100 * found:z.0f}"
    return score.value(found, min(width - 1, WIDTH))


def centred(text: str, width: int) -> str:
    """Right-aligned like numbers, with equal room on both sides of the longest, 100.0.

    >>> centred("98.7", 9), centred("99", 4)
    ('   98.7  ', ' 99 ')
    """
    right = max(1, (width - 5) // 2)
    return f"{text:>{width - right}}{'':{right}}"


def _numbers(
    name: str,
    score: ScoreInfo,
    values: Sequence[float],
    shown: range,
    label: int,
    cell: int,
    palette: Palette,
    newest: Sequence[float] = (),
) -> Line:
    """A number of each task under its column; a notable loss that led to the ``newest`` stands out."""
    line = [Segment(f"{name:<{label}}", palette.muted)]
    for task in shown:
        number = _short(score, values[task], cell) if task < len(values) else ""
        notable = task < min(len(values), len(newest)) and score.fallen(values[task], newest[task])
        line.append(Segment(centred(number, cell), palette.caution if notable else palette.muted))
    return line


def summary(history: History, average: float | None, forgetting: float | None, width: int, palette: Palette) -> Line:
    """The matrix in two numbers, as far as they are known; and what they are measured on, if not whole test sets."""
    if average is None:
        return []
    score = history.score
    most = "100.0" if score.fraction else WIDTH * "0"
    line = [Segment("average ", palette.muted), Segment(score.value(average), palette.strong)]
    if width >= len(f"average {most}{score.mark}  lost {most}{score.points}"):
        line.append(Segment(score.mark, palette.muted))
    if forgetting is not None:
        word = "forgetting" if width >= len(f"average {most}{score.mark}  forgetting {most}{score.points}") else "lost"
        line += [Segment(f"  {word} ", palette.muted), Segment(score.value(forgetting), palette.strong)]
        if width >= len(f"average {most}  lost {most}{score.points}"):
            line.append(Segment(score.points, palette.muted))
    on = f"  on {text.probed_on(history)}"
    partial = history.look is not None and history.look.part == PROBE and text.WHOLE_TEST_SET not in on
    if partial and sum(segment.cell_length for segment in line) + len(on) <= width:
        line.append(Segment(on, palette.muted))
    return line
