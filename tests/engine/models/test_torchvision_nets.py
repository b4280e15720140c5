"""Torchvision's networks: what they compute, their first weights, and what they refuse."""

import math

import pytest
import torch
from torch import Tensor, nn

from engine.catalog.models import MODELS
from engine.catalog.models.torchvision_nets import NAMES
from engine.errors import ConfigError
from engine.models.flat import FlatParameters
from engine.models.reduced_resnet18 import reduced_resnet18
from engine.models.torchvision_nets import build
from engine.models.vgg import vgg
from engine.seeds import generator
from engine.settings.run import resolve
from engine.torchvision_import import torchvision_models


def images(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator(0, "images"))


def test_all_of_torchvisions_classifiers_are_known() -> None:
    """In the newest release; an earlier one may lack some."""
    models = torchvision_models()
    assert set(models.list_models(module=models)) <= NAMES
    assert "resnet50" in MODELS
    assert "resnet50" not in list(MODELS)
    assert MODELS.get("resnet51") is None


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("alexnet", 64),
        ("resnet18", 16),
        ("shufflenet_v2_x0_5", 32),
        ("squeezenet1_1", 32),
        ("regnet_x_400mf", 16),
    ],
)
def test_a_network_computes_what_torchvisions_does(name: str, side: int) -> None:
    """With the same weights, in training and in eval mode; only the last layer has another name."""
    theirs = torchvision_models().get_model(name, num_classes=7)
    ours = build((3, side, side), 7, 0, name)
    was = getattr(ours, "head_was", "head")
    renamed = {key.replace(f"{was}.", "head."): value for key, value in theirs.state_dict().items()}
    ours.load_state_dict(renamed)
    x = images(2, 3, side, side)
    for training in (True, False):
        found = []
        for net in (theirs, ours):
            torch.manual_seed(3)
            found.append(net.train(training)(x))
        assert torch.equal(*found)
    assert list(dict(ours.named_parameters()))[-1] == "head.bias" or name == "squeezenet1_1"
    assert not any(getattr(layer, "inplace", False) for layer in ours.modules())


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "reduced-resnet18", "vgg"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64)])
def test_the_networks_that_are_listed_take_small_images_of_any_depth(name: str, shape: tuple[int, ...]) -> None:
    info = MODELS[name]
    options = {**info.arguments, **dict(resolve({"model": name, "benchmark": "split-mnist"}).model_options)}
    if name == "vgg":
        net: nn.Module = vgg(shape, 5, 0, "small")
    else:
        net = reduced_resnet18(shape, 5, 0) if name == "reduced-resnet18" else build(shape, 5, 0, **options)
    assert net(images(2, *shape)).shape == (2, 5)
    assert isinstance(net.get_submodule("head"), nn.Linear)


def test_a_small_first_layer_is_for_at_most_64_pixels() -> None:
    kernels = {
        (side, form): build((3, side, side), 2, 0, "resnet18", form).get_submodule("conv1").kernel_size
        for side, form in ((64, "auto"), (65, "auto"), (96, "small"))
    }
    assert kernels == {(64, "auto"): (3, 3), (65, "auto"): (7, 7), (96, "small"): (3, 3)}


def test_reduced_resnet18_has_the_published_number_of_parameters() -> None:
    """1,109,240 with 100 outputs, counted from the layers of Lopez-Paz & Ranzato's code."""
    blocks, before = 9 * 3 * 20 + 2 * 20, 20
    for width in (20, 40, 80, 160):
        blocks += 9 * before * width + 3 * 9 * width * width + 4 * 2 * width
        if width != before:
            blocks += before * width + 2 * width
        before = width
    assert FlatParameters(reduced_resnet18((3, 32, 32), 100, 0)).size == blocks + 161 * 100


def test_vgg_begins_as_torchvisions_does() -> None:
    """He's deviation in convolutions, 0.01 elsewhere, biases 0; the layers of the survey's table 1."""
    net = vgg((3, 64, 64), 20, 0, "base")
    assert [layer.out_channels for layer in net if isinstance(layer, nn.Conv2d)] == [64, 64, 128, 128, 256, 256]
    assert [layer.out_features for layer in net if isinstance(layer, nn.Linear)] == [512, 512, 20]
    for name, deviation in (("conv3", math.sqrt(2 / (9 * 128))), ("fc1", 0.01), ("head", 0.01)):
        assert net.get_parameter(f"{name}.weight").std().item() == pytest.approx(deviation, rel=0.03)
    assert not any(parameter.any() for name, parameter in net.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("name", ["resnet18", "reduced-resnet18"])
def test_the_first_weights_come_from_the_seed_alone(name: str) -> None:
    def made(seed: int) -> Tensor:
        if name == "resnet18":
            return FlatParameters(build((3, 32, 32), 4, seed, name, "small")).values
        return FlatParameters(reduced_resnet18((3, 32, 32), 4, seed)).values

    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = made(0)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(first, made(0))
    assert not torch.equal(first, made(1))


@pytest.mark.parametrize(
    ("shape", "name", "words"),
    [
        ((1, 8, 8), "alexnet", "model alexnet cannot take examples of 1×8×8: .*; choose another network or size"),
        ((3, 32, 32), "inception_v3", "model inception_v3 cannot take examples of 3×32×32"),
        ((3, 30, 30), "vit_b_16", "model vit_b_16 cannot take examples of 3×30×30"),
        ((3, 224, 224), "vit_h_14", "model vit_h_14 has 630,.* parameters"),
        ((64,), "resnet18", "model resnet18: it needs images"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_in_a_sentence(shape: tuple[int, ...], name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        build(shape, 5, 0, name)
    assert "\n" not in str(refused.value)
