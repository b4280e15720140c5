"""What happened so far. ``after`` leaves the old History unchanged, so threads can share it without a lock."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, zip_longest
from typing import TYPE_CHECKING, Literal, TypeVar

from engine.record.events import (
    CLASSES,
    INITIAL,
    LAYER_PENALTIES,
    LEARNING_RATE,
    PATH,
    PROBE,
    WHOLE,
    Consolidated,
    Event,
    ImportanceMeasured,
    Measured,
    Noted,
    Packed,
    RunFailed,
    RunFinished,
    RunForked,
    RunResumed,
    RunStarted,
    RunStopped,
    Saved,
    Scored,
    StepsTaken,
    StrengthChanged,
    TaskEnded,
    TaskInfo,
    TasksAdded,
    TasksPlanned,
    TaskStarted,
    Warned,
)
from engine.record.score import ACCURACY, ScoreInfo, score_info
from engine.record.series import MOST, AtStep, Curve, Series

if TYPE_CHECKING:
    from engine.settings.run import RunConfig

State = Literal["loading", "training", "stopped", "failed", "finished"]
Rows = tuple[tuple[float, ...], ...]
T = TypeVar("T", bound=AtStep)
MOST_NAMES = 100
"""Most parts of the data, and most quantities."""


@dataclass(frozen=True)
class Evaluation:
    """Scores on the whole test sets and, directly after them, on the evaluation subsets."""

    whole: Scored
    probe: Scored | None = None

    @property
    def step(self) -> int:
        return self.whole.step

    @property
    def phase(self) -> int:
        return self.whole.phase

    @property
    def probed(self) -> tuple[float, ...]:
        """The row on the evaluation subsets; that of the whole test sets if there is none."""
        return (self.probe or self.whole).row


@dataclass(frozen=True)
class PathCheck:
    """A measurement of PATH: Σω against the drop of the task's loss."""

    task: int
    step: int
    gained: float
    start_loss: float
    loss: float
    ratio: float | None
    """gained ÷ (start_loss − loss); near 1 if small steps follow the gradient. None before the loss has changed."""

    @classmethod
    def of(cls, told: Measured) -> "PathCheck":
        gained, start, now = (math.nan if value is None else value for value in told.values)
        return cls(told.phase, told.step, gained, start, now, gained / (start - now) if start != now else None)


@dataclass
class History:
    """Everything known about one run. Only ``after`` writes, and only into its own copy."""

    state: State = "loading"
    tasks: tuple[TaskInfo, ...] = ()
    device: str = ""
    parameters: int = 0
    score: ScoreInfo = ACCURACY
    task: int = 0
    """The task in training, counted from 0; the number of tasks when all are done."""
    between: bool = False
    """Whether the previous task has ended and ``task`` has not begun, as during a break between tasks."""
    step: int = 0
    elapsed: float = 0.0
    """Seconds of training, without pauses."""
    rate: float = 0.0
    """Recent steps per second."""
    matrix: Rows = ()
    """One row per ended task, on whole test sets. A score that was not taken is NaN, here and in all rows."""
    later: Rows = ()
    """The rest of each row of ``matrix``: the scores on later tasks, as far as they were taken."""
    probed: Rows = ()
    """The same rows on the evaluation subsets; the rows of ``matrix`` if that was not measured."""
    scores: Mapping[str, Series[Scored]] = field(default_factory=dict)
    """The scores on each part of the data that were taken alone."""
    measured: Mapping[str, Series[Measured]] = field(default_factory=dict)
    packed: Mapping[str, Series[Packed]] = field(default_factory=dict)
    settled: Series[Evaluation] = field(default_factory=Series)
    pending: Evaluation | None = None
    """The newest evaluation while it may still be that of a task's end."""
    curve: Curve = field(default_factory=Curve)
    importance: ImportanceMeasured | None = None
    importances: Series[ImportanceMeasured] = field(default_factory=Series)
    """The measurement at each consolidation; empty for a method without importance."""
    consolidations: Series[Consolidated] = field(default_factory=Series)
    """Those in the middle of tasks."""
    strengths: Series[StrengthChanged] = field(default_factory=Series)
    notes: Series[Noted] = field(default_factory=Series)
    plans: Series[TasksPlanned] = field(default_factory=Series)
    warnings: Series[Warned] = field(default_factory=Series)
    ends: tuple[float, ...] = ()
    """When each ended task ended, in seconds since the epoch; 0 if the session does not record it."""
    saved_step: int | None = None
    started: RunStarted | None = None
    resumed: RunResumed | None = None
    forked: RunForked | None = None
    failure: RunFailed | None = None
    finished: RunFinished | None = None

    # Steps

    @cached_property
    def _plan(self) -> tuple[tuple[int, ...], bool]:
        """``starts`` without the steps of tasks that have no planned number, and whether there are such tasks."""
        return tuple(accumulate((task.steps or 0 for task in self.tasks), initial=0)), any(
            task.steps is None for task in self.tasks
        )

    @property
    def open(self) -> bool:
        """Whether it is unknown how many steps the rest of the run takes."""
        return self._plan[1]

    @property
    def starts(self) -> tuple[int, ...]:
        """The step at which each task begins, then the total number of steps, as far as they are known: a task whose
        steps are not planned has those taken so far. Shape (tasks + 1,)."""
        starts, open = self._plan
        if not open or self.task >= len(self.tasks) or self.tasks[self.task].steps is not None:
            return starts
        taken = max(0, self.step - starts[self.task])
        return (*starts[: self.task + 1], *(start + taken for start in starts[self.task + 1 :]))

    @property
    def total_steps(self) -> int:
        return self.starts[-1] or int(self.open)

    def steps_of(self, task: int) -> int:
        """The planned steps of ``task``; those taken so far if they are not planned."""
        starts = self.starts
        return starts[task + 1] - starts[task]

    def steps_done(self, task: int) -> int:
        return min(max(self.step - self.starts[task], 0), self.steps_of(task))

    @property
    def remaining(self) -> float | None:
        """Seconds until the end at the current rate; None if unknown."""
        if not self.rate or not self.tasks or self.open:
            return None
        return (self.total_steps - self.step) / self.rate

    def strength(self, config: "RunConfig", step: int | None = None) -> float:
        """The strength at ``step``, or for the next step."""
        changes = self.strengths
        if step is not None and changes:
            before = bisect_left(changes, step, key=lambda change: change.step)
            return changes[before - 1].strength if before else changes[0].before
        return changes[-1].strength if changes else config.strength

    # Scores and measurements

    @property
    def full_matrix(self) -> Rows:
        """The rows of ``matrix`` with the scores on later tasks, as far as they were taken."""
        return tuple(row + later for row, later in zip_longest(self.matrix, self.later, fillvalue=()))

    @property
    def initial(self) -> tuple[float, ...]:
        """The scores before the first step; empty if they were not taken."""
        told = self.scores.get(INITIAL)
        return told[0].row + told[0].later if told else ()

    @property
    def probes(self) -> Series[Scored]:
        """The scores on the evaluation subsets during tasks."""
        return self.scores.get(PROBE) or Series()

    @property
    def evaluations(self) -> Series[Evaluation]:
        """The evaluations that were requested in the middle of tasks."""
        return self.settled.plus(self.pending) if self.pending and len(self.settled) < MOST else self.settled

    @property
    def layer_penalties(self) -> Series[Measured]:
        return self.measured.get(LAYER_PENALTIES) or Series()

    def learning_rate(self, step: int) -> float | None:
        """The newest that was told up to ``step``; None if it is the same throughout a task."""
        told = (self.measured.get(LEARNING_RATE) or Series()).until(step)
        return told[-1].values[0] if told and told[-1].values else None

    @property
    def paths(self) -> tuple[PathCheck, ...]:
        """The newest path-integral check of each task, for a method that follows the path."""
        newest = {told.phase: told for told in self.measured.get(PATH, ())}
        return tuple(map(PathCheck.of, newest.values()))

    @property
    def path(self) -> PathCheck | None:
        told = self.measured.get(PATH)
        return PathCheck.of(told[-1]) if told else None

    @property
    def look(self) -> Scored | None:
        """The newest scores during the task in training; None if there are none yet."""
        evaluation = self.pending or (self.settled[-1] if self.settled else None)
        looks = [evaluation.whole] if evaluation else []
        looks += self.probes[-1:]
        looks = [look for look in looks if look.phase == self.task]
        return max(looks, key=lambda look: look.step) if looks and self.state != "finished" else None

    @property
    def probe(self) -> tuple[float, ...]:
        """The row of ``look``; empty if it is None."""
        return self.look.row if self.look else ()

    @property
    def accuracies(self) -> tuple[float, ...]:
        """The newest known score on each seen task."""
        return self.probe or (self.matrix[-1] if self.matrix else ())

    @property
    def alike(self) -> Rows:
        """A row for each ended task, plus ``probe`` during a task, all on the same test examples: the evaluation
        subsets if the newest row is a probe, otherwise the whole test sets."""
        look = self.look
        if look is None:
            return self.matrix
        return (*(self.matrix if look.part == WHOLE else self.probed), look.row)

    @property
    def newest_probed(self) -> tuple[float, ...]:
        """The newest known score on the evaluation subset of each seen task."""
        look = self.look
        if look is None:
            return self.probed[-1] if self.probed else ()
        return self.evaluations[-1].probed if look.part == WHOLE else look.row

    @property
    def measured_alike(self) -> bool:
        """Whether all probes, and the rows of ``probed``, use the same test examples."""
        return self.started is None or bool(self.started.subset_examples)

    @property
    def given(self) -> bool:
        """Whether a loop of the user's own gives the scores, on test examples that nothing else knows."""
        return self.started is not None and any(task.steps is None for task in self.started.tasks)

    # The fold

    def apply(self, event: Event) -> "History":
        return self.after((event,))

    def after(self, events: Iterable[Event]) -> "History":
        """The history after ``events``. Raises ValueError if one of them contradicts those before it."""
        new = copy(self)
        reports: list[StepsTaken] = []
        for event in events:
            new._check(event)
            if isinstance(event, StepsTaken):
                new._advance(event)
                reports.append(event)
            else:
                new._take(event)
        new.curve = new.curve.extended(reports)
        return new

    def _advance(self, event: StepsTaken) -> None:
        self._settle()
        seconds = event.elapsed - self.elapsed
        if seconds > 0:
            now = (event.step - self.step) / seconds
            weight = min(1.0, seconds / 2.0) if self.rate else 1.0
            self.rate += weight * (now - self.rate)
        self.step, self.elapsed = event.step, event.elapsed

    def _settle(self) -> None:
        """What is told next shows that the newest evaluation is not that of a task's end."""
        if self.pending is not None:
            self.settled, self.pending = self.settled.plus(self.pending), None

    def _take(self, event: Event) -> None:
        if not isinstance(event, TaskEnded | Scored):
            self._settle()
        match event:
            case RunStarted():
                self.state, self.started = "training", event
                self.device, self.parameters = event.device, event.parameters
                self.score = score_info(event.score, event.unit)
                self._plan_tasks(event.tasks)
            case RunResumed():
                self.state, self.resumed, self.failure = "training", event, None
                self.device, self.saved_step = event.device, event.step
            case TaskStarted():
                self.state, self.task, self.between = "training", event.task, False
            case Scored():
                self._score(event)
            case Measured():
                self.measured = _with(self.measured, event.name, event)
            case Packed():
                self.packed = _with(self.packed, event.name, event)
            case Consolidated():
                self.consolidations = self.consolidations.plus(event)
            case StrengthChanged():
                self.strengths = self.strengths.plus(event)
            case TasksPlanned():
                self.plans = self.plans.plus(event)
                if len(event.tasks) > len(self.tasks):
                    self.finished, self.between = None, self.between or self.task == len(self.tasks)
                self._plan_tasks(event.tasks)
                if isinstance(event, TasksAdded):
                    self._add_data(event)
            case Noted():
                self.notes = self.notes.plus(event)
            case Warned():
                self.warnings = self.warnings.plus(event)
            case RunForked():
                self.state, self.forked = "loading", event
            case ImportanceMeasured():
                self.importance = event
                if not event.running:
                    self.importances = self.importances.plus(event)
            case TaskEnded():
                self._end(event)
            case Saved():
                self.saved_step = event.step
            case RunStopped():
                self.state = "stopped"
            case RunFailed():
                self.state, self.failure = "failed", event
            case RunFinished():
                self.state, self.finished, self.elapsed = "finished", event, event.elapsed

    def _plan_tasks(self, tasks: tuple[TaskInfo, ...]) -> None:
        self.tasks = tasks
        self.__dict__.pop("_plan", None)

    def _add_data(self, event: TasksAdded) -> None:
        """An older session, which did not record the numbers of test examples, still has none."""
        assert self.started is not None
        self.parameters = event.parameters
        of_tests, of_subsets = (
            new if old else ()
            for old, new in (
                (self.started.test_examples, event.test_examples),
                (self.started.subset_examples, event.subset_examples),
            )
        )
        self.started = replace(
            self.started, tasks=event.tasks, data=event.data, test_examples=of_tests, subset_examples=of_subsets
        )

    def _score(self, event: Scored) -> None:
        whole = self.pending
        if event.part == PROBE and whole and not whole.probe and (whole.step, whole.phase) == (event.step, event.phase):
            self.pending = Evaluation(whole.whole, event)
            return
        self._settle()
        if event.part == WHOLE:
            self.pending = Evaluation(event)
        else:
            self.scores = _with(self.scores, event.part, event)

    def _end(self, event: TaskEnded) -> None:
        end = self.pending
        if end is not None and (end.step, end.phase) == (event.step, event.task):
            self.pending, row, later, probed = None, end.whole.row, end.whole.later, end.probed
        else:
            row = probed = (math.nan,) * (event.task + 1)
            later = ()
            self._settle()
        self.matrix, self.later, self.probed = (*self.matrix, row), (*self.later, later), (*self.probed, probed)
        self.ends = (*self.ends, event.time)
        self.elapsed = event.elapsed
        if self.tasks[event.task].steps is None:
            known_now = replace(self.tasks[event.task], steps=event.step - self.starts[event.task])
            self._plan_tasks((*self.tasks[: event.task], known_now, *self.tasks[event.task + 1 :]))
        self.task = event.task + 1
        self.between = self.task < len(self.tasks)

    def _check(self, event: Event) -> None:
        """Raises ValueError if ``event`` contradicts the events before it."""
        if isinstance(event, RunStarted):
            if self.started is not None:
                raise ValueError("the run starts a second time")
            return
        if self.started is None and not isinstance(event, RunStopped | RunFailed):
            raise ValueError(f"{event.event} before the run has started")
        if event.step > self._plan[0][-1] and not self.open:
            raise ValueError(f"step {event.step:,} of {self.total_steps:,}")
        if not isinstance(event, StepsTaken):
            self._check_task(event)
        elif event.step != self.step + len(event.losses):
            raise ValueError(f"{len(event.losses)} steps to step {event.step:,}, after step {self.step:,}")

    def _check_task(self, event: Event) -> None:
        tasks, ended = len(self.tasks), len(self.matrix)
        begun = min(self.task, tasks - 1)
        match event:
            case TaskStarted() | TaskEnded() if event.task != ended or ended == tasks:
                raise ValueError(f"task {event.task + 1} of {tasks}, but {ended} have ended")
            case TaskEnded() if self.tasks[event.task].steps is None and event.step <= self.starts[event.task]:
                raise ValueError(f"task {event.task + 1} ends without a step")
            case ImportanceMeasured() | Warned() if event.task > begun:
                raise ValueError(f"task {event.task + 1} of {tasks}, before it begins")
            case Scored() | Measured() | Packed() | Consolidated() if event.phase > begun:
                raise ValueError(f"task {event.phase + 1} of {tasks}, before it begins")
            case Scored() if not event.phase < len(event.values) <= tasks:
                raise ValueError(f"{len(event.values)} scores, on {event.phase + 1} to {tasks} tasks")
            case Scored() if not self.score.allows(event.values):
                raise ValueError(self.score.bounds)
            case Measured(name=name, values=values) if name == PATH and len(values) != 3:
                raise ValueError(f"{len(values)} values of the path integral")
            case Measured(name=name, values=values) if name == CLASSES and len(values) != self._classes(event.phase):
                raise ValueError(f"{len(values)} accuracies of {self._classes(event.phase)} classes")
            case Measured() | Packed() if self._told_of_later(event):
                raise ValueError(f"{event.name} of task {event.phase + 1} after a later task")
            case RunForked(task=None) if event.step != self.step:
                raise ValueError(f"a fork at step {event.step:,}, after step {self.step:,}")
            case RunForked(task=int(task)) if task + 1 != ended:
                raise ValueError(f"a fork at the end of task {task + 1}, but {ended} have ended")
            case RunFinished() if ended != tasks:
                raise ValueError(f"the run finishes, but {ended} of {tasks} tasks have ended")
            case TasksAdded() if not {len(event.test_examples), len(event.subset_examples)} <= {0, len(event.tasks)}:
                raise ValueError("there are not as many numbers of test examples as tasks")
            case TasksPlanned() if len(event.tasks) < tasks:
                raise ValueError(f"{len(event.tasks)} tasks instead of {tasks}")
            case TasksPlanned() if any(task.steps is None for task in event.tasks[:ended]):
                raise ValueError("a task that has ended has no number of steps")
            case ImportanceMeasured(running=False) if not self._may_consolidate(event.task):
                raise ValueError(f"the importance at the end of task {event.task + 1} a second time")

    def _told_of_later(self, event: Measured | Packed) -> bool:
        told: Series[Measured] | Series[Packed] | None
        told = (self.measured if isinstance(event, Measured) else self.packed).get(event.name)
        return told is not None and event.phase < told[-1].phase

    def _classes(self, phase: int) -> int:
        """Of the tasks up to ``phase``."""
        return sum(task.classes for task in self.tasks[: phase + 1])

    def _may_consolidate(self, task: int) -> bool:
        """Whether an Ω of ``task`` that is not running may come: one at its end and at each consolidation within it."""
        last, within = self.importances[-1:], self.consolidations[-1:]
        return not last or task > last[0].task or (task == last[0].task == (within[0].phase if within else None))


def _with(known: Mapping[str, Series[T]], name: str, told: T) -> Mapping[str, Series[T]]:
    if len(known) > MOST_NAMES:
        raise ValueError("there are too many names")
    return {**known, name: known.get(name, Series()).plus(told)}
