"""Interleaved measuring: all sides in turn, in many rounds, with ratios within a round."""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "processor": time.process_time}
"""Clocks in seconds: elapsed time, and this process's processor time, which is steadier beside other programs."""


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option of every script: ``--tiny``, which the tests use."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--tiny", action="store_true", help="a quick run through all of it, whose figures mean nothing")
    return parser


def interleaved(
    sides: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each side in each round; the order is reversed from round to round.

    Each side first runs once to warm up, unless there is a single round.
    """
    for side in sides.values() if rounds > 1 else ():
        side()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        for name in names if number % 2 else reversed(names):
            began = clock()
            sides[name]()
            seconds[name].append(clock() - began)
    return seconds


def ratios(above: list[float], below: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile of the ratio, round by round."""
    found = [a / b for a, b in zip(above, below, strict=True)]
    low, middle, high = statistics.quantiles(found, n=4) if len(found) > 1 else found * 3
    return low, middle, high


def show(name: str, above: list[float], below: list[float], scale: float, unit: str) -> None:
    """Prints one line: both sides' medians and the ratio."""
    low, middle, high = ratios(above, below)
    print(
        f"{name:32} {statistics.median(above) * scale:8.3f} {unit} ÷ {statistics.median(below) * scale:8.3f} {unit}"
        f"  = {middle:.3f}  ({low:.3f}–{high:.3f})",
        flush=True,
    )
