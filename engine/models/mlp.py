"""The multilayer perceptron."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from engine.models.initial import draw
from engine.seeds import generator


def mlp(inputs: Sequence[int], hidden: Sequence[int], outputs: int, seed: int, init: str = "torch") -> nn.Sequential:
    """Linear layers fc1, fc2, …, head with ReLU between them; x of shape (N, *inputs) is flattened and
    gives logits (N, outputs).

    The initial values depend only on ``seed`` and ``init`` (``draw``). "glorot-zero-head": "glorot", with zeros in the
    last layer.
    """
    random = generator(seed, "weights")
    sizes = (math.prod(inputs), *hidden, outputs)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if len(inputs) > 1:
        layers["flatten"] = nn.Flatten()
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        linear = nn.utils.skip_init(nn.Linear, fan_in, fan_out)
        draw(linear, random, init)
        if number == len(sizes) - 1:
            layers["head"] = linear
        else:
            layers[f"fc{number}"] = linear
            layers[f"relu{number}"] = nn.ReLU()
    if init == "glorot-zero-head":
        nn.init.zeros_(linear.weight)
    return nn.Sequential(layers)
