"""Ω by layer: how many weights matter how much, on a logarithmic axis that all layers share."""

import math
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from cl_tui import words
from cl_tui.widgets.pane import Line, Palette, Pane, message
from cl_tui.widgets.view import View
from engine.events import ImportanceMeasured
from engine.methods import METHODS

_EIGHTHS = " ▁▂▃▄▅▆▇█"
TALLEST = 6


class ImportancePane(Pane):
    HELP_TITLE = "Importance Ω by layer"
    HOW_TO_READ = (
        "One histogram a layer: to the right lie weights that matter more, on a logarithmic axis; heights (the "
        "square root of the count) compare only within a layer. '% zero' is the share of weights whose Ω is "
        "exactly 0: these are free to change. All at 0 means that nothing is protected. 'running' is what Ω would "
        "be if the task ended now. For si, Σω adds up how far the task's loss has fallen: near 1 times the measured "
        "drop the path is followed well, far above it steps are noisy or large."
    )

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        return draw_importance(view, width, height, palette)

    def subtitle(self, view: View) -> str:
        measured = view.history.importance
        if measured is None:
            return ""
        when = f"running, task {measured.task + 1}" if measured.running else f"after task {measured.task + 1}"
        paths = view.history.paths
        return f"{when} · {words.path_check(paths[-1], self.size.width >= 70)}" if paths else when


def draw_importance(view: View, width: int, height: int, palette: Palette) -> list[Line]:
    method, measured = METHODS[view.config.method], view.history.importance
    if not method.symbol:
        text = f"{method.title} keeps no importance: nothing protects earlier tasks."
        return message(text, width, palette.muted)
    if measured is None:
        return message("No importance measured yet: at the latest when task 1 ends.", width, palette.muted)
    layers = measured.layers
    first, last = _span(measured)
    name_width = min(max(cell_len(layer.name) for layer in layers), max(6, width // 3))
    with_mean = width >= 70
    plot_width = width - name_width - 1 - len(" 100 % zero") - (len("  mean 1.2e-10") if with_mean else 0)
    tall = min(max((height - 1) // len(layers), 1), TALLEST)
    fitting = (height - 1) // tall
    lines: list[Line] = []
    for layer in layers[:fitting]:
        columns = resampled(layer.counts[first:last], plot_width)
        bars = histogram(columns, tall - 1 if tall > 2 else tall)
        bars = [""] * (tall - len(bars)) + bars
        for row, text in enumerate(bars):
            base = row == tall - 1
            name = set_cell_size(layer.name, name_width) if base else " " * name_width
            line = [Segment(f"{name} ", palette.text), Segment(text, palette.importance)]
            if base:
                line.append(Segment(f"{_share(layer.zeros, layer.size):>6} zero", palette.muted))
                if with_mean:
                    line.append(Segment(f"  mean {words.quantity(layer.mean)}", palette.muted))
            lines.append(line)
    hidden = len(layers) - fitting
    axis = _axis(measured, first, last, plot_width)
    note = f" +{hidden} more" if hidden > 0 else ""
    lines.append([Segment(f"{'Ω':>{name_width}} ", palette.muted), Segment(axis + note, palette.muted)])
    return lines


def _share(part: int, whole: int) -> str:
    """Percent, where 0 and 100 mean none and all of them.

    >>> _share(0, 10), _share(1, 1000), _share(999, 1000), _share(10, 10)
    ('0 %', '<1 %', '>99 %', '100 %')
    """
    share = 100 * part / whole
    if 0 < share < 1:
        return "<1 %"
    if 99 < share < 100:
        return ">99 %"
    return f"{share:.0f} %"


def _span(measured: ImportanceMeasured) -> tuple[int, int]:
    """The bins from the first to the last that any layer fills."""
    filled = [i for layer in measured.layers for i, count in enumerate(layer.counts) if count]
    return (min(filled), max(filled) + 1) if filled else (0, len(measured.layers[0].counts))


def _axis(measured: ImportanceMeasured, first: int, last: int, width: int) -> str:
    """'1e-8 ──── 0.01' under the histograms."""
    bins = len(measured.layers[0].counts)
    decades = math.log10(measured.high / measured.low)
    low, high = (words.quantity(float(f"{measured.low * 10 ** (decades * i / bins):.1g}")) for i in (first, last))
    return f"{low} {'─' * (width - len(low) - len(high) - 2)} {high}" if width > len(low) + len(high) + 2 else low


def resampled(counts: Sequence[int], width: int) -> list[float]:
    """Counts spread or gathered into ``width`` columns; the sum stays.

    >>> resampled([4, 2], 4), resampled([1, 2, 3, 4], 2)
    ([2.0, 2.0, 1.0, 1.0], [3.0, 7.0])
    """
    bins = len(counts)
    columns = [0.0] * max(width, 0)
    for column in range(len(columns)):
        left, right = column * bins / width, (column + 1) * bins / width
        for i in range(int(left), min(math.ceil(right), bins)):
            columns[column] += counts[i] * (min(right, i + 1) - max(left, i))
    return columns


def histogram(columns: Sequence[float], height: int) -> list[str]:
    """Bars of block characters, ``height`` rows from top to bottom; whatever is not 0 is seen. Heights go
    with the square root, so that the few beside the many have a shape too; the tallest leaves a gap to the line above.

    >>> histogram([0, 1, 16], 1), histogram([0, 4, 16], 2)
    ([' ▂▇'], ['  ▇', ' ██'])
    """
    top = max(columns, default=0)
    levels = [max(1, round((8 * height - 1) * math.sqrt(value / top))) if value > 0 else 0 for value in columns]
    return ["".join(_EIGHTHS[min(max(level - 8 * row, 0), 8)] for level in levels) for row in reversed(range(height))]
