"""The network with which Zenke, Poole & Ganguli 2017 learn CIFAR-10 and then CIFAR-100 (figure 6)."""

from collections.abc import Sequence

from torch import nn

from engine.catalog.models.si_cifar import CHANNELS, HIDDEN, VALID
from engine.models.conv import conv


def si_cifar(inputs: Sequence[int], outputs: int, seed: int) -> nn.Sequential:
    return conv(inputs, outputs, seed, CHANNELS, HIDDEN, dropout=(0.25, 0.5), init="glorot-zero-head", valid=VALID)
