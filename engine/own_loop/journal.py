"""What a protection tells of itself: the session's events, and its checkpoints."""

import math
import time
from collections.abc import Sequence

from torch import Tensor

from engine.errors import ConfigError, EngineError, NumericsError
from engine.models.flat import layer_not_finite
from engine.own_loop.recorder import LoopRecorder
from engine.own_loop.state import State
from engine.record.events import (
    LARGEST_SCORE,
    LEARNING_RATE,
    PROBE,
    WHOLE,
    Event,
    ImportanceMeasured,
    Measured,
    RunFinished,
    RunStarted,
    Saved,
    Scored,
    StrengthChanged,
    TaskEnded,
    TaskInfo,
    TasksPlanned,
    TaskStarted,
)
from engine.record.score import ScoreInfo
from engine.text import visible
from engine.training.build import versions
from engine.training.checkpoint_writer import CheckpointWriter
from engine.training.histogram import histograms
from engine.training.reporting import (
    REPORT_SECONDS,
    REPORT_STEPS,
    first_not_finite,
    layer_penalties,
    short,
    steps_taken,
)

FIRST_HISTOGRAM = 16
"""Ω so far is told after this many steps of a task, and whenever they have doubled: how many there will be is not
known."""
SYNC_SECONDS = 60.0
LONGEST_NAME = 200


class Journal:
    """Turns what happens into events. Nothing in it computes what the training computes with."""

    def __init__(self, recorder: LoopRecorder, state: State, score: ScoreInfo) -> None:
        self.recorder = recorder
        self.state = state
        self.score = score
        self._losses: list[Tensor] = []
        self._penalties: list[Tensor] = []
        self._rate: float | None = None
        self._due = 0.0
        self._synced = time.monotonic()
        self._writer: CheckpointWriter | None = None

    @property
    def names(self) -> list[str]:
        return [task.name for task in self.recorder.history.tasks]

    # Tasks

    def begin(self, tasks: Sequence[str], network: str, optimizer: str) -> None:
        """Opens an empty log."""
        self.recorder.open(0)
        self.recorder.clock.start()
        if tasks:
            self.start(tasks, network, optimizer)

    def start(self, tasks: Sequence[str], network: str, optimizer: str) -> None:
        """The run begins, with the ``tasks`` that are known."""
        state = self.state
        told = versions() | {"network": network, "optimizer": optimizer}
        device = str(state.weights.device)
        planned = tuple(map(_info, tasks))
        size, score = state.weights.size, self.score
        self.recorder.emit(RunStarted(time.time(), planned, device, size, told, score=score.name, unit=score.unit))
        self._keep_number()

    def add_task(self, name: str) -> None:
        history = self.recorder.history
        tasks = (*history.tasks, _info(name))
        self.recorder.emit(TasksPlanned(history.step, time.time(), tasks, f"task {len(tasks)} is {name}"))
        self._keep_number()

    def _keep_number(self) -> None:
        session = self.recorder.session
        session.config = session.config.changed(tasks=len(self.names))
        self.recorder.attempt(session.keep_config)

    def start_task(self, rate: float) -> None:
        state = self.state
        self.recorder.emit(TaskStarted(state.task, state.step))
        self._tell_rate(rate)

    # Steps

    def stepped(self, loss: Tensor, penalty: Tensor | None, rate: float) -> None:
        """``loss`` without the penalty, and what the pull wrote, each of shape ()."""
        self._losses.append(loss)
        if penalty is not None:
            self._penalties.append(penalty)
        if len(self._losses) >= REPORT_STEPS or time.monotonic() >= self._due:
            self.steps()
            self._tell_rate(rate)
            self._attend()
        taken = self.state.task_step
        if taken >= FIRST_HISTOGRAM and taken & (taken - 1) == 0:
            self.running()

    def steps(self) -> None:
        """Reports the steps since the last report. Raises NumericsError if a loss or penalty is not finite."""
        self._due = time.monotonic() + REPORT_SECONDS
        if not self._losses:
            return
        taken = steps_taken(self.state, self.recorder.clock.elapsed, self._losses, self._penalties)
        self._losses.clear()
        self._penalties.clear()
        self.recorder.emit(taken)
        if broken := first_not_finite(taken):
            raise self.not_finite(*broken)

    def not_finite(self, what: str, value: float, step: int) -> NumericsError:
        name = self.names[self.state.task]
        return NumericsError(
            f"the {what} became {value} at step {step:,}, in task {self.state.task + 1} ({name}): what was recorded "
            f"before is kept; go back to weights that you saved, and use a lower learning rate or strength"
        )

    def _tell_rate(self, rate: float) -> None:
        """The learning rate, where it is not the same throughout."""
        known = self.recorder.session.config.lr if self._rate is None else self._rate
        if rate != known:
            self.recorder.emit(Measured(self.state.step, self.state.task, LEARNING_RATE, short([rate])))
            self._rate = rate

    def running(self) -> None:
        """Ω as if the task ended now, and the penalty of each layer."""
        self.steps()
        state = self.state
        theta = state.weights.theta()
        found = state.method.running_importance(theta, state.penalty)
        if found is not None:
            self.importance(found * state.penalised, running=True)
        self.recorder.emit(*layer_penalties(state, theta, state.weights.layers))

    def importance(self, importance: Tensor, running: bool) -> None:
        """Ω as one histogram per layer. Raises NumericsError if it is not finite."""
        state = self.state
        if where := layer_not_finite(state.weights.layers, importance):
            raise NumericsError(
                f"the importance is no longer finite at step {state.step:,}, in task {state.task + 1} "
                f"({self.names[state.task]}), in {where}"
            )
        low, high, layers = histograms(importance, state.weights.layers)
        self.recorder.emit(ImportanceMeasured(state.task, state.step, running, low, high, layers))

    # Scores

    def row(self, scores: dict[str, float], newest: int) -> tuple[float | None, ...]:
        """``scores`` by task in the order of the tasks, None where there is none; at least up to ``newest``."""
        found: list[float | None] = [scores.get(name) for name in self.names]
        last = max([newest, *(number for number, value in enumerate(found) if value is not None)])
        return tuple(found[: last + 1])

    def probe(self, scores: dict[str, float]) -> None:
        self.steps()
        state, newest = self.state, self.newest
        self.recorder.emit(Scored(state.step, newest, PROBE, self.row(scores, newest)))
        if state.task < len(self.names) and state.task_step:
            self.recorder.emit(*layer_penalties(state, state.weights.theta(), state.weights.layers))

    @property
    def newest(self) -> int:
        """The newest task that has begun."""
        return min(self.recorder.history.task, len(self.names) - 1)

    def end_task(self, scores: dict[str, float]) -> None:
        state = self.state
        ended = TaskEnded(state.task, state.step, self.recorder.clock.elapsed, time.time())
        events: list[Event] = [Scored(state.step, state.task, WHOLE, self.row(scores, state.task))] if scores else []
        self.recorder.emit(*events, ended)

    def change_strength(self, strength: float) -> None:
        self.steps()
        state = self.state
        self.recorder.emit(StrengthChanged(state.step, time.time(), state.strength, strength))

    # Checkpoints

    def save(self, ended_task: int | None = None) -> None:
        """Begins to write a checkpoint; the disk's errors are told, and nothing waits for it."""
        self.steps()
        self.finish_saving()
        if self.recorder.trouble and not self.recorder.flush():
            return
        state, recorder = self.state, self.recorder
        cursor = state.cursor(recorder.clock.elapsed, recorder.log.length)
        tensors = {"theta": state.weights.theta().to("cpu"), **state.snapshot()}
        size = (state.weights.size,)
        layers = {name: state.weights.layers for name, of in tensors.items() if of.shape == size}
        self._writer = CheckpointWriter(recorder.session, recorder.log, tensors, cursor, ended_task, layers)

    def finish_saving(self) -> None:
        """Waits until the checkpoint that is being written is on the disk. Raises NumericsError."""
        writer, self._writer = self._writer, None
        if writer is not None and (name := self.recorder.attempt(writer.result)):
            self.recorder.emit(Saved(writer.step, time.time(), name))

    def _attend(self) -> None:
        if self._writer is not None and not self._writer.is_alive():
            self.finish_saving()
        if time.monotonic() >= self._synced + SYNC_SECONDS:
            self.recorder.flush()
            self._synced = time.monotonic()

    def finish(self) -> None:
        """All tasks have ended."""
        recorder = self.recorder
        recorder.emit(RunFinished(self.state.step, time.time(), recorder.clock.elapsed))
        if recorder.flush():
            recorder.attempt(lambda: recorder.session.write_summary(recorder.history))


def _info(name: str) -> TaskInfo:
    return TaskInfo(name, None, classes=1)


def as_score(name: str, value: object, score: ScoreInfo) -> float:
    """Raises EngineError unless ``value`` is a number that can be the score of task ``name``."""
    try:
        found = float(value)  # type: ignore[arg-type]  # also a tensor or an array of one number
    except (TypeError, ValueError, RuntimeError):
        raise EngineError(f"the {score.title} of task {name} is {type(value).__name__}: give one number") from None
    if not math.isfinite(found):
        raise EngineError(f"the {score.title} of task {name} is {found}: give a finite number, or leave it out")
    if score.fraction and not 0 <= found <= 1:
        raise EngineError(f"the accuracy of task {name} is {found:g}: give it as a fraction, from 0 to 1")
    if not score.allows([found]):
        limit = f"at most {score.most:g}" if found > score.most else f"at least {score.least:g}"
        raise EngineError(f"the {score.title} of task {name} is {found:g}: {score.title} is {limit}")
    if abs(found) > LARGEST_SCORE:
        raise EngineError(f"the {score.title} of task {name} is {found:g}: a session keeps scores up to 1e30")
    return found


def as_name(name: object) -> str:
    """A task's name. Raises ConfigError unless it is a text of some characters."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        given = f"one of {len(name):,} characters" if isinstance(name, str) else type(name).__name__
        raise ConfigError(f"a task's name is a text of 1 to {LONGEST_NAME} characters, not {given}", "tasks")
    return visible(name)
