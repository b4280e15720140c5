"""What a run reports: frozen events, one JSON line each in events.jsonl. ``time`` is in seconds since the epoch,
``elapsed`` in seconds of training without pauses, ``step`` counts over the whole run. ``decode`` trusts no log."""

import base64
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Interval, Len, MaxLen, MinLen
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from engine import strict_json
from engine.catalog.entries import MOST_TASKS
from engine.text import visible

if TYPE_CHECKING:
    import numpy as np

TaskIndex = Annotated[int, Interval(ge=0, lt=MOST_TASKS)]
Whole = Annotated[int, Interval(ge=0, le=10**15)]
Positive = Annotated[int, Interval(ge=1, le=10**12)]
Seconds = Annotated[float, Interval(ge=0, le=1e11)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
LARGEST_SCORE = 1e30
Score = Annotated[float, Interval(ge=-LARGEST_SCORE, le=LARGEST_SCORE)]
Strength = Annotated[float, Interval(ge=0, lt=math.inf)]
Omega = Annotated[float, Interval(ge=1e-60, le=1e40)]
"""An importance above 0: the range of float32, wider by the decades of the histograms."""
Text = Annotated[str, MaxLen(100_000), AfterValidator(visible)]
"""Text that is safe to show, also when it is read from a log."""
Counts = Annotated[tuple[Positive, ...], MaxLen(MOST_TASKS)]
MOST_LAYERS = 10_000
MOST_VALUES = 40_000
"""Of one measurement: the confusions of 200 classes."""
WHOLE, PROBE = "whole", "probe"
"""Parts of the test data: the whole test sets, and the evaluation subsets. At a task's end, there are scores on
whole test sets in the other way of judging, too: AWARE or AGNOSTIC."""
INITIAL = "initial"
"""Scores of all tasks on whole test sets, before the first step."""
CLASSES = "accuracy by class"
"""At a task's end, on whole test sets, for each class of the tasks seen, in the order of the tasks; the labels name
them."""
CONFUSION = "confusion"
"""At a task's end: how many test examples of each class got which answer. One row for each value of CLASSES, one after
another; a column for each output that competes. AWARE and AGNOSTIC, and a space, stand before it where the two
differ."""
MOST_CONFUSED, MOST_CLASSES = 200, 1000
"""Most classes for which CONFUSION and CLASSES are told, over all tasks seen."""
PATH, PATH_LABELS = "path integral", ("gained", "start_loss", "loss")
"""Zenke et al. 2017, equation 3: Σω of the task so far, and its loss at its start and now, on the same examples."""
DRIFT = "drift of running statistics"
"""At a task's end: how far the running mean and variance of each normalisation layer have moved since the task before,
as a share of what they were; the labels name them."""
LAYER_PENALTIES = "penalty by layer"
"""Each layer's part of the penalty, in the order of ImportanceMeasured.layers."""
NEGATIVE = "weights with a negative importance"
"""How many each layer has, where there are any; the labels name the layers."""

LEARNING_RATE = "learning rate"
"""Of the next step, where it is not the same throughout a task."""
ANSWERS = "answers"
"""Packed at probes and tasks' ends, for the shown examples of the tasks seen (``engine.record.shown``), one task's
after another: the class that was answered, and 255 times the probability of the right class and of that one, in three
rows of shape (N,). Of regression: the numbers that were predicted, shape (N, D)."""
WHOLE_ANSWERS, WHOLE_TARGETS = "answers on whole test sets", "classes of whole test sets"
"""Packed at tasks' ends, for each test example of the tasks seen, one task's after another: 0 for the right answer,
else the class that was answered plus 1. And the classes of those that were not told before, as the task's own count
them."""
HELD, HELD_OWN = "held by Ω", "held by Ω of a task"
"""Packed with each Ω, also while a task is trained: the first layer's, summed to one picture of the inputs, shape
(1, H, W), or of convolutions to one of each filter, (filters, H, W). And with each Ω that stays: what the task that
ended added to it."""
PULLED = "pulled by the gradient"
"""Packed several times a task: |g| of the loss at the step that was just taken, summed to pictures as HELD is."""
CONFLICT = "conflict"
"""Several times a task: which share of the change |θ−θ*| falls on the weights that hold half of Ω, the fewest that do,
and which share of all weights these are. For the layer whose pictures HELD has and that the labels name, and for
WHOLE_NETWORK."""
WHOLE_NETWORK = "the whole network"
DISTANCE = "‖θ−θ*‖"
"""Several times a task: how far the weights are from where the penalty pulls them."""
GRADIENT_NORM = "gradient norm"
"""Several times a task: of what the optimizer got at the step that was just taken, before it is clipped."""
TIMES = "times of a step"
TIMES_OF = ("data", "loss and gradient", "penalty and importance", "optimizer")
"""Several times a task: the seconds that each part of the step that was just taken took, named by TIMES_OF."""
SHOWN_FILE = "shown.npz"
"""In a session's folder: these examples."""
MOST_PACKED = 1 << 22
"""Most bytes of a packed array: one that says that it has more is as if it were not told."""
SMALL = 4096
"""Bytes of an array for which zlib needs little memory, and so little time."""
ITEM_BYTES = {"u1": 1, "u2": 2, "f4": 4, "root": 1}
"""Of each kind of packed numbers."""


@dataclass(frozen=True)
class TaskInfo:
    name: Text
    """The task's classes, such as '0 8', or 'order 3' for a permutation."""
    steps: Positive | None
    """Optimizer steps the task takes; None if that is not known before it ends."""
    classes: Positive
    epoch_steps: Whole = 0
    """Steps of one pass over the task's data; 0 in older sessions, which do not record it."""
    chance: Score | None = None
    """The score of guessing; None if it is not known."""


Tasks = Annotated[tuple[TaskInfo, ...], Len(1, MOST_TASKS)]


@dataclass(frozen=True)
class LayerHistogram:
    """Importance Ω of one layer, counted in logarithmic bins."""

    name: Text
    size: Positive
    zeros: Whole
    """Number of parameters with Ω exactly 0, or with si --signed below it; they are in no bin."""
    mean: float
    counts: Annotated[tuple[Whole, ...], Len(1, 1000)]
    top: Fraction | None = None
    """Share of the layer's ΣΩ held by its most important 1 % of parameters; None if ΣΩ is 0. Negative Ω count as 0."""


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
    """Size of each task's evaluation subset. Empty in older sessions, whose probes used fewer with every task."""
    score: Text = "accuracy"
    """What scores are, by its name in ``engine.record.score.SCORES``; another name is a number that should be high."""
    unit: Text = ""
    """The unit of scores that have one."""
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
class Scored:
    """Scores after ``step``, while ``phase`` was the newest. A task ends with those told directly before TaskEnded."""

    step: Whole
    phase: TaskIndex
    part: Annotated[Text, MinLen(1)]
    """The data they were taken on: WHOLE, PROBE, …"""
    values: Annotated[tuple[Score | None, ...], Len(1, MOST_TASKS)]
    """One for each task seen; later tasks may follow."""
    event: Literal["scored"] = "scored"

    @property
    def row(self) -> tuple[float, ...]:
        """The score on each task seen, NaN where none was taken."""
        return tuple(math.nan if value is None else value for value in self.values[: self.phase + 1])

    @property
    def later(self) -> tuple[float, ...]:
        """The scores on later tasks, as far as they were taken."""
        return tuple(math.nan if value is None else value for value in self.values[self.phase + 1 :])


@dataclass(frozen=True)
class Measured:
    """Any other quantity after ``step``, while ``phase`` was trained, such as PATH and LAYER_PENALTIES."""

    step: Whole
    phase: TaskIndex
    name: Annotated[Text, MinLen(1)]
    values: Annotated[tuple[float | None, ...], MaxLen(MOST_VALUES)]
    labels: Annotated[tuple[Text, ...], MaxLen(MOST_LAYERS)] = ()
    """What each value is; empty if the name says it."""
    event: Literal["measured"] = "measured"

    def __post_init__(self) -> None:
        if len(self.labels) not in (0, len(self.values)):
            raise ValueError(f"{len(self.values)} values but {len(self.labels)} labels")


@dataclass(frozen=True)
class Packed:
    """An array of numbers after ``step``, while ``phase`` was the newest, such as ANSWERS."""

    step: Whole
    phase: TaskIndex
    name: Annotated[Text, MinLen(1)]
    shape: Annotated[tuple[Whole, ...], Len(1, 4)]
    kind: Literal["u1", "u2", "f4", "root"]
    """Unsigned bytes, pairs of bytes, floats; or bytes b that stand for (b/255)², since a picture needs no more."""
    data: Annotated[str, MaxLen(2 * MOST_PACKED)]
    """The numbers, least byte first, compressed with zlib, in base64."""
    scale: Annotated[float, Interval(ge=0, le=1e38)] = 1.0
    """What each number is multiplied by."""
    event: Literal["packed"] = "packed"

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * ITEM_BYTES[self.kind]

    @classmethod
    def of(cls, step: int, phase: int, name: str, numbers: "np.ndarray", root: bool = False) -> "Packed":
        """``numbers``: bytes, pairs of bytes or floats; ``root``: not below 0, kept to 1/255 of their roots."""
        kind: Any = numbers.dtype.str[1:]
        scale = 1.0
        if root:
            most = float(numbers.max(initial=0.0))
            kind, scale = "root", most if 0 < most <= 1e38 else 1.0
            numbers = ((numbers / scale) ** 0.5 * 255).round().astype("u1")
        given = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).tobytes()
        window, memory = (12, 5) if len(given) < SMALL else (15, 8)
        packing = zlib.compressobj(1, wbits=window, memLevel=memory)
        packed = base64.b64encode(packing.compress(given) + packing.flush()).decode()
        return cls(step, phase, name, numbers.shape, kind, packed, scale)

    def array(self) -> "np.ndarray | None":
        """The numbers; None if a stranger's log has others than it says. Never unpacks more than it says."""
        import numpy as np

        if self.nbytes > MOST_PACKED:
            return None
        try:
            unpacking = zlib.decompressobj()
            found = unpacking.decompress(base64.b64decode(self.data), self.nbytes or 1)
            if len(found) != self.nbytes or not unpacking.eof:
                raise ValueError("it has another size")
        except (ValueError, zlib.error):
            return None
        if self.kind == "root":
            return (np.frombuffer(found, "u1").reshape(self.shape) / np.float32(255)) ** 2 * np.float32(self.scale)
        return np.frombuffer(found, f"<{self.kind}").reshape(self.shape)


@dataclass(frozen=True)
class Consolidated:
    """Ω and the anchor were renewed in the middle of ``phase``; at its end they always are."""

    step: Whole
    phase: TaskIndex
    time: Seconds
    why: Annotated[Text, MinLen(1)]
    event: Literal["consolidated"] = "consolidated"


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
    """The planned tasks changed: one was ended early, a fork trains the rest for longer, or tasks were added."""

    step: Whole
    time: Seconds
    tasks: Tasks
    why: Annotated[Text, MinLen(1)]
    event: Literal["planned"] = "planned"


@dataclass(frozen=True)
class TasksAdded(TasksPlanned):
    """The last of ``tasks`` were not known before."""

    parameters: Whole = 0
    """As in RunStarted, now; so are the next three."""
    data: Text = ""
    test_examples: Counts = ()
    subset_examples: Counts = ()
    event: Literal["tasks-added"] = "tasks-added"  # type: ignore[assignment]


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
    """All events before this are the history of ``parent``, up to the end of ``task``; to ``step`` if that is None."""

    time: Seconds
    step: Whole
    parent: Text
    task: TaskIndex | None
    event: Literal["run-forked"] = "run-forked"

    @property
    def place(self) -> str:
        """'the end of task 2', or 'step 1,234'."""
        return f"step {self.step:,}" if self.task is None else f"the end of task {self.task + 1}"


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
class TaskEnded:
    task: TaskIndex
    step: Whole
    elapsed: Seconds
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


_OfRun = RunStarted | RunResumed | RunForked | RunStopped | RunFailed | RunFinished
_OfTask = TasksPlanned | TasksAdded | TaskStarted | StepsTaken | TaskEnded | Consolidated | Saved
Event = _OfRun | _OfTask | Scored | Measured | Packed | ImportanceMeasured | StrengthChanged | Noted | Warned

_ANY_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def encode(event: Event) -> str:
    """One line of JSON, without the line break. A number that is not finite becomes a string: "NaN", "Infinity"."""
    text = strict_json.dumps(vars(event), strict_json.named, default=vars, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace").decode()  # a file name may contain surrogates


def decode(given: str | bytes | Mapping[str, object]) -> Event:
    """The event with these entries, or in one line, also with an older version's bare NaN. Raises ValueError."""
    try:
        if isinstance(given, Mapping):
            return _ANY_EVENT.validate_python(given)
        return _ANY_EVENT.validate_json(given)
    except ValidationError as error:
        raise ValueError(f"not an event: {error.errors()[0]['msg']}") from None
