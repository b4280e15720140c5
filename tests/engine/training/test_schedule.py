"""The learning rate of each step, against torch's schedulers."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.settings.run import resolve
from engine.streams.stream import Phase, Stream
from engine.training.control import Control
from engine.training.fork import fork, forked_config
from engine.training.recorder import Recorder
from engine.training.runner import train
from engine.training.schedule import Schedule
from engine.training.trainer import Trainer
from tests import runs
from tests.textbook import slow_schedule

CPU = torch.device("cpu")


def schedule_of(steps: int, epoch: int, **chosen: Any) -> tuple[Schedule, torch.optim.Optimizer, Any]:
    """Ours, and torch's with its optimizer."""
    config = resolve({"lr": 0.1, "steps": steps, **chosen})
    phase = Phase("", 2, steps, epoch, config.lr)
    stream = cast(Stream, SimpleNamespace(phases=(phase,)))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=config.lr)
    after_step = slow_schedule(config, optimizer, steps, epoch)
    optimizer.step()
    return Schedule(config, stream, CPU), optimizer, after_step


@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(3, 200),
    epoch=st.integers(1, 20),
    warmup=st.integers(0, 12),
    every=st.integers(1, 5) | st.none(),
    factor=st.floats(0.05, 0.9),
    schedule=st.sampled_from(["none", "cosine", "step"]),
)
def test_every_step_has_torch_s_learning_rate(
    steps: int, epoch: int, warmup: int, every: int | None, factor: float, schedule: str
) -> None:
    chosen = {"schedule": schedule, "warmup": min(warmup, steps - 1)}
    if schedule == "step":
        chosen |= {"schedule_every": every, "schedule_factor": factor}
    ours, optimizer, after_step = schedule_of(steps, epoch, **chosen)
    for step in range(steps):
        assert ours.lr(0, step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9, abs=1e-15)
        after_step(False, math.nan)


@settings(max_examples=40, deadline=None)
@given(
    losses=st.lists(st.floats(0.001, 10) | st.just(math.nan) | st.just(1.0), min_size=1, max_size=60),
    patience=st.integers(0, 4),
    warmup=st.integers(0, 12),
)
def test_plateau_lowers_the_learning_rate_where_torch_does(losses: list[float], patience: int, warmup: int) -> None:
    """Epochs of two steps: the mean of their losses counts."""
    ours, optimizer, after_step = schedule_of(
        2 * len(losses), 2, schedule="plateau", schedule_patience=patience, schedule_factor=0.9, warmup=warmup
    )
    for step, loss in enumerate(loss for mean in losses for loss in (mean / 2, 1.5 * mean)):
        assert ours.lr(0, step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        ours.stepped(0, step + 1, torch.tensor(loss, dtype=torch.float64))
        after_step(step % 2 == 1, losses[step // 2])


@settings(max_examples=30, deadline=None)
@given(scores=st.lists(st.sampled_from([0.1, 0.5, 0.50001, 0.5001, 0.9, 1.0]), min_size=1, max_size=40))
def test_plateau_of_a_score_waits_for_a_greater_value(scores: list[float]) -> None:
    ours, optimizer, _ = schedule_of(len(scores), 1, schedule="plateau", schedule_patience=1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=1, eps=0)
    left = iter(scores)
    ours.score = lambda: next(left)
    ours.reset()
    for step, score in enumerate(scores):
        ours.stepped(0, step + 1, torch.tensor(1.0))
        theirs.step(score)
        assert ours.lr(0, step + 1) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)


def test_plateau_looks_at_the_validation_set_where_there_is_one(tmp_path: Path) -> None:
    options: dict[str, Any] = {"schedule": "plateau", "validation": 0.2}
    for name, chosen in (("with", options), ("without", {"schedule": "plateau"})):
        trainer = Trainer(Recorder(runs.create(tmp_path, runs.tiny("none", **chosen), name), Control()))
        trainer.begin()
        trainer.train_task()
        state = trainer.state.schedule.state
        assert state is not None
        if name == "with":
            assert state.best.item() == trainer.evaluator.newest_choice() > 0
        else:
            losses = trainer.recorder.history.curve.losses()[2:4]
            assert state.best.item() == pytest.approx(losses.mean(), rel=1e-5)


def test_a_new_task_begins_again() -> None:
    ours, *_ = schedule_of(20, 1, schedule="plateau", schedule_patience=0)
    for step in range(5):
        ours.stepped(0, step + 1, torch.tensor(1.0))
    assert ours.lr(0, 5) < 0.1
    ours.reset()
    assert ours.lr(0, 0) == 0.1


def test_without_a_schedule_every_step_has_the_task_s_learning_rate() -> None:
    ours, *_ = schedule_of(20, 1)
    assert not ours.varies
    assert ours.state is None
    assert ours.lr(0, 13) == 0.1


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"schedule_factor": 0.5}, "schedule_factor = 0.5: only schedule step and plateau uses it, not none"),
        ({"schedule": "cosine", "schedule_every": 3}, "schedule_every = 3: only schedule step uses it, not cosine"),
        ({"schedule": "step", "schedule_patience": 3}, "only schedule plateau uses it, not step"),
        ({"schedule": "linear"}, "schedule = 'linear' cannot be used"),
        ({"schedule": 3}, "schedule = 3 cannot be used"),
        ({"warmup": -1}, "warmup = -1 cannot be used"),
        ({"warmup": 1.5}, "warmup = 1.5 cannot be used"),
        ({"clip_norm": 0.0}, "clip_norm = 0.0 cannot be used"),
        ({"clip_norm": math.nan}, "clip_norm = nan cannot be used"),
        ({"weight_decay": -0.1}, "weight_decay = -0.1 cannot be used"),
        ({"label_smoothing": 1.0}, "label_smoothing = 1.0 cannot be used"),
        ({"accumulate": 0}, "accumulate = 0 cannot be used"),
        ({"accumulate": True}, "accumulate = True cannot be used"),
    ],
)
def test_what_cannot_be_is_refused(chosen: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(chosen)
    assert why in str(caught.value)


def test_a_warm_up_that_is_longer_than_a_task_is_refused_before_training(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("none", warmup=4))
    with pytest.raises(ConfigError, match="warmup = 4: task 1 has only 4 steps"):
        train(session, Control())
    assert session.history().step == 0


def test_what_does_nothing_is_not_stored() -> None:
    """So a run that says it has the same settings, files and name as one that does not."""
    nothing = {"schedule": "none", "warmup": 0, "label_smoothing": 0, "accumulate": 1}
    assert resolve(nothing) == resolve({})
    assert "schedule" not in resolve(nothing).to_toml()


def test_a_fork_may_change_the_schedule() -> None:
    """What only the earlier schedule reads is left behind."""
    parent = resolve({"schedule": "step", "schedule_every": 2, "schedule_factor": 0.5, "warmup": 3})
    assert forked_config(parent, {"lr": 0.5}).changed(lr=parent.lr) == parent
    cosine = forked_config(parent, {"schedule": "cosine"})
    assert (cosine.schedule, cosine.schedule_factor, cosine.schedule_every, cosine.warmup) == ("cosine", None, None, 3)
    plateau = forked_config(parent, {"schedule": "plateau"})
    assert (plateau.schedule_factor, plateau.schedule_patience) == (0.5, 10)
    assert forked_config(parent, {"schedule": "none", "warmup": 0}) == resolve({})


def test_a_fork_without_a_schedule_tells_its_own_learning_rate(tmp_path: Path) -> None:
    parent = runs.finished(tmp_path, runs.tiny("none", schedule="cosine"))
    child = fork(parent, 0, "child", {"schedule": "none"})
    history = train(child, Control())
    assert history.learning_rate(3) != child.config.lr
    assert history.learning_rate(history.step) == child.config.lr
