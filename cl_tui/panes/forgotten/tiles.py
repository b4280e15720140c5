"""Pictures of examples in cells, drawn once and kept."""

from rich.segment import Segment
from textual.strip import Strip

from cl_tui.charts.pictures import half_blocks
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.forgotten.chosen import Example
from engine.record.shown import Shown

_MOST = 512


class Tiles:
    def __init__(self) -> None:
        self._shown: Shown | None = None
        self._kept: dict[tuple[object, ...], list[Line]] = {}

    def lines(self, shown: Shown, example: Example, width: int, height: int, palette: Palette) -> list[Line]:
        """The example's picture; if it has none, its first numbers. ``height`` lines of ``width`` cells; no lines if
        there is nothing to see."""
        if shown is not self._shown or len(self._kept) > _MOST:
            self._shown, self._kept = shown, {}
        key = (example, width, height, palette.tones, palette.text)
        if key not in self._kept:
            self._kept[key] = self._drawn(shown, example, width, height, palette)
        return self._kept[key]

    def _drawn(self, shown: Shown, example: Example, width: int, height: int, palette: Palette) -> list[Line]:
        task = shown.tasks[example.task]
        if task.pictures is not None:
            return half_blocks(task.pictures[example.row], width, height, palette)
        if task.numbers is None:
            return []
        numbers = task.numbers[example.row].ravel()[:height].tolist()
        lines = [[Segment(f"{number:.3g}", palette.muted)] for number in numbers]
        return block(lines, width, height, palette)


def drawable(shown: Shown, palette: Palette) -> bool:
    """Whether there is anything to see of an example."""
    return shown.tasks[0].numbers is not None or palette.tones != "none"


def block(lines: list[Line], width: int, height: int, palette: Palette) -> list[Line]:
    """Exactly ``height`` lines of exactly ``width`` cells."""
    shown = [fixed(line, width, palette) for line in lines[:height]]
    return shown + [[Segment(" " * width, palette.text)]] * (height - len(shown))


def tall(lines: list[Line], height: int) -> list[Line]:
    """Exactly ``height`` lines; for a block with nothing to its right."""
    return lines[:height] + [[]] * (height - len(lines))


def fixed(line: Line, width: int, palette: Palette) -> Line:
    """Exactly ``width`` cells."""
    taken = sum(segment.cell_length for segment in line)
    if taken > width:
        return list(Strip(line).crop(0, width))
    return line if taken == width else [*line, Segment(" " * (width - taken), palette.text)]


def beside(blocks: list[list[Line]], gap: int, palette: Palette) -> list[Line]:
    """Blocks of equally many lines, from left to right."""
    between = [Segment(" " * gap, palette.text)] if gap else []
    lines: list[Line] = []
    for parts in zip(*blocks, strict=True):
        line: Line = list(parts[0])
        for part in parts[1:]:
            line += [*between, *part]
        lines.append(line)
    return lines
