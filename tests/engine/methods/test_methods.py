"""What holds for every method in METHODS, a newcomer included."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.catalog.methods import METHODS
from engine.errors import ConfigError
from engine.models.flat import FlatParameters
from engine.models.mlp import mlp
from engine.record.events import ImportanceMeasured
from engine.sessions import checkpoint
from engine.sessions.session import Session
from tests import runs

BY_CASE = runs.by_case(runs.CASES)
WITH_STRENGTH = [(method, options) for method, options in runs.CASES if METHODS[method].symbol]
BY_CASE_WITH_STRENGTH = runs.by_case(WITH_STRENGTH)
BY_SCENARIO = pytest.mark.parametrize("scenario", runs.SCENARIOS)

FIRST_OF_SECOND_TASK = 4
"""Row of the curve at which the second task of ``runs.tiny`` begins."""


@BY_SCENARIO
@BY_CASE
def test_two_identical_runs_end_in_the_same_bits(
    method: str, options: dict[str, Any], scenario: str, tmp_path: Path
) -> None:
    """Weights, optimizer, Ω, anchors, accuracy matrix and every loss, though something else drew numbers meanwhile."""
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


@BY_CASE_WITH_STRENGTH
def test_parameters_left_alone_have_no_importance_at_all(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Exactly 0 after every task and while one is trained, by name pattern; the others keep theirs."""
    session = runs.finished(
        tmp_path, runs.tiny(method, hidden=(8, 6), **options | {"leave_alone": ("head.*", "fc?.bias")})
    )
    layers = FlatParameters(mlp((64,), (8, 6), 4, seed=0)).layers
    for tensors in runs.tensors(session).values():
        for layer in layers:
            held = layer.name in ("fc1.weight", "fc2.weight")
            assert bool(tensors["penalty/importance"][layer.start : layer.stop].any()) == held, layer.name
    told = [event for event in session.events() if isinstance(event, ImportanceMeasured)]
    assert told
    for event in told:
        for shown in event.layers:
            assert (shown.zeros == shown.size) or shown.name in ("fc1.weight", "fc2.weight")


def test_a_pattern_that_matches_everything_leaves_fine_tuning(tmp_path: Path) -> None:
    held = runs.finished(tmp_path, runs.tiny("ewc", leave_alone=("*",)), "held")
    free = runs.finished(tmp_path, runs.tiny("none"), "free")
    assert torch.equal(runs.newest(held)[0]["theta"], runs.newest(free)[0]["theta"])


def test_a_pattern_that_matches_nothing_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"leave_alone = heads\.\*: .*fc1\.weight, .*head\.bias"):
        runs.finished(tmp_path, runs.tiny("ewc", leave_alone=("*.bias", "heads.*")))


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


def test_si_adds_up_the_drop_of_the_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Σω is the path integral of the gradient: for small steps over the whole data set it is how far the loss fell."""
    monkeypatch.setattr("engine.training.evaluation.PATH_EXAMPLES", 2000)
    small = {"optimizer": "sgd", "momentum": 0.0, "lr": 0.01, "batch_size": 2000, "epochs": 50, "tasks": 1}
    session = runs.finished(tmp_path, runs.tiny("si", **small))
    losses = session.history().curve.losses()
    gained = runs.newest(session)[0]["method/path_integral"].sum().item()
    assert gained == pytest.approx(losses[0] - losses[-1], rel=0.05)
    (path,) = session.history().paths
    assert path.gained == pytest.approx(gained, rel=1e-5)
    assert path.start_loss == pytest.approx(losses[0], rel=1e-4)
    assert path.ratio == pytest.approx(1, rel=0.05)
    assert session.summary()["path_integral"] == [path.ratio]


def _task_end(session: Session, task: int) -> Path:
    (path,) = session.checkpoints_dir.glob(f"task-{task:03}-*")
    return path
