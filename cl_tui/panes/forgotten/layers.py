"""What a task knows again if one layer is put back to where it was when the task ended."""

from rich.cells import cell_len
from rich.segment import Segment

from cl_tui.charts.bars import bar
from cl_tui.charts.style import Line, Palette
from cl_tui.reports.text import short_name
from engine.analysis.figures import PutBack
from engine.record.score import ScoreInfo

_LONGEST = 10
"""Cells of a layer's name."""


def judged(found: PutBack, score: ScoreInfo, width: int, height: int, palette: Palette) -> list[Line]:
    """'One layer put back (21 % after task 5): fc2 98 %  head 66 %  fc1 54 %', the best first."""

    def told(value: float) -> str:
        return f"{100 * value:.0f} %" if score.fraction else score.value(value)

    head = f"One layer put back ({told(found.now)} after task {found.ended}):"
    lines: list[Line] = [[Segment(head, palette.muted)], []]
    names = sorted(found.layers, key=lambda name: score.sign * found.layers[name].score, reverse=True)
    for place, name in enumerate(names):
        layer = [short_name(name, _LONGEST), told(found.layers[name].score)]
        taken = sum(segment.cell_length for segment in lines[-1])
        if taken and taken + 3 + cell_len(" ".join(layer)) > width:
            if len(lines) == height:
                break
            lines.append([])
        elif taken:
            lines[-1].append(Segment("   ", palette.text))
        style = palette.strong if place == 0 else palette.text
        lines[-1] += [Segment(f"{layer[0]} ", style), Segment(layer[1], palette.good if place == 0 else style)]
    return lines


def of_example(found: PutBack, row: int, width: int, height: int, palette: Palette) -> list[Line]:
    """How sure the network is of the example if one layer is put back; if there are too many, of the best ones."""
    layers = {name: layer.right[row] for name, layer in found.layers.items() if row < len(layer.right)}
    best = sorted(layers, key=lambda name: layers[name], reverse=True)
    seen = [name for name in layers if name in best[:height]]
    names = min(max((cell_len(name) for name in seen), default=0), _LONGEST)
    lines: list[Line] = []
    for name in seen:
        style = palette.strong if name == best[0] and layers[name] >= 0.5 else palette.text
        line = [Segment(f"{short_name(name, names):<{names}} {sure(layers[name]):>8} ", style)]
        lines.append([*line, *bar(layers[name], max(width - names - 10, 0), palette.good, palette.muted)])
    return lines


def sure(share: float) -> str:
    """
    >>> sure(0.998), sure(0.0004), sure(1.0), sure(0.213)
    ('99.8 %', '0.0 %', '100 %', '21.3 %')
    """
    return "100 %" if share >= 0.9995 else f"{100 * share:.1f} %"
