"""A printed comparison: figures, settings, curves and matrices in the available width."""

import math
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Group as Page
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cl_tui.charts.printed import MOST_TICKS, above, blank, logarithmic, printed
from cl_tui.reports import session_facts, text
from cl_tui.reports.group_curves import KINDS, CurveKind
from cl_tui.reports.groups import Change, Changes, Comparison, Group, Setting, difference
from cl_tui.reports.layout import indented, numbers, section, table_of, thinned
from cl_tui.reports.statistics import with_error
from engine.record.score import ScoreInfo

WIDEST_CHART = 120
CHART_HEIGHT = 15
MOST_MARKS = 4
"""Most letters on a curve."""
MOST_ROWS = 30
WIDEST_VALUE = 24
COLORS = ("cyan", "orange", "magenta", "green", "red", "blue")
STYLES = ("cyan", "yellow", "magenta", "green", "red", "blue")
"""The same colours for text, where a terminal's own are easier to read."""
_GAP = 2
HEADINGS = {
    "average_incremental_accuracy": "incremental",
    "average_anytime_accuracy": "anytime",
    "forward_transfer": "forward",
    "task_aware_accuracy": "task-aware",
    "task_agnostic_accuracy": "task-agnostic",
}
"""Of the columns for the keys of FIGURES."""


def curve_title(kind: CurveKind, score: ScoreInfo) -> str:
    if kind != "accuracy":
        return {"loss": "Task loss", "penalty": "Penalty"}[kind]
    return f"Average {score.title}{score.measured_in} over the tasks seen so far, on their evaluation subsets"


def page(found: Comparison, width: int) -> RenderableType:
    """Everything, at most ``width`` columns wide; ``width`` should be at least about 60."""
    parts: list[RenderableType] = [
        Text(found.counted, style="bold"),
        indented(_groups(found.groups)),
        Text(f"  mean ± standard error over n sessions; {_changes(found.score)}", style="dim"),
    ]
    parts += [indented(Text(note, style="yellow")) for note in found.notes]
    parts += _further(found)
    if found.settings:
        parts += section("Settings that differ", *_settings(found.settings, found.groups, width))
    for kind in KINDS:
        parts += _curves(kind, found.groups, width)
    for group in found.groups:
        parts += _matrix(group, width)
    for group in found.groups[1:]:
        parts += _difference(found.groups[0], group, width)
    parts += section("Sessions", *(_members(group) for group in found.groups))
    return Page(*parts)


def _changes(score: ScoreInfo) -> str:
    told = f"forgetting and transfer{score.changes_in or f' are differences of {score.title}'}"
    return told if score.higher else f"{told}: a rise of {score.title} is forgetting"


def _style(number: int) -> str:
    return STYLES[number % len(STYLES)]


def _groups(groups: Sequence[Group]) -> Table:
    table = table_of("", no_wrap=True)
    table.add_column("group", overflow="fold")
    for heading in (groups[0].score.heading, "forgetting", "transfer", "tasks", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for number, group in enumerate(groups):
        figures = (with_error(group.figures[name], score=group.score) for name in text.AVERAGES)
        title = group.title if group.finished else f"{group.title} (unfinished)"
        ended = str(group.ended) if group.ended == len(group.tasks) else f"{group.ended} of {len(group.tasks)}"
        table.add_row(Text(group.letter, style=f"bold {_style(number)}"), title, *figures, ended, group.size)
    return table


def _further(found: Comparison) -> list[RenderableType]:
    """The other figures, as far as all groups have them."""
    names = {key: name for key, name in HEADINGS.items() if all(group.figures[key] for group in found.groups)}
    if not names:
        return []
    rows = (
        (group.letter, *(with_error(group.figures[key], score=group.score) for key in names)) for group in found.groups
    )
    return section("Over all tasks and times", numbers(("", *names.values()), rows))


# Settings


def _settings(settings: Sequence[Setting], groups: Sequence[Group], width: int) -> Iterator[Table]:
    """As many tables as it takes to fit the groups side by side."""
    name = max(len(setting.name) for setting in settings) + _GAP
    widths = [min(max(cell_len(setting.values[k]) for setting in settings), WIDEST_VALUE) for k in range(len(groups))]
    for columns in _fitting(widths, width - 2 - name):
        table = table_of("", no_wrap=True)
        for k in columns:
            table.add_column(groups[k].letter, overflow="fold", max_width=WIDEST_VALUE)
        for setting in settings:
            table.add_row(setting.name, *(setting.values[k] for k in columns))
        yield table


def _fitting(widths: Sequence[int], room: int) -> Iterator[range]:
    """The columns in order, split into ranges that fit the room; at least one column each.

    >>> list(_fitting([5, 5, 5], 14))
    [range(0, 2), range(2, 3)]
    """
    start = 0
    while start < len(widths):
        end, used = start + 1, widths[start] + _GAP
        while end < len(widths) and used + widths[end] + _GAP <= room:
            used += widths[end] + _GAP
            end += 1
        yield range(start, end)
        start = end


# Curves


def _curves(kind: CurveKind, groups: Sequence[Group], width: int) -> list[RenderableType]:
    known = [(number, group) for number, group in enumerate(groups) if kind in group.curves]
    drawn = [(number, group) for number, group in known if group.has_any(kind)]
    if not drawn:
        return []
    legend = Text("  ").join(Text(f"{group.letter} {group.title}", style=_style(number)) for number, group in drawn)
    nothing = [group.letter for _, group in known if not group.has_any(kind)]
    if nothing:
        legend.append(f"  ({', '.join(nothing)}: 0 throughout)", style="dim")
    title = curve_title(kind, drawn[0][1].score)
    return section(f"{title} against the step", _chart(kind, drawn, min(width - 3, WIDEST_CHART)), legend)


def _chart(kind: CurveKind, groups: Sequence[tuple[int, Group]], width: int) -> Text:
    """A line per group, with its letter at several places."""
    figure = blank(width, CHART_HEIGHT, limited=False)
    lines: list[tuple[int, str, list[float], list[float]]] = []
    for number, group in groups:
        course = group.curves[kind]
        means = 100 * course.means if kind == "accuracy" and group.score.fraction else course.means
        lines.append((number, group.letter, course.steps.tolist(), means.tolist()))
    positive = sorted(value for *_, values in lines for value in values if value > 0)
    if kind != "accuracy" and positive[-1] > 100 * (floor := positive[len(positive) // 20]):
        top = positive[-1]
        lines = [(number, letter, *above(steps, values, floor)) for number, letter, steps, values in lines]
        low, high = math.floor(math.log10(floor)), math.ceil(math.log10(top))
        logarithmic(figure, low, high, "{:.0e}".format)
    for number, _, steps, values in lines:
        figure.plot(steps, values, color=COLORS[number % len(COLORS)], marker="braille")
    for place, (number, letter, steps, values) in enumerate(lines):
        for k in marks(len(steps), place, len(lines)):
            figure.text(letter, steps[k], values[k], color=COLORS[number % len(COLORS)])
    longest = max((group for _, group in groups), key=lambda group: group.starts[-1])
    figure.xlim(0, max([longest.starts[-1], *(steps[-1] for _, _, steps, _ in lines if steps)]))
    if len(longest.starts) <= MOST_TICKS:
        figure.xticks(longest.starts)
    figure.xlabel("step")
    return printed(figure)


def marks(count: int, place: int, lines: int, times: int = MOST_MARKS) -> list[int]:
    """Where a line of ``count`` points carries its letter, staggered with the other ``lines``.

    >>> marks(100, 0, 2), marks(100, 1, 2), marks(1, 0, 3)
    ([11, 37, 61, 87], [24, 49, 74, 99], [0])
    """
    places = (round((k + (place + 1) / lines) / times * count) - 1 for k in range(times))
    return sorted({min(max(found, 0), count - 1) for found in places})


# Matrices


def _matrix(group: Group, width: int) -> list[RenderableType]:
    if not group.matrix:
        return []
    with_errors = width >= 12 + (13 if group.score.fraction else 17) * len(group.tasks)
    score = group.score
    cells = [
        [with_error(cell, score=score) if with_errors else score.value(cell.mean) for cell in row]
        for row in group.matrix
    ]
    title = f"{score.capital}{score.measured_in} of {group.letter}, after (row) on (column)"
    return section(title, *_table([list(map(Text, row)) for row in cells], group.tasks, width))


def _difference(first: Group, other: Group, width: int) -> list[RenderableType]:
    changes = difference(first, other)
    if not changes:
        return []
    title = f"Difference of {other.score.title}{other.score.changes_in}: {other.letter} minus {first.letter}"
    cells = [[_change(change) for change in row] for row in changes]
    legend = [Text("~ smaller than its standard error", style="dim")] if uncertain(changes) else []
    return section(title, *_table(cells, other.tasks[: len(changes[-1])], width), *legend)


def uncertain(changes: Changes) -> bool:
    """Whether any change is smaller than its standard error."""
    return any(not change.certain for row in changes for change in row)


def _change(change: Change) -> Text:
    style = {1: "cyan", 0: "", -1: "red"}[change.direction]
    return Text(points(change), style=style if change.certain else "dim")


def points(change: Change, digits: int = 1) -> str:
    """The change with its sign, and ~ if it is smaller than its standard error.

    >>> points(Change(0.123, 0.01)), points(Change(-0.004, 0.01)), points(Change(0.0001, None))
    ('+12.3 ', '-0.4~', '0.0 ')
    """
    if change.score.fraction:
        shown = f"{100 * change.value:+.{digits}f}"
    else:
        shown = f"{'+' if change.value >= 0 else ''}{change.score.value(change.value)}"
    return (shown if change.direction else shown.lstrip("+-")) + (" " if change.certain else "~")


def _table(cells: Sequence[Sequence[Text]], tasks: Sequence[str], width: int) -> Iterable[RenderableType]:
    """Evenly spread rows and columns if not all fit, and a line that says so."""
    wide = max(len(cell) for row in cells for cell in row) + _GAP
    rows = session_facts.spread(len(cells), MOST_ROWS)
    columns = session_facts.spread(len(tasks), max((width - 2 - 7) // max(wide, 6), 2))
    heads = [tasks[k] for k in columns] if all(len(tasks[k]) < wide - 1 for k in columns) else None
    table = table_of("after", no_wrap=True)
    for place, k in enumerate(columns):
        table.add_column(heads[place] if heads else str(k + 1), justify="right", no_wrap=True)
    for k in rows:
        table.add_row(str(k + 1), *(cells[k][j] if j < len(cells[k]) else Text("·", style="dim") for j in columns))
    yield table
    yield from thinned(len(rows), len(cells), len(columns), len(tasks))


def _members(group: Group) -> Text:
    names = ", ".join(
        f"{member.name} (seed {member.seed}{'' if member.state == 'finished' else f', {member.state}'})"
        for member in group.members
    )
    return Text(f"{group.letter}: {names}")
