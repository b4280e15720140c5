"""What a task knows again if one layer is put back to where it was when the task ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment

from cl_tui.charts.style import Line, Palette

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LayerBack:
    score: float
    """On the whole task."""
    right: "np.ndarray"
    """The probability of the right class, for each shown example."""


@dataclass(frozen=True)
class PutBack:
    task: int
    step: int
    """The step of the weights that the layers are put into."""
    now: float
    layers: Mapping[str, LayerBack]


def judged(found: PutBack, width: int, palette: Palette) -> list[Line]:
    """'Task 3 with one layer put back (now 21 %): fc2 98 %  head 66 %  fc1 54 %', the best first."""
    lines: list[Line] = [
        [Segment(f"Task {found.task + 1} with one layer put back (now {100 * found.now:.0f} %):", palette.muted)],
        [],
    ]
    ranked = sorted(found.layers.items(), key=lambda item: -item[1].score)
    for place, (name, layer) in enumerate(ranked):
        told = f"{name} {100 * layer.score:.0f} %"
        taken = sum(segment.cell_length for segment in lines[-1])
        if taken and taken + 3 + len(told) > width:
            lines.append([])
        elif taken:
            lines[-1].append(Segment("   ", palette.text))
        style = palette.strong if place == 0 else palette.text
        lines[-1] += [
            Segment(f"{name} ", style),
            Segment(f"{100 * layer.score:.0f} %", palette.good if place == 0 else style),
        ]
    return lines
