"""The networks by name."""

from engine.catalog.entries import ModelInfo, found

MODELS: dict[str, ModelInfo] = found(__name__, __path__, ModelInfo)
