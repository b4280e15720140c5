"""Layouts: which panes stand where, by the width of the terminal. Numbers in, numbers out; no widgets here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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


def places(layout: Layout, size: Size, known: Collection[str]) -> dict[str, Region]:
    """Where each pane stands in ``size``, of those that are ``known``: last, those that no automatic layout knows."""
    *others, last = layout.columns
    foreign = {pane: 1.0 for pane in known if all(pane not in each.panes for each in AUTOMATIC.values())}
    given = [*others, Column(last.share, {**last.panes, **foreign})]
    columns = [(column.share, _fitting(column, size.height, known)) for column in given]
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
