"""The quadratic penalty against sums over anchors and autograd."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.models.flat import Layer
from engine.penalties.quadratic import Quadratic
from engine.seeds import generator
from tests.random_networks import bound, close64, seeds
from tests.reference.method import weighted_distance


@st.composite
def anchors(draw: st.DrawFn) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Importances (with zeros among them), anchors, and some θ."""
    count, size, seed = draw(st.integers(1, 6)), draw(st.integers(1, 9)), draw(seeds)
    random = generator(seed, "anchors")
    draws = torch.randn(2, count, size, generator=random, dtype=torch.float64)
    importances = (10 ** (3 * draws[0])) * (torch.rand(count, size, generator=random) < 0.7)
    return list(importances), list(draws[1]), torch.randn(size, generator=random, dtype=torch.float64)


@given(anchors())
def test_one_quadratic_holds_the_sum_over_all_anchors(case: tuple[list[Tensor], list[Tensor], Tensor]) -> None:
    """Σₜ Fₜ(θ−θₜ)², its value and its gradient, in the memory of one anchor."""
    importances, points, theta = case
    collapsed = Quadratic(importances[0], points[0])
    for importance, point in zip(importances[1:], points[1:], strict=True):
        collapsed = collapsed.with_anchor(importance, point)
    theta.requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for importance, point in zip(importances, points, strict=True):
        total = total + weighted_distance([importance], [theta], [point])
    (gradient,) = torch.autograd.grad(total, theta)
    theta = theta.detach()

    value, ours = bound(collapsed, 1.0, theta)
    assert value == pytest.approx(total.item(), rel=1e-10, abs=1e-12)
    close64(ours, gradient, atol=1e-9)
    close64(collapsed.importance, torch.stack(importances).sum(0))


@given(anchors(), seeds)
def test_a_negative_importance_joins_the_sum_too(case: tuple[list[Tensor], list[Tensor], Tensor], seed: int) -> None:
    """As after a fork from si --signed."""
    (first, *rest), points, theta = case
    first = first * torch.randn(len(theta), generator=generator(seed, "signs"), dtype=torch.float64).sign()
    collapsed = Quadratic(first, points[0])
    for importance, point in zip(rest, points[1:], strict=True):
        collapsed = collapsed.with_anchor(importance, point)
    total = sum(
        weighted_distance([importance], [theta], [point]).item()
        for importance, point in zip([first, *rest], points, strict=True)
    )
    largest = max(float(importance.abs().max()) for importance in [first, *rest])
    assert bound(collapsed, 1.0, theta)[0] == pytest.approx(total, rel=1e-6, abs=1e-6 * (1 + largest))


@given(anchors(), st.sampled_from([torch.float32, torch.float64]))
def test_where_one_task_alone_cares_the_anchor_is_exact(
    case: tuple[list[Tensor], list[Tensor], Tensor], dtype: torch.dtype
) -> None:
    """Not even a rounding error: Adam would turn it into a whole step, for a weight that should stay where it is."""
    _, (first, *_), second = case
    first, second = first.to(dtype), second.to(dtype)
    cares = torch.arange(len(first)) % 2 == 0
    collapsed = Quadratic(cares.to(dtype), first).with_anchor((~cares).to(dtype), second)
    assert torch.equal(collapsed.anchor, torch.where(cares, first, second))


def test_anchors_close_together_keep_their_digits_in_float32() -> None:
    """Where Σ Ωθ² − 2Bθ + C would cancel, the weighted mean does not: a tenth of a percent after twenty anchors."""
    random = generator(0, "near")
    importances = [1e3 * torch.rand(50, generator=random) for _ in range(20)]
    points = [1 + 1e-3 * torch.randn(50, generator=random) for _ in range(20)]
    theta = 1 + 1e-3 * torch.randn(50, generator=random)
    collapsed = Quadratic(importances[0], points[0])
    for importance, point in zip(importances[1:], points[1:], strict=True):
        collapsed = collapsed.with_anchor(importance, point)
    exact = sum(
        weighted_distance([importance.double()], [theta.double()], [point.double()]).item()
        for importance, point in zip(importances, points, strict=True)
    )
    assert bound(collapsed, 1.0, theta)[0] == pytest.approx(exact, rel=1e-3)


@given(anchors(), st.floats(0, 1e4))
def test_closed_form_gradient_equals_autograd(case: tuple[list[Tensor], list[Tensor], Tensor], strength: float) -> None:
    """2kΩ(θ−θ*) is the gradient of kΣΩ(θ−θ*)²."""
    (importance, *_), (anchor, *_), theta = case
    value, ours = bound(Quadratic(importance, anchor), strength, theta)
    theta.requires_grad_()
    penalty = weighted_distance([importance], [theta], [anchor])
    (gradient,) = torch.autograd.grad(strength * penalty, theta)
    close64(ours, gradient)
    assert value == pytest.approx(strength * penalty.item(), rel=1e-10, abs=1e-12)


@given(anchors(), st.floats(0.01, 100))
def test_scaled_masked_and_by_layer(case: tuple[list[Tensor], list[Tensor], Tensor], factor: float) -> None:
    """A factor scales the whole value, also the constant; a weight that is left alone has no share; shares add up."""
    importances, points, theta = case
    keep = (torch.arange(len(theta)) % 3 > 0).double()
    penalty = held = Quadratic(importances[0], points[0])
    held = held.masked(keep)
    for importance, point in zip(importances[1:], points[1:], strict=True):
        penalty, held = penalty.with_anchor(importance, point), held.with_anchor(importance, point).masked(keep)
    value, gradient = bound(penalty, factor, theta)
    scaled = bound(penalty.scaled(factor), 1.0, theta)
    assert scaled[0] == pytest.approx(value)
    close64(scaled[1], gradient)

    alone = sum(
        weighted_distance([importance * keep], [theta], [point]).item()
        for importance, point in zip(importances, points, strict=True)
    )
    assert bound(held, 1.0, theta)[0] == pytest.approx(alone, rel=1e-9, abs=1e-9)
    assert not held.diagonal()[keep == 0].any()
    half = len(theta) // 2
    shares = penalty.by_layer(theta, [Layer("a", 0, half), Layer("b", half, len(theta))])
    assert sum(shares) + penalty.constant == pytest.approx(bound(penalty, 1.0, theta)[0], rel=1e-9, abs=1e-9)
