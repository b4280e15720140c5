"""Histograms as block characters, and bars of progress."""

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line

if TYPE_CHECKING:
    import numpy as np

BLOCKS = " ▁▂▃▄▅▆▇█"
LONGEST_BAR = 20
"""Cells from which a bar would only repeat itself."""


def bars(
    counts: Sequence[Sequence[int]], decades: tuple[float, float], span: tuple[float, float], width: int, height: int
) -> list[list[str]]:
    """Histograms as block characters, ``height`` rows each from top to bottom; everything that is not 0 is visible.

    ``counts`` (layers, bins) are over bins that divide ``decades``; the ``width`` columns divide ``span``. Heights go
    with the square root, within each histogram; the tallest leaves a gap to the line above.

    >>> bars([[0, 1, 16]], (0, 3), (0, 3), 3, 1), bars([[0, 4, 16]], (0, 3), (0, 6), 6, 2)
    ([[' ▂▇']], [['  ▇   ', ' ██   ']])
    """
    import numpy as np

    array = np.asarray(counts, dtype=float)
    columns = array @ _overlaps(array.shape[1], decades, span, width)
    top = columns.max(axis=1, keepdims=True, initial=0.0)
    shares = np.sqrt(columns / np.where(top > 0, top, 1.0))
    levels = np.where(columns > 1e-9, np.maximum(np.rint((8 * height - 1) * shares), 1), 0).astype(int)
    rows = np.arange(height)[::-1, None]
    blocks = np.array([ord(block) for block in BLOCKS], dtype="<u4")
    text = blocks[np.clip(levels[:, None, :] - 8 * rows, 0, 8)].tobytes().decode("utf-32-le")
    return [
        [text[(n * height + row) * width : (n * height + row + 1) * width] for row in range(height)]
        for n in range(len(array))
    ]


def _overlaps(bins: int, decades: tuple[float, float], span: tuple[float, float], width: int) -> "np.ndarray":
    """The share of each bin that falls into each column. Shape (bins, width)."""
    import numpy as np

    edges, ends = np.linspace(*decades, bins + 1), np.linspace(*span, width + 1)
    common = np.minimum(edges[1:, None], ends[1:]) - np.maximum(edges[:-1, None], ends[:-1])
    shares: np.ndarray = np.clip(common, 0.0, None) * (bins / (decades[1] - decades[0]))
    return shares


def bar(share: float, width: int, done: Style, rest: Style) -> Line:
    """Progress as a heavy line on a light one, in half cells.

    >>> "".join(segment.text for segment in bar(0.5, 5, Style(), Style()))
    '━━╸──'
    """
    if width <= 0:
        return []
    halves = int(share * width * 2)
    full, half = divmod(halves, 2)
    return [Segment("━" * full + "╸" * half, done), Segment("─" * (width - full - half), rest)]


def sparkline(values: Sequence[float], length: int, width: int) -> str:
    """``values``, of ``length`` in the end, in at most ``width`` characters, from 0 (lowest) to 1 (highest).

    No bar has the full height of the line, so that the curves of neighbouring rows stay apart.

    >>> sparkline([1.0, 0.6, 0.0], 5, 10), sparkline([1.0] * 30, 40, 4)
    ('▇▅▁··', '▇▇▇·')
    """
    columns = max(1, min(length, width))
    drawn = ""
    for column in range(columns):
        within = values[column * length // columns : max((column + 1) * length // columns, column + 1)]
        drawn += "▁▂▃▄▅▆▇"[min(6, max(0, int(fmean(within) * 7)))] if within else "·"
    return drawn
