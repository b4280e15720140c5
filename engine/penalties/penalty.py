"""What a method leaves behind to hold the weights. The training, the fork and the analysis know only this of it."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from engine.models.flat import Layer


class Pull(Protocol):
    """A penalty times one factor k, in closed form: autograd never sees it."""

    def write(self, theta: Tensor, out: Tensor) -> Tensor:
        """out ← its gradient at ``theta``, both of shape (P,). Returns what ``value`` needs, shape ()."""

    def value(self, written: float) -> float:
        """The penalty, given what ``write`` returned."""


class Penalty(Protocol):
    """A penalty without the strength's factor k; it never changes."""

    constant: float
    """The part of its value that does not depend on θ."""

    def tensors(self) -> dict[str, Tensor]:
        """All else that it is made of, by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def bind(self, k: float) -> Pull:
        """What it does to the weights at the factor ``k``."""

    def diagonal(self) -> Tensor:
        """Ω: how strongly it holds each weight, half its second derivative. Shape (P,)."""

    def displacement(self, theta: Tensor) -> Tensor | None:
        """How far each weight is from where it pulls it, shape (P,); None if there is no such place."""
        return None

    def by_layer(self, theta: Tensor, layers: Sequence[Layer]) -> tuple[float, ...]:
        """Its share of each of ``layers`` at ``theta`` of shape (P,), without the constant."""

    def scaled(self, factor: float) -> "Penalty": ...

    def masked(self, keep: Tensor) -> "Penalty":
        """The penalty that holds only the weights where ``keep``, shape (P,), is 1, not where it is 0."""
