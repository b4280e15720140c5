import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from engine.catalog.entries import ModelInfo, Size
from engine.catalog.options import NETWORK, Options, setting

Widths = tuple[Annotated[int, ("ge", 1), ("le", 65_536)], ...]
HIDDEN = setting(help="Sizes of the hidden layers.", metavar="N,N,…", panel=NETWORK, max_length=200)
Init = Literal["torch", "glorot", "glorot-zero-head"]
INIT = setting("torch", meaning="the initial weights: uniform in ±1/√fan_in, or Keras's in ±√(6/(fan_in + fan_out))")


class MLPOptions(Options):
    hidden: Widths = HIDDEN
    init: Init = INIT


def size(inputs: Sequence[int], outputs: int, hidden: Sequence[int], **_: object) -> Size:
    """
    >>> size((2,), 1, hidden=(3,))
    Size(parameters=13, small=True)
    """
    widths = (math.prod(inputs), *hidden, outputs)
    return Size(sum((a + 1) * b for a, b in pairwise(widths)), max(hidden, default=0) <= 128)


INFO = ModelInfo(
    name="mlp",
    title="Fully connected, ReLU between the layers; any hidden sizes (--hidden 256,256)",
    code="engine.models.mlp:mlp",
    options=MLPOptions,
    size=size,
    rank=0,
)
