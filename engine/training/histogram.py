"""Ω as histograms, one a layer."""

import math

import torch
from torch import Tensor

from engine.models.flat import Layer
from engine.record.events import LayerHistogram

HISTOGRAM_BINS = 40
HISTOGRAM_DECADES = 10
TOP_SHARE = 0.01


def histograms(importance: Tensor, layers: tuple[Layer, ...]) -> tuple[float, float, tuple[LayerHistogram, ...]]:
    """Ω of shape (P,) as one histogram per layer, all with the same logarithmic bins: (low, high, layers).

    The bins span the ten decades below the largest Ω; smaller values are counted in the first bin, and those
    that are not above zero in none.
    """
    largest = importance.max().item()
    high = largest if largest > 0 else 1.0
    low = high * 10.0**-HISTOGRAM_DECADES
    found = tuple(_histogram(layer.name, importance[layer.start : layer.stop], low, high) for layer in layers)
    return low, high, found


def _top_share(values: Tensor) -> float | None:
    """Share of the sum of those above zero that the largest 1 % of ``values`` hold; None if none is."""
    total = values.clamp_min(0).sum(dtype=torch.float32).item()
    if total == 0:
        return None
    largest = values.topk(math.ceil(TOP_SHARE * values.numel())).values.clamp_min(0)
    return float(f"{largest.sum().item() / total:.4g}")


def _histogram(name: str, values: Tensor, low: float, high: float) -> LayerHistogram:
    above = values[values > 0]
    exponents = above.cpu().double().clamp_min(low).log10()  # double: low may underflow in float32
    counts = torch.histc(exponents, HISTOGRAM_BINS, min=math.log10(low), max=math.log10(high) + 1e-6)
    return LayerHistogram(
        name=name,
        size=values.numel(),
        zeros=values.numel() - above.numel(),
        mean=values.mean().item(),
        top=_top_share(values),
        counts=tuple(int(count) for count in counts.tolist()),
    )
