"""Initial weights, which depend on the seed alone."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from engine.seeds import number


def draw(layer: nn.Linear | nn.Conv2d, random: torch.Generator, init: str) -> None:
    """Weights and biases of one layer.

    "torch": like torch's own, weights and biases uniform in ±1/√fan_in. "glorot": like Keras's, weights uniform in
    ±√(6/(fan_in + fan_out)) and biases 0 (Glorot & Bengio 2010, equation 16). "vgg": like torchvision's VGG, normal
    with the deviation √(2/fan_out) in convolutions (He et al. 2015) and 0.01 elsewhere, and biases 0.
    """
    assert layer.bias is not None
    field = layer.weight[0, 0].numel()
    fan_in, fan_out = layer.weight.shape[1] * field, layer.weight.shape[0] * field
    with torch.no_grad():
        if init == "vgg":
            deviation = math.sqrt(2 / fan_out) if isinstance(layer, nn.Conv2d) else 0.01
            layer.weight.normal_(0, deviation, generator=random)
        else:
            bound = 1 / math.sqrt(fan_in) if init == "torch" else math.sqrt(6 / (fan_in + fan_out))
            layer.weight.uniform_(-bound, bound, generator=random)
        if init == "torch":
            layer.bias.uniform_(-bound, bound, generator=random)
        else:
            layer.bias.zero_()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """For networks that draw from torch's own generator, which afterwards is as before."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(number(seed, "weights"))
        yield
