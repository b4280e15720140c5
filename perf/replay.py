"""Bytes a second that a replay writes while it plays, at several sizes and speeds: split-digits with si."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.sessions.session import Session
from engine.settings.run import resolve
from perf.keys import wait_until
from perf.measure import arguments
from tests.terminal import Terminal

SIZES = ("80x24", "160x48", "240x60", "300x80")
FASTER = (0, 2)
"""Levels of speed above the one that a replay begins with."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--size", action="append", help="only this one, such as 160x48; may be repeated")
    options = parser.parse_args()
    settings = {"benchmark": "split-digits", "method": "si", "threads": 1, "epochs": 2 if options.tiny else 100}
    with tempfile.TemporaryDirectory() as folder:
        Session.create(Path(folder), "run", resolve(settings))
        command = [sys.executable, "-m", "cl_tui", "resume", "run", "--sessions-dir", folder, "--headless"]
        subprocess.run(command, check=True, capture_output=True)
        for size in options.size or (["160x48"] if options.tiny else SIZES):
            columns, lines = map(int, size.split("x"))
            for faster in FASTER:
                written = played(Path(folder), columns, lines, faster, 0.5 if options.tiny else options.seconds)
                print(f"{size}, {faster} levels faster: {written / 1e3:5.1f} kB/s (target ≤ 30)", flush=True)


def played(sessions: Path, columns: int, lines: int, faster: int, seconds: float) -> float:
    """Bytes a second, from a second after its start on; less if the run is over before."""
    with Terminal(["watch", "run", "--sessions-dir", str(sessions)], sessions, columns, lines) as terminal:
        terminal.wait_for("Replay")
        wait_until(terminal, time.monotonic() + 1)
        terminal.send("\x1b[H", *">" * faster, "space")
        wait_until(terminal, time.monotonic() + 1)
        began, before = time.monotonic(), len(terminal.output)
        wait_until(terminal, began + seconds)
        return (len(terminal.output) - before) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
