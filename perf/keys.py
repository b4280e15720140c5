"""Milliseconds from a key press to the repaint that answers it, while training runs at full speed."""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.terminal import Terminal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--benchmark", default="split-digits")
    parser.add_argument("--data-dir", default="data")
    options = parser.parse_args()
    arguments = ["run", "--method", "si", "--benchmark", options.benchmark, "--data-dir", options.data_dir]
    arguments += ["--pace", "max", "--epochs", "10000"]
    took = []
    with tempfile.TemporaryDirectory() as folder, Terminal(arguments, Path(folder), 160, 48) as terminal:
        terminal.wait_for(r"\d/s")
        for _ in range(options.presses):
            wait_until(terminal, time.monotonic() + 0.13)
            terminal.send("z")
            began = time.perf_counter()
            zoomed = "Accuracy" in terminal.text
            while ("Accuracy" in terminal.text) == zoomed:
                terminal.read(1.0)
            took.append((time.perf_counter() - began) * 1e3)
    percentiles = statistics.quantiles(took, n=20)
    print(
        f"{options.benchmark}: key to repaint, {options.presses} presses of zoom at 160×48: "
        f"median {percentiles[9]:.1f} ms, 95th percentile {percentiles[18]:.1f} ms (target ≤ 50 ms)"
    )


def wait_until(terminal: Terminal, moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        terminal.read(left)


if __name__ == "__main__":
    main()
