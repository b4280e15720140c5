"""Charts that are printed once. plotext has one figure, and is loaded when it is needed."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from rich.text import Text

MOST_TICKS = 8
_Step = TypeVar("_Step", int, float)


def blank(width: int, height: int, limited: bool = True) -> Any:
    """plotext with nothing drawn yet. ``limited``: it is never larger than the terminal."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(limited, limited)
    plotext.plot_size(width, height)
    return plotext


def printed(figure: Any) -> Text:
    return Text.from_ansi(figure.build().rstrip())


def logarithmic(figure: Any, low: int, high: int, label: Callable[[float], str]) -> None:
    """A logarithmic axis with a few powers of ten from 10^low to 10^high, written by ``label``."""
    powers = [10.0**power for power in range(low, high + 1, 1 + (high - low) // MOST_TICKS)]
    figure.yscale("log")
    figure.yticks(powers, [label(power) for power in powers])


def above(steps: Iterable[_Step], values: Iterable[float], floor: float) -> tuple[list[_Step], list[float]]:
    """Drops values not above 0 and raises the others to at least ``floor``, for a logarithmic axis.

    >>> above([1, 2, 3], [0.0, 0.5, 3.0], 1.0)
    ([2, 3], [1.0, 3.0])
    """
    kept = [(step, max(value, floor)) for step, value in zip(steps, values, strict=True) if value > 0]
    return [step for step, _ in kept], [value for _, value in kept]
