"""Round values for axes, and labels along them."""

import math
from collections.abc import Iterable


def round_step(span: float, count: int, whole: bool = False) -> float:
    """A distance of 1, 2 or 5 times a power of ten that divides ``span`` into at most ``count`` parts.

    >>> round_step(5000, 6), round_step(0.7, 3), round_step(4, 9, whole=True)
    (1000.0, 0.5, 1.0)
    """
    least = span / count
    power = 10.0 ** math.floor(math.log10(least))
    found = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    return max(found, 1.0) if whole else found


def round_values(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    """Round numbers from ``low`` to ``high``, about ``count`` of them.

    >>> round_values(0, 5160, 6), round_values(0.83, 1.0, 4)
    ([0.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0], [0.85, 0.9, 0.95, 1.0])
    """
    if high <= low:
        return [float(low)]
    step = round_step(high - low, count, whole)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{step * number:.12g}") for number in range(first, last + 1)]


def spaced(labels: Iterable[tuple[int, str]], width: int, gap: int = 1) -> str:
    """``width`` cells with each label at its place, except those without ``gap`` cells behind the one before.

    >>> spaced([(0, "1"), (2, "10"), (4, "11"), (7, "12")], 9)
    '1 10   12'
    """
    row, free = [" "] * width, 0
    for start, label in labels:
        if free <= start:
            row[start : start + len(label)] = label
            free = start + len(label) + gap
    return "".join(row)
