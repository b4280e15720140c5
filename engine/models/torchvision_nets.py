"""Torchvision's networks for classification, whose last layer is called ``head``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ConfigError, first_line
from engine.models.initial import seeded
from engine.settings.consistent import MOST_PARAMETERS
from engine.text import by
from engine.torchvision_import import torchvision_models

SMALL_PIXELS = 64
"""Largest side of an image for which the first layer is small, unless another is asked for."""
ARGUMENTS: Mapping[str, Mapping[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}


def build(inputs: Sequence[int], outputs: int, seed: int, name: str, first_layer: str = "full") -> nn.Module:
    """The network with ``outputs`` outputs, and as many input channels as ``inputs`` have.

    Its initial values are torchvision's and depend only on ``seed``. Raises ConfigError if it cannot take such inputs.
    """
    if len(inputs) != 3:
        raise ConfigError(f"model {name}: it needs images, of channels × height × width", "model")
    small = first_layer == "small" or (first_layer == "auto" and max(inputs[1:]) <= SMALL_PIXELS)

    def made() -> nn.Module:
        arguments = {**ARGUMENTS.get(name, {}), **({"image_size": inputs[1]} if name.startswith("vit_") else {})}
        net: nn.Module = torchvision_models().get_model(name, num_classes=outputs, **arguments)
        if small:
            SMALL_FORMS[name](net, max(inputs[1:]))
        return with_head(_with_channels(cleaned(net), inputs[0]), outputs)

    with seeded(seed):
        _try(made, name, inputs)
    with seeded(seed):
        return made()


def _try(made: Callable[[], nn.Module], name: str, inputs: Sequence[int]) -> None:
    """Builds it without memory and passes an example through it. Raises ConfigError."""
    shape = by(inputs)
    try:
        try:
            with torch.device("meta"):
                net = made()
        except NotImplementedError:  # regnet computes with tensors while it is built
            net = made().to("meta")
        with torch.no_grad():
            net.eval()(torch.empty(2, *inputs, device="meta"))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise ConfigError(
            f"model {name} cannot take examples of {shape}: {first_line(error)}; choose another network or size of "
            f"images",
            "model",
        ) from None
    count = sum(parameter.numel() for parameter in net.parameters())
    if count > MOST_PARAMETERS:
        raise ConfigError(f"model {name} has {count:,} parameters; {MOST_PARAMETERS:,} are possible", "model")


def cleaned(net: nn.Module) -> nn.Module:
    """Without layers that overwrite their inputs, which the importance still needs; it computes the same."""
    layer: Any
    for layer in net.modules():
        if hasattr(layer, "inplace"):
            layer.inplace = False
    return net


def _with_channels(net: nn.Module, channels: int) -> nn.Module:
    path, first = next((path, layer) for path, layer in net.named_modules() if isinstance(layer, nn.Conv2d))
    if first.in_channels != channels:
        replaced = nn.Conv2d(
            channels,
            first.out_channels,
            first.kernel_size,  # type: ignore[arg-type]
            first.stride,  # type: ignore[arg-type]
            first.padding,  # type: ignore[arg-type]
            bias=first.bias is not None,
        )
        _put(net, path, replaced)
    return net


def with_head(net: nn.Module, outputs: int) -> nn.Module:
    """Calls its last linear layer ``head``, as it is called in all networks here; one without such a layer stays."""
    linear = [path for path, layer in net.named_modules() if isinstance(layer, nn.Linear)]
    if not linear or linear[-1] == "head":
        return net
    head = net.get_submodule(linear[-1])
    assert head.out_features == outputs
    _put(net, linear[-1], nn.Identity())
    net.head = head
    body: Any = type(net)

    class Headed(body):  # type: ignore[misc]
        head_was = linear[-1]
        """Its name in torchvision, under which weights may be stored."""

        def forward(self, inputs: Tensor) -> Tensor:
            found: Tensor = self.head(super().forward(inputs))
            return found

    net.__class__ = Headed
    return net


def _put(net: nn.Module, path: str, layer: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(net.get_submodule(parent), name, layer)


def _small_alexnet(net: Any, side: int) -> None:
    """A 3×3 convolution instead of 11×11 with stride 4: 32 pixels stay 32, and 64 become 32."""
    net.features[0] = nn.Conv2d(3, 64, 3, stride=1 if side <= SMALL_PIXELS // 2 else 2, padding=1)


def _small_resnet(net: Any, side: int) -> None:
    """A 3×3 convolution without the pooling after it, as He et al. 2016 train on CIFAR (section 4.2)."""
    net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
    net.maxpool = nn.Identity()


SMALL_FORMS: Mapping[str, Callable[[Any, int], None]] = {"alexnet": _small_alexnet, "resnet18": _small_resnet}
