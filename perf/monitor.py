"""Training speed with the monitor in a pseudo-terminal, against the same run headless: with all panes and with each one
zoomed, at two sizes, with few tasks and with many."""

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from engine.sessions.session import Session
from engine.settings.run import resolve
from perf.measure import arguments, ratios
from tests.terminal import Terminal

ZOOMED = ("all panes", "Tasks", "Accuracy", "Loss", "Importance")
"""Views in the order in which the key n reaches them."""
SIZES = ((160, 48), (300, 100))
RUNS: dict[str, dict[str, Any]] = {
    "split-digits": {"epochs": 300},
    "split-mnist": {"epochs": 4},
    "permuted-digits, 100 tasks": {"benchmark": "permuted-digits", "tasks": 100, "epochs": 2},
    "split-digits, conv": {"benchmark": "split-digits", "model": "conv", "epochs": 30},
    "split-mnist, conv": {"benchmark": "split-mnist", "model": "conv", "steps": 100},
}
TINY: dict[str, Any] = {"tasks": 2, "epochs": 5}


def watched(size: tuple[int, int], zoomed: int, sessions: Path, name: str) -> float:
    """Steps per second, without pauses and loading."""
    arguments = ["resume", name, "--sessions-dir", str(sessions), "--pace", "max"]
    with Terminal(arguments, sessions, *size) as terminal:
        terminal.wait_for(r"Tasks")
        if zoomed:
            terminal.send(*["n"] * (zoomed - 1), "z")
        terminal.wait_for("Finished", timeout=600)
        terminal.send("q")
        terminal.wait_for_end()
    return rate(sessions, name)


def headless(sessions: Path, name: str) -> float:
    arguments = [sys.executable, "-m", "cl_tui", "resume", name, "--sessions-dir", str(sessions), "--headless"]
    subprocess.run(arguments, check=True, capture_output=True)
    return rate(sessions, name)


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
    parser.add_argument("--only-all-panes", action="store_true", help="no zoom, and only the smaller size")
    options = parser.parse_args()
    if options.tiny:
        options.run = options.run or ["split-digits", "split-digits, conv"]
        options.only_all_panes, options.rounds = True, 1
    looks = (
        list(itertools.product(SIZES[:1], [0])) if options.only_all_panes else list(itertools.product(SIZES, range(5)))
    )
    for title in options.run or RUNS:
        settings = {"benchmark": title, "threads": options.threads} | RUNS[title] | (TINY if options.tiny else {})
        if settings["benchmark"] == "split-mnist":
            if not options.data_dir:
                print(f"{title} is left out: no --data-dir")
                continue
            settings["data_dir"] = str(Path(options.data_dir).resolve())
        config = resolve(settings)
        sides: dict[str, Callable[[Path, str], float]] = {"headless": headless}
        for size, zoomed in looks:
            sides[f"{ZOOMED[zoomed]}, {size[0]}×{size[1]}"] = partial(watched, size, zoomed)
        rates: dict[str, list[float]] = {side: [] for side in sides}
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            sessions = Path(folder)
            for number in range(options.rounds):
                for place, side in enumerate(sides if number % 2 else reversed(sides)):
                    name = f"run-{number}-{place}"
                    Session.create(sessions, name, config)
                    rates[side].append(sides[side](sessions, name))
        print(f"{title}, threads {options.threads} of {os.cpu_count()}, steps/s watched ÷ headless (target ≥ 0.96)")
        for side, found in rates.items():
            if side != "headless":
                low, middle, high = ratios(found, rates["headless"])
                typical = [sorted(each)[len(each) // 2] for each in (found, rates["headless"])]
                print(
                    f"  {side:22} {typical[0]:6.0f} ÷ {typical[1]:6.0f} = {middle:.3f}  ({low:.3f}–{high:.3f})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
