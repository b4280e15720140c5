"""Seconds until ``cl-tui`` without a command shows its first frame and all rows of many sessions, against a bare
interpreter's start."""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from perf.measure import arguments, interleaved
from perf.startup import bare_interpreter
from tests import saved
from tests.terminal import Terminal


def many(folder: Path, sessions: int) -> None:
    """Creates finished sessions of 5,000 steps."""
    saved.finished(folder, "run-0")
    for number in range(1, sessions):
        shutil.copytree(folder / "run-0", folder / f"run-{number}")


def seconds(folder: Path, sessions: int) -> tuple[float, float]:
    """Seconds until the first frame, and until all rows are shown."""
    began = time.perf_counter()
    with Terminal(["--sessions-dir", "sessions"], folder) as terminal:
        terminal.wait_for("cl-tui  sessions")
        first = time.perf_counter() - began
        terminal.wait_for(f"{sessions} sessions")
        return first, time.perf_counter() - began


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sessions, rounds = (5, 1) if options.tiny else (options.sessions, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        many(Path(folder) / "sessions", sessions)
        taken: list[tuple[float, float]] = []
        sides = {
            "home": lambda: taken.append(seconds(Path(folder), sessions)),
            "bare interpreter": bare_interpreter,
        }
        bare = statistics.median(interleaved(sides, rounds)["bare interpreter"])
    for number, what in enumerate(("first frame", f"all {sessions:,} sessions")):
        found = statistics.median(one[number] for one in taken)
        print(f"{what:18} {found:.3f} s (target ≤ 1 s) ÷ bare interpreter {bare:.3f} s = {found / bare:.1f}")


if __name__ == "__main__":
    main()
