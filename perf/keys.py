"""Milliseconds from a key press to the repaint that answers it, while training runs at full speed, at several sizes."""

import statistics
import tempfile
import time
from argparse import Namespace
from pathlib import Path

from perf.measure import arguments
from tests.terminal import Terminal

SIZES = ("80x24", "160x48", "300x80")
ANSWERS = {"z": "2 Accuracy", "space": "paused", "?": "Pause, or continue"}
"""Keys that change the screen and change it back, with the text that each shows or hides. '?' also closes the help."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--benchmark", default="split-digits")
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--size", action="append", help="only this one, such as 160x48; may be repeated")
    options = parser.parse_args()
    for size in options.size or (["160x48"] if options.tiny else SIZES):
        columns, lines = map(int, size.split("x"))
        measure(options, columns, lines)


def measure(options: Namespace, columns: int, lines: int) -> None:
    presses, settled = (4 * len(ANSWERS), 0.0) if options.tiny else (options.presses, 2.0)
    command = ["run", "--method", "si", "--benchmark", options.benchmark, "--data-dir", options.data_dir]
    command += ["--pace", "max", "--epochs", "10000"]
    took: dict[str, list[float]] = {key: [] for key in ANSWERS}
    with tempfile.TemporaryDirectory() as folder, Terminal(command, Path(folder), columns, lines) as terminal:
        terminal.wait_for(r"\d/s|steps/s")
        wait_until(terminal, time.monotonic() + settled)
        for number in range(presses):
            key = list(ANSWERS)[number // 2 % len(ANSWERS)]
            wait_until(terminal, time.monotonic() + 0.13)
            took[key].append(milliseconds_to_answer(terminal, key, ANSWERS[key]))
    print(f"{options.benchmark}, {columns}×{lines}, training at full speed:")
    for name, found in (*took.items(), ("all", [value for values in took.values() for value in values])):
        percentiles = statistics.quantiles(found, n=20)
        print(
            f"{name:8} {len(found):4} presses: median {percentiles[9]:5.1f} ms, "
            f"95th percentile {percentiles[18]:5.1f} ms (target ≤ 40 ms)"
        )


def milliseconds_to_answer(terminal: Terminal, key: str, sign: str) -> float:
    """Milliseconds until ``sign`` has appeared on the screen or disappeared from it."""
    there = sign in terminal.text
    terminal.send(key)
    began = time.perf_counter()
    while (sign in terminal.text) == there:
        terminal.read(1.0)
    return (terminal.read_at - began) * 1e3


def wait_until(terminal: Terminal, moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        terminal.read(left)


if __name__ == "__main__":
    main()
