"""Many runs without a screen: which worker trains what."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from rich.console import Console

from cl_tui.batch import headless
from cl_tui.batch.display import Display, RunEnded, RunProgress
from cl_tui.batch.plan import Run, data_needed, finished, open_or_create
from cl_tui.batch.workers import Worker
from engine.errors import EngineError, SessionDamaged
from engine.record.watchdog import caution
from engine.sessions.listing import summary_of
from engine.sessions.session import Session
from engine.streams import files

ELSEWHERE_SECONDS = 1.0
"""Seconds between two checks of the sessions that other processes train."""


@dataclass
class Outcome:
    summaries: list[dict[str, Any]]
    """Summaries of the finished runs, in the plan's order."""
    failures: dict[str, str]
    """Why each failed run failed, by the run's name."""
    interrupted: bool


def execute(runs: Sequence[Run], sessions_dir: Path, jobs: int, console: Console) -> Outcome:
    """Runs what is not finished, ``jobs`` at a time. The outcome covers all. Raises SessionError or BenchmarkError."""
    for benchmark, folder in data_needed(runs, sessions_dir):
        files.prepare(benchmark, folder)
    waiting = [run for run in runs if not finished(run, sessions_dir)]
    done = len(runs) - len(waiting)
    if done:
        console.print(f"{done} of {len(runs)} runs are already finished")
    failures: dict[str, str] = {}
    interrupted = False
    if waiting:
        for known in dict.fromkeys(caution(run.config) for run in waiting):
            if known:
                console.print(known)
        new = next((run for run in waiting if not (sessions_dir / run.name).exists()), None)
        if new is not None:
            open_or_create(new, sessions_dir)  # an unwritable folder is reported before anything starts
        display = Display(console, len(runs), done)
        for run in runs:
            if run not in waiting and (ended := summary_of(sessions_dir, run.name).history) is not None:
                display.leaderboard.hear(run.name, run.config, ended)
        failures, interrupted = Pool(waiting, sessions_dir, min(jobs, len(waiting)), display).run()
    summaries = []
    for run in runs:
        try:
            if finished(run, sessions_dir):
                summaries.append(Session.open(sessions_dir, run.name).summary())
        except SessionDamaged as error:
            failures[run.name] = str(error)
    return Outcome(summaries, failures, interrupted)


class Pool:
    """Worker processes that take one run after another. If one dies (killed, perhaps because memory ran out), its run
    continues from its checkpoint after all others, and so with fewer beside it; if a worker dies again, the run has
    failed. A run that another process trains is left to it; when that has ended, a worker reads the result or trains
    the rest."""

    def __init__(self, runs: Sequence[Run], sessions_dir: Path, jobs: int, display: Display) -> None:
        self._waiting = list(runs)
        self._sessions_dir = sessions_dir
        self._jobs = jobs
        self._display = display
        self._busy: dict[Any, tuple[Run, Worker]] = {}
        self._elsewhere: list[Run] = []
        self._poll_due = 0.0
        self._idle: list[Worker] = []
        self._died: set[str] = set()
        self._failures: dict[str, str] = {}
        self._interrupted = False
        self._asked_to_save = False

    def run(self) -> tuple[dict[str, str], bool]:
        """The failures by name, and whether a signal ended the batch early."""
        with headless.heed_signals(self._interrupt, self._ask_to_save), self._display.bars:
            try:
                stopped = False
                while self._busy or ((self._waiting or self._elsewhere) and not self._interrupted):
                    if not self._interrupted:
                        self._poll_elsewhere()
                        self._assign()
                    elif not stopped:
                        stopped = True
                        for _, worker in self._busy.values():
                            worker.send("stop")
                    if self._asked_to_save:
                        self._asked_to_save = False
                        self._display.say(headless.TOLD_TO_SAVE)
                        for _, worker in self._busy.values():
                            worker.send("save")
                    self._receive()
            finally:
                for worker in [*self._idle, *(worker for _, worker in self._busy.values())]:
                    worker.close()
        return self._failures, self._interrupted

    def _interrupt(self) -> None:
        self._interrupted = True

    def _ask_to_save(self) -> None:
        self._asked_to_save = True

    def _assign(self) -> None:
        while self._waiting and len(self._busy) < self._jobs:
            run = self._waiting.pop(0)
            try:
                session = open_or_create(run, self._sessions_dir)
            except EngineError as error:
                self._end(run, RunEnded("failed", str(error)))
                continue
            if session.running:
                self._leave(run)
                continue
            worker = self._free_worker()
            worker.send((session.path, run.place))
            self._busy[worker.connection] = run, worker
            self._display.show(run.name, "starting")

    def _leave(self, run: Run) -> None:
        self._elsewhere.append(run)
        self._display.leave(run.name)

    def _poll_elsewhere(self) -> None:
        """Puts runs that no other process trains any more next in line."""
        if time.monotonic() < self._poll_due:
            return
        self._poll_due = time.monotonic() + ELSEWHERE_SECONDS
        over = [run for run in self._elsewhere if not Session(self._sessions_dir / run.name, run.config).running]
        self._elsewhere = [run for run in self._elsewhere if run not in over]
        self._waiting[:0] = over

    def _free_worker(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                return worker
        return Worker()

    def _receive(self) -> None:
        """Handles messages from the workers, waiting briefly for them."""
        headless.forget_lost_terminal()
        if not self._busy:  # all remaining runs are trained elsewhere
            time.sleep(headless.POLL_SECONDS)
            return
        for connection in wait(list(self._busy), timeout=headless.POLL_SECONDS):
            run, worker = self._busy[connection]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                del self._busy[connection]
                worker.close()
                self._bury(run, worker.end)
                continue
            if message.results is not None:
                self._display.leaderboard.hear(run.name, run.config, message.results)
            if isinstance(message, RunProgress):
                self._display.update(run.name, message)
                continue
            del self._busy[connection]
            self._idle.append(worker)
            if message.state == "elsewhere":
                self._leave(run)
            else:
                self._end(run, message)

    def _bury(self, run: Run, end: str) -> None:
        if self._interrupted or run.name in self._died:
            self._end(run, RunEnded("failed", end))
            return
        self._died.add(run.name)
        self._waiting.append(run)
        self._display.end(run.name, RunEnded("stopped", f"{end}; it will be tried once more after all others"))

    def _end(self, run: Run, ended: RunEnded) -> None:
        if ended.state == "failed":
            self._failures[run.name] = ended.message
        self._display.end(run.name, ended)
