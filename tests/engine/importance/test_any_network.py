"""Importances of all kinds of networks against loops over single examples."""

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from engine.analysis.measure import analyse
from engine.batch import Batch
from engine.errors import UnsupportedNetwork
from engine.importance import measure, rules
from engine.importance.measure import find_ways, survey
from engine.importance.per_example import PerExample
from engine.importance.sensitivity import sensitivity
from engine.models.flat import trained
from engine.models.mode import evaluating
from engine.training.build import load_stream
from engine.training.control import Control
from engine.training.runner import train
from engine.training.state import RunState
from tests import runs
from tests.any_networks import (
    BY_RULES,
    BY_VMAP,
    OUTPUTS,
    SINGLY,
    UNUSED,
    WIDTH,
    Net,
    across_examples,
    any_network,
    head,
    random_layers,
    square,
)
from tests.engine.importance.test_importance import SLOW_IMPORTANCES, importance
from tests.random_networks import Ranges, close64, outputs_of, random_inputs, random_labels, seeds
from tests.reference import mas
from tests.reference.method import flat

NETWORKS: dict[str, Callable[[], nn.Module]] = BY_RULES | {
    name: build for name, (build, _) in (UNUSED | BY_VMAP | SINGLY).items()
}
ACTIVE = slice(1, 4)
SOME = ("conv, in place", "tied", "own parameters", "gru")
CASES = [
    (name, network)
    for name in SLOW_IMPORTANCES
    for network in NETWORKS
    if name in ("exact", "global") or (name != "local" and network in SOME)
]
"""The other forms differ only in the gradients at the outputs, or are of batches."""


def both(name: str, model: nn.Module, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """The engine's importance and the slow one."""
    inputs, labels = random_inputs(count, WIDTH, seed), random_labels(count, ACTIVE, seed)
    found = importance(name, model, inputs, labels, ACTIVE)
    with evaluating(model):
        return found, flat(SLOW_IMPORTANCES[name](model, inputs, labels, outputs_of(ACTIVE)))


@pytest.mark.parametrize(("name", "network"), CASES)
def test_each_importance_of_any_network_equals_the_loop_over_examples(name: str, network: str) -> None:
    model = any_network(NETWORKS[network])
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    found, slow = both(name, model, 5, 0)
    close64(found, slow)
    assert found.any()
    assert not found.requires_grad
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


@settings(max_examples=25)
@given(name=st.sampled_from(["exact", "global"]), seed=seeds)
def test_importances_of_random_layers_equal_the_loop_over_examples(name: str, seed: int) -> None:
    """Kernels, strides, paddings, dilations, groups, norms, residual paths, layers used twice: all by rules."""
    model = random_layers(seed)
    close64(*both(name, model, 1 + seed % 3, seed))
    with evaluating(model):
        assert not find_ways(model, random_inputs(2, WIDTH, seed)).left


def test_gradients_of_convolutions_are_the_same_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, and so here, they are a product of matrices."""
    for seed in range(20):
        model, inputs = random_layers(seed), random_inputs(3, WIDTH, seed)
        passed = PerExample(model.eval(), inputs)
        found = passed.sum([torch.ones_like(passed.outputs)] * 2, torch.abs, 1 << 20)
        with monkeypatch.context() as patched:
            patched.setattr(rules, "by_convolution", rules.by_windows)
            again = passed.sum([torch.ones_like(passed.outputs)] * 2, torch.abs, 1 << 20)
        for name, of in found.items():
            close64(again[name], of)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_log_says_what_is_not_measured_by_rules_and_how(network: str) -> None:
    model = any_network(NETWORKS[network])
    notes = survey(model, random_inputs(3, WIDTH, 0), "examples")
    if network in BY_RULES:
        assert not notes
    if network in UNUSED:
        assert [f"{UNUSED[network][1]}, first.bias" in note and "importance there is 0" in note for note in notes] == [
            True
        ]
    if network in BY_VMAP:
        assert BY_VMAP[network][1] in notes[0]
        assert re.search(r"by vmap, in chunks of at most \d+ examples", notes[0])
    if network in SINGLY:
        assert SINGLY[network][1] in notes[0]
        assert "one example at a time, because vmap cannot" in notes[0]


@pytest.mark.parametrize("memory", [1, 1024])
@pytest.mark.parametrize("network", ["norms of images", "rows", "own parameters", "tied to the table"])
def test_memory_changes_only_how_many_examples_are_looked_at_at_once(
    network: str, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a MiB is a few hundred bytes, so each pass has one example, and each product one gradient."""
    expected = both("exact", any_network(NETWORKS[network]), 7, 1)[0]
    passes: list[int] = []

    class Counting(measure.PerExample):
        def __init__(self, model: nn.Module, inputs: Tensor, *given: object) -> None:
            passes.append(len(inputs))
            super().__init__(model, inputs, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(measure, "PerExample", Counting)
    monkeypatch.setattr(measure, "MIB", 400)
    model, inputs = any_network(NETWORKS[network]), random_inputs(7, WIDTH, 1)
    labels = random_labels(7, ACTIVE, 1)
    found = importance("exact", model, inputs, labels, ACTIVE, memory=memory)
    close64(found, expected)
    assert passes == ([2, *[1] * 7] if memory == 1 else [2, 7])


def test_a_network_that_uses_a_parameter_in_another_way_later_is_measured_singly_then() -> None:
    """What was found on two examples need not hold for more."""

    def use(net: Net, x: Tensor) -> Tensor:
        hidden = net.first(x) if len(x) == 2 else functional.linear(x, net.first.weight, net.first.bias)
        return net.head(hidden.tanh())  # type: ignore[no-any-return]

    model = any_network(lambda: Net(use, first=square(), head=head()))
    with evaluating(model):
        assert not find_ways(model, random_inputs(2, WIDTH, 0)).left
    close64(*both("exact", model, 5, 0))


def test_inputs_without_labels_are_measured_in_parts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs = any_network(BY_RULES["conv, in place"]), random_inputs(7, WIDTH, 1)
    unlabelled = Batch(inputs, torch.empty(0, dtype=torch.int64), 0)
    expected = sensitivity(model, Ranges(OUTPUTS, ACTIVE), [unlabelled])
    monkeypatch.setattr(measure, "MIB", 400)
    close64(sensitivity(model, Ranges(OUTPUTS, ACTIVE), [unlabelled], memory=1), expected)


def test_a_few_rows_of_many_take_the_memory_of_a_few() -> None:
    """They share the storage of all of them."""
    model, inputs = any_network(BY_RULES["conv, in place"]).eval(), random_inputs(5000, WIDTH, 1)
    assert find_ways(model, inputs).held == find_ways(model, inputs[:2].clone()).held < 5000


def test_time_that_is_as_long_as_the_batch_is_not_taken_for_it() -> None:
    """Rows of the layer are times, not examples; that is found on a smaller batch, and holds for all."""
    model = any_network(BY_VMAP["time first"][0])
    for count in (1, 2, 3):
        close64(*both("exact", model, count, count))


@pytest.mark.parametrize("name", ["exact", "global"])
def test_a_network_that_compares_examples_is_measured_on_each_alone(name: str) -> None:
    model = any_network(across_examples)
    close64(*both(name, model, 5, 0))
    assert "importances are measured one example at a time" in survey(model, random_inputs(3, WIDTH, 0), "examples")[0]


def test_a_network_that_cannot_compute_one_example_is_refused() -> None:
    model = any_network(lambda: nn.Sequential(square(), nn.BatchNorm1d(WIDTH, track_running_stats=False), head()))
    with pytest.raises(UnsupportedNetwork, match="cannot compute a single example: Expected more than 1 value"):
        survey(model, random_inputs(3, WIDTH, 0), "examples")


# The local form


LOCAL: dict[str, Callable[[], nn.Sequential]] = {
    "conv": lambda: nn.Sequential(
        nn.Unflatten(1, (2, 3, 4)),
        nn.Conv2d(2, 4, 2, padding=1, stride=2, groups=2),
        nn.ReLU(),
        nn.Conv2d(4, 2, 2, bias=False),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        head(4),
    ),
    "norm": lambda: nn.Sequential(
        nn.Unflatten(1, (2, 12)), nn.BatchNorm1d(2), nn.ReLU(), nn.LayerNorm(12), nn.ReLU(), nn.Flatten(), head()
    ),
    "rows": lambda: nn.Sequential(nn.Unflatten(1, (4, 6)), nn.Linear(6, 3), nn.ReLU(), nn.Flatten(), head(12)),
}


@pytest.mark.parametrize("network", LOCAL)
def test_the_local_form_is_the_gradient_of_each_layers_own_relu_outputs(network: str) -> None:
    model = any_network(LOCAL[network]).eval()
    assert isinstance(model, nn.Sequential)
    inputs, labels = random_inputs(6, WIDTH, 3), random_labels(6, ACTIVE, 3)
    found = importance("local", model, inputs, labels, ACTIVE)
    close64(found, flat(mas.sensitivity_by_layer(model, inputs, outputs_of(ACTIVE))))


WITHOUT_LOCAL: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "another activation": (
        lambda: nn.Sequential(square(), nn.Tanh(), head()),
        r"0.weight is of a layer without a ReLU right after it \(Tanh\)",
    ),
    "a norm between": (
        lambda: nn.Sequential(square(), nn.LayerNorm(WIDTH), nn.ReLU(), head()),
        r"0.weight is of a layer without a ReLU right after it \(NativeLayerNorm\)",
    ),
    "twice": (lambda: nn.Sequential(*[square(), nn.ReLU()] * 2, head()), "0.weight is used 2 times"),
    "elementwise": (BY_RULES["positions"], "place belongs to no layer"),
    "own parameters": (BY_VMAP["own parameters"][0], "mix is not used by a layer"),
    "no layer at the end": (
        lambda: nn.Sequential(square(), nn.ReLU(), head(), nn.Softmax(1)),
        r"2.weight .* \(Softmax\)",
    ),
    "overwritten": (
        lambda: Net(lambda net, x: net.head(net.first(x).relu_().mul_(2)), first=square(), head=head()),
        r"first.weight is of a layer without a ReLU right after it",
    ),
}


@pytest.mark.parametrize("network", WITHOUT_LOCAL)
def test_the_local_form_is_refused_where_it_means_nothing(network: str) -> None:
    build, says = WITHOUT_LOCAL[network]
    model = any_network(build)
    with pytest.raises(
        UnsupportedNetwork, match=f"each layer's own ReLU units, and {says}.*: use --sensitivity global"
    ):
        importance("local", model, random_inputs(5, WIDTH, 0), random_labels(5, ACTIVE, 0), ACTIVE)
    assert model.training


def test_layers_need_not_be_registered_in_the_order_in_which_they_are_used() -> None:
    """For the local form, too, the last layer is the one that gives the outputs."""
    model = any_network(
        lambda: Net(
            lambda net, x: net.first(net.second(x).relu()), first=nn.Linear(5, OUTPUTS), second=nn.Linear(WIDTH, 5)
        )
    )
    plain = nn.Sequential(model.second, nn.ReLU(), model.first)  # type: ignore[arg-type]
    inputs, labels = random_inputs(5, WIDTH, 0), random_labels(5, ACTIVE, 0)
    first = sum(of.numel() for _, of in trained(plain[0]))
    for name in ("exact", "global", "local"):
        expected = importance(name, plain, inputs, labels, ACTIVE)
        found = importance(name, model, inputs, labels, ACTIVE)
        close64(found, torch.cat([expected[first:], expected[:first]]))


# Runs


def built(monkeypatch: pytest.MonkeyPatch, build: Callable[[], nn.Module]) -> None:
    def of_run(*_: object) -> nn.Module:
        torch.manual_seed(0)
        return build()

    monkeypatch.setattr("engine.training.network.build_model", of_run)


@pytest.mark.parametrize("method", ["ewc", "mas"])
def test_a_run_says_in_its_log_how_importances_are_measured(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = (nn.Flatten(), nn.Linear(64, 8), nn.LayerNorm(8), Mixed(), nn.Linear(8, 10))
    built(monkeypatch, lambda: nn.Sequential(*deepcopy(layers)))
    session = runs.finished(tmp_path, runs.tiny(method))
    noted = [event.text for event in session.readable(0)[0] if event.event == "noted"]
    assert [note for note in noted if note.startswith("3.weight has no rule, so its importance is measured by vmap")]
    assert runs.importance(session).any()


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(8, 8))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs @ self.weight


def test_a_network_without_a_local_form_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(monkeypatch, lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10)))
    session = runs.create(tmp_path, runs.tiny("mas", sensitivity="local"))
    with pytest.raises(UnsupportedNetwork, match="without a ReLU"):
        train(session, Control())
    assert session.history().step == 0


@pytest.mark.parametrize("method", ["ewc", "mas", "si"])
def test_a_convolutional_run_is_measured_and_analysed(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With norms, whose statistics are buffers; and in as many passes as the memory asks for."""
    config = runs.tiny(method, model="conv", channels=[4, "pool", 6], hidden=[8], norm="batch")
    session = runs.finished(tmp_path, config)
    found = analyse(session, 6)
    assert found.forgetting is not None
    layers = [layer.layer for layer in found.forgetting.layers]
    assert layers[:4] == ["conv1.weight", "conv1.bias", "norm1.weight", "norm1.bias"]
    assert [layer.layer for layer in found.agreement.layers] == layers
    monkeypatch.setattr(measure, "MIB", 40)
    again = analyse(session, 6)
    assert again.forgetting is not None
    for one, other in zip(found.forgetting.layers, again.forgetting.layers, strict=True):
        assert (other.loss, other.first_order) == pytest.approx((one.loss, one.first_order), abs=1e-5)
    assert again.agreement.whole.fisher_mas.pearson == pytest.approx(found.agreement.whole.fisher_mas.pearson, abs=1e-4)


def test_an_earlier_task_is_measured_with_its_own_statistics(tmp_path: Path) -> None:
    """MAS that measures all tasks again, and the analysis."""
    config = runs.tiny(
        "mas", model="conv", channels=[3, "pool"], hidden=[4], norm="batch", norm_statistics="own", recompute=True
    )
    session = runs.finished(tmp_path, config)
    stream = load_stream(config, torch.device("cpu"))
    problem = stream.problem()
    state = RunState(config, stream, problem, torch.device("cpu"))
    tensors, cursor = state.read(session.checkpoints()[0])
    state.load(tensors, cursor, ())
    problem.begin(1)
    found = torch.zeros_like(state.parameters.values)
    for task in range(2):
        with state.statistics.of(task, 1):
            found += sensitivity(state.model, problem, stream.passes(task, 100))
    torch.testing.assert_close(found, runs.importance(session), rtol=1e-4, atol=1e-6)
    assert not torch.allclose(
        found - sensitivity(state.model, problem, stream.passes(1, 100)),
        sensitivity(state.model, problem, stream.passes(0, 100)),
        rtol=1e-4,
    )
    agreement = analyse(session).agreement.whole.omega_mas
    assert agreement is not None
    assert agreement.pearson == pytest.approx(1, abs=1e-4)
