"""A million steps with the monitor open, a hundred tasks, a hundred sessions in home.

Prints the process's memory at ten points, the bytes of the log, and the speed at the end ÷ at the beginning; that of a
hundred tasks falls, since each is evaluated on all before it.
"""

import shutil
import tempfile
import time
from pathlib import Path

from cl_tui.screens.home import CHECK_SECONDS
from engine.record.events import RunStarted, StepsTaken
from engine.record.history import Curve
from engine.sessions.follow import Follower
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from tests import runs
from tests.terminal import Terminal
from tests.torture.counts import Counts
from tests.torture.readers import STEPS_IN_EPOCH

POINTS = 10
SIZE = (160, 48)
CURVE_BYTES = 24
"""A step of the curve in memory: loss, penalty, seconds. The screen keeps a coarser one."""
SLACK_BYTES = 8 * 2**20
"""For what is loaded late."""


def run(steps: int, seed: int) -> Counts:
    config = resolve({"method": "si", "hidden": (8,), "epochs": max(1, steps // STEPS_IN_EPOCH), "seed": seed})
    return _watched(config, f"{steps:,} steps", most=2 * CURVE_BYTES) + _hundred_tasks(seed) + _hundred_sessions()


def _hundred_tasks(seed: int) -> Counts:
    settings = {
        "method": "si",
        "benchmark": "permuted-digits",
        "tasks": 100,
        "epochs": 3,
        "hidden": (32,),
        "seed": seed,
    }
    return _watched(resolve(settings), "100 tasks", most=1000)  # a task leaves its importances and accuracies


def _watched(config: RunConfig, title: str, most: int) -> Counts:
    """One run from its first step to its last, with the monitor open, which may grow by ``most`` bytes a step."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session.create(Path(folder), "soak", config)
        with Terminal(["resume", "soak", "--sessions-dir", folder, "--pace", "max"], Path(folder), *SIZE) as screen:
            screen.wait_for(r"▶ task 1")
            memory = _memory(screen, session)
            screen.send("q")
            wrong = [] if screen.wait_for_end() == 0 and screen.restored else [f"it did not end well:\n{screen.text}"]
        steps, log = session.history().step, session.events_path.stat().st_size
        speed = _speed(session.history().curve, POINTS) / _speed(session.history().curve, 2)
    points = ", ".join(f"{step:,}: {size / 2**20:.0f}" for step, size in memory)
    begun, ended = memory[1], memory[-1]
    grown = (ended[1] - begun[1]) / max(1, ended[0] - begun[0])
    if ended[1] - begun[1] > SLACK_BYTES + most * steps:
        wrong.append(f"{title}: memory grew from {begun[1]:,} to {ended[1]:,} bytes")
    print(f"{title}: memory in MiB at step {points}")
    print(f"  {grown:.1f} bytes a step since the second point, of which the curve is {CURVE_BYTES}")
    print(f"  {log / steps:.1f} bytes a step in the log; the last tenth ÷ the second, in steps a second: {speed:.2f}")
    return Counts(wrong_results=tuple(wrong))


def _memory(screen: Terminal, session: Session) -> list[tuple[int, int]]:
    """Step and resident bytes, each tenth of the way."""
    follower, step, total, found = Follower(session), 0, 0, list[tuple[int, int]]()
    while len(found) < POINTS:
        assert screen.read(0.5), screen.text
        while events := follower.poll().events:
            for event in events:
                if isinstance(event, RunStarted):
                    total = sum(task.steps for task in event.tasks)
                elif isinstance(event, StepsTaken):
                    step = event.step
        if total and step >= total * (len(found) + 1) // POINTS:
            found.append((step, _resident(screen.pid)))
    screen.wait_for("Finished", timeout=600)
    return found


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def _speed(curve: Curve, tenth: int) -> float:
    """Steps a second in a tenth of the run, counted from 1."""
    seconds = curve.seconds()
    first, last = curve.length * (tenth - 1) // POINTS, curve.length * tenth // POINTS - 1
    return float((last - first) / (seconds[last] - seconds[first]))


def _hundred_sessions() -> Counts:
    with tempfile.TemporaryDirectory() as folder:
        sessions = Path(folder) / "sessions"
        first = runs.finished(sessions, runs.tiny("si"), "session-0")
        for number in range(1, 100):
            shutil.copytree(first.path, sessions / f"session-{number}")
        with Terminal([], Path(folder), *SIZE) as screen:
            began = time.monotonic()
            screen.wait_for("100 sessions")
            took, memory = time.monotonic() - began, list[int]()
            while len(memory) < POINTS:
                until = time.monotonic() + CHECK_SECONDS
                while time.monotonic() < until:
                    assert screen.read(0.1), screen.text
                memory.append(_resident(screen.pid))
            screen.send("q")
            wrong = [] if screen.wait_for_end() == 0 and screen.restored else [f"it did not end well:\n{screen.text}"]
    points = ", ".join(f"{size / 2**20:.0f}" for size in memory)
    print(f"home with 100 sessions: listed {took:.1f} s after the start; memory in MiB, a look apart: {points}")
    return Counts(wrong_results=tuple(wrong))
