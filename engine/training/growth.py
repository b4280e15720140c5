"""The state of a run from before tasks were added, in a network that has more outputs."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import ConfigError
from engine.models.flat import trained
from engine.sessions.checkpoint import Kind, kind_of
from engine.settings.run import RunConfig
from engine.text import by
from engine.training.network import Network, outputs_of


@dataclass(frozen=True)
class Growth:
    """Old entries come first in each dimension, since outputs are in task order."""

    tasks: int
    """How many there were."""
    at: Tensor
    """Where each parameter lies now. Shape (P then,)."""
    size: int
    """P now."""
    then: Mapping[str, Kind]
    """Kinds of the network's tensors then, by their names in a checkpoint."""

    def kind(self, name: str, now: Kind) -> Kind:
        """What a checkpoint held then in place of a tensor that is ``now``."""
        dtype, shape = now
        plain = name.removeprefix("best/")
        if (of_network := plain.removeprefix("method/")) in self.then:  # a method may have a copy of the buffers
            return self.then[of_network]
        if plain.startswith("statistics/") and shape[0] > 1:  # a row for each task
            return dtype, (self.tasks, *shape[1:])
        return (dtype, tuple(self.at.shape)) if shape == (self.size,) else now

    def grown(
        self, tensors: Mapping[str, Tensor], fresh: Mapping[str, Tensor], per_parameter: Collection[str]
    ) -> dict[str, Tensor]:
        """``tensors`` with the values of a ``fresh`` start in new places; copies of all that are on the CPU."""
        found = dict(tensors)
        for name, tensor in tensors.items():
            start = fresh.get(name.removeprefix("best/"))
            if start is None or start.shape == tensor.shape:
                continue
            found[name] = new = start.detach().to("cpu", copy=True)
            if name.removeprefix("best/") in per_parameter:
                new[self.at] = tensor
            else:
                new[tuple(map(slice, tensor.shape))] = tensor
        return found


def growth(config: RunConfig, now: Network, inputs: Sequence[int], found: Mapping[str, Kind]) -> Growth | None:
    """From the network that an earlier stage of the session had; None if the tensors of a checkpoint, of the kinds in
    ``found``, are of the present one, or of none.

    Raises ConfigError if that network cannot grow.
    """
    if not config.extended_at or _fits(kinds_of(now.tensors()), found):
        return None
    for tasks in config.extended_at:
        then = Network(config, inputs, outputs_of(config, tasks), torch.device("cpu"))
        if _fits(kinds := kinds_of(then.tensors()), found):
            _check(config, then, now)
            return Growth(tasks, _places(then, now), now.parameters.size, kinds)
    return None


def kinds_of(tensors: Mapping[str, Tensor]) -> dict[str, Kind]:
    return {name: kind_of(tensor) for name, tensor in tensors.items()}


def _fits(wanted: Mapping[str, Kind], found: Mapping[str, Kind]) -> bool:
    return wanted.items() <= found.items()


def _places(then: Network, now: Network) -> Tensor:
    shapes, starts = dict(trained(now.model)), {layer.name: layer.start for layer in now.parameters.layers}
    found = []
    for name, parameter in trained(then.model):
        shape = shapes[name].shape
        numbers = torch.arange(starts[name], starts[name] + math.prod(shape)).view(shape)
        found.append(numbers[tuple(map(slice, parameter.shape))].flatten())
    return torch.cat(found)


def _check(config: RunConfig, then: Network, now: Network) -> None:
    before, after = then.model.state_dict(), now.model.state_dict()
    for name in dict.fromkeys([*before, *after]):
        sizes = [tuple(of[name].shape) if name in of else () for of in (before, after)]
        fits = len(sizes[0]) == len(sizes[1]) and all(old <= new for old, new in zip(*sizes, strict=True))
        if name not in before or name not in after or not fits:
            old, new = (by(of[name].shape) if name in of else "missing" for of in (before, after))
            raise ConfigError(
                f"model {config.model} cannot grow: with more outputs its {name} is {new}, and before it was {old}; "
                f"only tensors that become longer can"
            )
