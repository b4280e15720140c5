"""Fisher information and sensitivity against slow loops over single examples, on random small networks."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from engine.errors import UnsupportedNetwork
from engine.importance.fisher import fisher
from engine.importance.sensitivity import sensitivity
from engine.seeds import generator
from engine.training.control import Control
from engine.training.runner import train
from tests import runs
from tests.random_networks import (
    Ranges,
    close64,
    networks,
    outputs_of,
    random_inputs,
    random_labels,
    random_network,
    whole,
)
from tests.reference import ewc, mas
from tests.reference.method import flat
from tests.textbook import drawn


def importance(name: str, model: nn.Module, inputs: Tensor, labels: Tensor, active: slice, size: int = 100) -> Tensor:
    """The engine's importance of that name; examples are looked at in batches of ``size``, unless it is batched."""
    problem = Ranges(active.stop, active)
    batches = whole(inputs, 3 if name.startswith("batched") else size, labels)
    if name in ("global", "local"):
        return sensitivity(model, problem, batches, name)
    if name == "batched-sensitivity":
        return sensitivity(model, problem, batches, "batched")
    return fisher(model, problem, batches, name, random=generator(3, "fisher labels", 1))


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


@pytest.mark.parametrize("fast", [fisher, sensitivity, partial(sensitivity, form="local")])
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
    close64(fisher(model, problem, whole(inputs, 1, labels), "batched"), empirical)
    assert fisher(model, problem, whole(inputs, 64, labels), "batched").sum() < 0.2 * empirical.sum()
    close64(sensitivity(model, problem, whole(inputs, 1), "batched"), sensitivity(model, problem, whole(inputs)))


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
    close64(sensitivity(model, Ranges(active.stop, active), whole(inputs), "local"), flat(total) / count)


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
