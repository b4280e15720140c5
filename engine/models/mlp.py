"""The multilayer perceptron."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from engine.seeds import generator


def mlp(inputs: int, hidden: Sequence[int], outputs: int, seed: int) -> nn.Sequential:
    """Linear layers fc1, fc2, … with ReLU between them; x of shape (N, inputs) gives logits of shape (N, outputs).

    Weights and biases start as torch's Linear does, uniform in ±1/√fan_in, from ``seed`` alone.
    """
    random = generator(seed, "weights")
    sizes = (inputs, *hidden, outputs)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        linear = nn.utils.skip_init(nn.Linear, fan_in, fan_out)
        bound = 1 / math.sqrt(fan_in)
        with torch.no_grad():
            linear.weight.uniform_(-bound, bound, generator=random)
            linear.bias.uniform_(-bound, bound, generator=random)
        layers[f"fc{number}"] = linear
        if number < len(sizes) - 1:
            layers[f"relu{number}"] = nn.ReLU()
    return nn.Sequential(layers)
