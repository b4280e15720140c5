"""The networks, and their parameters as one flat vector."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import linear, relu

from engine.models.flat import FlatParameters
from engine.models.mlp import mlp
from engine.seeds import generator


def test_the_first_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = FlatParameters(mlp((6,), (5, 4), 3, seed=0)).values
    torch.manual_seed(2)
    assert torch.equal(first, FlatParameters(mlp((6,), (5, 4), 3, seed=0)).values)
    assert not torch.equal(first, FlatParameters(mlp((6,), (5, 4), 3, seed=1)).values)


def test_building_a_network_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    mlp((6,), (5,), 3, seed=0)
    generator(0, "order", 1, 2)
    assert torch.equal(before, torch.get_rng_state())


def test_the_first_weights_spread_as_torch_does() -> None:
    """Uniform within 1/√fan_in, for weights and biases."""
    model = mlp((100,), (400,), 50, seed=0)
    for name, fan_in in (("fc1", 100), ("head", 400)):
        weight = model.get_parameter(f"{name}.weight")
        assert weight.abs().max().item() == pytest.approx(1 / math.sqrt(fan_in), rel=0.01)
        assert weight.std().item() == pytest.approx(1 / math.sqrt(3 * fan_in), rel=0.05)
        assert model.get_parameter(f"{name}.bias").abs().max().item() <= 1 / math.sqrt(fan_in)


@pytest.mark.parametrize("init", ["glorot", "glorot-zero-head"])
def test_the_first_weights_spread_as_keras_does(init: str) -> None:
    """Uniform within √(6/(fan_in + fan_out)), biases 0; a head of zeros where asked for."""
    model = mlp((100,), (400,), 50, seed=0, init=init)
    bound = math.sqrt(6 / (100 + 400))
    weight = model.get_parameter("fc1.weight")
    assert weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
    head = model.get_parameter("head.weight")
    if init == "glorot":
        assert head.abs().max().item() == pytest.approx(math.sqrt(6 / (400 + 50)), rel=0.01)
    else:
        assert not head.any()
    for name in ("fc1", "head"):
        assert not model.get_parameter(f"{name}.bias").any()


def test_parameters_are_chosen_by_name_pattern() -> None:
    """Of the tensors' names, case and dots as they are; 0 where a pattern matches."""
    parameters = FlatParameters(mlp((2,), (3, 4), 2, seed=0))
    assert parameters.matching_none(()).all()
    assert not parameters.matching_none(("*",)).any()
    held = parameters.matching_none(("*.bias", "fc[2-9].*", "HEAD.*"))
    names = {layer.name for layer in parameters.layers if held[layer.start : layer.stop].all()}
    assert names == {"fc1.weight", "head.weight"}
    assert held.sum() == 2 * 3 + 4 * 2


@given(st.lists(st.integers(1, 6), max_size=3), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**63 - 1))
def test_any_hidden_sizes_make_a_relu_network(hidden: list[int], inputs: int, outputs: int, seed: int) -> None:
    model = mlp((inputs,), hidden, outputs, seed)
    x = torch.randn(4, inputs, generator=generator(seed, "x"))
    expected = x
    for name in [f"fc{number + 1}" for number in range(len(hidden))]:
        expected = relu(linear(expected, model.get_parameter(f"{name}.weight"), model.get_parameter(f"{name}.bias")))
    expected = linear(expected, model.get_parameter("head.weight"), model.get_parameter("head.bias"))
    assert torch.equal(model(x), expected)
    assert model(x).shape == (4, outputs)


def test_moving_the_flat_vector_moves_the_network() -> None:
    model = mlp((3,), (4,), 2, seed=0)
    parameters = FlatParameters(model)
    assert parameters.size == 3 * 4 + 4 + 4 * 2 + 2
    parameters.values.zero_()
    assert not model(torch.ones(1, 3)).any()


def test_backward_fills_the_flat_gradient_layer_by_layer() -> None:
    model = mlp((3,), (4,), 2, seed=0)
    parameters = FlatParameters(model)
    x = torch.randn(5, 3, generator=generator(0, "x"))
    expected = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
    model(x).square().sum().backward()
    assert [layer.name for layer in parameters.layers] == ["fc1.weight", "fc1.bias", "head.weight", "head.bias"]
    for layer, gradient in zip(parameters.layers, expected, strict=True):
        assert torch.equal(parameters.gradient[layer.start : layer.stop], gradient.flatten())


def test_each_purpose_and_place_draws_numbers_of_its_own() -> None:
    generators = [
        generator(0, "order", 0, 0),
        generator(0, "order", 0, 1),
        generator(0, "order", 1, 0),
        generator(1, "order", 0, 0),
        generator(0, "weights"),
    ]
    draws = [torch.rand(4, generator=own).tolist() for own in generators]
    assert len({tuple(draw) for draw in draws}) == len(draws)
    assert torch.rand(4, generator=generator(0, "order", 0, 1)).tolist() == draws[1]
