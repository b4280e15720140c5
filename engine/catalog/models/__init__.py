"""The networks by name."""

from typing import Any

from engine.catalog.entries import ModelInfo, found
from engine.catalog.models.torchvision_nets import NAMES, info


class Networks(dict[str, ModelInfo]):
    """Those that lists show; any other of torchvision's is found by its name, too."""

    def __missing__(self, name: str) -> ModelInfo:
        if name in NAMES:
            return info(name)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in NAMES

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name) or (info(name) if name in NAMES else default)


MODELS = Networks(found(__name__, __path__, ModelInfo))
