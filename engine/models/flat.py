"""All weights in one buffer and all gradients in another, so that all parts work on one vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

import torch
from torch import Tensor, nn

from engine.errors import ConfigError

PerParameter = Annotated[Tensor, "per parameter"]
"""A tensor of shape (P,) with one entry for each parameter. State declares it, since it must grow with the network."""


@dataclass(frozen=True)
class Layer:
    """The position of one of the network's tensors in the flat vector."""

    name: str
    start: int
    stop: int


def layer_at(layers: Sequence[Layer], place: int) -> str:
    """The name of the layer that contains parameter ``place`` of the flat vector."""
    return next(layer.name for layer in layers if place < layer.stop)


def layer_not_finite(layers: Sequence[Layer], vector: Tensor) -> str:
    """The layer of the first value of ``vector``, shape (P,), that is not finite; empty if all are."""
    finite = torch.isfinite(vector)
    return "" if finite.all() else layer_at(layers, int((~finite).int().argmax()))


def matches(name: str, patterns: Sequence[str]) -> bool:
    """
    >>> matches("fc1.bias", ["head.*", "*.bias"]), matches("fc1.weight", ["*.bias"])
    (True, False)
    """
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def spared(layers: Sequence[Layer], of: Tensor, patterns: Sequence[str]) -> Tensor:
    """1 for every parameter whose tensor's name matches no pattern, 0 for the rest; like the vector ``of``, (P,)."""
    chosen = torch.ones_like(of)
    for layer in layers:
        if matches(layer.name, patterns):
            chosen[layer.start : layer.stop] = 0
    return chosen


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Parameters whose name matches are not trained. Raises ConfigError if a pattern matches none, or if none is left.

    >>> layer = nn.Linear(1, 1)
    >>> freeze(layer, ["*.bias", "bias"])
    Traceback (most recent call last):
    engine.errors.ConfigError: freeze = *.bias: no parameter has such a name; there are weight, bias
    """
    named = list(model.named_parameters(remove_duplicate=False))
    for pattern in patterns:
        chosen = [parameter for name, parameter in named if matches(name, [pattern])]
        if not chosen:
            names = ", ".join(name for name, _ in named)
            raise ConfigError(f"freeze = {pattern}: no parameter has such a name; there are {names}", "freeze")
        for parameter in chosen:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for _, parameter in named):
        why = f"freeze = {','.join(patterns)}: " if patterns else ""
        raise ConfigError(f"{why}the network has no parameter left to train", "freeze" if patterns else "")


def trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The parameters that θ holds, by name, in its order: those that are not frozen, a shared one once."""
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def frozen(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.data for name, parameter in model.named_parameters() if not parameter.requires_grad}


class FlatParameters:
    """The network's trained parameters as one vector θ of shape (P,).

    Each of them becomes a view into ``values``, and its gradient a view into ``gradient``. So backward adds to
    ``gradient``, and an optimizer that updates ``values`` updates the network.
    """

    def __init__(self, model: nn.Module) -> None:
        named = trained(model)
        self.values = torch.cat([parameter.detach().flatten() for _, parameter in named])
        """θ itself, outside autograd. Shape (P,)."""
        self.gradient = torch.zeros_like(self.values)
        layers = []
        start = 0
        for name, parameter in named:
            stop = start + parameter.numel()
            parameter.data = self.values[start:stop].view_as(parameter)
            parameter.grad = self.gradient[start:stop].view_as(parameter)
            layers.append(Layer(name, start, stop))
            start = stop
        self.layers = tuple(layers)

    def matching_none(self, patterns: Sequence[str]) -> Tensor:
        """1 for every parameter whose tensor's name matches no pattern, 0 for the rest. Shape (P,)."""
        return spared(self.layers, self.values, patterns)

    @property
    def size(self) -> int:
        return self.values.numel()
