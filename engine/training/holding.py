"""What Ω holds and what a new task pulls, told as pictures of the first layer and as shares of all weights."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from engine.models.flat import Layer, trained
from engine.penalties.penalty import Penalty
from engine.record.events import CONFLICT, DISTANCE, HELD, HELD_OWN, PULLED, WHOLE_NETWORK, Measured, Packed

MOST_FILTERS = 256
MOST_SIDE = 64
MOST_COLUMNS = 1024
"""Of inputs that are no picture."""
COARSE = 16
"""Bits of a float, of which the least significant are left out of a first sorting."""


@dataclass(frozen=True)
class FirstLayer:
    """The first weights that see the inputs, and how they become pictures."""

    layer: Layer
    shape: tuple[int, ...]
    """Of its weights."""
    inputs: tuple[int, ...]
    """Of an example; those of a convolution are its kernel's."""

    @property
    def place(self) -> slice:
        """In the vector of all weights."""
        return slice(self.layer.start, self.layer.stop)

    @classmethod
    def of(
        cls, layers: Sequence[Layer], shapes: Sequence[tuple[int, ...]], inputs: tuple[int, ...]
    ) -> "FirstLayer | None":
        """``shapes``: of ``layers``. None if the first weights are no convolution nor connected to all inputs."""
        for layer, shape in zip(layers, shapes, strict=True):
            if len(shape) > 2:
                kernel = shape[1:] if len(shape) > 3 else (shape[1], 1, shape[2])
                return cls(layer, shape, (math.prod(kernel[:-2]), *kernel[-2:]))
            if len(shape) == 2:
                return cls(layer, shape, inputs) if shape[1] == math.prod(inputs) else None
        return None

    def pictures(self, values: Tensor) -> Tensor:
        """``values`` ≥ 0 of the layer's weights, shape (weights,), as shape (pictures, H, W)."""
        found = values.view(self.shape)
        found = found[:MOST_FILTERS] if len(self.shape) > 2 else found.sum(0, keepdim=True)
        of = self.inputs
        depth, height, width = of if len(of) == 3 else (1, *of) if len(of) == 2 else (1, 1, math.prod(of))
        found = found.reshape(len(found), depth, height, width).sum(1)
        size = min(height, MOST_SIDE), min(width, MOST_SIDE if height > 1 else MOST_COLUMNS)
        return adaptive_avg_pool2d(found, size) if size != (height, width) else found


def first_layer(model: nn.Module, layers: Sequence[Layer], inputs: tuple[int, ...]) -> FirstLayer | None:
    shapes = [tuple(parameter.shape) for _, parameter in trained(model)]
    return FirstLayer.of(layers, shapes, inputs)


def holders(importance: Tensor) -> Tensor:
    """Which weights hold half of Ω, the fewest that do. Shape (P,).

    >>> holders(torch.tensor([1.0, 5.0, 0.0, 3.0, 1.0])).tolist()
    [False, True, False, False, False]
    """
    values = importance.float().cpu().clamp_min(0)  # on the CPU, where sums are the same in a resumed run
    half = values.sum(dtype=torch.float64).item() / 2
    if not half > 0:
        return values > 0
    coarse = values.view(torch.int32) >> COARSE  # greater for greater values
    sums = torch.bincount(coarse, values.double())
    above = sums.sum() - sums.cumsum(0)
    edge = int((above >= half).sum())  # where half is reached from above
    between = values[coarse == edge].sort(descending=True).values
    needed = int((above[edge] + between.double().cumsum(0) < half).sum())
    return values >= between[min(needed, len(between) - 1)]


@dataclass(frozen=True)
class _Part:
    """A part of the network, and which of its weights hold half of its Ω."""

    name: str
    place: slice
    holders: Tensor
    """1 for those, 0 for the rest. Shape (weights,)."""
    share: float
    """Of its weights."""


class Holding:
    def __init__(self, first: FirstLayer | None) -> None:
        self.first = first
        self._of: Penalty | None = None
        self._parts: list[_Part] = []
        """By the Ω of that penalty."""

    @property
    def place(self) -> slice:
        """Of the first layer."""
        return self.first.place if self.first else slice(0, 0)

    def held(self, step: int, task: int, importance: Tensor, before: Penalty | None, running: bool) -> list[Packed]:
        """``before``: the penalty before the task that ended."""
        if self.first is None:
            return []
        own = self.place
        pictures = [self._packed(step, task, HELD, importance[own].clamp_min(0))]
        if not running:
            added = importance[own] - before.diagonal()[own] if before else importance[own]
            added = added.clamp_min(0)
            pictures.append(self._packed(step, task, HELD_OWN, added))
        return pictures

    def pulled(self, step: int, task: int, gradient: Tensor) -> list[Packed]:
        """``gradient``: of the first layer's weights, shape (weights,)."""
        return [self._packed(step, task, PULLED, gradient.abs())]

    def _packed(self, step: int, task: int, name: str, values: Tensor) -> Packed:
        assert self.first is not None
        found = self.first.pictures(values).float().cpu().nan_to_num(0.0, 0.0, 0.0)
        return Packed.of(step, task, name, found.numpy(), root=True)

    def distances(self, step: int, task: int, theta: Tensor, penalty: Penalty | None) -> list[Measured]:
        """DISTANCE and CONFLICT at ``theta``, shape (P,)."""
        moved = penalty.displacement(theta) if penalty else None
        if penalty is None or moved is None:
            return []
        if self._of is not penalty:
            self._of, self._parts = penalty, list(self._divided(penalty.diagonal()))
        sums = [torch.linalg.vector_norm(moved)]
        moved.abs_()
        for part in self._parts:
            change = moved[part.place]
            sums += [torch.dot(change, part.holders), change.sum()]
        found, *rest = torch.stack(sums).tolist()
        told = [Measured(step, task, DISTANCE, (_short(found),))]
        values: list[float | None] = []
        for part, held, whole in zip(self._parts, rest[::2], rest[1::2], strict=True):
            values += [_short(held / whole) if whole else None, part.share]
        if any(value is not None for value in values[::2]):
            told.append(Measured(step, task, CONFLICT, tuple(values), tuple(self._labels())))
        return told

    def _labels(self) -> Iterator[str]:
        for part in self._parts:
            yield from (part.name, part.name)

    def _divided(self, importance: Tensor) -> Iterator[_Part]:
        places = [(self.first.layer.name, self.place)] if self.first else []
        for name, place in (*places, (WHOLE_NETWORK, slice(0, len(importance)))):
            own = holders(importance[place])
            if count := int(own.sum()):
                yield _Part(name, place, own.to(importance), _short(count / len(own)))


def _short(value: float) -> float:
    return float(f"{value:.6g}")
