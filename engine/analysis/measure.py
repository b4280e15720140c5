"""Computes engine.analysis.figures: statistics in float64 on the CPU, so that they are the same on every machine."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from engine.analysis.ends import End, of_each_task, read_end, task_ends, without_penalty
from engine.analysis.figures import (
    ALL,
    MOST_SATURATED,
    TOP,
    Agreement,
    Agreements,
    Analysis,
    Correlation,
    Forgetting,
    Importance,
    LayerAgreement,
    LayerImportance,
    LayerMovement,
    Number,
    TaskCorrelation,
    TaskForgetting,
    mean,
)
from engine.batch import Batch
from engine.errors import SessionMismatch
from engine.importance.fisher import fisher
from engine.importance.measure import batch_size, fitting
from engine.importance.sensitivity import sensitivity
from engine.models.flat import Layer, matches
from engine.models.mode import evaluating
from engine.record.score import ScoreInfo, score_info
from engine.sessions.session import Session
from engine.settings.run import RunConfig
from engine.streams.progress import Progress
from engine.streams.stream import Stream
from engine.training.build import find_device, load_stream
from engine.training.state import RunState

EXAMPLES = 2000
"""Default number of examples of each task to measure on."""
PASS = 4096
"""Examples in one pass, if that takes little memory."""
CHUNK = 1 << 18
"""Number of parameters per float64 copy, to limit memory."""

_Figure = TypeVar("_Figure")


def analyse(session: Session, examples: int = EXAMPLES, tell: Callable[[str], None] = lambda doing: None) -> Analysis:
    """Measures on at most ``examples`` of each task, drawn with the seed. ``tell`` gets the current activity. Raises
    SessionTooYoung before the first task has ended, SessionDamaged, SessionMismatch or BenchmarkError."""
    config = session.config
    paths, ended = task_ends(session)
    device = find_device(config.device)
    tell(f"reading {config.benchmark}")
    stream = load_stream(config, device, Progress(tell))
    problem = stream.problem()
    state = RunState(config, stream, problem, device)
    layers = state.parameters.layers
    if ended > len(stream.phases):
        raise SessionMismatch(f"session {session.name}: more tasks have ended than config.toml has")

    tell("reading the checkpoints")
    ends = [read_end(path, config, state, last=path == paths[-1]) for path in paths]
    omega = ends[-1].importance
    penalised = tuple(layer for layer in layers if not matches(layer.name, config.leave_alone))
    problem.begin(ended - 1)
    subject = _Subject(stream, state, examples, score_info(problem.score, config.option("unit") or ""))
    state.load_network(ends[-1].network)
    too_few = "" if len(ends) > 1 else "two tasks must have ended"
    if len(ends) < ended:
        too_few = f"it needs the checkpoints of all ended tasks, and not all were kept ({session.thinned})"

    correlation = _correlation(config, ends, penalised, too_few, tell)
    importance = _importance(config, omega, penalised)
    agreement = _agreements(omega, subject, penalised or layers, ends, tell)
    forgetting = too_few or _forgetting(subject, ends, tell)
    no_omega = without_penalty(config) if omega is None else None
    reasons = {"correlation": correlation, "importance": importance, "agreement": no_omega, "forgetting": forgetting}
    return Analysis(
        session=session.name,
        method=config.method,
        strength=config.strength,
        benchmark=config.benchmark,
        scenario=config.scenario,
        seed=config.seed,
        tasks=tuple(phase.name for phase in stream.phases[:ended]),
        all_tasks=len(stream.phases),
        step=ends[-1].step,
        score=subject.score.name,
        unit=subject.score.unit,
        examples=examples,
        left_alone=tuple(layer.name for layer in layers if layer not in penalised),
        correlation=_known(correlation),
        agreement=agreement,
        importance=_known(importance),
        forgetting=_known(forgetting),
        left_out={part: why for part, why in reasons.items() if isinstance(why, str)},
    )


def _known(part: _Figure | str) -> _Figure | None:
    return None if isinstance(part, str) else part


@dataclass(frozen=True)
class _Subject:
    """A trained network and what it was trained on."""

    stream: Stream
    state: RunState
    examples: int
    score: ScoreInfo

    def tested(self, task: int) -> Batch:
        return self.stream.drawn(task, self.examples, "analysis test", "test")

    def training(self, task: int) -> Iterator[Batch]:
        return self.stream.sampled(task, self.examples, "analysis train", batch_size(self.stream.inputs))


# Correlation between the tasks' importances


def _correlation(
    config: RunConfig, ends: Sequence[End], penalised: Sequence[Layer], too_few: str, tell: Callable[[str], None]
) -> Correlation | str:
    """Or why there is none."""
    per_task = of_each_task(config, ends)
    if isinstance(per_task, str):
        return per_task
    if too_few or not penalised:
        return too_few or "all layers are unpenalised"
    tell("correlating the tasks' importances")
    # In the task scenario tasks share no outputs, so the importances of their heads never overlap.
    heads = tuple(layer for layer in penalised if config.scenario == "task" and layer.name.startswith("head."))
    shared = tuple(layer for layer in penalised if layer not in heads)
    if not shared:
        return "only the heads are penalised, and each task has its own head"
    quantity, values = per_task

    def correlated(name: str, layers: Sequence[Layer]) -> TaskCorrelation:
        matrix = correlation_matrix(values, layers)
        pairs = [value for number, row in enumerate(matrix) for value in row[:number]]
        return TaskCorrelation(name, _size(layers), matrix, mean(pairs))

    return Correlation(quantity, *_per_layer(shared, correlated), heads=tuple(layer.name for layer in heads))


def correlation_matrix(values: Sequence[Tensor], layers: Sequence[Layer]) -> tuple[tuple[Number, ...], ...]:
    """Pearson's r of each pair of ``values`` (each of shape (P,)) over the parameters of ``layers``."""
    size = _size(layers)
    means = torch.tensor([_total(value, layers) / size for value in values], dtype=torch.float64)
    gram = torch.zeros(len(values), len(values), dtype=torch.float64)
    for chunk in zip(*(_chunks(value, layers) for value in values), strict=True):
        centred = torch.stack(chunk) - means[:, None]
        gram += centred @ centred.T
    norms = gram.diagonal().sqrt()
    constant = {place for place, value in enumerate(values) if _constant(_select(value, layers))}

    def correlation(row: int, column: int) -> Number:
        if {row, column} & constant:
            return None
        if row == column:
            return 1.0
        return _finite((gram[row, column] / (norms[row] * norms[column])).clamp(-1, 1).item())

    places = range(len(values))
    return tuple(tuple(correlation(max(row, column), min(row, column)) for column in places) for row in places)


def _chunks(values: Tensor, layers: Sequence[Layer]) -> Iterator[Tensor]:
    for layer in layers:
        for start in range(layer.start, layer.stop, CHUNK):
            yield values[start : min(start + CHUNK, layer.stop)].double()


def _constant(values: Tensor) -> bool:
    return values.min().item() == values.max().item()


# Agreement between Ω, Fisher and MAS


def pearson(one: Tensor, other: Tensor) -> Number:
    """Pearson's r of two vectors of the same shape; None if either is constant."""
    if _constant(one) or _constant(other):
        return None
    one, other = one.double(), other.double()
    one, other = one - one.mean(), other - other.mean()
    return _finite((torch.dot(one, other) / (one.norm() * other.norm())).clamp(-1, 1).item())


def ranks(values: Tensor) -> Tensor:
    """The rank of each value, from 1; equal values get the mean of their ranks. float64, same shape as ``values``."""
    ordered, order = values.sort()
    _, group, counts = ordered.unique_consecutive(return_inverse=True, return_counts=True)
    shared = counts.cumsum(0).double() - (counts - 1) / 2
    found = torch.empty(len(values), dtype=torch.float64, device=values.device)
    found[order] = shared[group]
    return found


def _agreements(
    omega: Tensor | None,
    subject: _Subject,
    layers: Sequence[Layer],
    ends: Sequence[End],
    tell: Callable[[str], None],
) -> Agreements:
    """Fisher and MAS are summed over the tasks, as the methods do, all at the current weights."""
    state = subject.state
    now = {name: tensor.clone() for name, tensor in state.network().items()}
    curvature = torch.zeros_like(subject.state.parameters.values)
    sensitive = torch.zeros_like(curvature)
    count = subject.state.problem.newest + 1
    for task in range(count):
        tell(f"measuring Fisher and MAS, task {task + 1} of {count}")
        if len(ends) == count:
            state.load_network(own_statistics(state, ends[task].network))
        curvature += fisher(state.model, state.problem, subject.training(task))
        sensitive += sensitivity(state.model, state.problem, subject.training(task))
    state.load_network(now)
    tell("comparing Ω, Fisher and MAS")

    def with_ranks(values: Tensor, of: Sequence[Layer]) -> tuple[Tensor, Tensor]:
        values = _select(values, of).cpu()
        return values, ranks(values)

    def agreement(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Agreement:
        return Agreement(*map(pearson, one, other))

    def compared(name: str, of: Sequence[Layer]) -> LayerAgreement:
        f, m = with_ranks(curvature, of), with_ranks(sensitive, of)
        own = None if omega is None else with_ranks(omega, of)
        return LayerAgreement(
            layer=name,
            size=_size(of),
            omega_fisher=own and agreement(own, f),
            omega_mas=own and agreement(own, m),
            fisher_mas=agreement(f, m),
        )

    return Agreements(*_per_layer(layers, compared))


# How Ω is spread


def _importance(config: RunConfig, omega: Tensor | None, penalised: Sequence[Layer]) -> Importance | str:
    """Or why there is none."""
    if omega is None:
        return without_penalty(config)
    if not penalised:
        return "all layers are unpenalised"
    total, clamp = _total(omega.clamp_min(0), penalised), config.option("clamp")
    return Importance(clamp, *_per_layer(penalised, lambda name, layers: spread(omega, name, layers, clamp, total)))


def spread(
    importance: Tensor, name: str, layers: Sequence[Layer], clamp: float | None, total: float
) -> LayerImportance:
    """How Ω is spread over ``layers``; ``importance``: Ω, shape (P,); ``total``: ΣΩ of the whole network. A
    negative Ω (si --signed) counts as 0."""
    values = _select(importance, layers).clamp_min(0)
    largest = values.max()
    ceiling = torch.tensor(clamp, dtype=values.dtype) if clamp is not None else MOST_SATURATED * largest
    top = values.topk(math.ceil(TOP * len(values))).values.sum(dtype=torch.float64).item()
    own = values.sum(dtype=torch.float64).item()
    return LayerImportance(
        layer=name,
        size=len(values),
        zero=(values == 0).double().mean().item(),
        saturated=(values >= ceiling).double().mean().item() if largest > 0 else None,
        top=_share(top, own),
        of_total=_share(own, total),
    )


def _total(values: Tensor, layers: Sequence[Layer]) -> float:
    return math.fsum(values[layer.start : layer.stop].sum(dtype=torch.float64).item() for layer in layers)


def _share(part: float, whole: float) -> Number:
    return _finite(part / whole) if whole else None


# Movement and forgetting


def _forgetting(subject: _Subject, ends: Sequence[End], tell: Callable[[str], None]) -> Forgetting:
    found = []
    newest = subject.state.problem.newest
    for task in range(newest):
        tell(f"measuring the forgetting, task {task + 1} of {newest}")
        found.append(_task_forgetting(subject, task, ends[task].network))
    whole, *layers = map(_mean_movement, zip(*((task.whole, *task.layers) for task in found), strict=True))
    return Forgetting(tuple(found), whole, tuple(layers))


def _task_forgetting(subject: _Subject, task: int, end: dict[str, Tensor]) -> TaskForgetting:
    """``end``: the network at the task's end. The network is unchanged afterwards."""
    state, parameters, values = subject.state, subject.state.parameters, subject.state.parameters.values
    batch = subject.tested(task)
    before = {name: tensor.clone() for name, tensor in state.network().items()}
    own = own_statistics(state, end)
    state.load_network(own)
    last = before | own
    now, then = last["theta"], end["theta"].to(values.device)
    moved = now - then
    parameters.gradient.zero_()
    loss, accuracy = _measured(subject, batch, backward=True)
    gradient = parameters.gradient.clone()

    def movement(name: str, layers: Sequence[Layer]) -> LayerMovement:
        if layers == parameters.layers:
            state.load_network(end)
        for layer in layers:
            values[layer.start : layer.stop] = then[layer.start : layer.stop]
        loss_then, accuracy_then = _measured(subject, batch)
        state.load_network(last)
        change = _select(moved, layers).cpu().double()
        length, reference = change.norm().item(), _select(then, layers).cpu().double().norm().item()
        return LayerMovement(
            layer=name,
            size=_size(layers),
            rms=length / math.sqrt(len(change)),
            relative=_share(length, reference),
            loss=loss - loss_then,
            accuracy=subject.score.lost(accuracy_then, accuracy),
            first_order=torch.dot(_select(gradient, layers).cpu().double(), change).item(),
        )

    whole, layers = _per_layer(parameters.layers, movement)
    state.load_network(before)
    return TaskForgetting(task, subject.stream.phases[task].name, len(batch), loss, accuracy, whole, layers)


def own_statistics(state: RunState, end: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those with which a task is tested after its end, if tasks have statistics of their own."""
    return {name: tensor for name, tensor in end.items() if name.startswith("buffers/") and state.statistics.own}


def _measured(subject: _Subject, batch: Batch, backward: bool = False) -> tuple[float, float]:
    """Mean loss and mean score. ``backward`` adds the gradient of the mean loss to the network's."""
    model, problem = subject.state.model, subject.state.problem
    loss = score = 0.0
    size = min(PASS, fitting(model, batch.inputs))
    with evaluating(model), torch.set_grad_enabled(backward):
        for part in batch.split(size):
            outputs = model(part.inputs)
            summed = problem.loss(outputs, part, "sum")
            loss += summed.item()
            score += problem.scores(outputs, part).sum().item()
            if backward:
                (summed / len(batch)).backward()
    return loss / len(batch), problem.score_of(score / len(batch))


def _mean_movement(found: Sequence[LayerMovement]) -> LayerMovement:
    figures = ("rms", "relative", "loss", "accuracy", "first_order")
    means: dict[str, Any] = {name: mean([getattr(of, name) for of in found]) for name in figures}
    return replace(found[0], **means)


# Layers and figures


def _per_layer(
    layers: Sequence[Layer], figure: Callable[[str, Sequence[Layer]], _Figure]
) -> tuple[_Figure, tuple[_Figure, ...]]:
    return figure(ALL, layers), tuple(figure(layer.name, (layer,)) for layer in layers)


def _select(values: Tensor, layers: Iterable[Layer]) -> Tensor:
    return torch.cat([values[layer.start : layer.stop] for layer in layers])


def _size(layers: Iterable[Layer]) -> int:
    return sum(layer.stop - layer.start for layer in layers)


def _finite(value: float) -> Number:
    return value if math.isfinite(value) else None
