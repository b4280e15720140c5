"""Ten readers of one trainer, which may neither hold it up nor see half a record.

Five follow the log as ``cl-tui watch`` does, four read all of it again and again as ``cl-tui sessions show`` does, and
one is ``cl-tui watch`` in a pseudo-terminal. Prints the trainer's speed with them ÷ without, and what they have read.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Event as Flag
from pathlib import Path

from engine.errors import SessionDamaged
from engine.record.events import Event, StepsTaken
from engine.sessions.follow import Follower
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from tests import runs
from tests.terminal import Terminal
from tests.torture.counts import Counts

FOLLOWING, READING_ALL = 5, 4
STEPS_IN_EPOCH = 86
"""Of split-digits in batches of 16."""


@dataclass(frozen=True)
class Read:
    """What one reader has seen."""

    events: int
    step: int
    problem: str = ""


def run(steps: int, seed: int) -> Counts:
    """About ``steps`` steps of a network so small that it writes as much as one can."""
    config = resolve(
        {"method": "si", "hidden": (8,), "epochs": max(1, steps // STEPS_IN_EPOCH), "seed": seed, "device": "cpu"}
    )
    with tempfile.TemporaryDirectory() as folder:
        alone, watched = (_session(Path(folder), name, config) for name in ("alone", "watched"))
        _train(alone)
        read = _watched(watched)
        wrong = [reader.problem for reader in read if reader.problem]
        wrong += [f"a reader ended at step {reader.step}" for reader in read if reader.step != alone.history().step]
        try:
            runs.assert_same_run(watched, alone)
        except AssertionError as error:
            wrong.append(f"the run that was watched is another: {error}")
        rates = [session.summary()["steps_per_second"] for session in (watched, alone)]
    print(
        f"{sum(reader.events for reader in read):,} events read by {len(read)} readers beside a terminal; trainer "
        f"{rates[0]:,.0f} ÷ {rates[1]:,.0f} steps/s = {rates[0] / rates[1]:.2f} on {os.cpu_count()} cores"
    )
    return Counts(wrong_results=tuple(wrong))


def _session(folder: Path, name: str, config: RunConfig) -> Session:
    return Session.create(folder, name, config)


def _train(session: Session) -> None:
    folder = str(session.path.parent)
    command = [sys.executable, "-m", "cl_tui", "resume", session.name, "--headless", "--sessions-dir", folder]
    subprocess.run(command, check=True, capture_output=True)


def _watched(session: Session) -> list[Read]:
    spawning = multiprocessing.get_context("spawn")
    over = spawning.Event()
    with spawning.Pool(FOLLOWING + READING_ALL, _keep, (over,)) as pool:
        doing: list[Callable[[Session], Read]] = [*[_follow] * FOLLOWING, *[_read_all] * READING_ALL]
        answers = [pool.apply_async(each, (session,)) for each in doing]
        with Terminal(
            ["watch", session.name, "--sessions-dir", str(session.path.parent)], session.path.parent
        ) as screen:
            screen.wait_for("Tasks")
            _train(session)
            screen.wait_for("Finished|Replay")
            screen.send("q")
            well = screen.wait_for_end() == 0 and screen.restored
        over.set()
        read = [answer.get(timeout=60) for answer in answers]
    return [*read, *([] if well else [Read(0, 0, f"watch did not end well:\n{screen.text}")])]


# In the readers' processes

_over: Flag


def _keep(over: Flag) -> None:
    global _over
    _over = over


def _follow(session: Session) -> Read:
    follower, events, step = Follower(session), 0, 0
    while True:
        last = _over.is_set()
        try:
            portion = follower.poll()
        except SessionDamaged as error:
            return Read(events, step, str(error))
        if portion.from_start and events:
            return Read(events, step, "the log was cut, though nothing was resumed")
        events += len(portion.events)
        for event in portion.events:
            if isinstance(event, StepsTaken):
                if event.step != step + len(event.losses):
                    return Read(events, step, f"step {event.step} follows step {step}")
                step = event.step
        if not portion.events:
            if last:
                return Read(events, step)
            time.sleep(0.2)


def _read_all(session: Session) -> Read:
    events, step = 0, 0
    while True:
        last = _over.is_set()
        try:
            found: list[Event] = list(session.events())
        except SessionDamaged as error:
            return Read(events, step, str(error))
        events += len(found)
        now = max((event.step for event in found if isinstance(event, StepsTaken)), default=0)
        if now < step:
            return Read(events, step, f"step {now} is the last, after step {step} was")
        step = now
        if last:
            return Read(events, step)
        time.sleep(1.0)
