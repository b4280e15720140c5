"""A film of a terminal as an asciicast (version 2), which asciinema plays: text that can be selected, and small."""

from collections.abc import Sequence
from itertools import groupby

from rich.color_triplet import ColorTriplet

from cl_tui.exports.cells import Cell, Grid
from engine import strict_json


def asciicast(moments: Sequence[Grid], seconds: float, title: str) -> str:
    """Each moment is shown for ``seconds``. Only lines that change are written again."""
    width, height = moments[0].size
    header = {"version": 2, "width": width, "height": height, "title": title, "env": {"TERM": "xterm-256color"}}
    lines = [strict_json.dumps(header, ensure_ascii=False)]
    before: tuple[tuple[Cell, ...], ...] = ((),) * height
    for number, moment in enumerate(moments):
        changed = [y for y, (old, new) in enumerate(zip(before, moment.rows, strict=True)) if old != new]
        written = "".join(f"\x1b[{y + 1};1H{_line(moment.rows[y])}" for y in changed)
        start = "\x1b[?25l\x1b[2J" if number == 0 else ""
        lines.append(strict_json.dumps([round(number * seconds, 3), "o", start + written], ensure_ascii=False))
        before = moment.rows
    return "\n".join([*lines, strict_json.dumps([round(len(moments) * seconds, 3), "o", ""])]) + "\n"


def _line(row: Sequence[Cell]) -> str:
    parts = []
    for (ink, paper, bold), cells in groupby(row, key=lambda cell: (cell.ink, cell.paper, cell.bold)):
        text = "".join(cell.text for cell in cells)
        parts.append(f"\x1b[0;{'1;' if bold else ''}38;2;{_rgb(ink)};48;2;{_rgb(paper)}m{text}")
    return "".join(parts) + "\x1b[0m"


def _rgb(colour: ColorTriplet) -> str:
    return ";".join(map(str, colour))
