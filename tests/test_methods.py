"""What holds for every method in METHODS, a newcomer included."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engine import checkpoint
from engine.methods import METHODS
from engine.session import Session
from tests import runs

BY_CASE = pytest.mark.parametrize(("method", "options"), runs.CASES, ids=map(runs.case_name, runs.CASES))
WITH_STRENGTH = [(method, options) for method, options in runs.CASES if METHODS[method].symbol]
BY_CASE_WITH_STRENGTH = pytest.mark.parametrize(
    ("method", "options"), WITH_STRENGTH, ids=map(runs.case_name, WITH_STRENGTH)
)
BY_SCENARIO = pytest.mark.parametrize("scenario", runs.SCENARIOS)

FIRST_OF_SECOND_TASK = 4
"""Row of the curve at which the second task of ``runs.tiny`` begins."""


@BY_SCENARIO
@BY_CASE
def test_two_identical_runs_end_in_the_same_bits(
    method: str, options: dict[str, Any], scenario: str, tmp_path: Path
) -> None:
    """Weights, optimizer, Ω, anchors, accuracy matrix and every loss; whatever else drew random numbers meanwhile."""
    config = runs.tiny(method, scenario=scenario, **options)
    first = runs.finished(tmp_path, config, "first")
    torch.manual_seed(12345)
    torch.rand(7)
    runs.assert_same_run(first, runs.finished(tmp_path, config, "second"))


@BY_CASE
def test_another_seed_gives_another_run(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    runs_ = [runs.finished(tmp_path, runs.tiny(method, seed=seed, **options), f"seed-{seed}") for seed in (0, 1)]
    first, second = (runs.newest(session)[0]["theta"] for session in runs_)
    assert not torch.equal(first, second)


@BY_SCENARIO
@BY_CASE_WITH_STRENGTH
def test_strength_0_equals_fine_tuning_to_the_bit(
    method: str, options: dict[str, Any], scenario: str, tmp_path: Path
) -> None:
    without = runs.finished(tmp_path, runs.tiny("none", scenario=scenario), "none")
    zero = runs.finished(tmp_path, runs.tiny(method, scenario=scenario, strength=0.0, **options), "zero")
    ours, theirs = runs.newest(zero)[0], runs.newest(without)[0]
    runs.assert_same_tensors({name: ours[name] for name in theirs}, theirs)
    assert zero.history().matrix == without.history().matrix
    assert zero.history().curve.losses().tolist() == without.history().curve.losses().tolist()
    assert not zero.history().curve.penalties().any()


@BY_CASE_WITH_STRENGTH
def test_importances_are_finite_not_negative_and_not_all_zero(
    method: str, options: dict[str, Any], tmp_path: Path
) -> None:
    session = runs.finished(tmp_path, runs.tiny(method, **options))
    found = [tensors["penalty/importance"] for tensors in runs.tensors(session).values()]
    assert len(found) == 2
    for importance in found:
        assert torch.isfinite(importance).all()
        assert (importance >= 0).all()
        assert importance.any()


@BY_SCENARIO
@BY_CASE_WITH_STRENGTH
def test_the_penalty_is_zero_at_the_anchor_and_then_acts(
    method: str, options: dict[str, Any], scenario: str, tmp_path: Path
) -> None:
    """The silent zero of other libraries: there must be a penalty as soon as the second task has moved a weight."""
    penalties = (
        runs.finished(tmp_path, runs.tiny(method, scenario=scenario, **options)).history().curve.penalties().tolist()
    )
    assert penalties[: FIRST_OF_SECOND_TASK + 1] == [0.0] * (FIRST_OF_SECOND_TASK + 1)
    assert all(penalty > 0 for penalty in penalties[FIRST_OF_SECOND_TASK + 1 :])


@BY_CASE_WITH_STRENGTH
def test_the_anchor_is_where_the_task_ended(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny(method, **options))
    ended = checkpoint.read(_task_end(session, 1))[0]
    assert torch.equal(ended["penalty/anchor"], ended["theta"])


@BY_CASE_WITH_STRENGTH
def test_a_penalty_keeps_the_weights_it_protects_closer(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Measured in the penalty's own weights Ω, against fine-tuning from the same first task."""
    held = runs.finished(tmp_path, runs.tiny(method, **options), "held")
    free = runs.finished(tmp_path, runs.tiny(method, strength=0.0, **options), "free")
    learned = checkpoint.read(_task_end(held, 1))[0]
    moved = [
        torch.sum(learned["penalty/importance"] * (runs.newest(session)[0]["theta"] - learned["theta"]) ** 2).item()
        for session in (held, free)
    ]
    assert moved[0] < moved[1]


def test_si_adds_up_the_drop_of_the_loss(tmp_path: Path) -> None:
    """Σω is the path integral of the gradient: for small steps over the whole data set it is how far the loss fell."""
    small = {"optimizer": "sgd", "momentum": 0.0, "lr": 0.01, "batch_size": 2000, "epochs": 50, "tasks": 1}
    session = runs.finished(tmp_path, runs.tiny("si", **small))
    losses = session.history().curve.losses()
    gained = runs.newest(session)[0]["method/path_integral"].sum().item()
    assert gained == pytest.approx(losses[0] - losses[-1], rel=0.05)


def _task_end(session: Session, task: int) -> Path:
    (path,) = session.checkpoints_dir.glob(f"task-{task:03}-*")
    return path
