"""Per-example importances without a loop over examples, and Ω as histograms.

The gradient of a linear layer's weight for one example is an outer product δaᵀ (δ: gradient at the output, a: input).
So Σₙ (δₙaₙᵀ)² = (δ²)ᵀ(a²) and Σₙ |δₙaₙᵀ| = |δ|ᵀ|a|: one matrix product for a whole batch, exactly.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from engine.events import LayerHistogram
from engine.parameters import Layer

BATCH = 512
HISTOGRAM_BINS = 40
HISTOGRAM_DECADES = 10


class PerExample:
    """One forward pass whose per-example gradients can be summed.

    Raises TypeError for a network with parameters outside linear layers.
    """

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        """``inputs`` of shape (N, features)."""
        self._layers = [module for module in model.modules() if any(True for _ in module.parameters(recurse=False))]
        if not all(isinstance(layer, nn.Linear) for layer in self._layers):
            raise TypeError("per-example importances need a network of linear layers")
        seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
        hooks = [
            layer.register_forward_hook(lambda module, args, output: seen.update({module: (args[0].detach(), output)}))
            for layer in self._layers
        ]
        try:
            self.outputs: Tensor = model(inputs)
            """Shape (N, outputs)."""
        finally:
            for hook in hooks:
                hook.remove()
        self._activations = [seen[layer][0] for layer in self._layers]
        self._preactivations = [seen[layer][1] for layer in self._layers]

    def sum(self, output_gradients: Tensor, transform: Callable[[Tensor], Tensor]) -> Tensor:
        """Σₙ transform(gₙ), shape (P,), where gₙ is the gradient that row n of ``output_gradients`` (N, outputs) causes
        for example n, and ``transform`` is torch.square or torch.abs (both turn a product into a product).
        """
        deltas = torch.autograd.grad(self.outputs, self._preactivations, output_gradients, retain_graph=True)
        parts = []
        for layer, activation, delta in zip(self._layers, self._activations, deltas, strict=True):
            changed = transform(delta)
            parts.append((changed.T @ transform(activation)).flatten())
            if layer.bias is not None:
                parts.append(changed.sum(0))
        return torch.cat(parts)


def fisher_diagonal(
    model: nn.Module, inputs: Tensor, active: slice, check: Callable[[], None] = lambda: None
) -> Tensor:
    """F = E_x Σ_y p(y|x)(∂log p(y|x)/∂θ)², the expectation over y taken exactly over the ``active`` outputs.

    ``inputs`` has shape (N, features); the result (P,). Martens 2020, section 5; van de Ven 2025, "EXACT".
    ``check`` is called between batches and may raise.
    """
    with _evaluating(model):
        total = _zeros(model)
        for batch in inputs.split(BATCH):
            check()
            passed = PerExample(model, batch)
            probabilities = passed.outputs.detach()[:, active].softmax(1)
            for label in range(probabilities.shape[1]):
                probability = probabilities[:, label : label + 1]
                score = torch.zeros_like(passed.outputs)
                score[:, active] = -probabilities
                score[:, active.start + label] += 1
                total += passed.sum(score * probability.sqrt(), torch.square)
        return total / len(inputs)


def output_sensitivity(
    model: nn.Module, inputs: Tensor, active: slice, check: Callable[[], None] = lambda: None
) -> Tensor:
    """E_x |∂‖f(x)‖²/∂θ| over the ``active`` outputs f, absolute value per example (Aljundi et al. 2018, equation 3).

    ``inputs`` has shape (N, features); the result (P,). ``check`` is called between batches and may raise.
    """
    with _evaluating(model):
        total = _zeros(model)
        for batch in inputs.split(BATCH):
            check()
            passed = PerExample(model, batch)
            direction = torch.zeros_like(passed.outputs)
            direction[:, active] = 2 * passed.outputs.detach()[:, active]
            total += passed.sum(direction, torch.abs)
        return total / len(inputs)


class _evaluating:
    """The model in eval mode for a while."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def __enter__(self) -> None:
        self._was = self._model.training
        self._model.eval()

    def __exit__(self, *_: object) -> None:
        self._model.train(self._was)


def _zeros(model: nn.Module) -> Tensor:
    return torch.cat([torch.zeros_like(parameter).flatten() for parameter in model.parameters()]).detach()


def histograms(importance: Tensor, layers: tuple[Layer, ...]) -> tuple[float, float, tuple[LayerHistogram, ...]]:
    """Ω of shape (P,) as one histogram a layer, all over the same logarithmic bins: (low, high, layers).

    The bins span the ten decades below the largest Ω; what is smaller, but not zero, falls into the first.
    """
    largest = importance.max().item()
    high = largest if largest > 0 else 1.0
    low = high * 10.0**-HISTOGRAM_DECADES
    found = tuple(_histogram(layer.name, importance[layer.start : layer.stop], low, high) for layer in layers)
    return low, high, found


def _histogram(name: str, values: Tensor, low: float, high: float) -> LayerHistogram:
    above = values[values > 0]
    exponents = above.cpu().double().clamp_min(low).log10()  # double: low may be below what float32 holds
    counts = torch.histc(exponents, HISTOGRAM_BINS, min=math.log10(low), max=math.log10(high) + 1e-6)
    return LayerHistogram(
        name=name,
        size=values.numel(),
        zeros=values.numel() - above.numel(),
        mean=values.mean().item(),
        counts=tuple(int(count) for count in counts.tolist()),
    )
