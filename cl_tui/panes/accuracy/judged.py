"""What the zoomed accuracy pane shows instead of its matrix: the other way of judging, and confusions."""

from dataclasses import replace

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import out_of_view, window
from cl_tui.reports import text
from cl_tui.reports.class_facts import NOTABLE, TOLD, share_text
from engine.record.classes import Confusion, confusion, ways
from engine.record.figures import OWN, matrices
from engine.record.history import History

NARROWEST, WIDEST = 4, 10
"""Cells for an answer."""
LONGEST = 16
"""Most cells for a class's name."""
CONFUSION = "confusion"


def choices(scenario: str, history: History) -> list[str]:
    """What can be shown besides the matrix: a way of judging, or CONFUSION and a way."""
    others = [way for way in matrices(scenario, history) if way != OWN[scenario]]
    return others + [f"{CONFUSION} {way}".rstrip() for way in ways(history)]


def words(shown: str) -> str:
    """What is shown, for a line: 'confusion, if the task is told (task-aware)'."""
    way = shown.removeprefix(CONFUSION).strip()
    told = f"if {TOLD[way]} ({way})" if way else ""
    return ", ".join(part for part in (CONFUSION if shown.startswith(CONFUSION) else "", told) if part)


def judged(scenario: str, history: History, way: str) -> History:
    """The history as if each task had been judged in this way; only the ends of tasks are known."""
    rows = matrices(scenario, history).get(way, ())
    return replace(history, matrix=rows, later=(), state="finished")


def shown_confusion(history: History, shown: str) -> Confusion | None:
    """The newest."""
    return confusion(history, shown.removeprefix(CONFUSION).strip())


def draw_confusion(
    found: Confusion, width: int, height: int, palette: Palette, pan: tuple[int, int] | None = None
) -> list[Line]:
    """A row for each class, a column for each answer, in percent of the class's examples; panned if not all fit."""
    names, answers = found.classes.names, found.answers
    label = min(max(map(cell_len, names)), LONGEST) + 1
    cell = min(max(NARROWEST, max(map(cell_len, answers)) + 1), WIDEST)
    across = window(len(answers), max((width - label) // cell, 1), pan[0] if pan else None, 0)
    cut = len(names) > height - 2 or len(across) < len(answers)
    down = window(len(names), max(height - 2 - cut, 1), pan[1] if pan else None, 0)
    heads = "".join(f"{_fitting(answers[column], cell - 1):>{cell}}" for column in across)
    lines: list[Line] = [[Segment(f"{'':<{label}}{heads}", palette.muted)]]
    shares = found.shares()[down.start : down.stop, across.start : across.stop].tolist()
    for row, row_of_shares in zip(down, shares, strict=True):
        line = [Segment(set_cell_size(_fitting(names[row], label - 1), label), palette.muted)]
        for column, share in zip(across, row_of_shares, strict=True):
            number, style = _cell(share, column == found.right[row], palette)
            line.append(Segment(f"{number:>{cell}}", style))
        lines.append(line)
    if cut:
        lines.append(out_of_view(across, down, max(len(names), len(answers)), width, palette))
    told = f"% of each class (row) with this answer (column), after task {found.classes.phase + 1}"
    return [*lines, [Segment(told[:width], palette.muted)]]


def _cell(share: float, right: bool, palette: Palette) -> tuple[str, Style]:
    if not (told := share_text(share)):
        return "·", palette.muted
    return told, palette.good if right else palette.bad if share >= NOTABLE else palette.text


def _fitting(name: str, width: int) -> str:
    return name if cell_len(name) <= width else text.shortened(name, width)


def data(found: Confusion) -> list[dict[str, object]]:
    """How many examples of each class got which answer; None where it did not compete."""
    return [
        {
            "task": task + 1,
            "class": name,
            **{f"as_{n}_{answer}": None if count < 0 else count for n, (answer, count) in enumerate(told, start=1)},
        }
        for task, name, counts in zip(found.classes.tasks, found.classes.names, found.counts.tolist(), strict=True)
        for told in [zip(found.answers, counts, strict=True)]
    ]
