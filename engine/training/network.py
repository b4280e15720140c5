"""A run's network, and its tensors as a checkpoint holds them."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from engine.models.flat import FlatParameters, freeze, frozen
from engine.sessions.checkpoint import Kind, kind_of
from engine.settings.run import RunConfig
from engine.text import plain
from engine.training.build import build_model


class Network:
    """With the initial weights of ``config``, or those that ``load`` gives it."""

    def __init__(
        self,
        config: RunConfig,
        inputs: Sequence[int],
        outputs: int,
        device: torch.device,
        example: Callable[[], Tensor] | None = None,
    ) -> None:
        """As ``build_model`` has it."""
        self.model = build_model(config, inputs, outputs, device, example)
        freeze(self.model, config.freeze or ())
        self.parameters = FlatParameters(self.model)

    def tensors(self) -> dict[str, Tensor]:
        """Weights, buffers and frozen weights, by their names in a checkpoint."""
        return {
            "theta": self.parameters.values,
            **{f"buffers/{name}": tensor for name, tensor in self.model.named_buffers()},
            **{f"frozen/{name}": tensor for name, tensor in frozen(self.model).items()},
        }

    def load(self, found: Mapping[str, Tensor]) -> None:
        own = self.tensors()
        for name in found.keys() & own.keys():
            own[name].copy_(found[name])


def mismatch(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Why the tensors of a checkpoint do not fit a network's ``own``; empty if they do."""
    for name, tensor in own.items():
        if name not in found:
            return f"it has no {name}"
        if kind_of(found[name]) != kind_of(tensor):
            return f"its {name} is {words(kind_of(found[name]))}, not {words(kind_of(tensor))}"
    return ""


def words(kind: Kind) -> str:
    dtype, shape = kind
    return f"{'×'.join(map(str, shape)) or 'one'} {plain(dtype)}"


def outputs_of(config: RunConfig, tasks: int | None = None) -> int:
    """How many outputs a network for the first ``tasks`` has; for all by default."""
    sizes = config.classes_by_task()[:tasks]
    return max(sizes) if config.scenario == "domain" else sum(sizes)
