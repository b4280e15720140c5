"""The VGG networks of De Lange et al. 2021, without normalisation or dropout."""

from collections.abc import Sequence

from torch import nn

from engine.catalog.models.vgg import CHANNELS, HIDDEN
from engine.models.conv import conv


def vgg(inputs: Sequence[int], outputs: int, seed: int, size: str) -> nn.Sequential:
    return conv(inputs, outputs, seed, CHANNELS[size], HIDDEN[size], init="vgg")
