"""History: what happened so far, for any view. ``apply`` returns a new History and leaves the old one unchanged, so a
thread can pass its newest History to another without a lock."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from engine.record.events import (
    Evaluated,
    Event,
    ImportanceMeasured,
    Noted,
    PathFollowed,
    Probed,
    RunFailed,
    RunFinished,
    RunForked,
    RunResumed,
    RunStarted,
    RunStopped,
    Saved,
    StepsTaken,
    StrengthChanged,
    TaskEnded,
    TaskInfo,
    TasksPlanned,
    TaskStarted,
    Warned,
)

if TYPE_CHECKING:
    import numpy as np

    from engine.settings.run import RunConfig

State = Literal["loading", "training", "stopped", "failed", "finished"]
MOST_TOLD = 10_000
"""Most events of each of these kinds: evaluations, notes, warnings, changes of strength, changes of the plan."""
MOST_PROBES = 50_000
"""Most probes of a run; a thousand tasks have fewer."""


@dataclass(frozen=True)
class Curve:
    """Task loss, penalty and seconds of training of every step; row k is step k+1.

    ``extended`` writes beyond the end of a shared array, where no earlier Curve reads: so a Curve never changes, and
    only the newest may be extended, or an earlier one by the same steps again.
    """

    length: int = 0
    _rows: "np.ndarray | None" = None

    def extended(self, losses: Sequence[float], penalties: Sequence[float], elapsed: float = 0.0) -> "Curve":
        """This curve plus the next steps, the last of which ended after ``elapsed`` seconds of training."""
        import numpy as np  # not at the top: the first frame comes before heavy imports

        length = self.length + len(losses)
        rows = self._rows
        if rows is None or length > len(rows):
            rows = np.empty((max(1024, 2 * length), 3))
            if self._rows is not None:
                rows[: self.length] = self._rows[: self.length]
        rows[self.length : length, 0] = losses
        rows[self.length : length, 1] = penalties
        began = rows[self.length - 1, 2] if self.length else 0.0
        rows[self.length : length, 2] = np.linspace(began, max(began, elapsed), len(losses) + 1)[1:]
        return Curve(length, rows)

    def losses(self, start: int = 0) -> "np.ndarray":
        """Task losses, shape (length − start,). Needs ``length`` > 0."""
        assert self._rows is not None
        return self._rows[start : self.length, 0]

    def penalties(self, start: int = 0) -> "np.ndarray":
        """Penalties, shape (length − start,). Needs ``length`` > 0."""
        assert self._rows is not None
        return self._rows[start : self.length, 1]

    def seconds(self, start: int = 0) -> "np.ndarray":
        """Seconds of training, without pauses, after each step, shape (length − start,). Needs ``length`` > 0."""
        assert self._rows is not None
        return self._rows[start : self.length, 2]


@dataclass(frozen=True)
class History:
    """Everything known about one run."""

    state: State = "loading"
    tasks: tuple[TaskInfo, ...] = ()
    device: str = ""
    parameters: int = 0
    task: int = 0
    """The task in training, counted from 0; the number of tasks when all are done."""
    between: bool = False
    """Whether the previous task has ended and ``task`` has not begun, as during a break between tasks."""
    step: int = 0
    elapsed: float = 0.0
    """Seconds of training, without pauses."""
    rate: float = 0.0
    """Recent steps per second."""
    matrix: tuple[tuple[float, ...], ...] = ()
    """One row per ended task, on whole test sets."""
    probed: tuple[tuple[float, ...], ...] = ()
    """The same rows on the evaluation subsets; the rows of ``matrix`` if that was not measured."""
    probes: tuple[Probed, ...] = ()
    evaluations: tuple[Evaluated, ...] = ()
    curve: Curve = field(default_factory=Curve)
    importance: ImportanceMeasured | None = None
    """The newest measurement."""
    importances: tuple[ImportanceMeasured, ...] = ()
    """The measurement at the end of each ended task; empty for a method without importance."""
    paths: tuple[PathFollowed, ...] = ()
    """The newest path-integral check of each task, for a method that follows the path."""
    strengths: tuple[StrengthChanged, ...] = ()
    notes: tuple[Noted, ...] = ()
    plans: tuple[TasksPlanned, ...] = ()
    warnings: tuple[Warned, ...] = ()
    ends: tuple[float, ...] = ()
    """When each ended task ended, in seconds since the epoch; 0 if the session does not record it."""
    saved_step: int | None = None
    started: RunStarted | None = None
    resumed: RunResumed | None = None
    forked: RunForked | None = None
    failure: RunFailed | None = None
    finished: RunFinished | None = None

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The step at which each task begins, then the total number of steps. Shape (tasks + 1,)."""
        starts = [0]
        for task in self.tasks:
            starts.append(starts[-1] + task.steps)
        return tuple(starts)

    @property
    def total_steps(self) -> int:
        return self.starts[-1]

    @property
    def look(self) -> Probed | Evaluated | None:
        """The newest accuracies during the task in training; None if there are none yet."""
        looks = [seen[-1] for seen in (self.evaluations, self.probes) if seen and seen[-1].task == self.task]
        return max(looks, key=lambda look: look.step) if looks and self.state != "finished" else None

    @property
    def probe(self) -> tuple[float, ...]:
        """The accuracies of ``look``; empty if it is None."""
        return self.look.accuracies if self.look else ()

    @property
    def accuracies(self) -> tuple[float, ...]:
        """The newest known accuracy on each seen task."""
        return self.probe or (self.matrix[-1] if self.matrix else ())

    @property
    def alike(self) -> tuple[tuple[float, ...], ...]:
        """A row for each ended task, plus ``probe`` during a task, all on the same test examples: the evaluation
        subsets if the newest row is a probe, otherwise the whole test sets."""
        match self.look:
            case None:
                return self.matrix
            case Evaluated(accuracies=row):
                return (*self.matrix, row)
            case Probed(accuracies=row):
                return (*self.probed, row)

    @property
    def newest_probed(self) -> tuple[float, ...]:
        """The newest known accuracy on the evaluation subset of each seen task."""
        match self.look:
            case None:
                return self.probed[-1] if self.probed else ()
            case Evaluated(accuracies=row, probed=probed):
                return probed or row
            case Probed(accuracies=row):
                return row

    @property
    def measured_alike(self) -> bool:
        """Whether all probes, and the rows of ``probed``, use the same test examples."""
        return self.started is None or bool(self.started.subset_examples)

    @property
    def remaining(self) -> float | None:
        """Seconds until the end at the current rate; None if unknown."""
        if not self.rate or not self.tasks:
            return None
        return (self.total_steps - self.step) / self.rate

    def strength(self, config: "RunConfig", step: int | None = None) -> float:
        """The strength at ``step``, or for the next step."""
        changes = self.strengths
        if step is not None and changes:
            before = bisect_left(changes, step, key=lambda change: change.step)
            return changes[before - 1].strength if before else changes[0].before
        return changes[-1].strength if changes else config.strength

    def steps_done(self, task: int) -> int:
        """Optimizer steps taken in ``task``."""
        return min(max(self.step - self.starts[task], 0), self.tasks[task].steps)

    def check(self, event: Event, step: int | None = None) -> None:
        """Raises ValueError if ``event`` contradicts the events before it.

        ``step``: the step of the newest report of steps, if this history does not contain it yet.
        """
        if isinstance(event, RunStarted):
            if self.started is not None:
                raise ValueError("the run starts a second time")
            return
        if self.started is None and not isinstance(event, RunStopped | RunFailed):
            raise ValueError(f"{event.event} before the run has started")
        if event.step > self.total_steps:
            raise ValueError(f"step {event.step:,} of {self.total_steps:,}")
        tasks, ended, before = len(self.tasks), len(self.matrix), self.step if step is None else step
        begun = min(self.task, tasks - 1)
        match event:
            case StepsTaken() if event.step != before + len(event.losses):
                raise ValueError(f"{len(event.losses)} steps to step {event.step:,}, after step {before:,}")
            case TaskStarted() | TaskEnded() if event.task != ended or ended == tasks:
                raise ValueError(f"task {event.task + 1} of {tasks}, but {ended} have ended")
            case Probed() | Evaluated() | ImportanceMeasured() | PathFollowed() | Warned() if event.task > begun:
                raise ValueError(f"task {event.task + 1} of {tasks}, before it begins")
            case RunForked() if event.task + 1 != ended:
                raise ValueError(f"a fork at the end of task {event.task + 1}, but {ended} have ended")
            case RunFinished() if ended != tasks:
                raise ValueError(f"the run finishes, but {ended} of {tasks} tasks have ended")
            case TasksPlanned() if len(event.tasks) != tasks:
                raise ValueError(f"{len(event.tasks)} tasks instead of {tasks}")
            case ImportanceMeasured(running=False) if self.importances and event.task <= self.importances[-1].task:
                raise ValueError(f"the importance at the end of task {event.task + 1} a second time")
            case PathFollowed() if self.paths and event.task < self.paths[-1].task:
                raise ValueError(f"task {event.task + 1} after task {self.paths[-1].task + 1}")
        if isinstance(event, Probed | Evaluated | TaskEnded):
            rows = (event.accuracies,) if isinstance(event, Probed) else (event.accuracies, event.probed)
            for row in filter(None, rows):
                if len(row) != event.task + 1:
                    raise ValueError(f"{len(row)} accuracies, on {event.task + 1} tasks")
        told = max(map(len, (self.evaluations, self.notes, self.strengths, self.plans, self.warnings)))
        if told > MOST_TOLD or len(self.probes) > MOST_PROBES:
            raise ValueError("there are too many events of its kind")

    def apply(self, event: Event) -> "History":
        """The history after ``event``. Raises ValueError like ``check``."""
        self.check(event)
        match event:
            case RunStarted():
                return replace(
                    self,
                    state="training",
                    started=event,
                    tasks=event.tasks,
                    device=event.device,
                    parameters=event.parameters,
                )
            case RunResumed():
                return replace(
                    self, state="training", device=event.device, resumed=event, saved_step=event.step, failure=None
                )
            case TaskStarted():
                return replace(self, state="training", task=event.task, between=False)
            case StepsTaken():
                return replace(
                    self,
                    step=event.step,
                    elapsed=event.elapsed,
                    rate=self._rate(event),
                    curve=self.curve.extended(event.losses, event.penalties, event.elapsed),
                )
            case Probed():
                return replace(self, probes=(*self.probes, event))
            case Evaluated():
                return replace(self, evaluations=(*self.evaluations, event))
            case StrengthChanged():
                return replace(self, strengths=(*self.strengths, event))
            case TasksPlanned():
                return replace(self, tasks=event.tasks, plans=(*self.plans, event))
            case Noted():
                return replace(self, notes=(*self.notes, event))
            case Warned():
                return replace(self, warnings=(*self.warnings, event))
            case RunForked():
                return replace(self, state="loading", forked=event)
            case ImportanceMeasured():
                ended = self.importances if event.running else (*self.importances, event)
                return replace(self, importance=event, importances=ended)
            case PathFollowed():
                again = bool(self.paths) and self.paths[-1].task == event.task
                return replace(self, paths=(*(self.paths[:-1] if again else self.paths), event))
            case TaskEnded():
                return replace(
                    self,
                    task=event.task + 1,
                    between=event.task + 1 < len(self.tasks),
                    elapsed=event.elapsed,
                    matrix=(*self.matrix, event.accuracies),
                    probed=(*self.probed, event.probed or event.accuracies),
                    ends=(*self.ends, event.time),
                )
            case Saved():
                return replace(self, saved_step=event.step)
            case RunStopped():
                return replace(self, state="stopped")
            case RunFailed():
                return replace(self, state="failed", failure=event)
            case RunFinished():
                return replace(self, state="finished", elapsed=event.elapsed, finished=event)

    def _rate(self, event: StepsTaken) -> float:
        seconds = event.elapsed - self.elapsed
        if seconds <= 0:
            return self.rate
        now = (event.step - self.step) / seconds
        weight = min(1.0, seconds / 2.0) if self.rate else 1.0
        return self.rate + weight * (now - self.rate)
