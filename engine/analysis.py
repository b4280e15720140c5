"""What a session's checkpoints tell about its method: the figures of ``cl-tui analyse``.

No torch here: ``analyse`` loads the computations (``engine.inspection``) when it is called. A *layer* is one of the
network's tensors (fc1.weight, fc1.bias, …); ``ALL`` stands for the whole network. A figure is None where it is
undefined: a correlation with something constant, a share of nothing, a relative change of zeros.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from engine.session import Session

ALL = "all"
EXAMPLES = 2000
"""Examples of each task to measure on, by default."""
MOST_SATURATED = 0.5
"""Without a clamp, an importance counts as saturated from this share of its layer's largest."""
TOP = 0.01
"""The share of weights whose share of Ω is told."""

Number = float | None


@dataclass(frozen=True)
class TaskCorrelation:
    """Pearson's r between the tasks' importances, over the parameters of a layer."""

    layer: str
    size: int
    """Parameters."""
    matrix: tuple[tuple[Number, ...], ...]
    """Ended tasks × ended tasks."""
    mean: Number
    """Of what is off the diagonal."""


@dataclass(frozen=True)
class Correlation:
    quantity: str
    """What of each task is correlated, in words."""
    whole: TaskCorrelation
    """Of all layers but the ``heads``."""
    layers: tuple[TaskCorrelation, ...]
    heads: tuple[str, ...] = ()
    """Layers that are left out: in the task scenario the last one, where each task has outputs of its own."""


@dataclass(frozen=True)
class Agreement:
    """How far two importances say the same, over the parameters of a layer."""

    pearson: Number
    spearman: Number
    """Equal values share the mean of their ranks."""


@dataclass(frozen=True)
class LayerAgreement:
    """Between the session's Ω, the exact Fisher diagonal and MAS's Ω, all three at the same weights."""

    layer: str
    size: int
    omega_fisher: Agreement | None
    """None, as omega_mas, for a method without Ω."""
    omega_mas: Agreement | None
    fisher_mas: Agreement


@dataclass(frozen=True)
class Agreements:
    whole: LayerAgreement
    layers: tuple[LayerAgreement, ...]


@dataclass(frozen=True)
class LayerImportance:
    """How Ω is spread over the parameters of a layer; shares are fractions."""

    layer: str
    size: int
    zero: float
    """Share of parameters with Ω = 0."""
    saturated: Number
    """Share of parameters whose Ω tells them no longer apart; see ``Importance.clamp``. None where all Ω are 0."""
    top: Number
    """Share of the layer's ΣΩ that its top 1 % of parameters hold (rounded up to whole parameters)."""
    of_total: Number
    """Share of the whole network's ΣΩ that the layer holds."""


@dataclass(frozen=True)
class Importance:
    clamp: Number
    """The upper bound of Ω, where one is set: then what has reached it is saturated. Without one Ω has no ceiling, and
    saturated is what lies within a factor of two of its layer's largest: many such weights are held alike, so the
    penalty does not tell them apart, and few mean that Ω singles some out, which is what a penalty is for."""
    whole: LayerImportance
    layers: tuple[LayerImportance, ...]


@dataclass(frozen=True)
class LayerMovement:
    """How far a layer has moved since an earlier task ended, and what that cost on the task's test examples.

    ``loss`` and ``accuracy`` are measured: how much of either comes back when this layer alone is put back to its
    values at the end of that task (positive: the movement did harm). They need not add up over the layers, as the
    layers moved together. ``first_order`` is g·(θ − θ at the task's end), g the gradient of the task's loss at the
    weights now: what a small movement would have cost.
    """

    layer: str
    size: int
    rms: float
    """√mean(Δθ²)."""
    relative: Number
    """‖Δθ‖ / ‖θ at the task's end‖."""
    loss: float
    """Mean cross entropy, in nats."""
    accuracy: float
    """As a fraction."""
    first_order: float


@dataclass(frozen=True)
class TaskForgetting:
    task: int
    """Counted from 0."""
    name: str
    examples: int
    loss: float
    """Now."""
    accuracy: float
    """Now."""
    whole: LayerMovement
    """With all layers put back: what was forgotten, among the outputs that compete on the task now."""
    layers: tuple[LayerMovement, ...]


@dataclass(frozen=True)
class Forgetting:
    tasks: tuple[TaskForgetting, ...]
    """All ended tasks but the last."""
    whole: LayerMovement
    """The mean over these tasks, as in ``layers``."""
    layers: tuple[LayerMovement, ...]


@dataclass(frozen=True)
class Analysis:
    """All about one session, at the end of its last ended task. Parts that do not apply are None, and ``left_out`` says
    why, by their names."""

    session: str
    method: str
    strength: float
    benchmark: str
    scenario: str
    seed: int
    tasks: tuple[str, ...]
    """Names of the ended ones."""
    all_tasks: int
    step: int
    """At which the last of them ended."""
    examples: int
    """The most that were looked at of each task: training examples for Fisher and MAS, test examples for forgetting."""
    left_alone: tuple[str, ...]
    """Layers that the penalty leaves alone; they have no part in ``correlation``, ``agreement`` and ``importance``."""
    correlation: Correlation | None
    agreement: Agreements
    importance: Importance | None
    forgetting: Forgetting | None
    left_out: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """One entry of ``cl-tui analyse --json FILE``, which writes a list of them.

        The keys are the names of the fields here and in the classes above, nested alike::

            {"session", "method", "strength", "benchmark", "scenario", "seed", "tasks": [name, …], "all_tasks", "step",
             "examples", "left_alone": [layer, …],
             "correlation": {"quantity", "whole": C, "layers": [C, …], "heads": [layer, …]} or null,
                 C = {"layer", "size", "matrix": [[r, …], …], "mean"}
             "agreement": {"whole": A, "layers": [A, …]},
                 A = {"layer", "size", "omega_fisher": P or null, "omega_mas": P or null, "fisher_mas": P}
                 P = {"pearson", "spearman"}
             "importance": {"clamp", "whole": I, "layers": [I, …]} or null,
                 I = {"layer", "size", "zero", "saturated", "top", "of_total"}
             "forgetting": {"tasks": [T, …], "whole": M, "layers": [M, …]} or null,
                 T = {"task", "name", "examples", "loss", "accuracy", "whole": M, "layers": [M, …]}
                 M = {"layer", "size", "rms", "relative", "loss", "accuracy", "first_order"}
             "left_out": {part: why}}

        Numbers are plain floats (accuracies and shares as fractions), null where undefined.
        """
        return asdict(self)


def analyse(session: Session, examples: int = EXAMPLES, tell: Callable[[str], None] = lambda doing: None) -> Analysis:
    """Reads the checkpoints at the tasks' ends and measures, on at most ``examples`` of each task, drawn by the seed.

    ``tell`` hears what is being done. Raises SessionTooYoung before the first task has ended, SessionDamaged,
    SessionMismatch, BenchmarkError.
    """
    tell("loading PyTorch")
    from engine.inspection import inspect

    return inspect(session, examples, tell)
