"""Running statistics of normalisation layers at the border between two tasks."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cl_tui.reports.timeline import timeline
from engine.analysis.measure import analyse
from engine.errors import ConfigError
from engine.models.mode import evaluating
from engine.models.statistics import Statistics
from engine.record.events import DRIFT
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.training.build import load_stream
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from engine.training.state import RunState
from tests import runs
from tests.engine.training.test_resume import assert_every_stop_is_harmless

SMALL = {"model": "conv", "channels": (4, "pool", 5), "hidden": (6,), "dropout": (0.2, 0.3), "norm": "batch"}
MEAN = "buffers/norm2.running_mean"


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)


def config(method: str = "none", **settings: Any) -> RunConfig:
    return runs.tiny(method, **(SMALL | settings))


def ends(session: Session) -> list[dict[str, Tensor]]:
    """The state at each task's end."""
    return [tensors for _, tensors in sorted(runs.tensors(session).items())]


def accuracy_of(session: Session, state: dict[str, Tensor], statistics: dict[str, Tensor], task: int) -> float:
    """The accuracy on a task of the network with these weights and statistics, by a loop of its own."""
    stream = load_stream(session.config, torch.device("cpu"))
    net = RunState(session.config, stream, stream.problem(), torch.device("cpu"))
    net.load_network(state | {name: tensor for name, tensor in statistics.items() if name.startswith("buffers/")})
    right = count = 0
    with torch.no_grad(), evaluating(net.model):
        for batch in stream.passes(task, 50, "test"):
            found = net.model(batch.inputs)[:, 5 * task : 5 * task + 5].argmax(1)
            right, count = right + int((found == batch.targets).sum()), count + len(batch)
    return right / count


@pytest.mark.parametrize("rule", ["own", "shared", "frozen"])
def test_what_happens_at_a_border(rule: str, tmp_path: Path) -> None:
    """Each accuracy is that of a network which is put together from the checkpoints."""
    session = runs.finished(tmp_path, config(norm_statistics=rule, lr=0.05))
    first, second = ends(session)
    assert torch.equal(first[MEAN], second[MEAN]) == (rule == "frozen")
    assert not first[MEAN].eq(0).all()
    assert second["statistics/norm2.running_mean"].shape == ((2, 5) if rule == "own" else (1, 5))
    assert torch.equal(second["statistics/norm2.running_mean"][-1], second[MEAN])
    matrix = session.history().matrix
    assert matrix[0][:1] == (accuracy_of(session, first, first, 0),)
    of_first = first if rule == "own" else second
    assert matrix[1] == (accuracy_of(session, second, of_first, 0), accuracy_of(session, second, second, 1))


def test_the_drift_between_tasks_is_measured(tmp_path: Path) -> None:
    """‖now − then‖ ÷ ‖then‖ of each running mean and variance, at each task's end but the first."""
    session = runs.finished(tmp_path, config())
    first, second = ends(session)
    (told,) = session.history().measured[DRIFT]
    assert told.phase == 1
    assert told.labels == tuple(f"norm{n}.running_{which}" for n in (1, 2) for which in ("mean", "var"))
    for name, value in zip(told.labels, told.values, strict=True):
        then, now = first[f"buffers/{name}"].double(), second[f"buffers/{name}"].double()
        assert value == pytest.approx(((now - then).norm() / then.norm()).item(), rel=1e-4)
    most = max(value for value in told.values if value is not None)
    lines = [line.text for line in timeline(session.history(), session.config)]
    assert any(f"running statistics moved by up to {100 * most:.0f} %" in line for line in lines)
    frozen = runs.finished(tmp_path, config(norm_statistics="frozen"), "frozen")
    assert set(frozen.history().measured[DRIFT][0].values) == {0.0}
    assert DRIFT not in runs.finished(tmp_path, runs.tiny("none"), "without").history().measured


@runs.by_case(
    [
        ("si", {"norm_statistics": "own"}),
        ("none", {"norm_statistics": "own", "keep": "best", "lr": 0.1}),
        ("ewc", {"norm_statistics": "frozen"}),
        ("mas", {"norm_statistics": "shared", "keep": "best", "scenario": "class"}),
    ]
)
def test_resume_at_every_step_ends_in_the_same_bits(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    """With dropout. The other methods do so in test_state."""
    assert_every_stop_is_harmless(tmp_path, config(method, **options))


@pytest.mark.parametrize("rule", ["own", "frozen"])
def test_a_fork_goes_on_with_the_statistics_and_analysis_uses_them(rule: str, tmp_path: Path) -> None:
    whole = runs.finished(tmp_path, config("si", norm_statistics=rule, lr=0.05), "whole")
    child = fork(whole, 0, "child", {})
    train(child, Control())
    runs.assert_same_tensors(runs.newest(child)[0], runs.newest(whole)[0])
    with pytest.raises(ConfigError, match="norm_statistics cannot change"):
        fork(whole, 0, "other", {"norm_statistics": "shared"})
    found = analyse(whole, examples=10_000).forgetting
    assert found is not None
    first, second = (row[0] for row in whole.history().matrix)
    assert found.whole.accuracy == pytest.approx(first - second, abs=1e-6)


def test_the_best_epochs_statistics_are_kept(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, config(norm_statistics="own", keep="best", lr=0.1, epochs=4))
    for task, state in enumerate(ends(session)):
        assert torch.equal(state["statistics/norm1.running_var"][task], state["buffers/norm1.running_var"])


def test_a_rule_without_statistics_or_tasks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this network has no layer with running statistics"):
        train(runs.create(tmp_path, config(norm="layer", norm_statistics="own")), Control())
    with pytest.raises(ConfigError, match="in scenario class nothing says whose statistics an input needs"):
        resolve({"norm_statistics": "own", "scenario": "class"})


@pytest.fixture
def net() -> nn.Module:
    return nn.Sequential(OrderedDict(a=nn.BatchNorm1d(2), b=nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())))


def test_evaluating_leaves_each_layer_in_its_mode(net: nn.Module) -> None:
    statistics = Statistics(net, 2, "frozen")
    statistics.begin_task(1)
    modes = [layer.training for layer in net.modules()]
    assert modes == [True, False, True, False, True]
    with evaluating(net):
        assert not any(layer.training for layer in net.modules())
    assert [layer.training for layer in net.modules()] == modes
    statistics.begin_task(0)
    assert all(layer.training for layer in net.modules())


def test_a_step_with_one_example_is_refused_before_training_where_a_layer_needs_two(tmp_path: Path) -> None:
    """Images of 8×8 pixels are one pixel after three poolings; the first task has 668 training examples."""
    deep = {"channels": (4, "pool", "pool", "pool", 5), "batch_size": 29}
    with pytest.raises(ConfigError, match=r"batch_size = 29: the last batch of task 1 .* norm2 cannot take a variance"):
        train(runs.create(tmp_path, config(**deep)), Control())
    runs.finished(tmp_path, config(**(deep | {"channels": (4, "pool", 5)})), "wide")
    runs.finished(tmp_path, config(**(deep | {"batch_size": 100})), "even")
