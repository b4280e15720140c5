"""The columns of the table of sessions: how wide each may be, and what it says of a row."""

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.colour_scale import sign_at, style_at
from cl_tui.charts.style import Line, Palette
from cl_tui.reports import text
from cl_tui.reports.arrangement import Block, Row
from cl_tui.reports.statistics import Estimate
from engine.record.score import ScoreInfo

_MOST_DOTS, _FEWEST_DOTS = 36, 10


@dataclass(frozen=True)
class Column:
    name: str
    """As in preferences; also what ORDERS calls it, if rows can be sorted by it."""
    heading: str
    least: int
    most: int
    draw: Callable[[Block, Row, int, Palette], Line]
    """``width`` cells, or fewer."""
    does: str
    """What it shows, in words."""
    right: bool = False


def label(block: Block, row: Row, width: int) -> str:
    """What a row is called, shortened in the middle."""
    told = block.told(row)
    if row.forks and len(row.members) == 1 and not row.label:
        told = f"{told} +{row.forks}"
    return text.shortened(told, width)


def dots(block: Block, row: Row, width: int, palette: Palette) -> Line:
    """The average on a line from chance to the best, with its error."""
    if row.accuracy is None or math.isnan(row.accuracy.mean):
        return [Segment("─" * width, palette.muted)]
    scale = block.scale
    place = round(scale.fraction(row.accuracy.mean) * (width - 1))
    error = row.accuracy.error or 0.0
    ends = [round(scale.fraction(row.accuracy.mean + way * error) * (width - 1)) for way in (-1, 1)]
    low, high = min(ends), max(ends)
    best = row is block.best
    ink = palette.strong if best else palette.loss
    sign = "○" if row.label.startswith("seed") else "●"
    line = [
        Segment("─" * low, palette.muted),
        Segment("━" * (place - low), ink),
        Segment(sign, ink),
        Segment("━" * (high - place), ink),
        Segment("─" * (width - 1 - max(high, place)), palette.muted),
    ]
    return [segment for segment in line if segment.text]


def strip(block: Block, row: Row, width: int, palette: Palette) -> Line:
    """The newest score on each task: numbers where there is room, else colours alone."""
    known, scale = row.tasks, block.task_scale
    count = max(block.tasks, len(known))
    if not known:
        return []
    if block.score.fraction and 3 * count <= width:
        line = [
            Segment(f"{100 * value:3.0f}" if value == value else "  —", scale.style(value, palette)) for value in known
        ]
        return [*line, Segment("  ·" * (count - len(known)), palette.muted)]
    cells = min(count, width)
    line = []
    for cell in range(cells):
        within = known[cell * count // cells : max((cell + 1) * count // cells, cell * count // cells + 1)]
        finite = [value for value in within if value == value]
        if not finite:
            line.append(Segment("·", palette.muted))
            continue
        share = scale.fraction(sum(finite) / len(finite))
        line.append(Segment(" " if palette.coloured else sign_at(share), style_at(share, palette)))
    return line


def _told(found: Estimate | None, score: ScoreInfo, ink: Style, palette: Palette, width: int) -> Line:
    """A number in ``ink``, and its error."""
    if found is None:
        return []
    value = score.value(found.mean)
    error = "" if found.error is None else f" ± {score.value(found.error)}"
    if max(len(value), 4) + len(error) > width:
        error = ""
    return [Segment(f"{value:>4}", ink), Segment(error, palette.muted)]


def _accuracy(block: Block, row: Row, width: int, palette: Palette) -> Line:
    best = row is block.best or row.label
    line = _told(row.accuracy, row.score, palette.strong if best else palette.text, palette, width)
    one_class = any(map(text.with_one_class, row.members))
    return [*line, Segment(text.ONE_CLASS if one_class and line else "", palette.muted)]


def _forgetting(block: Block, row: Row, width: int, palette: Palette) -> Line:
    found, score = row.forgetting, row.score
    lost = found is not None and (score.fallen(found.mean, row.mean or 0.0) == 2)
    return _told(found, score, palette.penalty if lost else palette.text, palette, width)


def _seeds(block: Block, row: Row, width: int, palette: Palette) -> Line:
    if row.label:
        return []
    count = len(row.members)
    told = f"{row.counted}/{count}" if 0 < row.counted < count else str(count)
    return [Segment(told.rjust(width - 1), palette.text)]


def age(row: Row, now: float | None = None) -> str:
    """
    >>> from engine.sessions.listing import Listed
    >>> [age(Row((Listed("a", "finished", 0.0),)), now) for now in (30.0, 600.0, 7200.0, 3e5, 9e7)]
    ['now', '10m', '2h', '3d', '2y']
    """
    seconds = max(0.0, (time.time() if now is None else now) - row.changed)
    for size, unit in ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size * (2 if unit in "yd" else 1):
            return f"{int(seconds // size)}{unit}"
    return "now"


def _age(block: Block, row: Row, width: int, palette: Palette) -> Line:
    return [Segment(age(row).rjust(width - 1), palette.muted)]


def _session(block: Block, row: Row, width: int, palette: Palette) -> Line:
    name = row.first.name if len(row.members) == 1 else f"{row.first.name} …"
    return [Segment(text.shortened(name, width - 1), palette.muted)]


def _tags(block: Block, row: Row, width: int, palette: Palette) -> Line:
    return [Segment(" ".join(row.tags), palette.accent)]


def _note(block: Block, row: Row, width: int, palette: Palette) -> Line:
    return [Segment(next((of.notes.note for of in row.members if of.notes.note), ""), palette.muted)]


METHOD = "method"
COLUMNS = {
    column.name: column
    for column in (
        Column(METHOD, "method", 13, 44, lambda block, row, width, palette: [], "method, strength, what differs"),
        Column("session", "session", 12, 44, _session, "name of the session"),
        Column("dots", "", _FEWEST_DOTS, _MOST_DOTS, dots, "average on a line from chance to the best, with its error"),
        Column("seeds", "seeds", 6, 6, _seeds, "number of sessions that differ only in the seed", right=True),
        Column("accuracy", "accuracy %", 11, 14, _accuracy, "average over the tasks, mean ± standard error"),
        Column("forgetting", "forgetting", 11, 14, _forgetting, "best before minus last, mean ± standard error"),
        Column("tasks", "each task now", 15, 60, strip, "newest score on each task, as colours"),
        Column("age", "age", 5, 5, _age, "time since the last change", right=True),
        Column("tags", "tags", 8, 24, _tags, "tags"),
        Column("note", "note", 12, 60, _note, "note"),
    )
}
"""In the order in which they stand."""
DEFAULT = (METHOD, "dots", "seeds", "accuracy", "forgetting", "tasks", "age")
_FIRST = (METHOD, "accuracy", "tasks", "forgetting", "dots", "seeds", "age", "session", "tags", "note")
"""Which are there first, where not all have room."""
_WIDENED = ("tasks", METHOD, "dots", "session", "note", "tags", "accuracy", "forgetting")
"""Which get the room that is left, in this order."""


def fitting(chosen: Collection[str], room: int, tasks: int) -> list[tuple[Column, int]]:
    """The chosen columns that fit into ``room``, and their widths. ``tasks``: the most in any block."""
    widths: dict[str, int] = {}
    left = room
    for name in _FIRST:
        column = COLUMNS[name]
        if (name in chosen or name == METHOD) and column.least + (name != METHOD) <= left:
            widths[name] = min(column.least, left)
            left -= widths[name] + (name != METHOD)
    usual = {"tasks": 3 * tasks if 3 * tasks <= COLUMNS["tasks"].most else 30, METHOD: 17, "dots": 18}
    most = {name: COLUMNS[name].most for name in _WIDENED} | {"tasks": usual["tasks"]}
    for limits in (usual, most):
        for name in _WIDENED:
            if name in widths and name in limits:
                more = max(0, min(left, limits[name] - widths[name]))
                widths[name] += more
                left -= more
    return [(column, widths[name]) for name, column in COLUMNS.items() if name in widths]


def padded(line: Line, width: int, right: bool = False) -> Line:
    """Exactly ``width`` cells; the last is blank if the text is cut."""
    cells = sum(segment.cell_length for segment in line)
    if cells == width:
        return line
    if cells < width:
        blank = Segment(" " * (width - cells))
        return [blank, *line] if right else [*line, blank]
    kept: Line = []
    for segment in line:
        room = width - 1 - sum(of.cell_length for of in kept)
        kept.append(Segment(set_cell_size(segment.text, min(segment.cell_length, room)), segment.style))
    return [*kept, Segment("…", line[-1].style)]


def on_cursor(line: Line, cursor: Style, palette: Palette) -> Line:
    """With the cursor's background, except where a cell has a colour of its own."""
    plain = palette.text.bgcolor
    under = Style(bgcolor=cursor.bgcolor, bold=cursor.bold, reverse=cursor.reverse)
    return [
        Segment(
            of.text, cursor if of.style is None else of.style + under if of.style.bgcolor in (None, plain) else of.style
        )
        for of in line
    ]


def headings(block_scores: Sequence[ScoreInfo]) -> dict[str, str]:
    """What the columns of the score are called, where some are no accuracies."""
    others = [score for score in block_scores if not score.fraction]
    return {"accuracy": others[0].heading if len(others) == len(block_scores) else "score"} if others else {}
