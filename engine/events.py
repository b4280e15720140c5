"""What a run tells: frozen events, one JSON line each in a session's events.jsonl.

Only plain numbers and text; a tensor never leaves the engine. ``time`` is seconds since the epoch, ``elapsed`` seconds
of training without pauses, summed over resumes. ``step`` counts optimizer steps over the whole run.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError


@dataclass(frozen=True)
class TaskInfo:
    name: str
    """Its classes, '0 8', or 'order 3' for a permutation."""
    steps: int
    """Optimizer steps the task takes."""
    classes: int
    epoch_steps: int = 0
    """Steps of one pass over its data; 0 in sessions from before this was told."""


@dataclass(frozen=True)
class LayerHistogram:
    """Importance Ω of one layer, counted in bins that are equally wide in the logarithm."""

    name: str
    size: int
    """Number of parameters."""
    zeros: int
    """How many of them have Ω exactly 0; they are in no bin."""
    mean: float
    counts: tuple[int, ...]
    top: float | None = None
    """Share of the layer's ΣΩ that its most important 1 % of parameters hold; None where ΣΩ is 0."""


@dataclass(frozen=True)
class RunStarted:
    """Once, when data and network are ready."""

    time: float
    tasks: tuple[TaskInfo, ...]
    device: str
    parameters: int
    versions: dict[str, str]
    event: Literal["run-started"] = "run-started"


@dataclass(frozen=True)
class RunResumed:
    """Training goes on from the checkpoint at ``step``; ``note`` says what differs from before, or nothing."""

    time: float
    step: int
    device: str
    note: str
    event: Literal["run-resumed"] = "run-resumed"


@dataclass(frozen=True)
class TaskStarted:
    task: int
    """Counted from 0."""
    step: int
    event: Literal["task-started"] = "task-started"


@dataclass(frozen=True)
class StepsTaken:
    """The steps since the last such event: ``losses[-1]`` and ``penalties[-1]`` are those of step ``step``."""

    step: int
    elapsed: float
    losses: tuple[float, ...]
    """Task loss, without the penalty."""
    penalties: tuple[float, ...]
    event: Literal["steps"] = "steps"

    def __post_init__(self) -> None:
        if len(self.losses) != len(self.penalties):
            raise ValueError(f"{len(self.losses)} losses but {len(self.penalties)} penalties")


@dataclass(frozen=True)
class Probed:
    """The fast look during a task: accuracy on some test examples of each seen task, as fractions."""

    task: int
    step: int
    accuracies: tuple[float, ...]
    penalties: tuple[float, ...] = ()
    """What each layer adds to the penalty, in the order of ImportanceMeasured.layers; empty while there is none."""
    event: Literal["probed"] = "probed"


@dataclass(frozen=True)
class Evaluated:
    """Accuracy on the whole test set of each task seen so far, as fractions, asked for in the middle of a task."""

    task: int
    step: int
    accuracies: tuple[float, ...]
    event: Literal["evaluated"] = "evaluated"


@dataclass(frozen=True)
class StrengthChanged:
    """The steps after ``step`` are trained with another strength."""

    step: int
    time: float
    before: float
    strength: float
    event: Literal["strength"] = "strength"


@dataclass(frozen=True)
class TasksPlanned:
    """The tasks from now on, where that changed: one was ended early, or a fork trains the rest for longer."""

    step: int
    time: float
    tasks: tuple[TaskInfo, ...]
    why: str
    event: Literal["planned"] = "planned"


@dataclass(frozen=True)
class Noted:
    """Something that steered the run and changes no number, in words: a pause, another pace."""

    step: int
    time: float
    text: str
    event: Literal["noted"] = "noted"


@dataclass(frozen=True)
class RunForked:
    """Everything before this is the past of ``parent`` up to the end of task ``task``, counted from 0."""

    time: float
    step: int
    parent: str
    task: int
    event: Literal["run-forked"] = "run-forked"


@dataclass(frozen=True)
class ImportanceMeasured:
    """Ω by layer; ``running`` while the task goes on (what Ω would be if it ended now).

    All layers share the bins, which reach from ``low`` to ``high``; what is below ``low``, but not zero, is counted
    in the first.
    """

    task: int
    step: int
    running: bool
    low: float
    high: float
    layers: tuple[LayerHistogram, ...]
    event: Literal["importance"] = "importance"


@dataclass(frozen=True)
class PathFollowed:
    """The path-integral check (Zenke et al. 2017, equation 3): Σω against how far the task's loss has fallen.

    The losses are means over the same training examples of the task, at its start and now.
    """

    task: int
    step: int
    gained: float
    """Σω of the task so far."""
    start_loss: float
    loss: float
    ratio: float | None
    """gained ÷ (start_loss − loss); near 1 where small steps follow the gradient. None before the loss has moved."""
    event: Literal["path"] = "path"


@dataclass(frozen=True)
class TaskEnded:
    """Accuracy on the whole test set of each task seen so far, as fractions: one row of the matrix."""

    task: int
    step: int
    elapsed: float
    accuracies: tuple[float, ...]
    event: Literal["task-ended"] = "task-ended"


@dataclass(frozen=True)
class Saved:
    step: int
    time: float
    checkpoint: str
    event: Literal["saved"] = "saved"


@dataclass(frozen=True)
class RunStopped:
    """Stopped by the user, after saving."""

    step: int
    time: float
    event: Literal["run-stopped"] = "run-stopped"


@dataclass(frozen=True)
class RunFailed:
    step: int
    task: int
    time: float
    message: str
    kept: str
    """What of the run is still there."""
    event: Literal["run-failed"] = "run-failed"


@dataclass(frozen=True)
class RunFinished:
    step: int
    time: float
    elapsed: float
    event: Literal["run-finished"] = "run-finished"


Event = (
    RunStarted
    | RunResumed
    | TaskStarted
    | StepsTaken
    | Probed
    | Evaluated
    | StrengthChanged
    | TasksPlanned
    | Noted
    | RunForked
    | ImportanceMeasured
    | PathFollowed
    | TaskEnded
    | Saved
    | RunStopped
    | RunFailed
    | RunFinished
)

_ANY_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def encode(event: Event) -> str:
    """One line of JSON, without the line break."""
    return json.dumps(vars(event), default=vars, separators=(",", ":"), ensure_ascii=False)


def decode(line: str | bytes) -> Event:
    """The event in one line. Raises ValueError for anything else."""
    try:
        return _ANY_EVENT.validate_json(line)
    except ValidationError as error:
        raise ValueError(f"not an event: {error.errors()[0]['msg']}") from None
