"""The engine against the slow versions in tests/reference, formula by formula and then whole runs."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import engine.importance
from engine.benchmarks import BENCHMARKS
from engine.benchmarks.task import Task
from engine.config import RunConfig, resolve
from engine.importance import fisher_diagonal, output_sensitivity
from engine.methods import METHODS
from engine.methods.base import LearnedTask, Method
from engine.methods.ewc import ElasticWeightConsolidation
from engine.methods.mas import MemoryAwareSynapses
from engine.methods.none import FineTuning
from engine.methods.si import SynapticIntelligence
from engine.models import MODELS
from engine.models.mlp import mlp
from engine.parameters import FlatParameters
from engine.penalty import PenaltyGradient, Quadratic
from engine.seeds import generator
from tests import runs
from tests.reference.ewc import SlowEWC, SlowOnlineEWC, exact_fisher
from tests.reference.mas import SlowMAS, sensitivity
from tests.reference.method import SlowMethod, flat, weighted_distance
from tests.reference.si import SlowSI
from tests.reference.training import SlowRun, SlowTask, train_slowly

FAST: dict[str, type[Method]] = {
    "none": FineTuning,
    "si": SynapticIntelligence,
    "ewc": ElasticWeightConsolidation,
    "mas": MemoryAwareSynapses,
}
SLOW: dict[str, Callable[[RunConfig], SlowMethod]] = {
    "none": lambda config: SlowMethod(),
    "si": lambda config: SlowSI(config.strength, config.xi or math.nan),
    "ewc": lambda config: (
        SlowEWC(config.strength) if config.gamma is None else SlowOnlineEWC(config.strength, config.gamma)
    ),
    "mas": lambda config: SlowMAS(config.strength),
}
BY_CASE = pytest.mark.parametrize(("method", "options"), runs.CASES, ids=map(runs.case_name, runs.CASES))

close64 = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-12)
close32 = partial(torch.testing.assert_close, rtol=2e-4, atol=2e-6)

sizes = st.lists(st.integers(1, 5), min_size=2, max_size=4)
seeds = st.integers(0, 2**31)


def random_network(widths: list[int], seed: int, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    return mlp(widths[0], widths[1:-1], widths[-1], seed).to(dtype)


def random_inputs(count: int, width: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Some of them zero, as the pixels at an image's border are."""
    drawn = torch.randn(count, width, generator=generator(seed, "inputs")).to(dtype)
    return torch.where(drawn < -1, torch.zeros((), dtype=dtype), drawn)


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[int], slice, int, int]:
    """Layer sizes, active outputs, number of examples, seed."""
    widths = draw(sizes)
    start = draw(st.integers(0, widths[-1] - 1))
    stop = draw(st.integers(start + 1, widths[-1]))
    return widths, slice(start, stop), draw(st.integers(1, 7)), draw(seeds)


def outputs_of(active: slice) -> range:
    return range(active.start, active.stop)


# Importances


@given(networks())
def test_exact_fisher_equals_the_double_loop(case: tuple[list[int], slice, int, int]) -> None:
    """The matrix products give what one backward pass for every example and class gives."""
    widths, active, count, seed = case
    model, inputs = random_network(widths, seed), random_inputs(count, widths[0], seed)
    close64(fisher_diagonal(model, inputs, active), flat(exact_fisher(model, inputs, outputs_of(active))))


@given(networks())
def test_mas_importance_equals_the_loop_over_examples(case: tuple[list[int], slice, int, int]) -> None:
    """The absolute value is taken for each example, not for the mean over them."""
    widths, active, count, seed = case
    model, inputs = random_network(widths, seed), random_inputs(count, widths[0], seed)
    close64(output_sensitivity(model, inputs, active), flat(sensitivity(model, inputs, outputs_of(active))))


@pytest.mark.parametrize("fast", [fisher_diagonal, output_sensitivity])
def test_importances_in_float32_agree_to_float_precision(fast: Callable[..., Tensor]) -> None:
    widths, active = [6, 8, 5], slice(1, 4)
    model, inputs = random_network(widths, 3, torch.float32), random_inputs(40, 6, 3, torch.float32)
    slow = exact_fisher if fast is fisher_diagonal else sensitivity
    torch.testing.assert_close(
        fast(model, inputs, active), flat(slow(model, inputs, outputs_of(active))), rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize("fast", [fisher_diagonal, output_sensitivity])
def test_importances_do_not_depend_on_how_examples_are_batched(
    fast: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean is over examples, also where the last batch is smaller."""
    model, inputs = random_network([4, 5, 3], 1), random_inputs(11, 4, 1)
    whole = fast(model, inputs, slice(0, 3))
    monkeypatch.setattr(engine.importance, "BATCH", 4)
    checks: list[None] = []
    close64(fast(model, inputs, slice(0, 3), lambda: checks.append(None)), whole)
    assert len(checks) == 3


@pytest.mark.parametrize("fast", [fisher_diagonal, output_sensitivity])
def test_importances_are_measured_in_eval_mode(fast: Callable[..., Tensor]) -> None:
    """Dropout is off while measuring, and on again afterwards; no gradient is left behind."""
    layers = random_network([4, 5, 3], 2)
    model = nn.Sequential(layers[0], nn.Dropout(0.5), layers[1], layers[2])
    inputs = random_inputs(6, 4, 2)
    measured = fast(model, inputs, slice(0, 3))
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    close64(measured, fast(layers, inputs, slice(0, 3)))


def test_layers_without_bias_are_measured_too() -> None:
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 2)).double()
    inputs = random_inputs(5, 3, 0)
    close64(fisher_diagonal(model, inputs, slice(0, 2)), flat(exact_fisher(model, inputs, range(2))))


def test_another_kind_of_layer_is_refused_rather_than_measured_wrongly() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    with pytest.raises(TypeError, match="linear"):
        fisher_diagonal(model, torch.ones(2, 3), slice(0, 2))


# The penalty


@st.composite
def anchors(draw: st.DrawFn) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Importances (with zeros among them), anchors, and some θ."""
    count, size, seed = draw(st.integers(1, 6)), draw(st.integers(1, 9)), draw(seeds)
    random = generator(seed, "anchors")
    draws = torch.randn(2, count, size, generator=random, dtype=torch.float64)
    importances = (10 ** (3 * draws[0])) * (torch.rand(count, size, generator=random) < 0.7)
    return list(importances), list(draws[1]), torch.randn(size, generator=random, dtype=torch.float64)


@given(anchors())
def test_one_quadratic_holds_the_sum_over_all_anchors(case: tuple[list[Tensor], list[Tensor], Tensor]) -> None:
    """Σₜ Fₜ(θ−θₜ)², its value and its gradient, in the memory of one anchor."""
    importances, points, theta = case
    collapsed = Quadratic(importances[0], points[0])
    for importance, point in zip(importances[1:], points[1:], strict=True):
        collapsed = collapsed.with_anchor(importance, point)
    theta.requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for importance, point in zip(importances, points, strict=True):
        total = total + weighted_distance([importance], [theta], [point])
    (gradient,) = torch.autograd.grad(total, theta)
    theta = theta.detach()

    assert collapsed.value(theta) == pytest.approx(total.item(), rel=1e-10, abs=1e-12)
    ours = torch.empty_like(theta)
    PenaltyGradient(collapsed, 1.0).write(theta, out=ours)
    close64(ours, gradient, atol=1e-9)
    close64(collapsed.importance, torch.stack(importances).sum(0))


@given(anchors(), st.sampled_from([torch.float32, torch.float64]))
def test_where_one_task_alone_cares_the_anchor_is_exact(
    case: tuple[list[Tensor], list[Tensor], Tensor], dtype: torch.dtype
) -> None:
    """Not even a rounding error: Adam would turn it into a whole step, for a weight that should stay where it is."""
    _, (first, *_), second = case
    first, second = first.to(dtype), second.to(dtype)
    cares = torch.arange(len(first)) % 2 == 0
    collapsed = Quadratic(cares.to(dtype), first).with_anchor((~cares).to(dtype), second)
    assert torch.equal(collapsed.anchor, torch.where(cares, first, second))


def test_anchors_close_together_keep_their_digits_in_float32() -> None:
    """Where Σ Ωθ² − 2Bθ + C would cancel, the weighted mean does not: a tenth of a percent after twenty anchors."""
    random = generator(0, "near")
    importances = [1e3 * torch.rand(50, generator=random) for _ in range(20)]
    points = [1 + 1e-3 * torch.randn(50, generator=random) for _ in range(20)]
    theta = 1 + 1e-3 * torch.randn(50, generator=random)
    collapsed = Quadratic(importances[0], points[0])
    for importance, point in zip(importances[1:], points[1:], strict=True):
        collapsed = collapsed.with_anchor(importance, point)
    exact = sum(
        weighted_distance([importance.double()], [theta.double()], [point.double()]).item()
        for importance, point in zip(importances, points, strict=True)
    )
    assert collapsed.value(theta) == pytest.approx(exact, rel=1e-3)


@given(anchors(), st.floats(0, 1e4))
def test_closed_form_gradient_equals_autograd(case: tuple[list[Tensor], list[Tensor], Tensor], strength: float) -> None:
    """2kΩ(θ−θ*) is the gradient of kΣΩ(θ−θ*)², and what is returned is twice its value."""
    (importance, *_), (anchor, *_), theta = case
    ours = torch.empty_like(theta)
    doubled = PenaltyGradient(Quadratic(importance, anchor), strength).write(theta, out=ours)

    theta.requires_grad_()
    penalty = weighted_distance([importance], [theta], [anchor])
    (gradient,) = torch.autograd.grad(strength * penalty, theta)
    close64(ours, gradient)
    assert doubled.item() == pytest.approx(2 * strength * penalty.item(), rel=1e-10, abs=1e-12)


# Methods


def walk(
    method: str, options: dict[str, Any], widths: list[int], tasks: list[slice], seed: int, dtype: torch.dtype
) -> tuple[Quadratic | None, float, SlowMethod, nn.Module, FlatParameters]:
    """A random walk through some tasks, seen by the fast method and by the slow one."""
    config = resolve({"method": method, "seed": seed, **options})
    model = random_network(widths, seed, dtype)
    parameters = FlatParameters(model)
    fast, slow = FAST[method](config), SLOW[method](config)
    random = generator(seed, "walk")
    penalty: Quadratic | None = None

    def like_parameters(vector: Tensor) -> list[Tensor]:
        return [
            vector[layer.start : layer.stop].view_as(parameter)
            for layer, parameter in zip(parameters.layers, model.parameters(), strict=True)
        ]

    for number, active in enumerate(tasks):
        theta = list(model.parameters())
        fast.begin_task(parameters.values)
        slow.begin_task(theta)
        for _ in range(3):
            g, change = (torch.randn(2, parameters.size, generator=random) * 0.1).to(dtype)
            parameters.values.add_(change)
            if fast.sees_steps:
                fast.after_step(g, change)
            slow.after_step(like_parameters(g), like_parameters(change))
        inputs = random_inputs(5, widths[0], seed + number, dtype)
        penalty = fast.end_task(LearnedTask(model, inputs, active, parameters.values, lambda: None), penalty)
        slow.end_task(model, inputs, outputs_of(active))
    parameters.values.add_((0.1 * torch.randn(parameters.size, generator=random)).to(dtype))
    return penalty, config.strength * fast.factor, slow, model, parameters


def assert_same_penalty(
    penalty: Quadratic | None,
    k: float,
    slow: SlowMethod,
    model: nn.Module,
    parameters: FlatParameters,
    close: Callable[..., None],
    rel: float,
) -> None:
    theta = list(model.parameters())
    omega = slow.importance()
    if penalty is None:
        assert omega is None
        return
    assert omega is not None
    close(penalty.importance, flat(omega))
    value = slow.penalty(theta)
    assert value.item() > 0
    assert k * penalty.value(parameters.values) == pytest.approx(value.item(), rel=rel)
    ours = torch.empty_like(parameters.values)
    PenaltyGradient(penalty, k).write(parameters.values, out=ours)
    gradient = flat(torch.autograd.grad(value, theta))
    close(ours, gradient, atol=rel * float(gradient.abs().max()))


@BY_CASE
@settings(max_examples=25)
@given(widths=sizes.filter(lambda widths: widths[-1] > 1), tasks=st.integers(1, 4), seed=seeds)
def test_each_method_equals_its_reference(
    method: str, options: dict[str, Any], widths: list[int], tasks: int, seed: int
) -> None:
    """Ω, the penalty and its gradient after any number of tasks, in float64."""
    active = [slice(0, 2 + number % (widths[-1] - 1)) for number in range(tasks)]
    assert_same_penalty(*walk(method, options, widths, active, seed, torch.float64), close=close64, rel=1e-9)


@BY_CASE
def test_each_method_equals_its_reference_in_float32(method: str, options: dict[str, Any]) -> None:
    active = [slice(0, 2), slice(2, 4), slice(4, 6)]
    found = walk(method, options, [7, 9, 6], active, 5, torch.float32)
    assert_same_penalty(*found, close=close32, rel=2e-4)


def test_every_method_has_a_reference() -> None:
    """A newcomer brings a slow version of itself."""
    assert set(SLOW) == set(FAST) == set(METHODS)
    assert {f"{kind.__module__}:{kind.__name__}" for kind in FAST.values()} == {info.code for info in METHODS.values()}


# Whole runs


def slow_task(number: int, task: Task, config: RunConfig, dtype: torch.dtype) -> SlowTask:
    train, test = (examples.take(torch.arange(len(examples))) for examples in (task.train, task.test))
    batches = [
        rows
        for epoch in range(config.epochs)
        for rows in torch.randperm(len(task.train), generator=generator(config.seed, "order", number, epoch)).split(
            config.batch_size
        )
    ]
    return SlowTask(task.classes, train[0].to(dtype), train[1], test[0].to(dtype), test[1], batches)


def slow_optimizer(config: RunConfig, theta: list[nn.Parameter]) -> torch.optim.Optimizer:
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(theta, lr=config.lr, foreach=False, fused=False)
        case "adamw":
            return torch.optim.AdamW(theta, lr=config.lr, foreach=False, fused=False)
        case "sgd":
            return torch.optim.SGD(theta, lr=config.lr, momentum=config.momentum or 0, foreach=False, fused=False)


def run_slowly(config: RunConfig, dtype: torch.dtype) -> tuple[SlowRun, nn.Module, SlowMethod]:
    """The same run by the textbook loop: the same first weights and the same batches, all else its own."""
    benchmark = BENCHMARKS[config.benchmark]
    loaded = load(benchmark.code)(config)
    tasks = [slow_task(number, task, config, dtype) for number, task in enumerate(loaded)]
    classes = [task.classes for task in tasks]
    outputs = max(classes) if config.scenario == "domain" else sum(classes)
    model = mlp(benchmark.inputs, config.hidden, outputs, config.seed).to(dtype)
    method = SLOW[config.method](config)
    optimizer = partial(slow_optimizer, config)
    return train_slowly(model, method, tasks, config.scenario, optimizer, config.reset_optimizer), model, method


def load(code: str) -> Callable[[RunConfig], list[Task]]:
    module, _, name = code.partition(":")
    found: Callable[[RunConfig], list[Task]] = getattr(__import__(module, fromlist=[name]), name)
    return found


def assert_equals_slow_run(folder: Path, config: RunConfig, dtype: torch.dtype, close: Callable[..., None]) -> None:
    session = runs.finished(folder, config)
    history = session.history()
    slow, model, method = run_slowly(config, dtype)

    tensors, cursor = runs.newest(session)
    close(tensors["theta"], flat(list(model.parameters())))
    omega = method.importance()
    assert (omega is None) == (cursor.constant is None)
    if omega is not None:
        close(tensors["penalty/importance"], flat(omega))
        assert max(slow.penalties) > 1e-3, "a penalty this small would test nothing"
    assert history.matrix == tuple(tuple(row) for row in slow.matrix)
    assert history.curve.losses().tolist() == pytest.approx(slow.losses, rel=1e-4, abs=1e-6)
    assert history.curve.penalties().tolist() == pytest.approx(slow.penalties, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("scenario", runs.SCENARIOS)
@BY_CASE
def test_a_whole_run_equals_the_textbook_loop(
    method: str, options: dict[str, Any], scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tasks of uneven size in float64: weights, Ω, accuracy matrix, losses and penalties."""
    runs.register_blobs(monkeypatch)
    config = resolve({"benchmark": "blobs", "model": "double", "method": method, "scenario": scenario, **options})
    assert_equals_slow_run(tmp_path, config, torch.float64, partial(close64, rtol=1e-7, atol=1e-9))


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "kept"])
@pytest.mark.parametrize("optimizer", runs.OPTIMIZERS)
@pytest.mark.parametrize("method", ["si", "mas"])
def test_each_optimizer_steps_as_the_textbook_does(
    method: str, optimizer: str, reset: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fused and on one flat vector, or plain and on a list: the same weights, the state kept or reset at a task."""
    runs.register_blobs(monkeypatch)
    given = {"benchmark": "blobs", "model": "double", "method": method, "strength": {"si": 0.3, "mas": 20.0}[method]}
    config = resolve(given | {"optimizer": optimizer, "reset_optimizer": reset})
    assert_equals_slow_run(tmp_path, config, torch.float64, partial(close64, rtol=1e-7, atol=1e-9))


@pytest.mark.parametrize("benchmark", ["split-digits", "permuted-digits"])
@pytest.mark.parametrize("method", [name for name in METHODS if name != "ewc"])
def test_real_digits_in_float32_follow_the_textbook_loop(method: str, benchmark: str, tmp_path: Path) -> None:
    """A few dozen steps of the shipped network; the float noise stays small."""
    config = runs.tiny(method, benchmark=benchmark, optimizer="sgd", batch_size=128, hidden=(12,), lr=0.05)
    close = partial(torch.testing.assert_close, rtol=1e-2, atol=1e-4)
    assert MODELS[config.model].code == "engine.models.mlp:mlp"
    assert_equals_slow_run(tmp_path, config, torch.float32, close)
