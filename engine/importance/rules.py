"""How a layer's per-example gradients are summed, by the type of the layer: one entry each."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

Transform = Callable[[Tensor], Tensor]
"""A multiplicative function of gradients: torch.square, torch.abs or the identity."""
Rule = Callable[[Any, Tensor, Tensor, Transform], Sequence[Tensor]]
"""Called with the layer, its inputs a (N, …), the transformed gradients at its outputs (N, …), and the transform.

Returns Σₙ transform(gₙ) of each of the layer's parameters, flat.
"""


def linear(layer: nn.Linear, inputs: Tensor, deltas: Tensor, transform: Transform) -> Sequence[Tensor]:
    """The gradient of the weight for one example is an outer product δaᵀ. So Σₙ (δₙaₙᵀ)² = (δ²)ᵀ(a²) and
    Σₙ |δₙaₙᵀ| = |δ|ᵀ|a|: one matrix product for a whole batch, exactly.
    """
    weight = (deltas.T @ transform(inputs)).flatten()
    return [weight] if layer.bias is None else [weight, deltas.sum(0)]


RULES: dict[Callable[..., Any], Rule] = {nn.Linear.forward: linear}
"""By the layer's ``forward``, so that a subclass that computes something else has no rule."""
