"""Convolutional networks from a list of their layers."""

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from engine.catalog.models.conv import Channels
from engine.models.initial import draw
from engine.seeds import generator

GROUP = 16
"""Channels of a group in group normalisation, at most."""


def conv(
    inputs: Sequence[int],
    outputs: int,
    seed: int,
    channels: Channels,
    hidden: Sequence[int],
    dropout: Sequence[float] = (),
    norm: str = "none",
    init: str = "torch",
    valid: Sequence[int] = (),
) -> nn.Sequential:
    """3×3 convolutions conv1, conv2, …, each with its normalisation and ReLU, and 2×2 max-poolings; then linear layers
    fc1, …, head. x of shape (N, channels, height, width) gives logits (N, outputs).

    ``valid``: the convolutions, counted from 1, that have no padding; all others keep height and width. ``dropout``:
    after each pooling, and after each hidden layer; a single number is for both. The initial values depend only on
    ``seed`` and ``init``, as in ``mlp``.
    """
    random = generator(seed, "weights")
    depth, height, width = inputs
    after_pool, after_hidden = (*dropout, *dropout, 0.0, 0.0)[:2] if len(dropout) != 2 else dropout
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    convolutions = pools = 0
    for layer in channels:
        if layer == "pool":
            pools += 1
            layers[f"pool{pools}"] = nn.MaxPool2d(2)
            height, width = height // 2, width // 2
            if after_pool:
                layers[f"pool{pools}_dropout"] = nn.Dropout(after_pool)
            continue
        convolutions += 1
        padding = 0 if convolutions in valid else 1
        made = nn.utils.skip_init(nn.Conv2d, depth, layer, 3, padding=padding)
        draw(made, random, init)
        layers[f"conv{convolutions}"] = made
        if norm != "none":
            layers[f"norm{convolutions}"] = _norm(norm, layer)
        layers[f"conv{convolutions}_relu"] = nn.ReLU()
        depth, height, width = layer, height - 2 * (1 - padding), width - 2 * (1 - padding)
    layers["flatten"] = nn.Flatten()
    before = depth * height * width
    for number, after in enumerate((*hidden, outputs), start=1):
        linear = nn.utils.skip_init(nn.Linear, before, after)
        draw(linear, random, init)
        if number > len(hidden):
            layers["head"] = linear
            break
        layers[f"fc{number}"] = linear
        layers[f"fc{number}_relu"] = nn.ReLU()
        if after_hidden:
            layers[f"fc{number}_dropout"] = nn.Dropout(after_hidden)
        before = after
    if init == "glorot-zero-head":
        nn.init.zeros_(linear.weight)
    return nn.Sequential(layers)


def _norm(norm: str, channels: int) -> nn.Module:
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(1 if norm == "layer" else channels // math.gcd(channels, GROUP), channels)
