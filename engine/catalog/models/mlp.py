from typing import Annotated, Literal

from engine.catalog.entries import ModelInfo
from engine.catalog.options import WHAT, Options, setting


class MLPOptions(Options):
    hidden: tuple[Annotated[int, ("ge", 1), ("le", 65_536)], ...] = setting(
        help="Sizes of the hidden layers.", metavar="N,N,…", panel=WHAT, max_length=200
    )
    init: Literal["torch", "glorot", "glorot-zero-head"] = setting(
        "torch", meaning="the initial weights: uniform in ±1/√fan_in, or Keras's in ±√(6/(fan_in + fan_out))"
    )


INFO = ModelInfo(
    name="mlp",
    title="Fully connected, ReLU between the layers; any hidden sizes (--hidden 256,256)",
    code="engine.models.mlp:mlp",
    options=MLPOptions,
    rank=0,
)
