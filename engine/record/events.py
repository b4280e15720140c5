"""What a run reports: frozen events, one JSON line each in a session's events.jsonl.

Events hold plain numbers and text; a tensor never leaves the engine. ``time`` is in seconds since the epoch,
``elapsed`` in seconds of training without pauses, summed over resumes. ``step`` counts optimizer steps over the whole
run. A log is untrusted: ``decode`` refuses numbers that no run can have.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval, Len, MaxLen, MinLen
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from engine import strict_json
from engine.text import visible

MOST_TASKS = 1000
TaskIndex = Annotated[int, Interval(ge=0, lt=MOST_TASKS)]
"""Number of a task, counted from 0."""
Whole = Annotated[int, Interval(ge=0, le=10**15)]
Positive = Annotated[int, Interval(ge=1, le=10**12)]
Seconds = Annotated[float, Interval(ge=0, le=1e11)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
Strength = Annotated[float, Interval(ge=0, lt=math.inf)]
Omega = Annotated[float, Interval(ge=1e-60, le=1e40)]
"""An importance above 0: the range of float32, wider by the decades of the histograms."""
Text = Annotated[str, MaxLen(100_000), AfterValidator(visible)]
"""Text that is safe to show, also when it is read from a log."""
Row = Annotated[tuple[Fraction, ...], Len(1, MOST_TASKS)]
Probe = Annotated[tuple[Fraction, ...], MaxLen(MOST_TASKS)]
"""Accuracy on the evaluation subset of each task seen so far; empty in sessions that did not measure it."""
Counts = Annotated[tuple[Positive, ...], MaxLen(MOST_TASKS)]
MOST_LAYERS = 10_000


@dataclass(frozen=True)
class TaskInfo:
    name: Text
    """The task's classes, such as '0 8', or 'order 3' for a permutation."""
    steps: Positive
    """Optimizer steps the task takes."""
    classes: Positive
    epoch_steps: Whole = 0
    """Steps of one pass over the task's data; 0 in older sessions, which do not record it."""


Tasks = Annotated[tuple[TaskInfo, ...], Len(1, MOST_TASKS)]


@dataclass(frozen=True)
class LayerHistogram:
    """Importance Ω of one layer, counted in logarithmic bins."""

    name: Text
    size: Positive
    """Number of parameters."""
    zeros: Whole
    """Number of parameters with Ω exactly 0; they are in no bin."""
    mean: float
    counts: Annotated[tuple[Whole, ...], Len(1, 1000)]
    top: Fraction | None = None
    """Share of the layer's ΣΩ held by its most important 1 % of parameters; None if ΣΩ is 0."""


@dataclass(frozen=True)
class RunStarted:
    """The data and the network are ready. Occurs once."""

    time: Seconds
    tasks: Tasks
    device: Text
    parameters: Whole
    versions: Annotated[dict[Text, Text], MaxLen(100)]
    data: Text = ""
    """Digest of the data set; empty in sessions of format 1."""
    test_examples: Counts = ()
    """Size of each task's test set; empty in older sessions, which do not record it."""
    subset_examples: Counts = ()
    """Size of each task's evaluation subset, which is the same for the whole run. Empty in older sessions, whose probes
    used fewer examples with every task."""
    event: Literal["run-started"] = "run-started"

    def __post_init__(self) -> None:
        if not {len(self.test_examples), len(self.subset_examples)} <= {0, len(self.tasks)}:
            raise ValueError("there are not as many numbers of test examples as tasks")


@dataclass(frozen=True)
class RunResumed:
    """Training continues from the checkpoint at ``step``; ``note`` says what differs from before, or is empty."""

    time: Seconds
    step: Whole
    device: Text
    note: Text
    event: Literal["run-resumed"] = "run-resumed"


@dataclass(frozen=True)
class TaskStarted:
    task: TaskIndex
    step: Whole
    event: Literal["task-started"] = "task-started"


@dataclass(frozen=True)
class StepsTaken:
    """The steps since the last such event; ``losses[-1]`` and ``penalties[-1]`` belong to step ``step``."""

    step: Whole
    elapsed: Seconds
    losses: tuple[float, ...]
    """Task loss, without the penalty."""
    penalties: tuple[float, ...]
    event: Literal["steps"] = "steps"

    def __post_init__(self) -> None:
        if len(self.losses) != len(self.penalties):
            raise ValueError(f"{len(self.losses)} losses but {len(self.penalties)} penalties")


@dataclass(frozen=True)
class Probed:
    """A probe during a task: accuracy on the evaluation subset of each seen task, as fractions."""

    task: TaskIndex
    step: Whole
    accuracies: Row
    penalties: Annotated[tuple[float, ...], MaxLen(MOST_LAYERS)] = ()
    """Each layer's part of the penalty, in the order of ImportanceMeasured.layers; empty while there is no penalty."""
    event: Literal["probed"] = "probed"


@dataclass(frozen=True)
class Evaluated:
    """Accuracy on the whole test set of each task seen so far, as fractions, requested in the middle of a task."""

    task: TaskIndex
    step: Whole
    accuracies: Row
    probed: Probe = ()
    event: Literal["evaluated"] = "evaluated"


@dataclass(frozen=True)
class StrengthChanged:
    """The steps after ``step`` are trained with another strength."""

    step: Whole
    time: Seconds
    before: Strength
    strength: Strength
    event: Literal["strength"] = "strength"


@dataclass(frozen=True)
class TasksPlanned:
    """The planned tasks changed: one was ended early, or a fork trains the rest for longer."""

    step: Whole
    time: Seconds
    tasks: Tasks
    why: Annotated[Text, MinLen(1)]
    event: Literal["planned"] = "planned"


@dataclass(frozen=True)
class Noted:
    """An intervention that changes no number, such as a pause or another pace."""

    step: Whole
    time: Seconds
    text: Text
    event: Literal["noted"] = "noted"


@dataclass(frozen=True)
class Warned:
    """The watchdog found something wrong with ``task``. Occurs once for each name and task."""

    task: TaskIndex
    step: Whole
    time: Seconds
    name: Annotated[Text, MinLen(1)]
    """The kind of warning, such as 'drowned' or 'no-penalty'."""
    text: Annotated[Text, MinLen(1)]
    """One sentence: what is wrong, what usually causes it, what to try."""
    event: Literal["warned"] = "warned"


@dataclass(frozen=True)
class RunForked:
    """All events before this are the history of ``parent`` up to the end of task ``task``, counted from 0."""

    time: Seconds
    step: Whole
    parent: Text
    task: TaskIndex
    event: Literal["run-forked"] = "run-forked"


@dataclass(frozen=True)
class ImportanceMeasured:
    """Ω by layer; ``running`` during the task (what Ω would be if the task ended now).

    All layers share the bins, which span ``low`` to ``high``; values below ``low``, except zero, are counted in the
    first bin.
    """

    task: TaskIndex
    step: Whole
    running: bool
    low: Omega
    high: Omega
    layers: Annotated[tuple[LayerHistogram, ...], Len(1, MOST_LAYERS)]
    event: Literal["importance"] = "importance"

    def __post_init__(self) -> None:
        if self.low >= self.high or len({len(layer.counts) for layer in self.layers}) > 1:
            raise ValueError("the layers do not share their bins")


@dataclass(frozen=True)
class PathFollowed:
    """The path-integral check (Zenke et al. 2017, equation 3): Σω against the drop of the task's loss.

    The losses are means over the same training examples of the task, at its start and now.
    """

    task: TaskIndex
    step: Whole
    gained: float
    """Σω of the task so far."""
    start_loss: float
    loss: float
    ratio: float | None
    """gained ÷ (start_loss − loss); near 1 if small steps follow the gradient. None before the loss has changed."""
    event: Literal["path"] = "path"


@dataclass(frozen=True)
class TaskEnded:
    """Accuracy on the whole test set of each task seen so far, as fractions: one row of the matrix."""

    task: TaskIndex
    step: Whole
    elapsed: Seconds
    accuracies: Row
    probed: Probe = ()
    time: Seconds = 0.0
    """0 in older sessions, which do not record it."""
    event: Literal["task-ended"] = "task-ended"


@dataclass(frozen=True)
class Saved:
    step: Whole
    time: Seconds
    checkpoint: Text
    event: Literal["saved"] = "saved"


@dataclass(frozen=True)
class RunStopped:
    """Stopped by the user, after saving."""

    step: Whole
    time: Seconds
    event: Literal["run-stopped"] = "run-stopped"


@dataclass(frozen=True)
class RunFailed:
    step: Whole
    task: Annotated[int, Interval(ge=0, le=MOST_TASKS)]
    time: Seconds
    message: Text
    kept: Text
    """What remains of the run."""
    event: Literal["run-failed"] = "run-failed"


@dataclass(frozen=True)
class RunFinished:
    step: Whole
    time: Seconds
    elapsed: Seconds
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
    | Warned
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
    """One line of JSON, without the line break. A number that is not finite becomes a string: "NaN", "Infinity"."""
    text = strict_json.dumps(vars(event), strict_json.named, default=vars, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace").decode()  # a file name may contain surrogates


def decode(line: str | bytes) -> Event:
    """The event in one line, also from older versions, which wrote bare NaN. Raises ValueError for anything else."""
    try:
        return _ANY_EVENT.validate_json(line)
    except ValidationError as error:
        raise ValueError(f"not an event: {error.errors()[0]['msg']}") from None
