"""Fisher information and sensitivity against slow loops over single examples, on random small networks."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from engine.importance.fisher import fisher
from engine.importance.measure import MEMORY
from engine.importance.sensitivity import sensitivity
from engine.seeds import generator
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
from tests.textbook import drawn, predicted


def importance(
    name: str,
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    active: slice,
    size: int = 100,
    memory: int = MEMORY,
) -> Tensor:
    """The engine's importance of that name; examples are looked at in batches of ``size``, unless it is batched."""
    problem = Ranges(active.stop, active)
    batches = whole(inputs, 3 if name.startswith("batched") else size, labels)
    if name in ("global", "local"):
        return sensitivity(model, problem, batches, name, memory=memory)
    if name == "batched-sensitivity":
        return sensitivity(model, problem, batches, "batched")
    return fisher(model, problem, batches, name, random=generator(3, "fisher labels", 1), memory=memory)


SLOW_IMPORTANCES: dict[str, Callable[[nn.Module, Tensor, Tensor, Sequence[int]], list[Tensor]]] = {
    "exact": lambda model, inputs, labels, competing: ewc.exact_fisher(model, inputs, competing),
    "sampled": lambda model, inputs, labels, competing: ewc.labelled_fisher(
        model, inputs, drawn(model, inputs, competing, 3, 1), competing
    ),
    "empirical": ewc.labelled_fisher,
    "predicted": lambda model, inputs, labels, competing: ewc.labelled_fisher(
        model, inputs, predicted(model, inputs, competing), competing
    ),
    "batched": partial(ewc.batched_fisher, size=3),
    "global": lambda model, inputs, labels, competing: mas.sensitivity(model, inputs, competing),
    "local": lambda model, inputs, labels, competing: mas.local_sensitivity(model, inputs, competing),
    "batched-sensitivity": lambda model, inputs, labels, competing: mas.batched_sensitivity(
        model, inputs, competing, 3
    ),
}
BY_IMPORTANCE = pytest.mark.parametrize("name", SLOW_IMPORTANCES)
ORDERLESS = pytest.mark.parametrize("name", ["exact", "empirical", "predicted", "global", "local"])
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
