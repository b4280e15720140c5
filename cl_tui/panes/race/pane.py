"""The race: the leaderboard, and below it what there is room for."""

from rich.segment import Segment

from cl_tui.charts.bars import bar
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.painted import Painted
from cl_tui.panes.race.board import board
from cl_tui.panes.race.examples import Gallery
from cl_tui.panes.race.lanes import Drawn, curves, tasks, title
from cl_tui.panes.race.view import EXAMPLES, RaceView
from cl_tui.reports.standings import certainty, clock

LANE = 36
"""Fewest columns of a run beside others."""
GAP = 2
CURVES = 10
"""Most rows of a curve."""
SMALLEST, LARGEST = (9, 4), (12, 6)
"""Cells of an example's picture."""


class RacePane(Painted, can_focus=True):
    HELP_TITLE = "Race"
    HOW_TO_READ = (
        "Every run trains at the same step: a faster one waits. The leaderboard has the average over the tasks so far; "
        "places that other test examples could swap are even. Then each run's average over time, with the others "
        "behind it, and its tasks: now, over time, and what was lost since each was learned. The pictures are the "
        "same test examples for every run; one that was learned and is wrong now is orange. Below them stands how many "
        "examples of whole test sets were forgotten by the end of the last task that ended."
    )

    def __init__(self) -> None:
        super().__init__()
        self.race: RaceView | None = None
        self._gallery = Gallery()

    def show(self, race: RaceView) -> None:
        self.race = race
        if self.size:
            self.repaint()

    def drawing(self, width: int, height: int, palette: Palette) -> list[Line]:
        return drawn(self.race, self._gallery, width, height, palette) if self.race is not None else []


def drawn(view: RaceView, gallery: Gallery, width: int, height: int, palette: Palette) -> list[Line]:
    lines: list[Line] = [_clock(view, width, palette)]
    least = min(len(view.entries), max(height - 14, 3))
    lines += board(view, width, 2 + least, palette)
    told = certainty(view.entries)
    room = height - len(lines) - bool(told)
    if room > 3:
        lines += [[]]
        lines += _below(view, gallery, width, room - 1, palette)
    lines += [[]] * (height - len(lines) - bool(told))
    if told:
        shorter = told if len(told) <= width else f"{told.partition(':')[0]}."
        lines.append([Segment(shorter[:width], palette.muted)])
    return lines[:height]


def _clock(view: RaceView, width: int, palette: Palette) -> Line:
    """The clock that all share: a part for each task."""
    history = view.slowest.history
    count = max(len(history.tasks), 1)
    now, line = clock(history), list[Segment]()
    if width // count < 6:
        return bar(now / count, width, palette.loss, palette.muted)
    for task in range(count):
        part = (task + 1) * width // count - task * width // count
        name = f"{task + 1} "
        line.append(Segment(name, palette.strong if task <= now < task + 1 else palette.muted))
        line += bar(min(max(now - task, 0.0), 1.0), part - len(name) - 1, palette.loss, palette.muted)
        line.append(Segment(" ", palette.text))
    return line


def _below(view: RaceView, gallery: Gallery, width: int, height: int, palette: Palette) -> list[Line]:
    """Curves, tasks and examples of as many runs as fit beside each other; if the height allows little, one line of
    examples of the chosen run."""
    lanes = max(1, min(len(view.entries), (width + GAP) // (LANE + GAP)))
    if height < 16 or lanes < 2:
        return _narrow(view, gallery, width, height, palette)
    first = min(max(view.order.index(view.chosen) - lanes // 2, 0), len(view.order) - lanes)
    shown = view.order[first : first + lanes]
    lane = (width + GAP) // lanes - GAP
    across = max(1, min(3, (lane + 1) // (SMALLEST[0] + 1)))
    count = len(view.slowest.history.tasks)
    counts = [gallery.forgotten(view.entries[at], lane, palette) for at in shown]
    rest = height - 2 - any(counts)
    size = LARGEST if rest - min(count, 8) - 6 >= 2 * (LARGEST[1] + 1) else SMALLEST
    size = (min(size[0], (lane + 1) // across - 1), size[1])
    rows = -(-len(view.examples) // across)
    has_pictures = palette.tones != "none" and view.shown is not None and view.shown.tasks[0].pictures is not None
    each = (size[1] + 1 if has_pictures else 0) + 1
    while rows and rest - rows * each - 2 < 7:
        rows -= 1
    free = rest - rows * each - bool(rows)
    table = min(count, max(free - 6, 0)) if free - 6 >= 3 else 0
    chart = min(free - table - bool(table), CURVES)
    every = Drawn.of(view, lane, chart) if chart >= 4 else None
    places = {of.entry: of.place for of in view.standings}
    blocks = []
    for at, count_line in zip(shown, counts, strict=True):
        lines = [title(view, at, places[at], lane, palette)]
        if every is not None:
            lines += curves(view, at, every, (lane, chart), palette)
        if table:
            own = tasks(view, at, lane, table, palette)
            lines += [[], *own, *([[]] * (table - len(own)))]
        if rows:
            lines.append([])
        for row in range(rows):
            lines += gallery.row(view, at, view.examples[row * across : (row + 1) * across], size, palette)
            lines += [[]] if has_pictures else []
        blocks.append([*lines, count_line])
    return _beside(blocks, lane, palette)


def _narrow(view: RaceView, gallery: Gallery, width: int, height: int, palette: Palette) -> list[Line]:
    at = view.chosen
    places = {of.entry: of.place for of in view.standings}
    lines = [title(view, at, places[at], width, palette)]
    size = (min((width + 1) // EXAMPLES - 1, 14), min(height - 2, 7))
    size = (size[0], min(size[1], size[0] // 2))
    if view.examples and size[0] >= 6 and height >= 4:
        lines += gallery.row(view, at, view.examples, size, palette)
    if len(lines) < height:
        lines.append(gallery.forgotten(view.entries[at], width, palette))
    left = height - len(lines)
    if left >= 5:
        chart = min(left, CURVES)
        lines += curves(view, at, Drawn.of(view, width, chart), (width, chart), palette)
    return lines[:height]


def _beside(blocks: list[list[Line]], lane: int, palette: Palette) -> list[Line]:
    from textual.strip import Strip

    lines: list[Line] = []
    for y in range(max(map(len, blocks))):
        line: Line = []
        for block in blocks:
            own = block[y] if y < len(block) else []
            line += Strip(own).adjust_cell_length(lane, palette.text)
            line.append(Segment(" " * GAP, palette.text))
        lines.append(line[:-1])
    return lines
