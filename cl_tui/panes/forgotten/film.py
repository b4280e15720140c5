"""The film: the same examples throughout, each in a frame that turns from green to red when it is forgotten."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.forgotten.chosen import Example
from cl_tui.panes.forgotten.found import Found
from cl_tui.panes.forgotten.tiles import Tiles, beside, drawable
from cl_tui.panes.tasks.lines import beginning
from engine.record.shown import Shown

EXAMPLES = 24
_LINES = range(14, 2, -1)
"""Lines that a picture may have, the best first."""


@lru_cache(8)
def cast(shown: Shown) -> tuple[Example, ...]:
    """The examples of the film, which the examples' order alone decides: about as many of each task and each class."""
    tasks = [task for task, of in enumerate(shown.tasks) if len(of)]
    chosen = [tasks[place * len(tasks) // EXAMPLES] for place in range(EXAMPLES)] if tasks else []
    found: list[Example] = []
    for task in tasks:
        found += [Example(task, row) for row in _by_turns(shown.tasks[task].targets)[: chosen.count(task)]]
    return tuple(found)


def _by_turns(targets: np.ndarray) -> list[int]:
    """The places of examples, so that each class has its turn."""
    if targets.ndim > 1:
        return list(range(len(targets)))
    seen: dict[int, int] = {}
    turns = []
    for place, target in enumerate(targets.tolist()):
        seen[target] = seen.get(target, -1) + 1
        turns.append((seen[target], target, place))
    return [place for _, _, place in sorted(turns)]


def grid(width: int, height: int, count: int, pictures: bool) -> tuple[int, int, int]:
    """Columns, rows, and lines of a picture, so that as many of ``count`` as possible are seen, as large as possible.

    >>> grid(46, 42, 24, True), grid(116, 30, 24, True), grid(30, 10, 24, True), grid(46, 42, 24, False)
    ((4, 6, 4), (8, 3, 6), (3, 2, 3), (4, 6, 0))
    """
    if not pictures:
        columns = max(1, width // 10)
        return columns, min(-(-count // columns), max(height // 3, 1)), 0
    for lines in _LINES:
        columns, rows = width // (2 * lines + 2), height // (lines + 2)
        if columns * rows >= count:
            return columns, -(-count // columns), lines
    return max(1, width // 8), max(1, height // 5), 3


def draw_film(
    found: Found, shown: Shown, tiles: Tiles, ended: int, width: int, height: int, palette: Palette
) -> list[Line]:
    """``ended``: how many tasks have ended."""
    examples = cast(shown)
    columns, rows, lines = grid(width, height - 1, len(examples), drawable(shown, palette))
    examples = examples[: columns * rows]
    states = [_state(found, example, ended) for example in examples]
    drawn = [_tally(states, width, palette)]
    for start in range(0, len(examples), columns):
        part = zip(examples[start : start + columns], states[start : start + columns], strict=True)
        drawn += beside(
            [framed(found, shown, tiles, example, state, lines, palette) for example, state in part], 0, palette
        )
    return drawn


def _state(found: Found, example: Example, ended: int) -> str:
    """'lost', 'right' or 'wrong', or 'unseen' before its task begins."""
    if example.task >= len(found.answers):
        return "unseen"
    if found.turned(example):
        return "lost"
    return (
        "wrong" if found.answers[example.task].wrong[example.row] else "right" if example.task < ended else "learning"
    )


def _tally(states: Sequence[str], width: int, palette: Palette) -> Line:
    right = sum(state in ("right", "learning") for state in states)
    line: Line = [
        Segment(f" {right} right", palette.good),
        Segment("   ", palette.text),
        Segment(f"▼ {states.count('lost')} forgotten", palette.bad),
        Segment(f"   of the same {len(states)} examples" if width >= 48 else f" of {len(states)}", palette.muted),
    ]
    return line


def framed(
    found: Found, shown: Shown, tiles: Tiles, example: Example, state: str, lines: int, palette: Palette
) -> list[Line]:
    """A picture in a frame of its state, on which stands what it is, and what it is taken for."""
    style = {"lost": palette.bad, "right": palette.good, "learning": palette.good}.get(state, palette.muted)
    inside = 2 * lines if lines else 8
    name = shown.tasks[example.task].names[int(shown.tasks[example.task].targets[example.row])]
    answer = ""
    if state in ("lost", "wrong"):
        told = found.answers[example.task]
        answer = told.names[int(told.given[example.row])]
    top = _edge("╭", name, "╮", inside, style, palette.text if state != "unseen" else palette.muted)
    below = _edge("╰", f"▼ {answer}" if state == "lost" else answer, "╯", inside, style, style)
    side = Segment("│", style)
    picture = tiles.lines(shown, example, inside, lines, palette) if lines else [[Segment(" " * inside, palette.text)]]
    return [top, *([side, *line, side] for line in picture), below]


def _edge(left: str, text: str, right: str, inside: int, style: Style, words: Style) -> Line:
    told = beginning(text, inside - 2) if text else ""
    if not told:
        return [Segment(f"{left}{'─' * inside}{right}", style)]
    rest = inside - 2 - sum(2 if ord(sign) > 0x2E80 else 1 for sign in told)
    return [Segment(f"{left} ", style), Segment(told, words), Segment(f" {'─' * rest}{right}", style)]
