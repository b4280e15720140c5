"""Sums of transformed per-example gradients, gathered while the gradients at the layers' outputs arrive."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import torch
from torch import Tensor, nn

Transform = Callable[[Tensor], Tensor]
"""A multiplicative function of gradients: torch.square or torch.abs."""
Deltas = Sequence[Sequence[Tensor]]
"""For some gradients at the network's outputs: the gradients δ that they cause at each watched place, (N, …)."""
SLICE = 32 << 20
"""Bytes of gradients of single examples at once, if the memory allows it: more is slower, since it leaves the cache."""


class Sum(Protocol):
    def add(self, deltas: Deltas) -> None: ...

    def totals(self) -> dict[str, Tensor]:
        """Σ transform(g) of each of its parameters, over examples and gradients at the outputs."""


class OneRow:
    """A linear layer that is used once, on one row per example. The gradient of its weight is an outer product δaᵀ.

    So Σₙ (δₙaₙᵀ)² = (δ²)ᵀ(a²) and Σₙ |δₙaₙᵀ| = |δ|ᵀ|a|: one matrix product for a whole batch, and since the inputs stay
    the same, the transformed δ are added first.
    """

    def __init__(self, names: dict[str, str], place: int, inputs: Tensor, transform: Transform) -> None:
        """``names``: those in the layer, and those in the network."""
        self._names = names
        self._place = place
        self._inputs = inputs
        self._transform = transform
        self._total: Tensor | None = None

    def add(self, deltas: Deltas) -> None:
        for at_places in deltas:
            changed = self._transform(at_places[self._place])
            self._total = changed if self._total is None else self._total + changed

    def totals(self) -> dict[str, Tensor]:
        assert self._total is not None
        found = {}
        if "weight" in self._names:
            found["weight"] = self._total.T @ self._transform(self._inputs)
        if "bias" in self._names:
            found["bias"] = self._total.sum(0)
        return {self._names[name]: of for name, of in found.items()}


class Lookup:
    """A table that is looked up once: only the rows that an example looks up have gradients."""

    def __init__(self, layer: nn.Embedding, name: str, place: int, inputs: Tensor, transform: Transform) -> None:
        self._name = name
        self._place = place
        self._layer = layer
        self._transform = transform
        examples = torch.arange(len(inputs), device=inputs.device).view(-1, *(1,) * (inputs.dim() - 1))
        pairs = (examples * layer.num_embeddings + inputs).flatten()
        self._pairs, self._pair = pairs.unique(return_inverse=True)
        """Each example's different rows, and which of them each lookup is."""
        self._total = torch.zeros_like(layer.weight).detach()

    def add(self, deltas: Deltas) -> None:
        for at_places in deltas:
            delta = at_places[self._place].reshape(-1, self._layer.embedding_dim)
            found = delta.new_zeros(len(self._pairs), delta.shape[1]).index_add_(0, self._pair, delta)
            self._total.index_add_(0, self._pairs % self._layer.num_embeddings, self._transform(found))

    def totals(self) -> dict[str, Tensor]:
        if self._layer.padding_idx is not None:
            self._total[self._layer.padding_idx] = 0
        return {self._name: self._total}


@dataclass(frozen=True)
class Use:
    """One use of a parameter in a forward pass."""

    place: int
    """Where the δ is watched that its gradients are made of."""
    gradients: Callable[[slice, Sequence[Tensor]], Tensor]
    """Given some of the examples and C of their δ (n, …): the gradients of the parameter, (n, C, *its shape)."""


class Uses:
    """A parameter whose gradients are made for a few examples at a time, summed over its uses, then transformed."""

    def __init__(self, name: str, of: Tensor, uses: Sequence[Use], transform: Transform, memory: int) -> None:
        self._name = name
        self._uses = uses
        self._transform = transform
        self._room = min(SLICE, memory // 4) // of.element_size()
        """Numbers at once."""
        self._total = torch.zeros_like(of).detach()

    def add(self, deltas: Deltas) -> None:
        examples = len(deltas[0][self._uses[0].place])
        size, first = self._total.numel(), max(self._total.shape[:1], default=1)
        largest = max(deltas[0][use.place].numel() // examples for use in self._uses)
        met = (size // first) * (largest // first)
        """Inputs that meet the parameter, once for each place where they do, which a rule may copy."""
        together = max(1, min(len(deltas), (self._room - met) // (2 * size + largest)))
        step = max(1, self._room // (together * (2 * size + largest) + met))
        for start in range(0, examples, step):
            rows = slice(start, start + step)
            for begin in range(0, len(deltas), together):
                of = deltas[begin : begin + together]
                found = (use.gradients(rows, [at[use.place][rows] for at in of]) for use in self._uses)
                self._total += self._transform(reduce(torch.add, found)).sum((0, 1))

    def totals(self) -> dict[str, Tensor]:
        return {self._name: self._total}
