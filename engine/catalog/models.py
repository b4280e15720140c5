"""The networks by name. Listing and validating them imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelInfo:
    name: str
    title: str
    code: str
    """'module:function', called as function(shape of one example, hidden, outputs, seed, init)."""


MODELS: dict[str, ModelInfo] = {
    "mlp": ModelInfo(
        name="mlp",
        title="Fully connected, ReLU between the layers; any hidden sizes (--hidden 256,256)",
        code="engine.models.mlp:mlp",
    ),
}
