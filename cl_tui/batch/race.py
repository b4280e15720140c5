"""Several runs at once, in processes of their own, none of which gets ahead of the others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cl_tui.batch.display import RunEnded, RunProgress
from cl_tui.batch.plan import Run, open_or_create
from cl_tui.batch.workers import Worker, prepare
from cl_tui.reports.standings import clock, step_at
from engine.record.history import History
from engine.sessions.session import Session

AHEAD_SECONDS = 0.4
"""How far a run may be ahead of the slowest: the steps that it takes in this time, since messages take some, too."""
LEAST = 10
"""Steps."""


class Race:
    """Trains ``runs`` in step: each may go as far as a little ahead of the slowest."""

    def __init__(self, runs: Sequence[Run], sessions_dir: Path) -> None:
        """Raises SessionExists or another SessionError."""
        prepare()
        self.sessions: list[Session] = [open_or_create(run, sessions_dir) for run in runs]
        self._places = [run.place for run in runs]
        self._workers: dict[int, Worker] = {}
        self._spent: list[Worker] = []
        """Whose processes are about to end."""
        self._limits: dict[int, int] = {}
        self.ended: dict[int, RunEnded] = {}
        """By its place in the race."""
        self.doing = [""] * len(runs)
        """What each is doing; '' before it has said so."""
        self.paused = False

    def start(self) -> None:
        for place, session in enumerate(self.sessions):
            if session.finished:
                self.ended[place] = RunEnded("finished")
            elif session.running:
                self.ended[place] = RunEnded("elsewhere", "another process trains it")
            else:
                self._workers[place] = worker = Worker()
                worker.send((session.path, self._places[place]))
                worker.send(0)

    @property
    def training(self) -> bool:
        return bool(self._workers)

    def poll(self, histories: Sequence[History]) -> None:
        """Hears what the runs say, and lets each go on; ``histories``: as far as they are known. Never waits."""
        for place, worker in list(self._workers.items()):
            try:
                while place in self._workers and worker.connection.poll():
                    self._hear(place, worker.connection.recv())
            except (EOFError, OSError):
                self._over(place, RunEnded("failed", "its process has ended"))
        if self._workers and not self.paused:
            self._let_go(histories)

    def _hear(self, place: int, told: Any) -> None:
        if isinstance(told, RunProgress):
            self.doing[place] = told.trouble or told.doing
        else:
            self._over(place, told)

    def _over(self, place: int, ended: RunEnded) -> None:
        self.ended[place], self.doing[place] = ended, ""
        worker = self._workers.pop(place)
        worker.connection.close()
        self._spent.append(worker)

    def _let_go(self, histories: Sequence[History]) -> None:
        slowest = min(self._workers, key=lambda place: clock(histories[place]))
        now, of = clock(histories[slowest]), histories[slowest]
        task = min(int(now), max(len(of.tasks) - 1, 0))
        steps = of.steps_of(task) if of.tasks else 1
        share = max(AHEAD_SECONDS * of.rate, LEAST) / max(steps, 1) if of.tasks else 0.0
        for place, worker in self._workers.items():
            limit = _limit(histories[place], now + share)
            if limit > self._limits.get(place, -1):
                self._limits[place] = limit
                worker.send(limit)

    def stop(self) -> None:
        """Each run saves and stops; ``poll`` hears when it has."""
        for worker in self._workers.values():
            worker.send("stop")

    def save(self) -> None:
        for worker in self._workers.values():
            worker.send("save")

    def close(self) -> None:
        """Returns when all have saved and stopped."""
        self.stop()
        for worker in (*self._workers.values(), *self._spent):
            worker.close()


def _limit(history: History, clock: float) -> int:
    """The step up to which a run may go, so that its clock is at most ``clock``; none holds it at its last step."""
    if not history.tasks:
        return 1
    return step_at(history, clock) if clock < len(history.tasks) else history.total_steps + 1
