"""The confusions of all classes: numbers where they fit, else points, with the classes that lost most beside them."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.colour_scale import LEVELS, colour_at, style_at
from cl_tui.charts.contrast import contrast, mixed
from cl_tui.charts.pictures import ORANGE, half_blocks
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import window
from cl_tui.reports import text
from cl_tui.reports.class_facts import NOTABLE, share_text
from engine.record.mistakes import Mistakes

CELL = 4
"""Cells for a share in numbers."""
LONGEST = 14
"""Most cells for a class's name."""
LOST = 7
"""Cells for what a class lost."""
LEAST_LOST = 0.02
"""The loss, as a fraction, from which it stands out."""
BESIDE = 26
"""Cells from which the worst classes stand beside the points."""
SHADES = 16
"""Of mistakes among points: so few that neighbours often have the same."""
_EMPTY = 10
"""How bright an answer that nobody gave is, of 255: a little lighter than one that did not compete."""


class Shown:
    """The rows and columns of confusions that are drawn, and the class that is pointed at."""

    def __init__(self, found: Mistakes, task: int | None = None, by_loss: bool = False, chosen: int | None = None):
        """``task``: its classes alone, and those that they are taken for; ``by_loss``: those that lost most first."""
        rows = [row for row, of in enumerate(found.tasks) if task is None or of == task]
        answers = found.counts[rows] > 0
        columns = [place for place, of in enumerate(found.tasks) if task in (None, of) or answers[:, place].any()]
        if by_loss:
            lost = np.nan_to_num(found.lost, nan=-1.0)
            rows.sort(key=lambda row: -lost[row])
            columns = [*rows, *(column for column in columns if column not in set(rows))]
        self.found, self.rows, self.columns, self.by_task = found, rows, columns, task is None and not by_loss
        self.chosen = min(chosen, len(rows) - 1) if chosen is not None else None
        """Its place among the rows."""

    def visible(self, columns: int, rows: int, first: int | None) -> tuple[range, range]:
        """Which columns and rows are in view: around the class that is pointed at, columns from ``first`` if given."""
        row = self.chosen or 0
        own = self.columns.index(self.rows[row])
        return window(len(self.columns), columns, first, own), window(len(self.rows), rows, None, row)


def draw_confusion(shown: Shown, width: int, height: int, palette: Palette, first: int | None = None) -> list[Line]:
    """``first``: the first visible column, if not all fit."""
    below = [_sentence(shown, width, palette)] if height >= 5 else []
    room = max(height - len(below), 2)
    label = min(max((cell_len(shown.found.names[row]) for row in shown.rows), default=0), LONGEST) + 2
    fits = label + CELL * len(shown.columns) + LOST <= width and len(shown.rows) + 1 <= room
    draw = _in_numbers if fits or palette.tones == "none" else _in_points
    return [*draw(shown, label, width, room, palette, first), *below][:height]


def _in_numbers(shown: Shown, label: int, width: int, height: int, palette: Palette, first: int | None) -> list[Line]:
    """A row for each class, in percent of its examples."""
    found = shown.found
    cell = min(CELL + 2, max(CELL, (width - label - LOST) // max(len(shown.columns), 1)))
    across, down = shown.visible((width - label - LOST) // cell, height - 1, first)
    columns = [shown.columns[place] for place in across]
    heads = "".join(f"{_fitting(found.names[column], cell - 1):>{cell}}" for column in columns)
    lines: list[Line] = [[Segment(f"{'':{label}}{heads}{'lost':>{LOST}}", palette.muted)]]
    shares, lost = found.shares, found.lost
    for place in down:
        row, pointed = shown.rows[place], place == shown.chosen
        name = set_cell_size(_fitting(found.names[row], label - 2), label - 2)
        line = [Segment("▸" if pointed else " ", palette.strong), Segment(f"{name} ", palette.good)]
        line += [_cell(shares[row, column], column == row, cell, palette) for column in columns]
        lines.append([*line, *_lost(lost[row], LOST, palette)])
    return _with_worst(lines, label + cell * len(columns) + LOST, shown, width, height, palette)


def _cell(share: float, right: bool, width: int, palette: Palette) -> Segment:
    if np.isnan(share):
        return Segment(" " * width, palette.muted)
    told = f"{100 * share:.0f}" if right else share_text(share)
    if not told:
        return Segment(f"{'·':>{width - 1}} ", palette.muted)
    if palette.tones != "full":
        plain = palette.good if right else palette.caution if share >= NOTABLE else palette.text
        return Segment(f"{told:>{width - 1}} ", style_at(share, palette) if right and palette.coloured else plain)
    style = style_at(share, palette) if right else _wrong(round(share * (LEVELS - 1)))
    return Segment(f"{told:>{width - 1}} ", style)


@lru_cache(LEVELS)
def _wrong(level: int) -> Style:
    """For the share of a wrong answer: text on the orange of pictures."""
    paper = _orange(level / (LEVELS - 1))
    ink = max(ColorTriplet(255, 255, 255), ColorTriplet(0, 0, 0), key=lambda ink: contrast(ink, paper))
    return Style(color=Color.from_triplet(ink), bgcolor=Color.from_triplet(paper))


def _orange(share: float) -> ColorTriplet:
    """Up to the ramp's orange, without the white at its end."""
    dark, middle, orange = (ColorTriplet(*colour) for colour in ORANGE.colours[:3])
    return mixed(dark, middle, 2 * share) if share < 0.5 else mixed(middle, orange, 2 * share - 1)


def _lost(lost: float, width: int, palette: Palette) -> Line:
    if np.isnan(lost):
        return [Segment(f"{'–':>{width}}", palette.muted)]
    told = f"{-100 * lost:+.0f}".replace("-", "−").replace("+0", "0").replace("−0", "0")
    style = palette.caution if lost >= LEAST_LOST else palette.muted
    return [Segment(f"{told:>{width}}", style)]


def _in_points(shown: Shown, label: int, width: int, height: int, palette: Palette, first: int | None) -> list[Line]:
    """A pixel, or a square of them, for each class and answer; and which classes lost most, if there is room."""
    rows, columns, label = len(shown.rows), len(shown.columns), 4
    scale = max(min((width - label) // columns, 2 * (height - 1) // rows), 1)
    across, down = shown.visible((width - label) // scale, 2 * (height - 1) // scale, first)
    picture = np.kron(_pixels(shown, down, across), np.ones((scale, scale, 1), dtype=np.uint8))
    if len(picture) % 2:
        picture = np.concatenate([picture, np.zeros_like(picture[:1])])
    drawn = half_blocks(picture, picture.shape[1], len(picture) // 2, palette)
    lines: list[Line] = [[Segment(" " * label + _heads(shown, across, scale), palette.muted)]]
    marks = _marks(shown, down, scale)
    for place, line in enumerate(drawn):
        pointed = shown.chosen is not None and (shown.chosen - down.start) * scale // 2 == place
        mark = Segment(f"{'▸' if pointed else marks.get(place, ''):>{label - 1}} ", palette.muted)
        lines.append([mark, *line])
    return _with_worst(lines, label + picture.shape[1], shown, width, height, palette)


def _with_worst(lines: list[Line], used: int, shown: Shown, width: int, height: int, palette: Palette) -> list[Line]:
    """Beside ``lines``, of ``used`` cells, the classes that lost most, if there is room."""
    beside = width - used - 3
    if beside < BESIDE:
        return lines
    gap = Segment("   ", palette.text)
    pairs = zip_longest(lines, _worst(shown, beside, height, palette))
    return [[*(left or [Segment(" " * used, palette.text)]), gap, *(right or [])] for left, right in pairs]


def _pixels(shown: Shown, down: range, across: range) -> np.ndarray:
    """Right answers on the scale of accuracies, wrong ones in orange, by the root of their share so that among many
    classes each is seen. Shape (rows, columns, 3)."""
    rows = np.array(shown.rows)[down.start : down.stop]
    columns = np.array(shown.columns)[across.start : across.stop]
    shares = shown.found.shares[np.ix_(rows, columns)]
    right, known = rows[:, None] == columns, np.nan_to_num(shares)
    wrong = np.rint(np.sqrt(known) * (SHADES - 1)).astype(int)
    pixels = np.where(right[:, :, None], _RIGHT[np.rint(known * (LEVELS - 1)).astype(int)], _WRONG[wrong])
    pixels[~right & (wrong == 0)] = _EMPTY
    pixels[np.isnan(shares)] = 0
    made: np.ndarray = pixels.astype(np.uint8)
    return made


_RIGHT = np.array([colour_at(level / (LEVELS - 1)) for level in range(LEVELS)])
_WRONG = np.array([_orange(shade / (SHADES - 1)) for shade in range(SHADES)])


def _starts(shown: Shown, places: range, of: Sequence[int]) -> list[tuple[int, int]]:
    """(place in the picture, task) where a task's classes begin."""
    tasks = [shown.found.tasks[of[place]] for place in places]
    return [(at, task) for at, task in enumerate(tasks) if at == 0 or tasks[at - 1] != task]


def _heads(shown: Shown, across: range, scale: int) -> str:
    """The number of each task above its first class, in the order of classes."""
    line = [" "] * (len(across) * scale)
    free = 0
    for at, task in _starts(shown, across, shown.columns) if shown.by_task else ():
        name = str(task + 1)
        if at * scale >= free and at * scale + len(name) <= len(line):
            line[at * scale : at * scale + len(name)] = name
            free = at * scale + len(name) + 1
    return "".join(line)


def _marks(shown: Shown, down: range, scale: int) -> dict[int, str]:
    """The number of each task beside its first class, by line."""
    if not shown.by_task:
        return {}
    return {at * scale // 2: str(task + 1) for at, task in reversed(_starts(shown, down, shown.rows))}


def _worst(shown: Shown, width: int, height: int, palette: Palette) -> list[Line]:
    """The classes that lost most, what they lost, and what they are taken for most often."""
    found, lost = shown.found, np.nan_to_num(shown.found.lost, nan=-1.0)
    accuracies = found.accuracies
    name = min(max(cell_len(found.names[row]) for row in shown.rows), LONGEST, width - 16)
    lines: list[Line] = [[Segment(f"{'':{name}}{'right':>6}{'lost':>6}  most called"[:width], palette.muted)]]
    for row in sorted(shown.rows, key=lambda row: (-lost[row], row))[: height - 1]:
        right = "–" if np.isnan(accuracies[row]) else f"{100 * accuracies[row]:.0f}"
        line = [
            Segment(set_cell_size(_fitting(found.names[row], name), name), palette.good),
            Segment(f"{right:>6}", palette.text),
            *_lost(found.lost[row], 6, palette),
        ]
        if (column := int(found.wrong[row].argmax())) != row and (share := found.wrong[row, column]):
            told = f"  {_fitting(found.names[column], max(width - name - 18, 4))} {100 * share:.0f}"
            line.append(Segment(told, palette.text))
        lines.append(line)
    return lines


def _sentence(shown: Shown, width: int, palette: Palette) -> Line:
    """About the class that is pointed at, or the most frequent mistake."""
    found = shown.found
    if shown.chosen is not None:
        return _about(found, shown.rows[shown.chosen], width, palette)
    most = found.wrong[shown.rows].max(axis=1, initial=0.0)
    if not most.any():
        return [Segment("No mistakes."[:width], palette.muted)]
    row = shown.rows[int(most.argmax())]
    column = int(found.wrong[row].argmax())
    line = [
        Segment("most often: ", palette.muted),
        Segment(_fitting(found.names[row], LONGEST), palette.good),
        Segment(" called ", palette.muted),
        Segment(_fitting(found.names[column], LONGEST), palette.caution),
        Segment(f" {100 * found.wrong[row, column]:.0f} %", palette.strong),
    ]
    return line if sum(segment.cell_length for segment in line) <= width else line[1:]


def _about(found: Mistakes, row: int, width: int, palette: Palette) -> Line:
    right, learned = found.accuracies[row], found.learned[row]
    then = "" if np.isnan(learned) or found.tasks[row] == found.phase else f", {100 * learned:.0f} when learned"
    known = "not tested" if np.isnan(right) else f"{100 * right:.0f} % right{then}"
    named = found.taken_for(row)
    called = ", ".join(f"{found.names[column]} {share_text(share) or '<1'}" for column, share in named)
    rest = f" (task {found.tasks[row] + 1}): {known}{f'; called {called}' if called else ''}"
    name = _fitting(found.names[row], LONGEST)
    room = max(width - cell_len(name), 0)
    return [Segment(name, palette.good), Segment(_cut(rest, room), palette.text)]


def _cut(told: str, width: int) -> str:
    """
    >>> _cut("6, 9, 12", 6), _cut("6, 9", 6)
    ('6, 9,…', '6, 9')
    """
    return told if cell_len(told) <= width else set_cell_size(told, max(width - 1, 0)) + "…" * (width > 0)


def _fitting(name: str, width: int) -> str:
    return name if cell_len(name) <= width else text.shortened(name, width)
