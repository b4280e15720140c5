"""Groups one above the other, each with a row of pictures: the pane beside others."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.bars import bar
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.forgotten.chosen import Example, Order, Spot
from cl_tui.panes.forgotten.found import Found, Group
from cl_tui.panes.forgotten.tiles import Tiles, beside, drawable, fixed
from cl_tui.panes.tasks.lines import beginning
from engine.record.shown import Shown

CHANGES = 4
"""Most pictures that change in one redraw while the run trains, unless those of one group are more."""
_BEST, _LEAST = 7, 4
"""Lines of a picture: 28 pixels at half their size, and the smallest digit that most people read."""
_DEEPEST = 3
"""Rows of pictures of a group, where there are few groups."""
_WANTED = 5
"""Groups that should have pictures before pictures become large."""


@dataclass(frozen=True)
class Room:
    """What fits."""

    lines: int
    """Of a picture."""
    groups: int
    across: int
    """Pictures of a group beside each other."""
    deep: int = 1
    """Rows of its pictures."""

    @property
    def each(self) -> int:
        return self.across * self.deep


def room(width: int, height: int, groups: int, pictures: bool) -> Room:
    """
    >>> room(46, 42, 8, True), room(62, 42, 3, True), room(30, 12, 8, True), room(46, 42, 8, False)
    (Room(lines=7, groups=5, across=3, deep=1), Room(lines=7, groups=3, across=4, deep=1), \
Room(lines=4, groups=2, across=3, deep=1), Room(lines=0, groups=8, across=0, deep=1))
    >>> room(46, 42, 2, True)
    Room(lines=7, groups=2, across=3, deep=2)
    """
    if not pictures or height < 1 + _LEAST or width < 2 * _LEAST:
        return Room(0, min(groups, height), 0)
    wanted = min(groups, _WANTED)
    rest = 1 if groups > wanted else 0
    lines = next((n for n in range(_BEST, _LEAST, -1) if wanted * (n + 1) + rest <= height), _LEAST)
    fitting = height // (lines + 1)
    if fitting < groups and fitting * (lines + 1) == height and fitting > 1:
        fitting -= 1  # for the line with the others
    seen = min(groups, fitting)
    deep = max(1, min(_DEEPEST, (height // seen - 1) // lines)) if seen == groups else 1
    return Room(lines, seen, max(1, (width + 1) // (2 * lines + 1)), deep)


class Slots:
    """Which groups and examples are seen. While a run trains they stay where they are, and little changes at a time."""

    def __init__(self) -> None:
        self._seen: list[tuple[Group, list[int]]] = []
        self.pending = False
        """Whether more should change than did."""

    def arranged(self, found: Found, room: Room, order: Order, calm: bool) -> list[tuple[Group, list[int]]]:
        wanted = [(group, found.rows(group, order)[: room.each]) for group in found.largest[: room.groups]]
        self.pending = False
        if calm and len(self._seen) == len(wanted):
            wanted = self._calmly(found, room, order)
        self._seen = wanted
        return wanted

    def _calmly(self, found: Found, room: Room, order: Order) -> list[tuple[Group, list[int]]]:
        now = {group.key: group for group in found.groups}
        kept = {group.key for group, _ in self._seen}
        others = [group for group in found.largest if group.key not in kept]
        left, arranged = CHANGES, []
        for before, rows in self._seen:
            group = now.get(before.key) or (others.pop(0) if others else before)
            staying = [row for row in rows if row in group.rows] if group.key == before.key else []
            fresh = [row for row in found.rows(group, order) if row not in staying]
            places = [row if row in staying else None for row in [*rows, *[-1] * room.each][: room.each]]
            renewed = [row if row is not None else fresh.pop(0) if fresh else -1 for row in places]
            changes = sum(a != b for a, b in zip(renewed, [*rows, *[-1] * room.each], strict=False))
            if changes > left != CHANGES:
                self.pending = True
                arranged.append((before, rows))
                continue
            left -= changes
            arranged.append((group, [row for row in renewed if row >= 0]))
        return arranged


def draw_column(
    found: Found,
    arranged: Sequence[tuple[Group, list[int]]],
    shown: Shown,
    tiles: Tiles,
    marked: Group | None,
    width: int,
    height: int,
    palette: Palette,
    spots: list[Spot],
) -> list[Line]:
    """``marked``: the chosen group, while the pane has the focus. Adds to ``spots`` what is where."""
    fits = room(width, height, len(found.groups), drawable(shown, palette))
    lines: list[Line] = []
    names = names_width([group for group, _ in arranged], 23)
    for group, rows in arranged:
        chosen = marked is not None and marked.key == group.key
        spots.append(Spot(0, len(lines), width, 1, group.key))
        lines.append(headed(group, found.whole, names, width, palette, chosen))
        for start in range(0, fits.each, max(fits.across, 1)):
            across = 2 * fits.lines
            part = [Example(group.task, row) for row in rows[start : start + fits.across]]
            spots += [
                Spot(place * (across + 1), len(lines), across, fits.lines, group.key, example)
                for place, example in enumerate(part)
            ]
            pictures = [tiles.lines(shown, example, across, fits.lines, palette) for example in part]
            if pictures:
                lines += beside(pictures, 1, palette)
            elif not start:
                lines += [[]] * fits.lines
    seen = {group.key for group, _ in arranged}
    others = [group for group in found.largest if group.key not in seen]
    if others and len(lines) < height:
        lines.append(_others(others, width, palette))
    return lines


def headed(group: Group, whole: bool, names: int, width: int, palette: Palette, marked: bool) -> Line:
    """'4 → 5   818   83 % of 4s  ━━━━━━──  task 3', less where there is less room. ``names``: cells of the pair."""
    names = min(names, max(5, width - 20))
    line: Line = [
        Segment("▸" if marked else " ", palette.accent),
        *fixed(pair(group, palette, (names - 3) // 2), names, palette),
        Segment(f"{group.count:>{7 if whole else 5},}", palette.strong),
        Segment(f"  {share(group, whole)}", palette.text),
    ]
    task = f"task {group.task + 1}"
    left = width - sum(segment.cell_length for segment in line) - len(task) - 4
    if left >= 4:
        line.append(Segment("  ", palette.text))
        line += bar(group.count / max(group.of, 1), min(left, 10), lost_style(palette), palette.muted)
    taken = sum(segment.cell_length for segment in line)
    if width - taken > len(task):
        line.append(Segment(f"{task:>{width - taken}}", palette.muted))
    return fixed(line, width, palette)


def names_width(groups: Sequence[Group], most: int) -> int:
    """Cells of the longest pair of names, each in at most half of ``most``."""
    return min(max((2 * max(cell_len(of.name), cell_len(of.answer)) + 3 for of in groups), default=5), most)


def lost_style(palette: Palette) -> Style:
    return palette.caution + Style(bold=False)


def pair(group: Group, palette: Palette, width: int, between: str = " → ") -> Line:
    """What it is, and what it is taken for."""
    return [
        Segment(beginning(group.name, width), palette.good),
        Segment(between, palette.muted),
        Segment(beginning(group.answer, width), palette.caution),
    ]


def share(group: Group, whole: bool) -> str:
    """
    >>> share(Group(2, "4", "5", (), 818, 982), True), share(Group(0, "cat", "dog", (), 7, 32), True)
    (' 83 % of 4s', ' 22 %')
    >>> share(Group(2, "4", "5", (), 7, 32), False), share(Group(0, "cat", "dog", (), 7, 32), False)
    ('of 32 4s', 'of 32')
    """
    name = f"{group.name}s" if cell_len(group.name) == 1 else ""
    if not whole:
        return f"of {group.of} {name}".rstrip()
    return f"{100 * group.count / max(group.of, 1):>3.0f} %{f' of {name}' if name else ''}"


def _others(groups: Sequence[Group], width: int, palette: Palette) -> Line:
    line: Line = []
    for group in groups:
        more = [*pair(group, palette, 8, "→"), Segment(f" {group.count:,}   ", palette.text)]
        if sum(segment.cell_length for segment in [*line, *more]) > width + 3:
            break
        line += more
    return line
