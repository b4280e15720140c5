"""Seconds to ``cl-tui --help`` and to the first frame of ``cl-tui run``, against a bare interpreter's start."""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from perf.measure import arguments, interleaved
from tests.terminal import Terminal


def help_text() -> None:
    subprocess.run([sys.executable, "-m", "cl_tui", "--help"], check=True, capture_output=True)


def bare_interpreter() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def first_frame() -> None:
    with tempfile.TemporaryDirectory() as folder, Terminal(["run", "--method", "si"], Path(folder)) as terminal:
        terminal.wait_for("Accuracy")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    sides = {"--help": help_text, "first frame of run": first_frame, "bare interpreter": bare_interpreter}
    seconds = interleaved(sides, 1 if options.tiny else options.rounds)
    bare = statistics.median(seconds["bare interpreter"])
    for name, target in (("--help", 0.3), ("first frame of run", 0.7)):
        found = statistics.median(seconds[name])
        print(
            f"{name:20} {found:.3f} s ({min(seconds[name]):.3f}–{max(seconds[name]):.3f}; target ≤ {target} s)"
            f" ÷ bare interpreter {bare:.3f} s = {found / bare:.1f}"
        )


if __name__ == "__main__":
    main()
