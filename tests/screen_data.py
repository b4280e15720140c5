"""A made-up but plausible split-digits run, and an engine that tells of it without training anything."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from engine.record.events import (
    Event,
    ImportanceMeasured,
    LayerHistogram,
    RunFinished,
    RunStarted,
    RunStopped,
    Saved,
    StepsTaken,
    TaskInfo,
    TaskStarted,
)
from engine.record.history import History
from engine.sessions.session import Session
from engine.settings.run import resolve
from engine.training.runner import EngineThread
from tests.told import ended, probed

NAMES = ("0 8", "1 7", "2 3", "4 9", "5 6")
STEPS = 1000


def accuracy(task: int, after: int) -> float:
    """Each task starts at 0.99 and loses two points with each later one."""
    return max(0.0, 0.99 - 0.02 * (after - task))


def r2(task: int, after: int) -> float:
    """Each task is learned and then forgotten until a guess would be better: from 0.99 down to −3."""
    return 0.99 - 0.25 * (after - task) ** 2 + 0.001 * task * (after - task)


def rmse(task: int, after: int) -> float:
    """From 0.1 up to 250."""
    return (0.1 + 0.9 * task) * 7.07 ** (after - task)


SCORES: dict[str, Callable[[int, int], float]] = {"accuracy": accuracy, "r2": r2, "rmse": rmse}


def events(
    tasks: int = 5, steps: int = STEPS, bundle: int = 50, score: str = "accuracy", unit: str = ""
) -> Iterator[Event]:
    """A whole run, told in bundles of ``bundle`` steps."""
    infos = tuple(TaskInfo(NAMES[task % 5], steps, 2) for task in range(tasks))
    versions, examples, of = {"torch": "2"}, (72,) * tasks, SCORES[score]
    yield RunStarted(0.0, infos, "cpu", 17_610, versions, "", examples, examples, score, unit)
    for task in range(tasks):
        start = task * steps
        yield TaskStarted(task, start)
        for done in range(bundle, steps + 1, bundle):
            within = range(done - bundle, done)
            losses = tuple(0.7 * math.exp(-k / 200) * (1 + 0.3 * math.sin(k * k)) + 1e-4 for k in within)
            penalties = tuple(task * 0.002 * (1 - math.exp(-k / 100)) for k in within)
            if done == steps // 2:
                yield from probed(task, start + done, tuple(of(j, task) for j in range(task + 1)))
            yield StepsTaken(start + done, (start + done) / 500, losses, penalties)
        yield importance(task, start + steps)
        row = tuple(of(j, task) for j in range(task + 1))
        yield from ended(task, start + steps, (start + steps) / 500, row, row)
        yield Saved(start + steps, 0.0, f"task-{task}.safetensors")
    yield RunFinished(tasks * steps, 0.0, tasks * steps / 500)


def importance(task: int, step: int, running: bool = False) -> ImportanceMeasured:
    layers = tuple(
        LayerHistogram(
            name, size, size // 8, 1e-3, tuple(int(size * math.exp(-((i - 25 - n) ** 2) / 18) / 8) for i in range(40))
        )
        for n, (name, size) in enumerate((("fc1.weight", 6400), ("fc2.weight", 10_000), ("fc3.weight", 1000)))
    )
    return ImportanceMeasured(task, step, running, 1e-8, 1e2, layers)


def history(until: int | None = None, **run: Any) -> History:
    """The history up to the first report at or after step ``until``; of the whole run by default."""
    known = History()
    for event in events(**run):
        known = known.apply(event)
        if until is not None and isinstance(event, StepsTaken) and event.step >= until:
            break
    return known


class ToldEngine(EngineThread):
    """Says that it runs, and has the history that a test gives it. Stops at once when asked."""

    def __init__(self, session: Session, known: History | None = None, pace: float | None = None) -> None:
        super().__init__(session, pace)
        self.known = known or History()
        self.started = False
        self.obedient = True
        self.over = False

    @property
    def history(self) -> History:
        return self.known

    @property
    def alive(self) -> bool:
        if self.started and not self.over and self.obedient and self.control.stopping:
            self.over = True
            self.known = self.known.apply(RunStopped(self.known.step, 0.0))
        return self.started and not self.over

    def start(self) -> None:
        self.started = True
        if self.known.state == "finished":
            self.over = True

    def tell(self, *news: Event) -> None:
        for event in news:
            self.known = self.known.apply(event)

    def fail(self, error: EngineError, event: Event) -> None:
        self.tell(event)
        self.error, self.over = error, True


def session(folder: Path, **settings: object) -> Session:
    return Session.create(folder / "sessions", "calm-otter", resolve({"method": "si", "device": "cpu", **settings}))
