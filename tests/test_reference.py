"""The engine's formulas against the slow versions in tests/reference, on random small networks."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.catalog.methods import METHODS
from engine.methods.base import Learned, Method
from engine.methods.ewc import ElasticWeightConsolidation
from engine.methods.joint import JointTraining
from engine.methods.l2 import EqualImportance
from engine.methods.lwf import LearningWithoutForgetting
from engine.methods.mas import MemoryAwareSynapses
from engine.methods.none import FineTuning
from engine.methods.replay import ExperienceReplay
from engine.methods.rwalk import RiemannianWalk
from engine.methods.si import SynapticIntelligence
from engine.models.flat import FlatParameters
from engine.penalties.penalty import Penalty
from engine.seeds import generator
from engine.settings.run import known_settings, resolve
from engine.streams.examples import Examples, ExampleStream, Task
from tests import runs
from tests.random_networks import (
    Ranges,
    bound,
    close64,
    outputs_of,
    random_inputs,
    random_labels,
    random_network,
    seeds,
    sizes,
)
from tests.reference.method import SlowMethod, flat
from tests.textbook import SLOW, left_alone

FAST: dict[str, type[Method]] = {
    "none": FineTuning,
    "joint": JointTraining,
    "l2": EqualImportance,
    "si": SynapticIntelligence,
    "ewc": ElasticWeightConsolidation,
    "mas": MemoryAwareSynapses,
    "rwalk": RiemannianWalk,
    "lwf": LearningWithoutForgetting,
    "replay": ExperienceReplay,
}
WALKED = [*runs.CASES, *runs.COMBINED]

close32 = partial(torch.testing.assert_close, rtol=2e-4, atol=2e-6)


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
    elsewhere = list(zip(test if config.option("importance_data") == "test" else train, tasks, strict=True))
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

    fast.use(model, stream)
    fast.start(parameters.values)
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
    signed: bool,
) -> None:
    theta = list(model.parameters())
    omega = slow.importance()
    if penalty is None:
        assert omega is None
        return
    assert omega is not None
    close(penalty.diagonal(), flat(omega))
    value = slow.penalty(theta)
    if not signed:
        assert (penalty.diagonal() >= 0).all()
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
    assert_same_penalty(penalty, k, slow, model, parameters, close=close64, rel=1e-9, signed="signed" in options)


@runs.by_case(WALKED)
def test_each_method_equals_its_reference_in_float32(method: str, options: dict[str, Any]) -> None:
    active = [slice(0, 2), slice(2, 4), slice(4, 6)]
    penalty, k, slow, model, parameters = walk(method, options, [7, 9, 6], active, 5, torch.float32)
    assert (penalty is None) == (not METHODS[method].symbol)
    assert penalty is None or penalty.diagonal().any()
    assert_same_penalty(penalty, k, slow, model, parameters, close=close32, rel=2e-4, signed="signed" in options)


def test_every_method_and_every_option_has_a_reference() -> None:
    """A newcomer brings a slow version of itself, and a case for every option of it."""
    assert set(SLOW) == set(FAST) == set(METHODS)
    assert {f"{kind.__module__}:{kind.__name__}" for kind in FAST.values()} == {info.code for info in METHODS.values()}
    tried = {(method, key) for method, options in WALKED for key in options}
    assert {(name, key) for name, info in METHODS.items() for key in info.options.kept} <= tried
    choices = {(key, value) for _, options in WALKED for key, value in options.items() if isinstance(value, str)}
    defaults = {(key, option.default) for info in METHODS.values() for key, option in info.options.kept.items()}
    for key in ("gradient", "fisher", "sensitivity", "buffer_choice"):
        for value in known_settings()[key].choices:
            assert (key, value) in choices | defaults
