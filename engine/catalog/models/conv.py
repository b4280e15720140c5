from collections.abc import Sequence
from typing import Annotated, Literal

from engine.catalog.entries import ModelInfo, Size
from engine.catalog.models.mlp import HIDDEN, INIT, Init, Widths
from engine.catalog.options import NETWORK, Options, setting
from engine.text import by

Channels = tuple[Literal["pool"] | Annotated[int, ("ge", 1), ("le", 8192)], ...]
SMALL = 1_000_000
"""Multiplications for one example, up to which a network is small."""


class ConvOptions(Options):
    channels: Channels = setting(
        (32, 32, "pool", 64, 64, "pool"),
        help="Channels of each 3×3 convolution, and pool for a 2×2 max-pooling.",
        metavar="N,pool,…",
        panel=NETWORK,
        min_length=1,
        max_length=200,
    )
    hidden: Widths = HIDDEN._replace(default=(512,))
    dropout: tuple[Annotated[float, ("ge", 0), ("lt", 1)], ...] = setting(
        (),
        help="Dropout after each pooling and after each hidden layer.",
        meaning="the share of units that are dropped after each pooling, and after each hidden layer; a single "
        "number is for both",
        metavar="P,P",
        panel=NETWORK,
        max_length=2,
    )
    norm: Literal["none", "batch", "layer", "group"] = setting(
        "none",
        help="Normalisation after each convolution: none, batch, layer or group.",
        meaning="normalisation after each convolution: none, batch, layer (over all channels and pixels) or group "
        "(over 16 channels, or as many as divide their number)",
        panel=NETWORK,
    )
    init: Init = INIT


def size(
    inputs: Sequence[int],
    outputs: int,
    channels: Channels,
    hidden: Sequence[int],
    norm: str = "none",
    valid: Sequence[int] = (),
    **_: object,
) -> Size:
    """``valid``: the convolutions, counted from 1, that have no padding.

    >>> size((3, 32, 32), 60, channels=(32, 32, "pool", 64, 64, "pool"), hidden=(512,), valid=(2, 4)).parameters
    1276508
    """
    if len(inputs) != 3:
        raise ValueError("it needs images, of channels × height × width")
    depth, height, width = inputs
    parameters = multiplications = convolutions = 0
    for layer in channels:
        if layer == "pool":
            height, width = height // 2, width // 2
        else:
            convolutions += 1
            weights = 9 * depth * layer
            if convolutions in valid:
                height, width = height - 2, width - 2
            depth = layer
            parameters += weights + depth * (1 if norm == "none" else 3)
            multiplications += weights * max(height, 0) * max(width, 0)
        if min(height, width) < 1:
            raise ValueError(
                f"examples of {by(inputs)} are too small for it: after {_named(channels)} no pixel is left"
            )
    before = depth * height * width
    for after in (*hidden, outputs):
        parameters += (before + 1) * after
        multiplications += before * after
        before = after
    return Size(parameters, multiplications <= SMALL)


def _named(channels: Channels) -> str:
    return ",".join(map(str, channels[:20])) + ("…" if len(channels) > 20 else "")


INFO = ModelInfo(
    name="conv",
    title="3×3 convolutions, ReLU and poolings, then fully connected (--channels 32,pool,64,pool --hidden 128)",
    code="engine.models.conv:conv",
    options=ConvOptions,
    size=size,
    defaults={"lr": 1e-3},
    rank=1,
)
