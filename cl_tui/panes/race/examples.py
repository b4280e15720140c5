"""The same test examples for each run of a race: orange once they are forgotten."""

from dataclasses import dataclass

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.pictures import ORANGE, half_blocks
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.race.view import RaceView
from cl_tui.reports.standings import Entry
from engine.record.shown import count_forgotten


@dataclass(frozen=True)
class Seen:
    """What a run answers for an example."""

    right: str
    given: str
    """Empty if it is right."""
    sure: float
    forgotten: bool
    known: bool = True
    """Whether the run has seen its task."""


def seen(view: RaceView, at: int, example: tuple[int, int]) -> Seen:
    task, row = example
    assert view.shown is not None
    own = view.shown.tasks[task]
    if task >= len(view.answers[at]):
        name = own.names[int(own.targets[row])] if own.names else ""
        return Seen(name, "", 0.0, False, known=False)
    of = view.answers[at][task]
    if of.sure is None:
        return Seen("", "", 0.0, False)
    right, given, sure = of.names[int(of.target[row])], of.names[int(of.given[row])], float(of.sure[row])
    wrong = bool(of.wrong[row])
    return Seen(right, given if wrong else "", sure, wrong and task < view.entries[at].history.task)


def captioned(found: Seen, width: int, palette: Palette) -> Line:
    if not found.known:
        return [Segment(set_cell_size(f" {found.right} later", width), palette.muted)]
    if not found.right:
        return [Segment(" " * width, palette.text)]
    share = f" {100 * found.sure:3.0f} %"
    if not found.given:
        return _fixed([("✔ ", palette.good), (found.right, palette.strong), (share, palette.text)], width)
    lost = palette.caution if found.forgotten else palette.text
    return _fixed([(found.right, palette.strong), ("→", lost), (f"{found.given}{share}", lost)], width)


def _fixed(parts: list[tuple[str, Style]], width: int) -> Line:
    text = "".join(part for part, _ in parts)
    line = [Segment(part, style) for part, style in parts]
    if len(text) > width:
        return [Segment(set_cell_size(text, width), parts[-1][1])]
    return [*line, Segment(" " * (width - len(text)), parts[-1][1])]


class Gallery:
    """Pictures as they were drawn and counts as they were made, so that each is made once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], list[Line]] = {}
        self._counts: dict[tuple[str, int], tuple[int, int]] = {}

    def forgotten(self, entry: Entry, width: int, palette: Palette) -> Line:
        """How much of whole test sets was forgotten by the end of the newest task that ended."""
        ended = len(entry.history.matrix)
        key = (entry.name, ended)
        if key not in self._counts:
            self._counts[key] = count_forgotten(entry.history, ended - 1)
        lost, learned = self._counts[key]
        if not learned:
            return []
        parts = "forgotten ", f"{lost:,}", f" of {learned:,}", f" after task {ended}"
        shown = parts if sum(map(len, parts)) <= width else parts[:-1]
        styles = palette.muted, palette.caution if lost else palette.strong, palette.muted, palette.muted
        return [Segment(part, style) for part, style in zip(shown, styles, strict=False)]

    def row(
        self, view: RaceView, at: int, examples: list[tuple[int, int]], size: tuple[int, int], palette: Palette
    ) -> list[Line]:
        """``examples`` beside each other, each of ``size`` cells with a caption below."""
        width, height = size
        found = [seen(view, at, example) for example in examples]
        pictures = [
            self._picture(view, example, of.forgotten, size, palette)
            for example, of in zip(examples, found, strict=True)
        ]
        lines: list[Line] = []
        for y in range(height):
            line: Line = []
            for picture in pictures:
                line += picture[y] if picture else [Segment(" " * width, palette.text)]
                line.append(Segment(" ", palette.text))
            lines.append(line)
        if not any(pictures):
            lines = []
        below: Line = []
        for of in found:
            below += [*captioned(of, width, palette), Segment(" ", palette.text)]
        return [*lines, below]

    def _picture(
        self, view: RaceView, example: tuple[int, int], lost: bool, size: tuple[int, int], palette: Palette
    ) -> list[Line]:
        assert view.shown is not None
        key = (id(view.shown), example, lost, size, palette.tones)
        if key not in self._kept:
            if len(self._kept) > 500:
                self._kept.clear()
            pictures = view.shown.tasks[example[0]].pictures
            picture = None if pictures is None else pictures[example[1]]
            tint = ORANGE if lost else None
            self._kept[key] = [] if picture is None else half_blocks(picture, *size, palette, tint)
        return self._kept[key]
