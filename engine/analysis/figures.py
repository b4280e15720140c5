"""The figures of ``cl-tui analyse``, without torch. A *layer* is a tensor of the network (fc1.weight, …); ``ALL`` is
the whole network. A figure is None where it is undefined, such as a correlation with a constant."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

ALL = "all"
MOST_SATURATED = 0.5
"""Without a clamp, an importance of at least this fraction of its layer's largest counts as saturated."""
TOP = 0.01
"""Fraction of the weights, the most important ones, whose share of ΣΩ is reported."""

Number = float | None


def mean(values: Sequence[Number]) -> Number:
    """Of the values that are defined; None if there are none."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


@dataclass(frozen=True)
class TaskCorrelation:
    """Pearson's r between the importances of each pair of tasks, over the parameters of a layer."""

    layer: str
    size: int
    """Number of parameters."""
    matrix: tuple[tuple[Number, ...], ...]
    """Shape (ended tasks, ended tasks)."""
    mean: Number
    """Mean of the values off the diagonal."""


@dataclass(frozen=True)
class Correlation:
    quantity: str
    whole: TaskCorrelation
    layers: tuple[TaskCorrelation, ...]
    heads: tuple[str, ...] = ()
    """Layers left out: in the task scenario the last layer, where each task has its own outputs."""


@dataclass(frozen=True)
class Agreement:
    """How well two importances agree, over the parameters of a layer."""

    pearson: Number
    spearman: Number
    """Rank correlation; equal values get the mean of their ranks."""


@dataclass(frozen=True)
class LayerAgreement:
    """Agreement between the session's Ω, the exact Fisher diagonal and MAS's Ω, all at the same weights."""

    layer: str
    size: int
    omega_fisher: Agreement | None
    """None for a method without Ω, as is ``omega_mas``."""
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
    """Share of parameters whose Ω no longer distinguishes them; see ``Importance.clamp``. None if all Ω are 0."""
    top: Number
    """Share of the layer's ΣΩ held by its top 1 % of parameters (rounded up to a whole number)."""
    of_total: Number
    """Share of the network's ΣΩ held by the layer."""


@dataclass(frozen=True)
class Importance:
    clamp: Number
    """Upper bound of Ω, or None. A parameter is saturated when its Ω has reached it or, without a bound, half of the
    layer's largest. If many are, the penalty does not distinguish them."""
    whole: LayerImportance
    layers: tuple[LayerImportance, ...]


@dataclass(frozen=True)
class LayerMovement:
    """How far a layer has moved since an earlier task ended. ``loss`` and ``accuracy`` (or the task's other score): how
    much of each is recovered
    on the task's test examples when this layer alone is restored (positive: the movement did harm); they need not add
    up over the layers, which moved together. ``first_order``: g·(θ − θ at the task's end), g the gradient of the task's
    loss at the current weights."""

    layer: str
    size: int
    rms: float
    """√mean(Δθ²)."""
    relative: Number
    """‖Δθ‖ / ‖θ at the task's end‖."""
    loss: float
    """Mean cross entropy, in nats."""
    accuracy: float
    """A fraction, or a difference of another score, positive if it becomes better."""
    first_order: float


@dataclass(frozen=True)
class TaskForgetting:
    task: int
    """Counted from 0."""
    name: str
    examples: int
    loss: float
    """Current mean cross entropy, in nats."""
    accuracy: float
    """Current accuracy, as a fraction, or another score."""
    whole: LayerMovement
    """All layers restored: what was forgotten, among the outputs that compete on the task now."""
    layers: tuple[LayerMovement, ...]


@dataclass(frozen=True)
class Forgetting:
    tasks: tuple[TaskForgetting, ...]
    """All ended tasks except the last."""
    whole: LayerMovement
    """Mean over these tasks; so are the entries of ``layers``."""
    layers: tuple[LayerMovement, ...]


@dataclass(frozen=True)
class LayerBack:
    """What a task is worth if one layer alone is put back to the task's end."""

    score: float
    """On the whole test set."""
    right: tuple[float, ...]
    """The probability of the right class, for each shown example; empty for a regression."""


@dataclass(frozen=True)
class PutBack:
    task: int
    """Counted from 0."""
    ended: int
    """The layers are put into the network as it was when so many tasks had ended."""
    now: float
    """The task's score without any layer put back."""
    layers: dict[str, LayerBack]
    """By what a weight and its bias share of their names, such as 'fc1'."""


@dataclass(frozen=True)
class Analysis:
    """The analysis of one session at the end of its last ended task. Parts that do not apply are None; ``left_out``
    maps their names to the reason. ``--json`` writes these fields, nested in the same way, as plain numbers."""

    session: str
    method: str
    strength: float
    benchmark: str
    scenario: str
    seed: int
    tasks: tuple[str, ...]
    all_tasks: int
    step: int
    """Step at which the last of these tasks ended."""
    score: str
    """The name of the scores, by which ``accuracy`` is an accuracy or another one."""
    unit: str
    examples: int
    """Most examples used of each task: training examples for Fisher and MAS, test examples for forgetting."""
    left_alone: tuple[str, ...]
    """Unpenalised layers; ``correlation``, ``agreement`` and ``importance`` exclude them."""
    correlation: Correlation | None
    agreement: Agreements
    importance: Importance | None
    forgetting: Forgetting | None
    left_out: dict[str, str]
