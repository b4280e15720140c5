"""The quadratic penalty that every method uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.flat import Layer


@dataclass(frozen=True)
class Quadratic:
    """Σᵢ Ωᵢ(θᵢ−θᵢ*)² + constant, without the strength's factor k.

    A sum over several anchors Σₜ Fₜ(θ−θₜ)² has this form too: Ω = ΣFₜ, θ* = ΣFₜθₜ / Ω, and a constant that does not
    depend on θ. So any number of anchors needs the same memory, without approximation.
    """

    importance: Tensor
    """Ω ≥ 0, shape (P,)."""
    anchor: Tensor
    """θ*, shape (P,)."""
    constant: float = 0.0
    """The value that the anchors' disagreement adds; it has no gradient."""

    def with_anchor(self, importance: Tensor, anchor: Tensor) -> "Quadratic":
        """This penalty plus Σ F(θ−θₜ)² with F = ``importance`` and θₜ = ``anchor``, both of shape (P,).

        It updates the weighted mean, because Σ Ωθ² − 2Bθ + C (Huszár 2018) loses its digits to cancellation where θ has
        moved little.
        """
        total = self.importance + importance
        share = torch.where(total > 0, importance / total.clamp_min(torch.finfo(total.dtype).tiny), 1.0)
        apart = anchor - self.anchor
        disagreement = (self.importance * share * apart * apart).cpu().sum(dtype=torch.float64).item()
        # lerp is exact where share is 0 or 1: a weight that only one task needs is anchored to the bit, so Adam has no
        # rounding error to amplify to full steps.
        return Quadratic(total, torch.lerp(self.anchor, anchor, share), self.constant + disagreement)

    def value(self, theta: Tensor) -> float:
        """Σ Ω(θ−θ*)² + constant at ``theta`` of shape (P,); times k it is the penalty."""
        apart = theta - self.anchor
        return torch.dot(self.importance * apart, apart).item() + self.constant


def by_layer(penalty: Quadratic, theta: Tensor, layers: Sequence[Layer]) -> tuple[float, ...]:
    """Σ Ω(θ−θ*)² over each of ``layers``, without the constant; ``theta`` of shape (P,)."""
    apart = theta - penalty.anchor
    each = apart.mul_(apart).mul_(penalty.importance)
    return tuple(torch.stack([each[layer.start : layer.stop].sum() for layer in layers]).tolist())


class PenaltyGradient:
    """The closed-form gradient 2kΩ(θ−θ*) of a penalty with factor k; autograd never sees it."""

    def __init__(self, penalty: Quadratic, strength: float) -> None:
        self._anchor = penalty.anchor
        self._slope = 2 * strength * penalty.importance
        self._apart = torch.empty_like(penalty.anchor)

    def write(self, theta: Tensor, out: Tensor) -> Tensor:
        """out ← 2kΩ(θ−θ*), both of shape (P,). Returns 2kΣΩ(θ−θ*)², shape (): twice the penalty less its constant."""
        torch.sub(theta, self._anchor, out=self._apart)
        torch.mul(self._apart, self._slope, out=out)
        return torch.dot(out, self._apart)
