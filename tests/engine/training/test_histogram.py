"""Ω as histograms, one a layer."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.models.flat import Layer
from engine.training.histogram import HISTOGRAM_BINS, HISTOGRAM_DECADES, histograms

values = st.lists(
    st.just(0.0) | st.floats(0, 2.0**125, width=32) | st.floats(2.0**-20, 16, width=32), min_size=2, max_size=60
).map(lambda found: torch.tensor(found, dtype=torch.float32))


def halves(importance: Tensor) -> tuple[Layer, ...]:
    middle = len(importance) // 2
    return (Layer("fc1.weight", 0, middle), Layer("fc1.bias", middle, len(importance)))


@given(values)
def test_every_parameter_is_counted_once(importance: Tensor) -> None:
    """In a bin, or among the zeros; however large or small it is."""
    low, high, layers = histograms(importance, halves(importance))
    assert 0 < low < high < math.inf
    assert [layer.name for layer in layers] == ["fc1.weight", "fc1.bias"]
    for layer, place in zip(layers, halves(importance), strict=True):
        part = importance[place.start : place.stop]
        assert layer.size == len(part)
        assert layer.zeros == int((part == 0).sum())
        assert sum(layer.counts) + layer.zeros == layer.size
        assert len(layer.counts) == HISTOGRAM_BINS
        assert layer.mean == pytest.approx(part.mean().item())


@pytest.mark.parametrize("largest", [1e-44, 1e-38, 1e-30, 1.0, 1e30, 3e38])
def test_extreme_importances_have_a_histogram_too(largest: float) -> None:
    importance = torch.tensor([largest, 0.0, largest / 2])
    _, _, (layer,) = histograms(importance, (Layer("all", 0, 3),))
    assert (sum(layer.counts), layer.zeros) == (2, 1)


def test_the_bins_are_even_in_the_logarithm() -> None:
    """One value in the middle of each bin."""
    step = HISTOGRAM_DECADES / HISTOGRAM_BINS
    importance = torch.tensor([10.0 ** (-(bin_ + 0.5) * step) for bin_ in range(HISTOGRAM_BINS)] + [1.0])
    low, high, (layer,) = histograms(importance, (Layer("all", 0, len(importance)),))
    assert low == pytest.approx(10.0**-HISTOGRAM_DECADES)
    assert high == 1.0
    assert layer.counts == (*[1] * (HISTOGRAM_BINS - 1), 2)


def test_what_is_too_small_falls_into_the_first_bin() -> None:
    _, _, (layer,) = histograms(torch.tensor([1.0, 1e-30]), (Layer("all", 0, 2),))
    assert layer.counts[0] == 1
    assert layer.counts[-1] == 1


def test_a_negative_importance_is_in_no_bin_and_in_no_share() -> None:
    """As it may be for si --signed."""
    _, high, (layer,) = histograms(torch.tensor([-5.0, 2.0, 1.0, 0.0]), (Layer("all", 0, 4),))
    assert (high, layer.zeros, sum(layer.counts), layer.mean) == (2.0, 2, 2, -0.5)
    assert layer.top == pytest.approx(2 / 3, 1e-4)
    _, high, (layer,) = histograms(torch.tensor([-5.0, -1.0]), (Layer("all", 0, 2),))
    assert (high, layer.zeros, sum(layer.counts), layer.top) == (1.0, 2, 0, None)


def test_no_importance_at_all_is_all_zeros() -> None:
    _, _, (layer,) = histograms(torch.zeros(5), (Layer("all", 0, 5),))
    assert (layer.zeros, sum(layer.counts), layer.mean) == (5, 0, 0.0)
