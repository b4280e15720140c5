"""The engine's formulas against the slow versions in tests/reference, on random small networks."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.batch import Batch
from engine.catalog.methods import METHODS
from engine.errors import UnsupportedNetwork
from engine.importance.fisher import batched_fisher, fisher
from engine.importance.sensitivity import batched_sensitivity, layer_sensitivity, output_sensitivity
from engine.methods.base import Learned, Method
from engine.methods.ewc import ElasticWeightConsolidation
from engine.methods.joint import JointTraining
from engine.methods.l2 import EqualImportance
from engine.methods.mas import MemoryAwareSynapses
from engine.methods.none import FineTuning
from engine.methods.rwalk import RiemannianWalk
from engine.methods.si import SynapticIntelligence
from engine.models.flat import FlatParameters
from engine.models.mlp import mlp
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic
from engine.problems.classification import Classification
from engine.seeds import generator
from engine.settings.run import RunConfig, resolve
from engine.streams.examples import Examples, ExampleStream, Task
from engine.training.control import Control
from engine.training.runner import train
from tests import runs
from tests.reference import ewc, mas
from tests.reference.method import SlowMethod, flat, weighted_distance
from tests.textbook import SLOW, drawn, left_alone

FAST: dict[str, type[Method]] = {
    "none": FineTuning,
    "joint": JointTraining,
    "l2": EqualImportance,
    "si": SynapticIntelligence,
    "ewc": ElasticWeightConsolidation,
    "mas": MemoryAwareSynapses,
    "rwalk": RiemannianWalk,
}
WALKED = [*runs.CASES, *runs.COMBINED]

close64 = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-12)
close32 = partial(torch.testing.assert_close, rtol=2e-4, atol=2e-6)

sizes = st.lists(st.integers(1, 5), min_size=2, max_size=4)
seeds = st.integers(0, 2**31)


def random_network(widths: list[int], seed: int, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    return mlp(widths[:1], widths[1:-1], widths[-1], seed).to(dtype)


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


class Ranges(Classification):
    """Tasks whose competing outputs are any ranges, and whose labels count within them."""

    def __init__(self, outputs: int, *ranges: slice) -> None:
        super().__init__("task", [outputs])
        self._ranges = ranges

    def active(self, task: int) -> slice:
        return self._ranges[task]


def whole(inputs: Tensor, size: int | None = None, labels: Tensor | None = None, task: int = 0) -> Iterator[Batch]:
    """All examples, in batches of ``size``."""
    labels = torch.zeros(len(inputs), dtype=torch.int64) if labels is None else labels
    return Batch(inputs, labels, task).split(size or len(inputs))


def importance(name: str, model: nn.Module, inputs: Tensor, labels: Tensor, active: slice, size: int = 100) -> Tensor:
    """The engine's importance of that name; examples are looked at in batches of ``size``, unless it is batched."""
    problem = Ranges(active.stop, active)
    batches = whole(inputs, 3 if name.startswith("batched") else size, labels)
    match name:
        case "batched":
            return batched_fisher(model, problem, batches)
        case "global":
            return output_sensitivity(model, problem, batches)
        case "local":
            return layer_sensitivity(model, problem, batches)
        case "batched-sensitivity":
            return batched_sensitivity(model, problem, batches)
        case "exact" | "sampled" | "empirical":
            return fisher(model, problem, batches, name, random=generator(3, "fisher labels", 1))
    raise KeyError(name)


SLOW_IMPORTANCES: dict[str, Callable[[nn.Module, Tensor, Tensor, Sequence[int]], list[Tensor]]] = {
    "exact": lambda model, inputs, labels, competing: ewc.exact_fisher(model, inputs, competing),
    "sampled": lambda model, inputs, labels, competing: ewc.labelled_fisher(
        model, inputs, drawn(model, inputs, competing, 3, 1), competing
    ),
    "empirical": ewc.labelled_fisher,
    "batched": partial(ewc.batched_fisher, size=3),
    "global": lambda model, inputs, labels, competing: mas.sensitivity(model, inputs, competing),
    "local": lambda model, inputs, labels, competing: mas.local_sensitivity(model, inputs, competing),
    "batched-sensitivity": lambda model, inputs, labels, competing: mas.batched_sensitivity(
        model, inputs, competing, 3
    ),
}
BY_IMPORTANCE = pytest.mark.parametrize("name", SLOW_IMPORTANCES)
ORDERLESS = pytest.mark.parametrize("name", ["exact", "empirical", "global", "local"])
"""A mean over examples; the others depend on which examples share a batch, or on what is drawn."""


def random_labels(count: int, active: slice, seed: int) -> Tensor:
    return torch.randint(active.stop - active.start, (count,), generator=generator(seed, "labels"))


@BY_IMPORTANCE
@settings(max_examples=40)
@given(case=networks())
def test_each_importance_equals_the_loop_over_examples(name: str, case: tuple[list[int], slice, int, int]) -> None:
    """The matrix products give what one backward pass for every example, and class, gives; and none is negative."""
    widths, active, count, seed = case
    model, inputs = random_network(widths, seed), random_inputs(count, widths[0], seed)
    labels = random_labels(count, active, seed)
    found = importance(name, model, inputs, labels, active)
    close64(found, flat(SLOW_IMPORTANCES[name](model, inputs, labels, outputs_of(active))))
    assert (found >= 0).all()


@ORDERLESS
@settings(max_examples=30)
@given(case=networks())
def test_the_order_of_examples_does_not_matter(name: str, case: tuple[list[int], slice, int, int]) -> None:
    widths, active, count, seed = case
    model, inputs = random_network(widths, seed), random_inputs(count, widths[0], seed)
    labels = random_labels(count, active, seed)
    shuffled = torch.randperm(count, generator=generator(seed, "shuffled"))
    found = importance(name, model, inputs, labels, active)
    close64(importance(name, model, inputs[shuffled], labels[shuffled], active), found)


@BY_IMPORTANCE
def test_importances_in_float32_agree_to_float_precision(name: str) -> None:
    widths, active = [6, 8, 5], slice(1, 4)
    model, inputs = random_network(widths, 3, torch.float32), random_inputs(40, 6, 3, torch.float32)
    labels = random_labels(40, active, 3)
    found = importance(name, model, inputs, labels, active)
    slow = SLOW_IMPORTANCES[name](model, inputs, labels, outputs_of(active))
    torch.testing.assert_close(found, flat(slow), rtol=1e-4, atol=1e-7)


@BY_IMPORTANCE
def test_importances_do_not_depend_on_how_many_examples_are_held_at_once(name: str) -> None:
    """The mean is over examples, or over the mini-batches that are asked for, also where the last one is smaller."""
    model, inputs, active = random_network([4, 5, 3], 1), random_inputs(11, 4, 1), slice(0, 3)
    labels = random_labels(11, active, 1)
    at_once = importance(name, model, inputs, labels, active)
    close64(importance(name, model, inputs, labels, active, size=4), at_once)


@pytest.mark.parametrize("fast", [fisher, output_sensitivity, layer_sensitivity])
def test_a_long_measurement_asks_now_and_then_whether_to_stop(fast: Callable[..., Tensor]) -> None:
    checks: list[None] = []
    problem, batches = Ranges(3, slice(0, 3)), whole(random_inputs(11, 4, 1), 4)
    fast(random_network([4, 5, 3], 1), problem, batches, check=lambda: checks.append(None))
    assert len(checks) == 3


def test_labels_are_drawn_from_what_the_network_believes() -> None:
    """So the sampled Fisher information approaches the exact one with the number of draws, as no other labels would."""
    model, inputs, problem = random_network([3, 6, 4], 4), 3 * random_inputs(3, 3, 4), Ranges(4, slice(1, 4))
    exact = fisher(model, problem, whole(inputs))
    sampled = fisher(model, problem, whole(inputs.repeat(5000, 1), 1024), "sampled", random=generator(0, "draws"))
    assert (sampled - exact).norm() < 0.05 * exact.norm()
    empirical = fisher(model, problem, whole(inputs), "empirical")
    assert (empirical - exact).norm() > 0.2 * exact.norm()


def test_the_square_of_a_mean_is_smaller_than_the_mean_of_squares() -> None:
    """Why ``batched`` is kept for comparison only; a batch of one is ``empirical``."""
    model, inputs, active = random_network([4, 6, 3], 2), random_inputs(64, 4, 2), slice(0, 3)
    labels, problem = random_labels(64, active, 2), Ranges(3, active)
    empirical = fisher(model, problem, whole(inputs, labels=labels), "empirical")
    close64(batched_fisher(model, problem, whole(inputs, 1, labels)), empirical)
    assert batched_fisher(model, problem, whole(inputs, 64, labels)).sum() < 0.2 * empirical.sum()
    sensitivity = output_sensitivity(model, problem, whole(inputs))
    close64(batched_sensitivity(model, problem, whole(inputs, 1)), sensitivity)


@settings(max_examples=30)
@given(case=networks())
def test_the_hebbian_form_is_the_gradient_of_each_layers_own_outputs(case: tuple[list[int], slice, int, int]) -> None:
    """Equation 5 is equation 3 with F_l(x) = ReLU(W·x + b): by autograd, one layer and one example at a time."""
    widths, active, count, seed = case
    model, inputs = random_network(widths, seed), random_inputs(count, widths[0], seed)
    layers = [module for module in model if isinstance(module, nn.Linear)]
    total = [torch.zeros_like(parameter) for parameter in model.parameters()]
    for x in inputs:
        for number, layer in enumerate(layers):
            outputs = layer(x)[active] if layer is layers[-1] else layer(x).relu()
            for place, g in enumerate(torch.autograd.grad((outputs**2).sum(), list(layer.parameters()))):
                total[2 * number + place] += g.abs()
            x = layer(x).relu().detach()
    close64(layer_sensitivity(model, Ranges(active.stop, active), whole(inputs)), flat(total) / count)


@BY_IMPORTANCE
def test_importances_are_measured_in_eval_mode(name: str) -> None:
    """Dropout is off while measuring, and on again afterwards; no gradient is left behind."""
    layers = random_network([4, 5, 3], 2)
    model = nn.Sequential(layers[0], nn.Dropout(0.5), layers[1], layers[2])
    inputs, active = random_inputs(6, 4, 2), slice(0, 3)
    labels = random_labels(6, active, 2)
    measured = importance(name, model, inputs, labels, active)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    close64(measured, importance(name, layers, inputs, labels, active))


def test_layers_without_bias_are_measured_too() -> None:
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Tanh(), nn.Linear(4, 2)).double()
    inputs = random_inputs(5, 3, 0)
    close64(fisher(model, Ranges(2, slice(0, 2)), whole(inputs)), flat(ewc.exact_fisher(model, inputs, range(2))))


class Net(nn.Module):
    """Two linear layers, used as ``use`` says."""

    def __init__(self, use: Callable[["Net", Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.use = use

    def forward(self, inputs: Tensor) -> Tensor:
        return self.use(self, inputs)


class Masked(nn.Linear):
    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.linear(inputs, self.weight * 0.5, self.bias)


def tied() -> nn.Module:
    net = Net(lambda net, x: net.second(net.first(x).tanh()))
    net.second.weight = net.first.weight
    return net


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "another kind": (lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), "1 is a LayerNorm, not a linear layer"),
    "its own forward": (lambda: nn.Sequential(nn.Linear(4, 4), Masked(4, 4)), "1 is a Masked"),
    "recurrence": (
        lambda: Net(lambda net, x: net.second(net.first(net.first(x).tanh()))),
        "first is used 2 times in a forward pass",
    ),
    "same layer twice": (lambda: nn.Sequential(*[nn.Linear(4, 4)] * 2), "0 is used 2 times in a forward pass"),
    "tied": (tied, "first.weight is used 2 times in a forward pass"),
    "functional": (
        lambda: Net(lambda net, x: nn.functional.linear(net.second(net.first(x)), net.first.weight)),
        "first.weight is used 2 times in a forward pass",
    ),
    "functional alone": (
        lambda: Net(lambda net, x: net.second(nn.functional.linear(x, net.first.weight))),
        "first is not used in a forward pass",
    ),
    "called for nothing": (
        lambda: Net(
            lambda net, x: (net.first(x), net.second(nn.functional.linear(x, net.first.weight, net.first.bias)))[1]
        ),
        "first is not used as a layer",
    ),
    "bias twice": (lambda: Net(lambda net, x: net.second(net.first(x)) + net.first.bias), "first.bias is used 2 times"),
    "never used": (lambda: Net(lambda net, x: net.first(x)), "second is not used in a forward pass"),
    "used for nothing": (
        lambda: Net(lambda net, x: (net.second(x), net.first(x))[1]),
        "second.weight gets no gradient in a forward pass",
    ),
    "detached": (
        lambda: Net(lambda net, x: net.second(net.first(x).detach())),
        "first.weight gets no gradient in a forward pass",
    ),
    "over time": (
        lambda: Net(lambda net, x: net.second(net.first(x.repeat(3, 1)).reshape(3, -1, 4).sum(0))),
        "first is used on more than one row of an example",
    ),
    "three dimensions": (
        lambda: Net(lambda net, x: net.second(net.first(x.unsqueeze(1)).squeeze(1))),
        "first is used on more than one row of an example",
    ),
}
"""Networks whose per-example gradients are not one outer product a layer."""


@BY_IMPORTANCE
@pytest.mark.parametrize("network", REFUSED)
def test_a_network_that_would_be_measured_wrongly_is_refused_by_name(name: str, network: str) -> None:
    build, told = REFUSED[network]
    model, inputs = build().double(), random_inputs(5, 4, 0)
    with pytest.raises(UnsupportedNetwork, match=f"example by example: {told}"):
        importance(name, model, inputs, random_labels(5, slice(0, 4), 0), slice(0, 4))
    assert model.training


def test_layers_need_not_be_registered_in_the_order_in_which_they_are_used() -> None:
    """For the Hebbian form, too, the last layer is the one that gives the outputs."""
    model = Net(lambda net, x: net.first(net.second(x).relu())).double()
    plain = nn.Sequential(model.second, nn.ReLU(), model.first)
    inputs, active, half = random_inputs(5, 4, 0), slice(0, 3), 4 * 4 + 4
    for name in ("exact", "global", "local"):
        labels = random_labels(5, active, 0)
        expected = importance(name, plain, inputs, labels, active)
        close64(importance(name, model, inputs, labels, active), torch.cat([expected[half:], expected[:half]]))


@pytest.mark.parametrize("method", ["ewc", "mas"])
def test_such_a_network_is_refused_before_anything_is_trained(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "engine.training.state.build_model", lambda *_: nn.Sequential(nn.Linear(64, 4), nn.LayerNorm(4))
    )
    session = runs.create(tmp_path, runs.tiny(method))
    with pytest.raises(UnsupportedNetwork, match="1 is a LayerNorm"):
        train(session, Control())
    assert session.history().step == 0


# The penalty


@st.composite
def anchors(draw: st.DrawFn) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Importances (with zeros among them), anchors, and some θ."""
    count, size, seed = draw(st.integers(1, 6)), draw(st.integers(1, 9)), draw(seeds)
    random = generator(seed, "anchors")
    draws = torch.randn(2, count, size, generator=random, dtype=torch.float64)
    importances = (10 ** (3 * draws[0])) * (torch.rand(count, size, generator=random) < 0.7)
    return list(importances), list(draws[1]), torch.randn(size, generator=random, dtype=torch.float64)


def bound(penalty: Penalty, k: float, theta: Tensor) -> tuple[float, Tensor]:
    """Its value at ``theta`` times ``k``, and the gradient of that."""
    gradient, pull = torch.empty_like(theta), penalty.bind(k)
    return pull.value(pull.write(theta, out=gradient).item()), gradient


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

    value, ours = bound(collapsed, 1.0, theta)
    assert value == pytest.approx(total.item(), rel=1e-10, abs=1e-12)
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
    assert bound(collapsed, 1.0, theta)[0] == pytest.approx(exact, rel=1e-3)


@given(anchors(), st.floats(0, 1e4))
def test_closed_form_gradient_equals_autograd(case: tuple[list[Tensor], list[Tensor], Tensor], strength: float) -> None:
    """2kΩ(θ−θ*) is the gradient of kΣΩ(θ−θ*)²."""
    (importance, *_), (anchor, *_), theta = case
    value, ours = bound(Quadratic(importance, anchor), strength, theta)
    theta.requires_grad_()
    penalty = weighted_distance([importance], [theta], [anchor])
    (gradient,) = torch.autograd.grad(strength * penalty, theta)
    close64(ours, gradient)
    assert value == pytest.approx(strength * penalty.item(), rel=1e-10, abs=1e-12)


# Methods


def walk(
    method: str, options: dict[str, Any], widths: list[int], tasks: list[slice], seed: int, dtype: torch.dtype
) -> tuple[Penalty | None, float, SlowMethod, nn.Module, FlatParameters]:
    """A random walk through some tasks, seen by the fast method and by the slow one."""
    config = resolve({"method": method, "seed": seed, "batch_size": 3, **options})
    model = random_network(widths, seed, dtype)
    parameters = FlatParameters(model)
    fast, slow = FAST[method](config), SLOW[method](config)
    held = parameters.matching_none(config.leave_alone)
    random = generator(seed, "walk")
    penalty: Penalty | None = None
    train = [random_inputs(5, widths[0], seed + number, dtype) for number in range(len(tasks))]
    test = [random_inputs(4, widths[0], seed - number - 1, dtype) for number in range(len(tasks))]
    elsewhere = list(zip(test if config.importance_data == "test" else train, tasks, strict=True))
    problem = Ranges(widths[-1], *tasks)
    labels = [random_labels(5, active, seed + number) for number, active in enumerate(tasks)]
    stream = ExampleStream(
        config,
        [
            Task("", 5, Examples(own, right), Examples(other, torch.zeros(4, dtype=torch.int64)))
            for own, right, other in zip(train, labels, test, strict=True)
        ],
        (widths[0],),
    )

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
        learned = Learned(number, model, parameters.values, problem, stream, check=lambda: None)
        penalty = fast.consolidate(learned, penalty)
        if penalty is not None:
            penalty = penalty.masked(held)
        slow.told(
            number, labels[number], [(inputs, outputs_of(outputs)) for inputs, outputs in elsewhere[: number + 1]]
        )
        slow.end_task(model, train[number], outputs_of(active))
        slow.leave_alone(left_alone(model, config.leave_alone))
    parameters.values.add_((0.1 * torch.randn(parameters.size, generator=random)).to(dtype))
    return penalty, config.strength * fast.factor, slow, model, parameters


def assert_same_penalty(
    penalty: Penalty | None,
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
    close(penalty.diagonal(), flat(omega))
    assert (penalty.diagonal() >= 0).all()
    value = slow.penalty(theta)
    assert (value.item() > 0) == bool(flat(omega).any())
    found, ours = bound(penalty, k, parameters.values)
    assert found == pytest.approx(value.item(), rel=rel)
    gradient = flat(torch.autograd.grad(value, theta))
    close(ours, gradient, atol=rel * float(gradient.abs().max()))


@runs.by_case(WALKED)
@settings(max_examples=15)
@given(widths=sizes.filter(lambda widths: widths[-1] > 1), tasks=st.integers(1, 4), seed=seeds)
def test_each_method_equals_its_reference(
    method: str, options: dict[str, Any], widths: list[int], tasks: int, seed: int
) -> None:
    """Ω, the penalty and its gradient after any number of tasks, in float64."""
    active = [slice(0, 2 + number % (widths[-1] - 1)) for number in range(tasks)]
    penalty, k, slow, model, parameters = walk(method, options, widths, active, seed, torch.float64)
    omega = slow.importance()
    assume(omega is None or torch.isfinite(flat(omega)).all())  # the slow rwalk has 0/0 where all scores are equal
    assert_same_penalty(penalty, k, slow, model, parameters, close=close64, rel=1e-9)


@runs.by_case(WALKED)
def test_each_method_equals_its_reference_in_float32(method: str, options: dict[str, Any]) -> None:
    active = [slice(0, 2), slice(2, 4), slice(4, 6)]
    penalty, k, slow, model, parameters = walk(method, options, [7, 9, 6], active, 5, torch.float32)
    assert (penalty is None) == (not METHODS[method].symbol)
    assert penalty is None or penalty.diagonal().any()
    assert_same_penalty(penalty, k, slow, model, parameters, close=close32, rel=2e-4)


def test_every_method_and_every_option_has_a_reference() -> None:
    """A newcomer brings a slow version of itself, and a case for every option of it."""
    assert set(SLOW) == set(FAST) == set(METHODS)
    assert {f"{kind.__module__}:{kind.__name__}" for kind in FAST.values()} == {info.code for info in METHODS.values()}
    tried = {(method, key) for method, options in WALKED for key in options}
    assert {(name, key) for name, info in METHODS.items() for key in info.options} <= tried
    choices = {(key, value) for _, options in WALKED for key, value in options.items() if isinstance(value, str)}
    defaults = {(key, option.default) for info in METHODS.values() for key, option in info.options.items()}
    for key in ("gradient", "fisher", "sensitivity"):
        for value in choices_of(key):
            assert (key, value) in choices | defaults


def choices_of(key: str) -> tuple[str, ...]:
    """The names that a setting may have."""
    (literal, _) = get_args(RunConfig.model_fields[key].annotation)
    return get_args(literal)
