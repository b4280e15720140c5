"""Layouts: which panes stand where, by the width of the terminal. Numbers in, numbers out; no widgets here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from textual.geometry import Region, Size


@dataclass(frozen=True)
class Column:
    share: float
    """Its width, relative to the other columns'."""
    panes: Mapping[str, float]
    """From top to bottom, each with its height relative to the others'."""


@dataclass(frozen=True)
class Layout:
    name: str
    columns: tuple[Column, ...]

    def fits(self, width: int) -> bool:
        """Whether its columns have room."""
        return width >= NARROWEST * len(self.columns)

    @property
    def panes(self) -> tuple[str, ...]:
        return tuple(pane for column in self.columns for pane in column.panes)


FOUR = Layout(
    "four panes",
    (Column(1, {"tasks": 1, "loss": 1}), Column(1, {"accuracy": 1, "importance": 1})),
)
FIVE = Layout(
    "five panes",
    (
        Column(19, {"tasks": 9, "accuracy": 8}),
        Column(19, {"loss": 10, "importance": 7}),
        Column(12, {"forgotten": 1}),
    ),
)
SIX = Layout(
    "six panes",
    (
        Column(15, {"tasks": 12, "accuracy": 10, "log": 5}),
        Column(14, {"loss": 14, "importance": 9}),
        Column(10, {"forgotten": 1}),
    ),
)
THREE_COLUMNS = Layout(
    "three columns",
    (
        Column(55, {"tasks": 19, "accuracy": 14, "log": 9}),
        Column(54, {"loss": 18, "importance": 9, "held": 15}),
        Column(51, {"forgotten": 1}),
    ),
)
FOUR_COLUMNS = Layout(
    "four columns",
    (
        Column(59, {"tasks": 28, "accuracy": 24}),
        Column(59, {"loss": 27, "importance": 9, "log": 16}),
        Column(61, {"held": 30, "confusion": 13, "turned": 9}),
        Column(61, {"forgotten": 1}),
    ),
)
AUTOMATIC: Mapping[int, Layout] = {60: FOUR, 100: FIVE, 110: SIX, 150: THREE_COLUMNS, 220: FOUR_COLUMNS}
"""The layouts that are chosen by the terminal's width, with the least width of each."""

LEAST_HEIGHT = {"tasks": 7, "loss": 8, "forgotten": 9, "held": 10, "log": 4, "confusion": 8}
"""Lines with its title that a pane needs; others need LOWEST."""
LOWEST, NARROWEST = 6, 20
DROPPED_FIRST = ("turned", "held", "confusion", "log", "forgotten")
"""What a column leaves out if it has too few lines, in this order."""
SCROLLED_HEIGHT = 14
"""Lines of each pane in a terminal that is too narrow for two columns: there they scroll."""


def by_width(width: int) -> Layout:
    """
    >>> [by_width(width).name for width in (40, 80, 120, 160, 300)]
    ['four panes', 'four panes', 'six panes', 'three columns', 'four columns']
    """
    return [layout for least, layout in AUTOMATIC.items() if least <= max(width, min(AUTOMATIC))][-1]


def complete(layout: Layout, known: Collection[str]) -> Layout:
    """With the panes that no automatic layout knows, at the end."""
    listed = {pane for each in AUTOMATIC.values() for pane in each.panes} | set(layout.panes)
    *others, last = layout.columns
    panes = {**last.panes, **{pane: max(last.panes.values()) for pane in known if pane not in listed}}
    return replace(layout, columns=(*others, Column(last.share, panes)))


def places(layout: Layout, size: Size, known: Collection[str]) -> dict[str, Region]:
    """Where each pane stands in ``size``, of those that are ``known``."""
    columns = [(column.share, _fitting(column, size.height, known)) for column in layout.columns]
    columns = [(share, panes) for share, panes in columns if panes]
    if size.width < min(AUTOMATIC):
        stacked = [pane for pane in known if any(pane in panes for _, panes in columns)]
        return {
            pane: Region(0, SCROLLED_HEIGHT * place, size.width, SCROLLED_HEIGHT) for place, pane in enumerate(stacked)
        }
    found: dict[str, Region] = {}
    widths = divided(size.width, [share for share, _ in columns], [NARROWEST] * len(columns))
    for x, width, (_, panes) in zip(_starts(widths), widths, columns, strict=True):
        least = [LEAST_HEIGHT.get(pane, LOWEST) for pane in panes]
        heights = divided(size.height, list(panes.values()), least)
        for y, height, pane in zip(_starts(heights), heights, panes, strict=True):
            found[pane] = Region(x, y, width, height)
    return found


def automatic(name: str) -> bool:
    return any(layout.name == name for layout in AUTOMATIC.values())


# Changes of a layout


def with_border(layout: Layout, size: Size, known: Collection[str], column: int, by: int) -> Layout:
    """``by`` cells more for the ``column`` (of those that are seen), and less for the next."""
    seen = [place for place, each in enumerate(layout.columns) if any(pane in known for pane in each.panes)]
    if not 0 <= column < len(seen) - 1:
        return layout
    widths = divided(size.width, [layout.columns[place].share for place in seen], [NARROWEST] * len(seen))
    by = min(max(by, NARROWEST - widths[column]), widths[column + 1] - NARROWEST)
    widths[column], widths[column + 1] = widths[column] + by, widths[column + 1] - by
    scale = sum(layout.columns[place].share for place in seen) / sum(widths)
    columns = list(layout.columns)
    for place, width in zip(seen, widths, strict=True):
        columns[place] = replace(columns[place], share=round(width * scale, 3))
    return replace(layout, columns=tuple(columns))


def with_line(layout: Layout, size: Size, known: Collection[str], pane: str, by: int) -> Layout:
    """``by`` lines more for the ``pane``, and less for the one below it."""
    column = next(column for column in layout.columns if pane in column.panes)
    seen = _fitting(column, size.height, known)
    names = list(seen)
    place = names.index(pane)
    if place + 1 == len(names):
        return layout
    least = [LEAST_HEIGHT.get(name, LOWEST) for name in names]
    heights = divided(size.height, list(seen.values()), least)
    by = min(max(by, least[place] - heights[place]), heights[place + 1] - least[place + 1])
    heights[place], heights[place + 1] = heights[place] + by, heights[place + 1] - by
    scale = sum(seen.values()) / sum(heights)
    panes = {**column.panes, **{name: round(lines * scale, 3) for name, lines in zip(names, heights, strict=True)}}
    return _changed(layout, column, panes)


def without(layout: Layout, pane: str) -> Layout:
    """The last pane of a layout stays."""
    if layout.panes == (pane,):
        return layout
    columns = [
        replace(column, panes={name: share for name, share in column.panes.items() if name != pane})
        for column in layout.columns
    ]
    return replace(layout, columns=tuple(column for column in columns if column.panes))


def with_pane(layout: Layout, pane: str, below: str) -> Layout:
    """``pane`` below the other, with half of its lines."""
    column = next(column for column in layout.columns if below in column.panes)
    panes: dict[str, float] = {}
    for name, share in column.panes.items():
        panes |= {name: share / 2, pane: share / 2} if name == below else {name: share}
    return _changed(layout, column, panes)


def moved(layout: Layout, pane: str, across: int, down: int) -> Layout:
    """``pane`` in the next column, a new one beyond the last, or one place further down (or the other way)."""
    place = next(place for place, column in enumerate(layout.columns) if pane in column.panes)
    column = layout.columns[place]
    if down:
        names = list(column.panes)
        here = names.index(pane)
        there = min(max(here + down, 0), len(names) - 1)
        names[here], names[there] = names[there], names[here]
        return _changed(layout, column, {name: column.panes[name] for name in names})
    if not across:
        return layout
    target = place + across
    share = column.panes[pane]
    columns = [
        replace(each, panes={name: part for name, part in each.panes.items() if name != pane})
        for each in layout.columns
    ]
    if 0 <= target < len(columns):
        others = columns[target].panes
        mean = sum(others.values()) / len(others)
        columns[target] = replace(columns[target], panes={**others, pane: mean})
    elif len(column.panes) > 1:
        columns.insert(max(target, 0), Column(column.share, {pane: share}))
    else:
        return layout
    return replace(layout, columns=tuple(each for each in columns if each.panes))


def _changed(layout: Layout, column: Column, panes: Mapping[str, float]) -> Layout:
    new = replace(column, panes=panes)
    return replace(layout, columns=tuple(new if each is column else each for each in layout.columns))


def _fitting(column: Column, height: int, known: Collection[str]) -> dict[str, float]:
    """The column's panes, without the least important ones if they are too many for ``height``."""
    panes = {pane: share for pane, share in column.panes.items() if pane in known}
    for dropped in DROPPED_FIRST:
        if len(panes) > 1 and sum(LEAST_HEIGHT.get(pane, LOWEST) for pane in panes) > height:
            panes.pop(dropped, None)
    return panes


def divided(room: int, shares: Sequence[float], least: Sequence[int]) -> list[int]:
    """``room`` divided by ``shares``, so that everything gets its ``least`` if there is room for that.

    >>> divided(21, [1, 1], [6, 6]), divided(30, [100, 1, 1], [6, 6, 6]), divided(9, [1, 1], [6, 6])
    ([11, 10], [18, 6, 6], [5, 4])
    """
    if sum(least) > room:
        least = [0] * len(shares)
    small: set[int] = set()
    while True:
        rest = room - sum(least[place] for place in small)
        whole = sum(share for place, share in enumerate(shares) if place not in small)
        ideal = [
            least[place] if place in small else rest * share / whole if whole else 0.0
            for place, share in enumerate(shares)
        ]
        smaller = {place for place, part in enumerate(ideal) if part < least[place]}
        if not smaller:
            break
        small |= smaller
    ends = [int(end + 0.5) for end in accumulate(ideal)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _starts(sizes: Sequence[int]) -> list[int]:
    return [0, *accumulate(sizes)][:-1]
