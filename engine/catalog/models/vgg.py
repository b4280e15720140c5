from collections.abc import Sequence
from typing import Literal

from engine.catalog.entries import ModelInfo, Size
from engine.catalog.models.conv import Channels
from engine.catalog.models.conv import size as conv_size
from engine.catalog.options import NETWORK, Options, setting

CHANNELS: dict[str, Channels] = {
    "small": (64, "pool", 64, "pool", 64, 64, "pool", 128, 128, "pool"),
    "base": (64, "pool", 64, "pool", 128, 128, "pool", 256, 256, "pool"),
    "wide": (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool"),
}
HIDDEN = {"small": (128, 128), "base": (512, 512), "wide": (512, 512)}


class VGGOptions(Options):
    size: Literal["small", "base", "wide"] = setting("base", help="Size: small, base or wide.", panel=NETWORK)


def size_of(inputs: Sequence[int], outputs: int, size: str) -> Size:
    return conv_size(inputs, outputs, CHANNELS[size], HIDDEN[size])


INFO = ModelInfo(
    name="vgg",
    title="The VGG networks of De Lange et al.'s survey, for 64×64 pixels (--size small, base or wide)",
    code="engine.models.vgg:vgg",
    options=VGGOptions,
    size=size_of,
    defaults={"lr": 1e-3},
    rank=4,
)
