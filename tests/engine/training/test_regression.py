"""Whole runs whose targets are numbers: against the textbook loop, stopped and resumed, and as people use them."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss, mse_loss

from engine.analysis.measure import analyse
from engine.catalog.methods import METHODS
from engine.record.score import SCORES
from engine.seeds import generator
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.streams.slowly_changing import BITS, stream
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from tests import runs
from tests.reference.ewc import SlowEWC
from tests.reference.l2 import SlowL2
from tests.reference.mas import SlowMAS
from tests.reference.method import SlowMethod
from tests.reference.regression import (
    SlowNumbers,
    normal_fisher,
    outputs_of,
    slow_r2,
    slow_rmse,
    train_regression_slowly,
)
from tests.reference.si import SlowSI

STRONG = {"ewc": 30.0, "mas": 3.0, "si": 1.0, "l2": 0.3, "rwalk": 1.0}


def small(method: str = "ewc", **settings: Any) -> RunConfig:
    """Two tasks of 24 examples: two epochs of four steps each."""
    chosen = {"benchmark": "slowly-changing-regression", "tasks": 2, "examples_per_task": 24, "batch_size": 6}
    chosen |= {"epochs": 2, "hidden": (6,), "bits_flipped": 5, "device": "cpu", "strength": STRONG.get(method)}
    return resolve(chosen | {"method": method} | settings)


def fisher(model: nn.Module, inputs: Tensor, _: Tensor, outputs: Any, number: int) -> list[Tensor]:
    return normal_fisher(model, inputs, outputs, None)


def sampled(model: nn.Module, inputs: Tensor, _: Tensor, outputs: Any, number: int) -> list[Tensor]:
    drawn = torch.randn(len(inputs), len(outputs), generator=generator(0, "fisher labels", number))
    return normal_fisher(model, inputs, outputs, drawn)


def empirical(model: nn.Module, inputs: Tensor, targets: Tensor, outputs: Any, number: int) -> list[Tensor]:
    with torch.no_grad():
        found = model(inputs)[:, outputs]
    return normal_fisher(model, inputs, outputs, targets - found)


SLOW: dict[str, Any] = {
    "none": lambda c: SlowMethod(),
    "l2": lambda c: SlowL2(c.strength),
    "si": lambda c: SlowSI(c.strength, c.option("xi")),
    "mas": lambda c: SlowMAS(c.strength),
    "ewc": lambda c: SlowEWC(
        c.strength, {"exact": fisher, "sampled": sampled, "empirical": empirical}[c.option("fisher")]
    ),
}


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("none", {"loss": "huber", "huber_delta": 0.4}),
        ("ewc", {"scenario": "task", "score": "rmse"}),
        ("ewc", {"fisher": "sampled", "loss": "huber"}),
        ("ewc", {"fisher": "empirical", "score": "r2"}),
        ("si", {"score": "r2", "scenario": "task"}),
        ("mas", {"loss": "huber", "huber_delta": 2.0}),
        ("l2", {"score": "r2"}),
    ],
)
def test_a_run_equals_the_textbook_loop(
    method: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In double precision: losses, penalties and scores."""
    runs.register_blobs(monkeypatch)
    config = small(method, model="double", **options)
    history = runs.finished(tmp_path, config).history()
    tasks = []
    for number, task in enumerate(stream(config).tasks):
        orders = (torch.randperm(24, generator=generator(0, "order", number, epoch)) for epoch in range(2))
        rows = [part for order in orders for part in order.split(6)]
        own = (task.train.inputs, task.train.targets, task.test.inputs, task.test.targets)
        tasks.append(SlowNumbers(*(of.double() for of in own), rows))  # type: ignore[misc]
    outputs = [outputs_of(config.scenario, [1, 1], task) for task in range(2)]
    model = runs.double_mlp((BITS,), (6,), 2 if config.scenario == "task" else 1, 0, "torch")
    delta = config.option("huber_delta") or 1.0
    loss = partial(huber_loss, delta=delta) if config.option("loss") == "huber" else mse_loss
    score = slow_rmse if config.option("score") == "rmse" else slow_r2
    matrix, losses, penalties = train_regression_slowly(
        model, SLOW[method](config), tasks, outputs, loss, score, config.lr
    )
    assert history.curve.losses().tolist() == pytest.approx(losses, rel=1e-5)
    assert history.curve.penalties().tolist() == pytest.approx(penalties, rel=1e-4, abs=1e-9)
    assert penalties[-1] > 1e-3 or method == "none"
    for found, expected in zip(history.matrix, matrix, strict=True):
        assert list(found) == pytest.approx(expected, rel=1e-6)
    assert history.score == SCORES[config.option("score") or "r2"]
    assert history.started is not None


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("ewc", {"fisher": "sampled", "keep": "best", "validation": 0.25, "lr": 0.1}),
        ("rwalk", {"schedule": "plateau", "schedule_patience": 0, "validation": 0.2, "lr": 0.1, "score": "r2"}),
        ("joint", {"scenario": "task", "loss": "huber", "normalize_targets": True, "normalize": "auto"}),
        ("si", {"keep": "best", "score": "r2", "accumulate": 2, "lr": 0.3}),
        ("mas", {"schedule": "plateau", "schedule_patience": 0, "validation": 0.2, "lr": 0.1}),
    ],
)
def test_a_stop_changes_no_bit(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    config = small(method, **options)
    whole = runs.finished(tmp_path, config, "whole")
    for step in (3, 4, 11):
        session = runs.create(tmp_path, config, f"stopped-{step}")
        assert train(session, runs.AtStep(step)).state == "stopped"
        again = Session.open(tmp_path, session.name)
        assert train(again, Control()).state == "finished"
        runs.assert_same_run(again, whole)


@pytest.mark.parametrize("scenario", ["task", "domain"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_numbers(method: str, scenario: str, tmp_path: Path) -> None:
    """And goes on after a stop in the second task."""
    config = small(method, scenario=scenario, score="r2", lr=0.02, epochs=6, examples_per_task=96, hidden=(20,))
    whole = runs.finished(tmp_path, config, "whole")
    assert whole.history().matrix[0][0] > 0.1
    session = runs.create(tmp_path, config, "stopped")
    train(session, runs.AtStep(130))
    assert train(Session.open(tmp_path, "stopped"), Control()).state == "finished"
    runs.assert_same_run(Session.open(tmp_path, "stopped"), whole)


@pytest.mark.parametrize("score", ["r2", "rmse"])
def test_the_best_epoch_has_the_best_score(score: str, tmp_path: Path) -> None:
    """On the validation set: greatest R², or least RMSE; the weights are those at its end."""
    config = small("none", tasks=1, epochs=12, lr=0.2, keep="best", validation=0.25, score=score)
    kept = runs.finished(tmp_path, config, "kept")
    found = stream(config)
    problem, model = found.problem(), nn.Sequential(nn.Linear(BITS, 6), nn.ReLU(), nn.Linear(6, 1))
    best, at = -math.inf, 0
    by_epoch = []
    for epochs in range(1, 13):
        session = runs.finished(tmp_path, config.changed(epochs=epochs, keep="last"), f"last-{epochs}")
        theta = runs.newest(session)[0]["theta"]
        nn.utils.vector_to_parameters(theta, model.parameters())
        with torch.no_grad():
            told = found.test(0, model, problem, "validation")
        by_epoch.append((told, theta))
        if (told if score == "r2" else -told) > best:
            best, at = (told if score == "r2" else -told), epochs
    assert 1 < at < 12, "it is neither the first nor the last"
    assert torch.equal(runs.newest(kept)[0]["theta"], by_epoch[at - 1][1])
    assert by_epoch[at - 1][0] == (max if score == "r2" else min)(told for told, _ in by_epoch)


@pytest.mark.parametrize("score", ["r2", "rmse"])
def test_a_plateau_of_the_score_lowers_the_learning_rate(score: str, tmp_path: Path) -> None:
    """Like torch's ReduceLROnPlateau on the validation score, also where that is far below 0."""
    config = small("none", tasks=1, epochs=14, lr=0.3, schedule="plateau", schedule_patience=1, validation=0.25)
    config = config.changed(score=score, schedule_factor=0.5)
    history = runs.finished(tmp_path, config).history()
    found = stream(config)
    problem, model = found.problem(), nn.Sequential(nn.Linear(BITS, 6), nn.ReLU(), nn.Linear(6, 1))
    dummy = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    slow = torch.optim.lr_scheduler.ReduceLROnPlateau(
        dummy, mode="max" if score == "r2" else "min", factor=0.5, patience=1, threshold_mode="abs", threshold=0.0
    )
    lrs = []
    for epochs in range(1, 15):
        session = runs.create(tmp_path, config, f"until-{epochs}")
        train(session, runs.AtStep(3 * epochs))
        nn.utils.vector_to_parameters(runs.newest(session)[0]["theta"], model.parameters())
        with torch.no_grad():
            slow.step(found.test(0, model, problem, "validation"))
        lrs.append(dummy.param_groups[0]["lr"])
    told = {one.step: one.values[0] for one in history.measured["learning rate"] if one.step and one.step % 3 == 0}
    assert len(told) > 5
    assert told == pytest.approx({step: lrs[step // 3 - 1] for step in told})
    assert lrs[-1] < 0.3


def test_what_a_log_says_of_it(tmp_path: Path) -> None:
    """The score's name and unit, what guessing gives, and scores far below 0."""
    config = small("none", score="rmse", unit="m")
    started = runs.finished(tmp_path, config).history().started
    assert started is not None
    assert (started.score, started.unit) == ("rmse", "m")
    guessed = [task.test.targets.std(correction=0).item() for task in stream(config).tasks]
    assert [info.chance for info in started.tasks] == pytest.approx(guessed, rel=1e-6)
    far = runs.finished(tmp_path, small("none", score="r2", lr=30.0, optimizer="adam"), "far")
    assert far.history().matrix[-1][0] < -100
    assert Session.open(tmp_path, "far").summary()["score"] == "r2"


@pytest.mark.parametrize("method", ["si", "ewc", "joint"])
def test_forks_and_analyses(method: str, tmp_path: Path) -> None:
    parent = runs.finished(tmp_path, small(method, keep_checkpoints="all"), "parent")
    child = fork(parent, 0, "child", {} if method == "joint" else {"strength": 0.0})
    assert train(child, Control()).state == "finished"
    forgetting = analyse(parent).forgetting
    assert not isinstance(forgetting, str)
    (of_first,) = forgetting.tasks
    assert of_first.accuracy == pytest.approx(parent.history().matrix[-1][0], rel=1e-5)
    harm = parent.history().matrix[-1][0] - parent.history().matrix[0][0]
    assert of_first.whole.accuracy == pytest.approx(harm, rel=1e-4), "positive: RMSE has grown"
