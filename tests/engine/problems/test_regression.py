"""Losses, scores and importances of regression, against one example and one number at a time."""

import math
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.batch import Batch
from engine.importance.fisher import fisher
from engine.importance.sensitivity import sensitivity
from engine.problems.regression import MOST, Regression
from tests.reference.method import flat
from tests.reference.regression import (
    normal_fisher,
    outputs_of,
    slow_loss,
    slow_r2,
    slow_rmse,
    slow_sensitivity,
)

Scenario = Literal["task", "domain"]
SCENARIOS: list[Scenario] = ["task", "domain"]
cases = st.one_of(
    st.tuples(st.just("task"), st.lists(st.integers(1, 3), min_size=1, max_size=3)),
    st.tuples(
        st.just("domain"), st.integers(1, 3).flatmap(lambda size: st.lists(st.just(size), min_size=1, max_size=3))
    ),
)


def drawn(seed: int, *shape: int) -> Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(cases, st.sampled_from([None, 0.5, 4.0]), st.integers(0, 99))
def test_the_loss_is_a_mean_over_examples_and_numbers(
    case: tuple[Scenario, list[int]], delta: float | None, seed: int
) -> None:
    """Of a batch of one task, and of several as joint training has them; and "sum" adds up the examples."""
    scenario, sizes = case
    problem = Regression(scenario, sizes, delta)
    problem.begin(len(sizes) - 1)
    among = [outputs_of(scenario, sizes, task) for task in range(len(sizes))]
    assert [list(range(problem.outputs))[problem.active(task)] for task in range(len(sizes))] == among
    tasks = sorted(torch.randint(len(sizes), (7,), generator=torch.Generator().manual_seed(seed)).tolist())
    outputs, targets = drawn(seed, 7, problem.outputs), drawn(seed + 1, 7, max(sizes))
    for chosen in (tasks, [tasks[0]] * 7):
        mixed = Batch(outputs, targets, torch.tensor(chosen) if chosen is tasks else chosen[0])
        expected = slow_loss(outputs, targets, chosen, among, math.inf if delta is None else delta)
        assert problem.loss(outputs, mixed).item() == pytest.approx(expected, rel=1e-9)
        assert problem.loss(outputs, mixed, "sum").item() == pytest.approx(7 * expected, rel=1e-9)


@given(cases, st.integers(0, 99))
def test_scores_of_the_targets_as_they_were_given(case: tuple[Scenario, list[int]], seed: int) -> None:
    """R² and RMSE of what the network says of divided targets are those of the targets themselves."""
    scenario, sizes = case
    scales = drawn(seed, len(sizes), max(sizes)).abs() + 0.1
    for task, size in enumerate(sizes):
        targets, found = drawn(seed + 1, 9, max(sizes)), drawn(seed + 2, 9, sum(sizes))
        variances = targets.var(0, correction=0).expand(len(sizes), -1)
        own = found[:, outputs_of(scenario, sizes, task)]
        for score, slow, chance in (("r2", slow_r2, 0.0), ("rmse", slow_rmse, None)):
            problem = Regression(scenario, sizes, None, score, variances, scales)
            told = problem.score_of(problem.scores(found, Batch(found, targets, task)).mean().item())
            given_targets, given_found = targets[:, :size] * scales[task, :size], own * scales[task, :size]
            assert told == pytest.approx(slow(given_found, given_targets), rel=1e-9)
            if chance is None:
                mean = given_targets.mean(0).expand_as(given_targets)
                assert problem.chance(task) == pytest.approx(slow_rmse(mean, given_targets), rel=1e-9)
            else:
                assert problem.chance(task) == chance


def test_a_score_is_a_number_that_a_log_can_hold() -> None:
    for score in ("r2", "rmse"):
        problem = Regression("task", [1], None, score)
        targets, far = torch.zeros(2, 1), torch.tensor([[3e38], [1.0]])
        told = problem.score_of(problem.scores(far, Batch(far, targets, 0)).mean().item())
        assert told == (-MOST if score == "r2" else MOST)
        for broken in (math.nan, math.inf):
            outputs = torch.tensor([[broken], [1.0]])
            assert math.isnan(problem.score_of(problem.scores(outputs, Batch(outputs, targets, 0)).mean().item()))


@pytest.mark.parametrize("scenario", SCENARIOS)
@given(seed=st.integers(0, 99))
@settings(max_examples=8)
def test_importances_equal_the_loop_over_examples(scenario: Scenario, seed: int) -> None:
    """Of the normal distribution with variance 1 around the outputs of the task, with either loss."""
    sizes = [2, 3] if scenario == "task" else [2, 2]
    torch.manual_seed(seed)
    problem = Regression(scenario, sizes, delta=0.5)
    problem.begin(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, problem.outputs)).double()
    inputs, targets = drawn(seed, 6, 3), drawn(seed + 1, 6, max(sizes))
    for task, size in enumerate(sizes):
        own, batches = outputs_of(scenario, sizes, task), [Batch(inputs, targets, task)]
        residuals = targets[:, :size] - model(inputs).detach()[:, own]
        noise = torch.randn(6, size, generator=torch.Generator().manual_seed(seed))
        for form, expected in (
            ("exact", normal_fisher(model, inputs, own, None)),
            ("empirical", normal_fisher(model, inputs, own, residuals)),
            ("sampled", normal_fisher(model, inputs, own, noise)),
        ):
            found = fisher(model, problem, batches, form, random=torch.Generator().manual_seed(seed))  # type: ignore[arg-type]
            assert torch.allclose(found, flat(expected), rtol=1e-7), form
        assert torch.allclose(sensitivity(model, problem, batches), flat(slow_sensitivity(model, inputs, own)))


def test_on_average_the_sampled_fisher_is_the_exact_one() -> None:
    model = nn.Linear(2, 2, bias=False).double()
    batch, problem = Batch(drawn(0, 4000, 2), drawn(1, 4000, 2), 0), Regression("task", [2])
    exact = fisher(model, problem, [batch])
    sampled = fisher(model, problem, [batch], "sampled", random=torch.Generator().manual_seed(0))
    assert torch.allclose(exact, sampled, rtol=0.1)


def test_the_batched_form_squares_the_mean_of_the_gradients() -> None:
    """∂log p/∂θ = Σ_d (y − f)_d ∂f_d/∂θ: D/2 times the gradient of the squared loss, up to its sign."""
    model, problem = nn.Linear(2, 3, bias=False).double(), Regression("task", [3])
    batch = Batch(drawn(0, 5, 2), drawn(1, 5, 3), 0)
    (gradient,) = torch.autograd.grad(problem.loss(model(batch.inputs), batch), [model.weight])
    assert torch.allclose(fisher(model, problem, [batch], "batched"), (3 / 2 * gradient).square().flatten())
