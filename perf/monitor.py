"""Training speed with the monitor open, in a pseudo-terminal of 160×48, against the same run headless."""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from engine.config import resolve
from engine.session import Session
from perf.measure import ratios
from tests.terminal import Terminal


def watched(sessions: Path, name: str) -> float:
    """Steps a second, pauses and loading left out, as the session's summary says."""
    arguments = ["resume", name, "--sessions-dir", str(sessions), "--pace", "max"]
    with Terminal(arguments, sessions, 160, 48) as terminal:
        terminal.wait_for("Finished", timeout=600)
        terminal.send("q")
        terminal.wait_for_end()
    return rate(sessions, name)


def headless(sessions: Path, name: str) -> float:
    arguments = [sys.executable, "-m", "cl_tui", "resume", name, "--sessions-dir", str(sessions), "--headless"]
    subprocess.run(arguments, check=True, capture_output=True)
    return rate(sessions, name)


def rate(sessions: Path, name: str) -> float:
    found: float = Session.open(sessions, name).summary()["steps_per_second"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", help="where MNIST lies; without it only the digits are measured")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--benchmark", action="append", help="only this one; may be repeated")
    options = parser.parse_args()
    settings: dict[str, dict[str, Any]] = {"split-digits": {"epochs": 300}}
    if options.data_dir:
        settings["split-mnist"] = {"epochs": 4, "data_dir": str(Path(options.data_dir).resolve())}
    else:
        print("split-mnist is left out: no --data-dir")
    for benchmark in options.benchmark or settings:
        extra = settings[benchmark]
        config = resolve({"benchmark": benchmark, "threads": options.threads, **extra})
        sides = {"watched": watched, "headless": headless}
        rates: dict[str, list[float]] = {name: [] for name in sides}
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            sessions = Path(folder)
            for number in range(options.rounds):
                for side in sides if number % 2 else reversed(sides):
                    name = f"{side}-{number}"
                    Session.create(sessions, name, config)
                    rates[side].append(sides[side](sessions, name))
        low, middle, high = ratios(rates["watched"], rates["headless"])
        typical = {side: sorted(found)[len(found) // 2] for side, found in rates.items()}
        print(
            f"{benchmark}, threads {options.threads} of {os.cpu_count()}: {typical['watched']:.0f} steps/s watched ÷ "
            f"{typical['headless']:.0f} headless = {middle:.3f}  ({low:.3f}–{high:.3f}; target ≥ 0.95)",
            flush=True,
        )


if __name__ == "__main__":
    main()
