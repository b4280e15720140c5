"""A sign and a colour for each method, or for each of several groups, for those who cannot tell all colours apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.style import Style

from cl_tui.charts.style import Palette


@dataclass(frozen=True)
class Mark:
    sign: str
    ink: str
    """The name of a style of the palette."""

    def style(self, palette: Palette) -> Style:
        style: Style = getattr(palette, self.ink)
        return style


MARKS: Mapping[str, Mark] = {
    "si": Mark("●", "loss"),
    "mas": Mark("▲", "importance"),
    "ewc": Mark("◆", "good"),
    "none": Mark("○", "text"),
    "l2": Mark("■", "accent"),
    "joint": Mark("★", "strong"),
    "rwalk": Mark("▼", "caution"),
    "replay": Mark("□", "good"),
    "lwf": Mark("◇", "importance"),
}
_OTHER = Mark("△", "text")
"""For more groups than there are marks, and for methods without one of their own."""
_FIRST = ("l2", "rwalk", "lwf", "replay", "mas", "ewc", "si", "none", "joint")
"""Whose mark the second group of a method takes, if nobody else has it."""
NARROW = {"●": "⦁", "▲": "▴", "◆": "⬥", "○": "∘", "■": "▪", "★": "⋆", "▼": "▾", "□": "▫", "◇": "⬦", "△": "▵"}
"""Signs of one cell in every terminal: East Asian ones draw the others two cells wide."""


def mark(method: str) -> Mark:
    return MARKS.get(method, _OTHER)


def marks(methods: Sequence[str]) -> list[Mark]:
    """A mark for each group, given its method; the second group of a method takes the mark of an absent method.

    >>> "".join(mark.sign for mark in marks(["joint", "si", "si", "none", "si"]))
    '★●■○▼'
    """
    found: list[Mark] = []
    free = [MARKS[name] for name in _FIRST if name not in methods]
    for place, method in enumerate(methods):
        first = method in MARKS and method not in methods[:place]
        found.append(MARKS[method] if first else free.pop(0) if free else _OTHER)
    return found


def ambiguous(environment: Mapping[str, str]) -> bool:
    """Whether the locale is one whose terminals draw some signs two cells wide.

    >>> ambiguous({"LANG": "ja_JP.UTF-8"}), ambiguous({"LANG": "ja_JP.UTF-8", "LC_ALL": "de_DE.UTF-8"}), ambiguous({})
    (True, False, False)
    """
    names = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next((name for name in names if name), "")[:2] in ("ja", "ko", "zh")
