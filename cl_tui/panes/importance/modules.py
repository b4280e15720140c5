"""Layers put together by the module that they belong to, so that a network with many layers fits."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from engine.record.events import LayerHistogram


class Part(NamedTuple):
    """Neighbours whose names begin alike."""

    name: str
    start: int
    stop: int
    depth: int
    """How many words of their names are alike."""


def grouped(layers: Sequence[LayerHistogram]) -> list[LayerHistogram]:
    """Combines neighbours whose names differ only after the last dot."""
    found = []
    for module, parts in groupby(layers, lambda layer: layer.name.rpartition(".")[0] or layer.name):
        members = list(parts)
        found.append(combined(module, members))
    return found


def folded(layers: Sequence[LayerHistogram], room: int) -> Sequence[LayerHistogram]:
    """Combines layers by module where more than ``room`` are there, with the finest modules that fit."""
    if len(layers) <= room:
        return layers
    parts = partition(tuple(layer.name for layer in layers), room)
    return [combined(part.name, layers[part.start : part.stop]) for part in parts]


@lru_cache(maxsize=64)
def partition(names: tuple[str, ...], room: int) -> tuple[Part, ...]:
    """At most ``room`` modules if the names allow it; a module's own parameters stay together.

    >>> alexnet = tuple(f"{module}.{kind}" for module in ("features.0", "features.3", "classifier.1", "classifier.4")
    ...     for kind in ("weight", "bias"))
    >>> [[part.name for part in partition(alexnet, room)] for room in (2, 3, 4)]
    [['features', 'classifier'], ['features.0', 'features.3', 'classifier'], \
['features.0', 'features.3', 'classifier.1', 'classifier.4']]
    """
    parts = _divided(names, 0, len(names), 1)
    while True:
        for part in sorted(parts, key=lambda part: (part.depth, part.start)):
            if max(name.count(".") for name in names[part.start : part.stop]) <= part.depth:
                continue
            finer = _divided(names, part.start, part.stop, part.depth + 1)
            if len(parts) - 1 + len(finer) <= room:
                place = parts.index(part)
                parts[place : place + 1] = finer
                break
        else:
            return tuple(parts)


def _divided(names: tuple[str, ...], start: int, stop: int, depth: int) -> list[Part]:
    found = []
    for begin, places in groupby(range(start, stop), lambda place: names[place].split(".")[:depth]):
        members = list(places)
        name = ".".join(begin) if len(members) > 1 else names[members[0]]
        found.append(Part(name, members[0], members[-1] + 1, depth))
    return found


def combined(name: str, members: Sequence[LayerHistogram]) -> LayerHistogram:
    """The layers as one; the share of their top 1 % is not known."""
    if len(members) == 1:
        return members[0]
    size = sum(layer.size for layer in members)
    return LayerHistogram(
        name=name,
        size=size,
        zeros=sum(layer.zeros for layer in members),
        mean=sum(layer.mean * layer.size for layer in members) / size,
        counts=tuple(map(sum, zip(*(layer.counts for layer in members), strict=True))),
        top=None,
    )
