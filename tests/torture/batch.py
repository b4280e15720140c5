"""Kills ``cl-tui batch``: its workers, itself, both, Ctrl-C twice, and with another batch over the same plan beside it.

Nothing may be lost or run twice, the same line must complete it, and its table and file must be those of a batch that
nothing disturbed, but for the seconds.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from engine.sessions.listing import list_sessions
from engine.sessions.session import Session
from tests import runs
from tests.torture.counts import Counts

PLAN = [*("--method", "none", "--method", "si", "--method", "ewc"), *("--seeds", "2", "--tasks", "3", "--epochs", "30")]
JOBS = 2
PATIENCE_SECONDS = 180.0
"""What takes longer hangs."""
DONE, FAILED, INTERRUPTED = 0, 1, 130


class Batch:
    """The command, in a process group of its own as a shell would start it."""

    def __init__(self, folder: Path, number: int) -> None:
        self.json = folder / f"results-{number}.json"
        self.output = folder / f"output-{number}"
        command = [sys.executable, "-m", "cl_tui", "batch", *PLAN, "--jobs", str(JOBS), "--json", str(self.json)]
        root = str(Path(__file__).parent.parent.parent)
        with open(self.output, "wb") as output, open(f"{self.output}-errors", "wb") as errors:
            self.process = subprocess.Popen(
                [*command, "--sessions-dir", str(folder / "sessions")],
                env={**os.environ, "PYTHONPATH": root, "TERM": "dumb"},
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def workers(self) -> list[int]:
        """Also those that have outlived it."""
        return [pid for pid in self._group() if b"spawn_main" in _command_line(pid)]

    def _group(self) -> Iterator[int]:
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(ProcessLookupError):
                    if os.getpgid(int(entry.name)) == self.process.pid:
                        yield int(entry.name)

    def interrupt(self) -> None:
        """As Ctrl-C, which reaches the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self) -> int:
        """The exit code, once its workers have ended too. Raises TimeoutError, and kills what hangs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.ended or self.workers:
            if time.monotonic() > deadline:
                left = "a worker" if self.ended else "the batch"
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                raise TimeoutError(f"{left} did not end in {PATIENCE_SECONDS:g} s: {self.said}")
            time.sleep(0.02)
        return self.process.returncode

    @property
    def said(self) -> str:
        return Path(f"{self.output}-errors").read_text(errors="replace")

    @property
    def table(self) -> list[list[str]]:
        """Its cells, but for the steps a second."""
        rows = (line.split() for line in self.output.read_text().splitlines())
        return [row[:-2] + row[-1:] for row in rows]

    @property
    def results(self) -> Any:
        found = json.loads(self.json.read_text())
        return [{**entry, "seconds": 0, "steps_per_second": 0} for entry in found]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def kill_a_worker(batch: Batch, chance: random.Random) -> int:
    return _kill(chance.sample(batch.workers, min(1, len(batch.workers))))


def kill_all_workers(batch: Batch, chance: random.Random) -> int:
    return _kill(batch.workers)


def kill_the_parent(batch: Batch, chance: random.Random) -> int:
    return _kill([batch.process.pid])


def kill_both(batch: Batch, chance: random.Random) -> int:
    return kill_a_worker(batch, chance) + kill_the_parent(batch, chance)


def interrupt_twice(batch: Batch, chance: random.Random) -> int:
    batch.interrupt()
    time.sleep(chance.choice([0.0, 0.02, 0.2, 1.2]))
    if not batch.ended:
        batch.interrupt()
    return 1


DISTURBANCES: list[Callable[[Batch, random.Random], int]] = [
    *[kill_a_worker] * 4,
    kill_all_workers,
    kill_the_parent,
    kill_both,
    interrupt_twice,
]


def _kill(pids: list[int]) -> int:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def run(count: int, seed: int) -> Counts:
    """``count`` kills of processes or interruptions, over as many batches as that takes."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        whole = Batch(_made(Path(folder) / "whole"), 0)
        assert whole.wait() == DONE, whole.said
        total, number = Counts(), 0
        while total.batch_kills < count and not total.problems:
            number += 1
            total += _disturbed(_made(Path(folder) / f"{number}"), whole, count - total.batch_kills, chance)
    return total


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _disturbed(folder: Path, whole: Batch, most: int, chance: random.Random) -> Counts:
    """One plan to its end, disturbed at most ``most`` times on the way."""
    kills, number, finished = 0, 0, dict[str, bytes]()
    while True:
        batches = [Batch(folder, number + each) for each in range(1 if kills >= most else chance.choice([1, 1, 2]))]
        number += len(batches)
        disturbed = False
        while kills < most and not all(batch.ended for batch in batches):
            time.sleep(chance.uniform(0.1, 2.5))
            batch = chance.choice(batches)
            if not batch.ended:
                disturbed = True
                kills += chance.choice(DISTURBANCES)(batch, chance)
        try:
            codes = [batch.wait() for batch in batches]
        except TimeoutError as error:
            return Counts(batch_kills=kills, wrong_results=(str(error),))
        said = "".join(batch.said for batch in batches)
        if "Traceback" in said:
            return Counts(batch_kills=kills, tracebacks=(said,))
        if problem := _problem(folder, finished):
            return Counts(batch_kills=kills, wrong_results=(f"{problem}\n{said}",))
        if DONE in codes:
            done = batches[codes.index(DONE)]
            problem = _difference(folder, done, whole)
            return Counts(batch_kills=kills, wrong_results=(f"{problem}\n{said}",) if problem else ())
        if not disturbed and len(batches) == 1:
            return Counts(batch_kills=kills, wrong_results=(f"the same line did not complete it: {codes}\n{said}",))


def _problem(folder: Path, finished: dict[str, bytes]) -> str:
    """What is wrong with the sessions so far. ``finished``: the results of those that had ended, which must stay."""
    for listed in list_sessions(folder / "sessions"):
        if listed.state in ("damaged", "running"):
            return f"{listed.name} is {listed.state}: {listed.problem}"
        if listed.state == "finished":
            summary = (folder / "sessions" / listed.name / "summary.json").read_bytes()
            if finished.setdefault(listed.name, summary) != summary:
                return f"{listed.name} was run twice"
    lost = finished.keys() - {
        listed.name for listed in list_sessions(folder / "sessions") if listed.state == "finished"
    }
    return f"lost: {lost}" if lost else ""


def _difference(folder: Path, done: Batch, whole: Batch) -> str:
    if done.results != whole.results:
        return "the file differs"
    if done.table != whole.table:
        return f"the table differs: {done.table}"
    try:
        for result in whole.results:
            ours, theirs = (Session.open(place / "sessions", result["name"]) for place in (folder, whole.json.parent))
            runs.assert_same_run(ours, theirs)
    except (AssertionError, EngineError) as error:
        return f"{result['name']} is another run: {error}"
    return ""
