"""lwf: the teacher, what it is in other networks and problems, and how a run keeps it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import ConfigError
from engine.own_loop.refusals import check_serves
from engine.problems.regression import Regression
from engine.record.events import Warned
from engine.sessions import checkpoint
from engine.settings.run import resolve
from engine.training.build import build_method, build_model
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from tests import runs
from tests.random_networks import close64

CONV: dict[str, Any] = {
    "model": "conv",
    "channels": (4,),
    "hidden": (6,),
    "norm": "batch",
    "dropout": (0.3,),
    "batch_size": 100,
}
CONFIGS = {
    "mlp": {"batch_size": 100},
    "conv": CONV,
    "own statistics": {**CONV, "norm_statistics": "own"},
    "parts": {"batch_size": 100, "accumulate": 3},
    "frozen": {"batch_size": 100, "freeze": ("fc1.bias",)},
    "domain": {"batch_size": 100, "scenario": "domain", "keep": "best"},
    "class": {"batch_size": 100, "scenario": "class", "clip_norm": 0.5},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_run_that_is_stopped_in_the_second_task_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    config = runs.tiny("lwf", **CONFIGS[name])
    straight = runs.finished(tmp_path, config, "straight")
    stopped = runs.create(tmp_path, config, "stopped")
    whole = straight.history().step
    assert train(stopped, runs.AtStep(whole * 3 // 4)).state == "stopped"
    assert train(stopped, Control()).state == "finished"
    runs.assert_same_run(straight, stopped)
    penalties = straight.history().curve.penalties()
    half = whole // 2
    assert not penalties[:half].any(), "nobody teaches the first task"
    assert (penalties[half + 1 :] > 0).all()
    as_its_teacher = "model" not in CONFIGS[name] and config.scenario != "class"
    assert (penalties[half] == 0) == as_its_teacher, "normalisation, dropout and new classes make a difference at once"


def test_the_teacher_is_the_network_at_the_end_of_the_task_before(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("lwf", **CONV))
    first, last = (checkpoint.read(path)[0] for path in sorted(session.checkpoints()))
    assert torch.equal(last["method/theta"], first["theta"])
    buffers = [name for name in first if name.startswith("buffers/")]
    assert len(buffers) == 3
    for name in buffers:
        assert torch.equal(last[f"method/{name}"], first[name])
    assert not torch.equal(last["theta"], first["theta"])


def test_a_fork_from_another_method_is_taught_by_what_its_parent_learned(tmp_path: Path) -> None:
    """The first task of lwf is fine-tuning, so that the fork repeats a run of lwf to the bit."""
    parent = runs.finished(tmp_path, runs.tiny("none"), "parent")
    whole = runs.finished(tmp_path, runs.tiny("lwf"), "whole")
    made = fork(parent, 0, "made", {"method": "lwf"})
    assert train(made, Control()).state == "finished"
    runs.assert_same_tensors(runs.newest(made)[0], runs.newest(whole)[0])
    assert made.history().curve.penalties().tolist() == whole.history().curve.penalties().tolist()


def test_a_teacher_that_holds_the_network_is_no_wrong_learning_rate(tmp_path: Path) -> None:
    """In this scenario the network is slow in the second task, since its teacher knows none of the new classes."""
    settings = {"benchmark": "permuted-digits", "scenario": "class", "tasks": 2, "epochs": 2, "device": "cpu"}
    session = runs.finished(tmp_path, resolve({"method": "lwf", **settings}))
    assert session.history().curve.losses()[250:274].mean() > 2, "that is what guessing one of twenty classes is like"
    assert not [event for event in session.events() if isinstance(event, Warned)]


@pytest.mark.parametrize("scenario", ["task", "domain"])
@pytest.mark.parametrize("delta", [None, 0.5])
def test_regression_is_taught_numbers(scenario: Any, delta: float | None) -> None:
    problem = Regression(scenario, (2, 2, 2), delta)
    problem.begin(2)
    outputs, taught = torch.randn(2, 5, problem.outputs, dtype=torch.float64).unbind()
    heads = [slice(0, 2), slice(2, 4)] if scenario == "task" else [slice(0, 2)]
    far = nn.MSELoss() if delta is None else nn.HuberLoss(delta=delta)
    each = [far(own[head], old[head]) for own, old in zip(outputs, taught, strict=True) for head in heads]
    close64(problem.distillation(outputs, taught, 2.0), torch.stack(each).mean())


def test_numbers_are_held_by_the_teacher_s_numbers(tmp_path: Path) -> None:
    settings = {"benchmark": "slowly-changing-regression", "tasks": 2, "steps": 40, "device": "cpu"}
    held = runs.finished(tmp_path, resolve({"method": "lwf", **settings}), "held").history()
    free = runs.finished(tmp_path, resolve({"method": "none", **settings}), "free").history()
    assert held.matrix[-1][0] < free.matrix[-1][0], "of RMSE, less is better"
    assert not held.curve.penalties()[:41].any()
    assert (held.curve.penalties()[41:] > 0).all()


@pytest.mark.parametrize(
    ("name", "said"), [("lwf", "makes a loss of its own"), ("replay", "chooses the data of a step")]
)
def test_a_loop_of_the_user_s_own_refuses_it(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_serves(build_method(resolve({"method": name})))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"benchmark": "slowly-changing-regression", "class_mean": True}, "class_mean = true: .* there are no classes"),
        ({"temperature": float("nan")}, "temperature"),
        ({"strength": 1.0}, "strength = 1: method lwf has no penalty whose strength could change"),
        ({"leave_alone": ("*.bias",)}, "leave_alone = "),
        ({"reset_network": True}, "reset_network = true: lwf would be taught by new weights"),
        ({"method": "si", "temperature": 2.0}, "only method lwf uses it"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve({"method": "lwf", **settings})


class Uncopied(nn.Linear):
    def __deepcopy__(self, memo: object) -> nn.Module:
        raise TypeError("it holds a file")


def test_a_network_that_cannot_be_copied_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*given: Any) -> nn.Module:
        return nn.Sequential(build_model(*given), Uncopied(4, 4))

    monkeypatch.setattr("engine.training.network.build_model", build)
    with pytest.raises(ConfigError, match="method = lwf: the network cannot be copied: it holds a file"):
        runs.finished(tmp_path, runs.tiny("lwf"))
