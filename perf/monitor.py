"""Training speed with the monitor in a pseudo-terminal, against the same run headless, and the bytes that it writes: in
the layout of each size, and with each pane alone, with few tasks and with many."""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cl_tui.screens.panes import PANES
from engine.sessions.session import Session
from engine.settings.run import resolve
from perf.measure import arguments, ratios
from tests.terminal import Terminal

SIZES = ((80, 24), (120, 36), (160, 48), (240, 60), (300, 80))
ALONE = (300, 80)
"""The size at which each pane is also shown alone."""
RUNS: dict[str, dict[str, Any]] = {
    "split-digits": {"epochs": 300},
    "split-mnist": {"epochs": 4},
    "permuted-digits, 100 tasks": {"benchmark": "permuted-digits", "tasks": 100, "epochs": 2},
    "split-digits, conv": {"benchmark": "split-digits", "model": "conv", "epochs": 30},
    "split-mnist, conv": {"benchmark": "split-mnist", "model": "conv", "steps": 100},
}
TINY: dict[str, Any] = {"tasks": 2, "epochs": 5}


class Speed(NamedTuple):
    steps: float
    """Steps per second, without pauses and loading."""
    written: float = 0.0
    """Bytes per second that the terminal got while training."""


def watched(size: tuple[int, int], alone: int | None, sessions: Path, name: str) -> Speed:
    """With the pane of the number ``alone``, or with the layout of the size."""
    arguments = ["resume", name, "--sessions-dir", str(sessions), "--pace", "max"]
    with Terminal(arguments, sessions, *size) as terminal:
        terminal.wait_for(r"1 Tasks")
        if alone is not None:
            terminal.send(*("z" if alone == 1 else 2 * str(alone)))
        terminal.wait_for(r"\d/s|steps/s")
        began, before = time.monotonic(), len(terminal.output)
        terminal.wait_for("average accuracy after", timeout=600)
        written = (len(terminal.output) - before) / (time.monotonic() - began)
        terminal.send("q")
        terminal.wait_for_end()
    return Speed(rate(sessions, name), written)


def headless(sessions: Path, name: str) -> Speed:
    arguments = [sys.executable, "-m", "cl_tui", "resume", name, "--sessions-dir", str(sessions), "--headless"]
    subprocess.run(arguments, check=True, capture_output=True)
    return Speed(rate(sessions, name))


def rate(sessions: Path, name: str) -> float:
    """Steps per second in the second half of a run; in the first seconds the screen imports its drawing code."""
    curve = Session.open(sessions, name).history().curve
    half = curve.length // 2
    seconds = curve.seconds()
    return float((curve.length - 1 - half) / (seconds[-1] - seconds[half]))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data-dir", help="where MNIST lies; without it, split-mnist is left out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run", action="append", choices=RUNS, help="only this one; may be repeated")
    parser.add_argument("--size", action="append", help="only this one, such as 160x48; may be repeated")
    parser.add_argument("--only-layouts", action="store_true", help="no pane alone")
    options = parser.parse_args()
    if options.tiny:
        options.run = options.run or ["split-digits", "split-digits, conv"]
        options.only_layouts, options.rounds, options.size = True, 1, ["160x48"]
    sizes = [(int(size.split("x")[0]), int(size.split("x")[1])) for size in options.size or ()] or SIZES
    looks: dict[str, Callable[[Path, str], Speed]] = {
        f"layout of {width}×{height}": partial(watched, (width, height), None) for width, height in sizes
    }
    for number, pane in enumerate(() if options.only_layouts else PANES, start=1):
        looks[f"{pane.HELP_TITLE}, {ALONE[0]}×{ALONE[1]}"] = partial(watched, ALONE, number)
    for title in options.run or RUNS:
        settings = {"benchmark": title, "threads": options.threads} | RUNS[title] | (TINY if options.tiny else {})
        if settings["benchmark"] == "split-mnist":
            if not options.data_dir:
                print(f"{title} is left out: no --data-dir")
                continue
            settings["data_dir"] = str(Path(options.data_dir).resolve())
        measure(title, settings, {"headless": headless, **looks}, options.rounds)


def measure(title: str, settings: dict[str, Any], sides: dict[str, Callable[[Path, str], Speed]], rounds: int) -> None:
    config = resolve(settings)
    found: dict[str, list[Speed]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        sessions = Path(folder)
        for number in range(rounds):
            for place, side in enumerate(sides if number % 2 else reversed(sides)):
                name = f"run-{number}-{place}"
                Session.create(sessions, name, config)
                found[side].append(sides[side](sessions, name))
    print(f"{title}, {config.threads} threads of {os.cpu_count()} processors")
    print("  steps/s watched ÷ headless (target ≥ 0.96), and kB written a second (target ≤ 30 at 300×80)")
    alone = [speed.steps for speed in found.pop("headless")]
    for side, speeds in found.items():
        low, middle, high = ratios([speed.steps for speed in speeds], alone)
        typical = statistics.median(speed.steps for speed in speeds), statistics.median(alone)
        written = statistics.median(speed.written for speed in speeds) / 1000
        print(
            f"  {side:32} {typical[0]:6.0f} ÷ {typical[1]:6.0f} = {middle:.3f}  ({low:.3f}–{high:.3f})"
            f"  {written:5.1f} kB/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
