"""The convolutional networks: their layers, their first weights, and what they refuse."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import conv2d, cross_entropy, dropout, linear, max_pool2d, relu

from engine.catalog.models import MODELS
from engine.catalog.models.conv import Channels, size
from engine.errors import ConfigError
from engine.models.conv import conv
from engine.models.flat import FlatParameters
from engine.seeds import generator
from engine.settings.run import resolve

CIFAR = (3, 32, 32)


def si_cifar(inputs: tuple[int, ...], outputs: int, seed: int) -> nn.Sequential:
    return conv(inputs, outputs, seed, **MODELS["si-cifar"].arguments)


def images(count: int, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.rand(count, *shape, generator=generator(seed, "images"))


@st.composite
def specs(draw: st.DrawFn) -> Channels:
    """At most two poolings, which images of 4×5 allow."""
    layers: list[int] = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    found: list[object] = list(layers)
    for place in draw(st.lists(st.integers(0, len(layers)), max_size=2)):
        found.insert(place, "pool")
    return tuple(found)  # type: ignore[arg-type]


@settings(max_examples=25)
@given(specs(), st.lists(st.integers(1, 5), max_size=2), st.integers(1, 3), st.integers(0, 2**63 - 1))
def test_any_spec_makes_its_network_and_its_size_is_known_before(
    channels: Channels, hidden: list[int], depth: int, seed: int
) -> None:
    """Held to the functions of torch, layer by layer."""
    model = conv((depth, 4, 5), 3, seed, channels, hidden)
    expected = x = images(2, (depth, 4, 5), seed)
    number = 0
    for layer in channels:
        if layer == "pool":
            expected = max_pool2d(expected, 2)
        else:
            number += 1
            weight, bias = (model.get_parameter(f"conv{number}.{part}") for part in ("weight", "bias"))
            assert weight.shape[0] == layer
            expected = relu(conv2d(expected, weight, bias, padding=1))
    expected = expected.flatten(1)
    for name in [f"fc{number + 1}" for number in range(len(hidden))]:
        expected = relu(linear(expected, model.get_parameter(f"{name}.weight"), model.get_parameter(f"{name}.bias")))
    expected = linear(expected, model.get_parameter("head.weight"), model.get_parameter("head.bias"))
    assert torch.equal(model(x), expected)
    assert size((depth, 4, 5), 3, channels, hidden).parameters == FlatParameters(model).size


@pytest.mark.parametrize("norm", ["none", "batch", "layer", "group"])
def test_normalisation_stands_after_each_convolution_and_dropout_after_poolings_and_hidden_layers(norm: str) -> None:
    options = dict(resolve({"model": "conv", "channels": (32, "pool", 24, "pool"), "norm": norm}).model_options)
    model = conv((1, 8, 8), 10, 0, **(options | {"dropout": (0.25, 0.5)}))
    kinds = [type(layer).__name__ for layer in model]
    normed = {"none": [], "batch": ["BatchNorm2d"], "layer": ["GroupNorm"], "group": ["GroupNorm"]}[norm]
    block = ["Conv2d", *normed, "ReLU", "MaxPool2d", "Dropout"]
    assert kinds == [*block, *block, "Flatten", "Linear", "ReLU", "Dropout", "Linear"]
    assert [layer.p for layer in model if isinstance(layer, nn.Dropout)] == [0.25, 0.25, 0.5]
    groups = [layer.num_groups for layer in model if isinstance(layer, nn.GroupNorm)]
    assert groups == {"layer": [1, 1], "group": [2, 3]}.get(norm, [])
    assert size((1, 8, 8), 10, **options).parameters == FlatParameters(model).size
    assert list(dict(model.named_parameters()))[-1] == "head.bias"


def test_a_single_dropout_is_for_both_places() -> None:
    model = conv(CIFAR, 10, 0, (4, "pool"), (5,), dropout=(0.3,))
    assert [layer.p for layer in model if isinstance(layer, nn.Dropout)] == [0.3, 0.3]


def textbook(model: nn.Module, x: Tensor) -> Tensor:
    """Zenke et al. 2017, in training mode, as their Keras code lists it."""
    weights = dict(model.named_parameters())

    def convolved(x: Tensor, number: int, padding: int) -> Tensor:
        return relu(conv2d(x, weights[f"conv{number}.weight"], weights[f"conv{number}.bias"], padding=padding))

    x = dropout(max_pool2d(convolved(convolved(x, 1, 1), 2, 0), 2), 0.25)
    x = dropout(max_pool2d(convolved(convolved(x, 3, 1), 4, 0), 2), 0.25)
    assert x.shape[1:] == (64, 6, 6)
    x = dropout(relu(linear(x.flatten(1), weights["fc1.weight"], weights["fc1.bias"])), 0.5)
    return linear(x, weights["head.weight"], weights["head.bias"])


def test_si_cifar_is_the_network_of_the_paper() -> None:
    """Glorot's weights, biases 0, a head of zeros; outputs and gradients with dropout, to the bit."""
    model = si_cifar(CIFAR, 60, seed=3)
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or name.startswith("head"):
            assert not parameter.any()
        else:
            field = parameter[0, 0].numel()
            bound = math.sqrt(6 / (field * (parameter.shape[0] + parameter.shape[1])))
            assert parameter.abs().max().item() == pytest.approx(bound, rel=0.02)
            assert parameter.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
    with torch.no_grad():
        model.get_parameter("head.weight").normal_(generator=generator(0, "head"))
    x, labels = images(4, CIFAR), torch.arange(4)
    found = []
    for network in (model, lambda x: textbook(model, x)):
        torch.manual_seed(5)
        loss = cross_entropy(network(x), labels)
        found.append([loss, *torch.autograd.grad(loss, list(model.parameters()))])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*found, strict=True))


def test_the_first_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = FlatParameters(si_cifar(CIFAR, 10, seed=0)).values
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(first, FlatParameters(si_cifar(CIFAR, 10, seed=0)).values)
    assert not torch.equal(first, FlatParameters(si_cifar(CIFAR, 10, seed=1)).values)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"model": "si-cifar"}, "model si-cifar on split-digits: examples of 1×8×8 are too small for it"),
        ({"model": "conv", "channels": (8, *["pool"] * 4)}, "after 8,pool,pool,pool,pool no pixel is left"),
        ({"model": "conv", "channels": ("poll",)}, "it should be a number of channels, or pool"),
        ({"model": "conv", "channels": ()}, "channels"),
        ({"model": "conv", "dropout": (0.1, 0.2, 0.3)}, "dropout"),
        ({"model": "conv", "dropout": (1.0,)}, "less than 1"),
        ({"model": "conv", "channels": (8192,), "hidden": (65_536,)}, "more than 500,000,000 parameters"),
        ({"model": "conv", "channels": (8192,) * 8, "hidden": ()}, "more than 500,000,000 parameters"),
    ],
)
def test_what_cannot_be_built_is_refused_before_a_session_is_made(chosen: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve(chosen)


def test_each_network_has_its_own_defaults_which_a_benchmark_overrides() -> None:
    assert resolve({"benchmark": "split-mnist"}).lr == 1e-2
    config = resolve({"benchmark": "split-mnist", "model": "conv"})
    assert (config.lr, config.option("hidden"), len(config.option("channels"))) == (1e-3, (512,), 6)
    assert resolve({"model": "conv"}).option("hidden") == (64,), "the digits are small"
    assert resolve({"model": "conv", "hidden": (7,)}).option("hidden") == (7,)
    assert MODELS["si-cifar"].options.kept == {}
