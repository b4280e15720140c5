"""The quadratic penalty."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.models.flat import Layer, PerParameter
from engine.penalties.penalty import Penalty, Pull


@dataclass(frozen=True)
class Quadratic(Penalty):
    """Σᵢ Ωᵢ(θᵢ−θᵢ*)² + constant.

    A sum over several anchors Σₜ Fₜ(θ−θₜ)² has this form too: Ω = ΣFₜ, θ* = ΣFₜθₜ / Ω, and a constant that does not
    depend on θ. So any number of anchors needs the same memory, without approximation.

    >>> one, other = torch.tensor([1.0]), torch.tensor([3.0])
    >>> both = Quadratic(one, anchor=torch.tensor([0.0])).with_anchor(other, anchor=torch.tensor([4.0]))
    >>> both.importance, both.anchor, both.constant
    (tensor([4.]), tensor([3.]), 12.0)
    """

    importance: PerParameter
    """Ω ≥ 0, except for si --signed."""
    anchor: PerParameter
    """θ*."""
    constant: float = 0.0
    """The value that the anchors' disagreement adds; it has no gradient."""

    def with_anchor(self, importance: Tensor, anchor: Tensor) -> "Quadratic":
        """This penalty plus Σ F(θ−θₜ)²; F = ``importance``, θₜ = ``anchor``, both (P,). It updates the weighted mean,
        because Σ Ωθ² − 2Bθ + C (Huszár 2018) loses its digits to cancellation where θ has moved little."""
        total = self.importance + importance
        tiny = torch.finfo(total.dtype).tiny  # a fork from si --signed may have brought negative importances
        share = torch.where(total != 0, importance / torch.where(total.abs() < tiny, tiny, total), 1.0)
        displacement = anchor - self.anchor
        disagreement = (self.importance * share * displacement * displacement).cpu().sum(dtype=torch.float64).item()
        # lerp is exact where share is 0 or 1: a weight that only one task needs is anchored to the bit, so Adam has no
        # rounding error to amplify to full steps.
        return Quadratic(total, torch.lerp(self.anchor, anchor, share), self.constant + disagreement)

    def bind(self, k: float) -> "QuadraticPull":
        return QuadraticPull(self, k)

    def diagonal(self) -> Tensor:
        return self.importance

    def displacement(self, theta: Tensor) -> Tensor:
        return theta - self.anchor

    def by_layer(self, theta: Tensor, layers: Sequence[Layer]) -> tuple[float, ...]:
        displacement = self.displacement(theta)
        each = displacement.mul_(displacement).mul_(self.importance)
        return tuple(torch.stack([each[layer.start : layer.stop].sum() for layer in layers]).tolist())

    def scaled(self, factor: float) -> "Quadratic":
        return Quadratic(self.importance * factor, self.anchor, self.constant * factor)

    def masked(self, keep: Tensor) -> "Quadratic":
        return replace(self, importance=self.importance * keep)


class QuadraticPull(Pull):
    """2kΩ(θ−θ*), with 2kΩ computed once."""

    def __init__(self, penalty: Quadratic, k: float) -> None:
        self._anchor = penalty.anchor
        self._slope = 2 * k * penalty.importance
        self._constant = k * penalty.constant
        self._displacement = torch.empty_like(penalty.anchor)

    def write(self, theta: Tensor, out: Tensor) -> Tensor:
        """Returns 2kΣΩ(θ−θ*)²: twice the penalty less its constant."""
        torch.sub(theta, self._anchor, out=self._displacement)
        torch.mul(self._displacement, self._slope, out=out)
        return torch.dot(out, self._displacement)

    def value(self, written: float) -> float:
        return written / 2 + self._constant
