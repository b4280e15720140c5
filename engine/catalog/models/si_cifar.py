from collections.abc import Sequence

from engine.catalog.entries import ModelInfo, Size
from engine.catalog.models.conv import Channels
from engine.catalog.models.conv import size as conv_size

CHANNELS: Channels = (32, 32, "pool", 64, 64, "pool")
HIDDEN, VALID = (512,), (2, 4)
"""The convolutions in VALID, counted from 1, have no padding."""


def size(inputs: Sequence[int], outputs: int) -> Size:
    return conv_size(inputs, outputs, CHANNELS, HIDDEN, valid=VALID)


INFO = ModelInfo(
    name="si-cifar",
    title="The network of the SI paper for CIFAR (Zenke, Poole & Ganguli 2017, figure 6), with dropout",
    code="engine.models.si_cifar:si_cifar",
    size=size,
    defaults={"lr": 1e-3},
    rank=2,
)
