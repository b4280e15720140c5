"""Opening a finished session with a million events, against a small one: seconds until the first frame and until all of
it is read. Also the memory that a million steps add to a monitor that follows them, without the history's own three
numbers per step."""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.sessions.log import EventLog
from engine.sessions.session import Session
from engine.settings.run import resolve
from perf.measure import arguments
from tests import screen_data
from tests.terminal import Terminal

SMALL = 1_000
FOLLOWED = 1_000_000
"""Steps for measuring the screen's memory."""
TINY = 2_000
"""Events and steps, with --tiny."""


def make(sessions: Path, name: str, steps: int) -> None:
    """Creates a finished session of five tasks whose log has one event per step."""
    session = Session.create(sessions, name, resolve({"method": "si", "device": "cpu"}))
    log = EventLog(session.events_path, 0)
    for event in screen_data.events(steps=steps // 5, bundle=1):
        log.append(event)
    log.close()
    session.write_summary(screen_data.history(steps=steps // 5))


def opened(sessions: Path, name: str) -> tuple[float, float]:
    """Seconds from the start of the process to the first frame, and until the whole log is read."""
    began = time.perf_counter()
    with Terminal(["watch", name, "--sessions-dir", str(sessions)], sessions, 160, 48) as terminal:
        terminal.wait_for("Tasks")
        first = time.perf_counter() - began
        terminal.wait_for("⏸ Replay", timeout=300)
        whole = time.perf_counter() - began
        terminal.send("q")
        terminal.wait_for_end()
    return first, whole


MEMORY = """
import asyncio, resource, sys, tempfile
from pathlib import Path
from cl_tui.app.app import ClTui
from cl_tui.screens.monitor import MonitorScreen
from engine.record.events import StepsTaken
from tests import screen_data
from tests.screen_data import ToldEngine

async def main(few, many):
    with tempfile.TemporaryDirectory() as folder:
        session = screen_data.session(Path(folder))
        engine = ToldEngine(session, screen_data.history(50, steps=many // 5))
        app = ClTui(MonitorScreen(engine, None))
        async with app.run_test(size=(160, 48)) as pilot:
            await pilot.pause()
            step = engine.known.step
            for until in (few, many):
                while step < until:
                    told = min(64, until - step)
                    step += told
                    engine.tell(StepsTaken(step, step / 500, (0.5,) * told, (0.1,) * told))
                    if step % 6400 < 64:
                        app.first.redraw()
                        await pilot.pause()
                now = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
                print(now - engine.known.curve.losses().base.nbytes)

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""


def screen_memory(few: int, many: int) -> tuple[float, float]:
    """MiB of a process with the monitor after ``few`` and ``many`` steps, without the history's array of steps."""
    told = subprocess.run(
        [sys.executable, "-c", MEMORY, str(few), str(many)], check=True, capture_output=True, text=True
    )
    small, large = (int(line) / 2**20 for line in told.stdout.split())
    return small, large


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    followed = FOLLOWED
    if options.tiny:
        options.events, options.rounds, followed = TINY, 1, TINY
    with tempfile.TemporaryDirectory() as folder:
        sessions = Path(folder)
        make(sessions, "small", SMALL)
        make(sessions, "large", options.events)
        size = (sessions / "large" / "events.jsonl").stat().st_size / 2**20
        print(f"{options.events:,} events, {size:.0f} MiB")
        found: dict[str, list[tuple[float, float]]] = {"small": [], "large": []}
        for number in range(options.rounds):
            for name in found if number % 2 else reversed(found):
                found[name].append(opened(sessions, name))
        for place, what in enumerate(("first frame", "whole log read")):
            large, small = (statistics.median(each[place] for each in found[name]) for name in ("large", "small"))
            print(f"{what}: {large:.3f} s ÷ {small:.3f} s with {SMALL:,} events = {large / small:.2f}", flush=True)
    if not Path("/proc/self/statm").exists():
        print("the screen's memory is left out: it is read in /proc, which this system does not have")
        return
    few, many = screen_memory(followed // 10, followed)
    print(
        f"screen's memory after {followed:,} ÷ {followed // 10:,} steps: {many:.1f} ÷ {few:.1f} MiB = {many / few:.3f}"
    )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"(largest process {peak:.0f} MiB, the history's array of all steps included)")


if __name__ == "__main__":
    main()
