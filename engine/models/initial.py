"""Initial weights, which depend only on a seeded generator."""

import math

import torch
from torch import nn

LINEAR_OR_CONV = (nn.Linear, nn.Conv2d)


def draw(layer: nn.Linear | nn.Conv2d, random: torch.Generator, init: str) -> None:
    """Weights and biases of one layer.

    "torch": like torch's own, weights and biases uniform in ±1/√fan_in. "glorot": like Keras's, weights uniform in
    ±√(6/(fan_in + fan_out)) and biases 0 (Glorot & Bengio 2010, equation 16).
    """
    assert layer.bias is not None
    field = layer.weight[0, 0].numel()
    fan_in, fan_out = layer.weight.shape[1] * field, layer.weight.shape[0] * field
    with torch.no_grad():
        bound = 1 / math.sqrt(fan_in) if init == "torch" else math.sqrt(6 / (fan_in + fan_out))
        layer.weight.uniform_(-bound, bound, generator=random)
        if init == "torch":
            layer.bias.uniform_(-bound, bound, generator=random)
        else:
            layer.bias.zero_()
