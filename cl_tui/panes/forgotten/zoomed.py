"""The pane alone on the screen: groups by task, the pictures of one group, and one example through time."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.bars import bar
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import window
from cl_tui.panes.forgotten.chosen import Example, Order, Spot
from cl_tui.panes.forgotten.column import lost_style, names_width, pair, share
from cl_tui.panes.forgotten.found import Found, Group
from cl_tui.panes.forgotten.layers import judged
from cl_tui.panes.forgotten.story import Story, draw_story
from cl_tui.panes.forgotten.tiles import Tiles, beside, block, drawable, fixed, tall
from cl_tui.panes.tasks.lines import beginning
from engine.analysis.figures import PutBack
from engine.record.history import History
from engine.record.shown import Shown, whole_starts

_LIST, _SHORT_LIST = 42, 29
_WIDE = 100
"""Cells from which the list has tasks and bars."""
_LOWEST = 15
"""Lines from which an example is followed below the pictures."""


@dataclass(frozen=True, eq=False)
class Scene:
    found: Found
    history: History
    """As of the crosshair."""
    shown: Shown
    group: Group
    rows: Sequence[int]
    """The group's shown examples, in order."""
    selected: Example | None
    story: Story | None
    put_back: PutBack | None
    order: Order


def draw_zoomed(scene: Scene, tiles: Tiles, width: int, height: int, palette: Palette, spots: list[Spot]) -> list[Line]:
    """Adds to ``spots`` what is where."""
    below = 0
    if scene.story is not None and height >= _LOWEST:
        below = min(max(height * 9 // 20, 8), 17)
    above = height - below - (below > 0)
    left = _LIST if width >= _WIDE else _SHORT_LIST
    right = width - left - 2
    lines = beside(
        [
            block(_list(scene, left, above, palette, spots), left, above, palette),
            tall(_gallery(scene, tiles, left + 2, right, above, palette, spots), above),
        ],
        2,
        palette,
    )
    if below and scene.story is not None:
        lines += [[], *draw_story(scene.story, tiles, width, below, palette)]
    return lines


# The list of groups


def _list(scene: Scene, width: int, height: int, palette: Palette, spots: list[Spot]) -> list[Line]:
    wide = width == _LIST
    entries: list[tuple[Line, Group | None]] = []
    groups = scene.found.groups if wide else scene.found.largest
    task = -1
    for group in groups:
        if wide and group.task != task:
            task = group.task
            entries.append((_task_line(scene, task, width, palette), None))
        entries.append((_group_line(scene, group, width, palette), group))
    foot = _foot(scene, width, palette) if wide else []
    foot = foot if height >= 12 else []
    room = height - len(foot) - bool(foot)
    here = next((place for place, (_, group) in enumerate(entries) if group and group.key == scene.group.key), 0)
    seen = [entries[place] for place in window(len(entries), room, None, here)]
    spots += [Spot(0, y, width, 1, group.key) for y, (_, group) in enumerate(seen) if group is not None]
    lines = [line for line, _ in seen]
    return block(lines, width, room, palette) + ([[], *foot] if foot else [])


def _task_line(scene: Scene, task: int, width: int, palette: Palette) -> Line:
    history = scene.history
    name = beginning(history.tasks[task].name, 8)
    starts = whole_starts(history) if scene.found.whole else [0]
    of = f"{starts[task + 1] - starts[task]:,}" if task + 1 < len(starts) else str(len(scene.shown.tasks[task]))
    line: Line = [
        Segment(f"task {task + 1}  ", palette.muted),
        Segment(f"{name:<6}", palette.strong),
        Segment(f"{f'{scene.found.of_task(task):,} of {of}':>14}", palette.text),
    ]
    rows = history.alike
    if task < len(history.matrix) and rows and task < len(rows[-1]):
        change = f"{history.score.value(rows[task][task])} → {history.score.value(rows[-1][task])}"
        room = width - sum(segment.cell_length for segment in line)
        line.append(Segment(f"{change:>{room}}", palette.muted))
    return line


def _group_line(scene: Scene, group: Group, width: int, palette: Palette) -> Line:
    chosen, wide = group.key == scene.group.key, width == _LIST
    names = names_width(scene.found.groups, 21 if wide else 11)
    line: Line = [
        Segment("▸ " if chosen else "  ", palette.accent),
        *fixed(pair(group, palette, (names - 3) // 2), names, palette),
        Segment(f"{group.count:>7,}", palette.strong),
        Segment(f"  {share(group, scene.found.whole)}", palette.text),
    ]
    if wide:
        taken = sum(segment.cell_length for segment in line)
        room = min(width - taken - 2, 11)
        if room > 2:
            line.append(Segment(" " * (width - taken - room - 1), palette.text))
            line += bar(group.count / max(group.of, 1), room, lost_style(palette), palette.muted)
    line = fixed(line, width, palette)
    mark = Style(bgcolor=palette.selected.bgcolor, bold=palette.selected.bold or None)
    return [Segment(text, (style or palette.text) + mark) for text, style, _ in line] if chosen else line


def _foot(scene: Scene, width: int, palette: Palette) -> list[Line]:
    """In which tasks the group's examples turned for good, and which layers did it."""
    counts = scene.group.turned_in
    lines: list[Line] = []
    if counts:
        line: Line = [Segment("turned for good:", palette.muted)]
        for task, count in sorted(counts.items(), key=lambda item: -item[1]):
            told = f" in {beginning(scene.history.tasks[task].name, 10)}  "
            if sum(segment.cell_length for segment in line) + len(f" {count:,}") + cell_len(told) > width + 2:
                break
            line += [Segment(f" {count:,}", palette.strong), Segment(told, palette.text)]
        lines.append(fixed(line, width, palette))
    if scene.put_back is not None:
        lines += judged(scene.put_back, scene.history.score, width, 4, palette)
    elif counts:
        lines.append([Segment("L", palette.accent), Segment(" which layer did it?", palette.muted)])
    return lines


# The pictures of a group


def _gallery(
    scene: Scene, tiles: Tiles, left: int, width: int, height: int, palette: Palette, spots: list[Spot]
) -> list[Line]:
    group = scene.group
    head: Line = [
        *pair(group, palette, 14),
        Segment(f": {group.count:,} ", palette.strong),
        Segment(f"{scene.order} first " if scene.order != "at random" else "at random ", palette.muted),
    ]
    taken = sum(segment.cell_length for segment in head)
    head.append(Segment("─" * max(0, width - taken), palette.muted))
    if not scene.rows:
        return [head, [Segment("none of them is among the examples that are shown", palette.muted)]]
    caption = len("▸ now  100 %") + min(cell_len(group.name), 9) + min(cell_len(group.answer), 9)
    pictures = drawable(scene.shown, palette)
    rows, lines = _fit(width, height - 1, len(scene.rows), caption, pictures)
    across = max(2 * lines, caption)
    columns = max(1, (width + 1) // (across + 1))
    place = scene.rows.index(scene.selected.row) if scene.selected is not None else 0
    first = place // columns
    start = columns * max(0, min(first - rows + 1, first)) if first >= rows else 0
    drawn = [head]
    for begin in range(start, min(len(scene.rows), start + rows * columns), columns):
        part = [Example(group.task, row) for row in scene.rows[begin : begin + columns]]
        spots += [
            Spot(left + place * (across + 1), len(drawn), across, lines + 1, group.key, example)
            for place, example in enumerate(part)
        ]
        if lines:
            parts = [tiles.lines(scene.shown, example, across, lines, palette) for example in part]
            drawn += beside(parts, 1, palette)
        captions = [[_caption(scene, example, across, palette)] for example in part]
        drawn += beside(captions, 1, palette)
    return drawn


def _fit(width: int, height: int, count: int, caption: int, pictures: bool) -> tuple[int, int]:
    """Rows of pictures, and their lines: a picture of seven lines where there is room, larger where there are few."""
    if not pictures:
        return max(1, height), 0
    for lines in (14, 10, 7, 6):
        columns = max(1, (width + 1) // (max(2 * lines, caption) + 1))
        rows = height // (lines + 1)
        if rows and rows * columns >= min(count, 10 if lines <= 7 else count):
            return rows, lines
    rows = max(1, height // 8)
    return rows, min(max(height // rows - 1, 1), 7)


def _caption(scene: Scene, example: Example, width: int, palette: Palette) -> Line:
    """'▸5 now 4 100 %'"""
    told = scene.found.answers[example.task]
    chosen = example == scene.selected
    sure = float(told.sure[example.row]) if told.sure is not None else 0.0
    strong = Style(bold=chosen)
    line: Line = [
        Segment("▸" if chosen else " ", palette.accent),
        Segment(beginning(told.names[int(told.target[example.row])], 9), palette.good + strong),
        Segment(" now ", palette.muted if not chosen else palette.text),
        Segment(beginning(told.names[int(told.given[example.row])], 9), palette.caution),
        Segment(f" {100 * sure:.0f} %", palette.text + strong),
    ]
    return fixed(line, width, palette)
