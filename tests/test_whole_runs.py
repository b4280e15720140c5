"""Whole runs of the engine against the textbook loop with the slow methods of tests/reference."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.methods.si import SynapticIntelligence
from engine.sessions import checkpoint
from engine.settings.run import RunConfig, resolve
from engine.training.control import Control
from engine.training.evaluation import Evaluator
from engine.training.runner import train
from tests import runs
from tests.reference.method import flat
from tests.textbook import left_alone, run_slowly

close64 = partial(torch.testing.assert_close, rtol=1e-7, atol=1e-9)


def assert_equals_slow_run(folder: Path, config: RunConfig, dtype: torch.dtype, close: Callable[..., None]) -> None:
    session = runs.finished(folder, config)
    history = session.history()
    slow, model, method = run_slowly(config, dtype)

    tensors, cursor = runs.newest(session)
    close(tensors["theta"], flat(list(model.parameters())))
    omega = method.importance()
    assert (omega is None) == (cursor.constant is None)
    if omega is not None:
        close(tensors["penalty/importance"], flat(omega))
        for place in left_alone(model, config.leave_alone):
            assert not omega[place].any()
        assert max(slow.penalties) > 1e-3, "a penalty this small would test nothing"
    if history.paths:
        for path, (gained, start_loss, loss) in zip(history.paths, slow.paths, strict=True):
            expected = pytest.approx((gained, start_loss, loss), rel=1e-3, abs=1e-5)
            assert (path.gained, path.start_loss, path.loss) == expected
            assert path.ratio == pytest.approx(gained / (start_loss - loss), rel=1e-2)
        assert session.summary()["path_integral"] == [path.ratio for path in history.paths]
    assert bool(history.paths) == (config.method in ("si", "rwalk"))
    assert history.matrix == tuple(tuple(row) for row in slow.matrix)
    assert history.curve.losses().tolist() == pytest.approx(slow.losses, rel=1e-4, abs=1e-6)
    assert history.curve.penalties().tolist() == pytest.approx(slow.penalties, rel=1e-3, abs=1e-6)


def small(method: str, **settings: Any) -> RunConfig:
    """Three tasks of uneven size, and a network in float64."""
    return resolve({"benchmark": "blobs", "model": "double", "method": method, "threads": 1} | settings)


@pytest.mark.parametrize("scenario", runs.SCENARIOS)
@runs.by_case([*runs.CASES, *runs.COMBINED])
def test_a_whole_run_equals_the_textbook_loop(
    method: str, options: dict[str, Any], scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64: weights, Ω, accuracy matrix, losses, penalties and the path-integral check."""
    runs.register_blobs(monkeypatch)
    assert_equals_slow_run(tmp_path, small(method, scenario=scenario, **options), torch.float64, close64)


LONGER: list[runs.Case] = [
    ("si", {"keep": "best", "lr": 0.3}),
    ("mas", {"keep": "best", "lr": 0.3, "steps": 9, "recompute": True}),
    ("joint", {"keep": "best", "lr": 0.3, "steps": 8}),
    ("si", {"keep": "best", "lr": 0.3, "reset_optimizer": False, "gradient": "total"}),
    ("si", {"keep": "best", "lr": 0.3, "optimizer": "sgd", "momentum": 0.9, "reset_optimizer": False}),
    ("rwalk", {"keep": "best", "lr": 0.3, "score_every": 3}),
    ("rwalk", {"keep": "best", "lr": 0.3, "epochs": 8, "reset_optimizer": False}),
    ("ewc", {"steps": 7, "fisher": "batched"}),
    ("l2", {"steps": 3}),
    ("si", {"first_task": {"lr": 0.05, "batch_size": 7, "epochs": 2}, "gradient": "total"}),
    ("ewc", {"first_task": {"epochs": 1}, "steps": 20, "reset_optimizer": False}),
    ("joint", {"first_task": {"batch_size": 10}}),
    (
        "mas",
        {"first_task": {"lr": 0.02, "batch_size": 3}, "optimizer": "sgd", "reset_optimizer": False, "strength": 20.0},
    ),
    ("ewc", {"class_order": "random", "seed": 3}),
    ("joint", {"class_order": (6, 5, 4, 3, 2, 1, 0)}),
    ("mas", {"normalize": (0.2, 1.5), "importance_data": "test"}),
    ("si", {"init": "glorot", "class_order": (3, 0, 6, 1, 2, 5, 4), "normalize": (-1.0, 0.5)}),
    ("rwalk", {"init": "glorot-zero-head", "epochs": 8}),
    ("none", {"reset_network": True}),
    ("joint", {"reset_network": True, "reset_optimizer": False}),
]
"""Settings of a run that change its course, whatever its method."""


@pytest.mark.parametrize("scenario", runs.SCENARIOS)
@runs.by_case(LONGER)
def test_the_settings_of_a_run_do_what_the_textbook_does(
    method: str, options: dict[str, Any], scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.register_blobs(monkeypatch)
    assert_equals_slow_run(tmp_path, small(method, scenario=scenario, **options), torch.float64, close64)


@runs.by_case(runs.RECIPES)
def test_training_options_do_what_torch_does(
    method: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over 200 steps: torch.optim's weight decay, torch's schedulers, clip_grad_norm_, its label smoothing; a step in
    parts has the mean of the whole batch."""
    runs.register_blobs(monkeypatch)
    length = {} if "epochs" in options else {"steps": 100}
    config = small(method, **{"tasks": 2, "lr": 0.03, **length, **options})
    assert_equals_slow_run(tmp_path, config, torch.float64, close64)


@pytest.mark.parametrize("options", [{}, {"sensitivity": "local", "normalize": (0.5, 2.0)}, {"recompute": True}])
@pytest.mark.parametrize("scenario", runs.SCENARIOS)
def test_mas_on_a_folder_equals_the_textbook_on_what_is_in_it(
    scenario: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own inputs, for every task's outputs; the training data then play no part in Ω."""
    runs.register_blobs(monkeypatch)
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(6):
        drawn = np.random.default_rng(number).uniform(size=5).astype(np.float32)
        np.save(folder / f"{number}.npy", drawn)
    config = small("mas", scenario=scenario, importance_data=str(folder), **options)
    assert_equals_slow_run(tmp_path, config, torch.float64, close64)


@pytest.mark.parametrize("method", ["si", "rwalk"])
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "kept"])
def test_a_best_epoch_that_is_not_the_last_is_kept(
    method: str, reset: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise nothing is compared above: a run in which the two differ."""
    runs.register_blobs(monkeypatch)
    best, last = (
        runs.finished(tmp_path, small(method, keep=keep, lr=0.3, reset_optimizer=reset), keep)
        for keep in ("best", "last")
    )
    assert not torch.equal(runs.newest(best)[0]["theta"], runs.newest(last)[0]["theta"])
    assert best.history().matrix[0][0] >= last.history().matrix[0][0]


@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd", "lr": 0.05, "strength": 0.01}], ids=["adam", "sgd"])
def test_the_path_ends_at_the_kept_weights(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Σω, Ω and the path-integral check leave out the steps after the best epoch, on the shipped digits."""
    contributions: list[float] = []
    found: list[float] = []

    def followed(self: SynapticIntelligence, gradient: Tensor, change: Tensor) -> None:
        contributions.append(-torch.dot(gradient.double(), change.double()).item())
        after_step(self, gradient, change)

    def judged(self: Evaluator) -> float:
        found.append(newest_choice(self))
        return found[-1]

    after_step, newest_choice = SynapticIntelligence.after_step, Evaluator.newest_choice
    monkeypatch.setattr(SynapticIntelligence, "after_step", followed)
    monkeypatch.setattr(Evaluator, "newest_choice", judged)
    chosen = {"method": "si", "tasks": 2, "keep": "best", "lr": 0.01, "epochs": 20, "device": "cpu"} | settings
    history = runs.finished(tmp_path, resolve(chosen)).history()
    left_out = 0.0
    for number, path in enumerate(history.paths):
        steps, epoch_steps = history.tasks[number].steps, history.tasks[number].epoch_steps
        of_task, judgements = contributions[:steps], found[:20]
        best = judgements.index(max(judgements)) + 1
        assert path.gained == pytest.approx(sum(of_task[: best * epoch_steps]), rel=1e-4)
        left_out = max(left_out, abs(sum(of_task[best * epoch_steps :])) / path.gained)
        del contributions[:steps], found[:20]
    assert left_out > 0.01, "the best epoch was the last one: nothing was tested"


def test_a_checkpoint_that_kept_the_best_weights_alone_goes_on_and_says_so(tmp_path: Path) -> None:
    """As older versions wrote it: nobody knows any more what had been summed up by then."""
    session = runs.create(tmp_path, runs.tiny("si", keep="best", lr=0.1))
    train(session, runs.AtStep(3))
    (path,) = session.checkpoints()
    tensors, cursor = runs.newest(session)
    assert "best/method/path_integral" in tensors
    older = {name: tensor for name, tensor in tensors.items() if not name.startswith("best/method/")}
    checkpoint.write(path, older, cursor)
    history = train(session, Control())
    assert history.state == "finished"
    assert history.resumed is not None
    assert "only the weights of the best epoch" in history.resumed.note


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "kept"])
@pytest.mark.parametrize("optimizer", runs.OPTIMIZERS)
@pytest.mark.parametrize("method", ["si", "mas"])
def test_each_optimizer_steps_as_the_textbook_does(
    method: str, optimizer: str, reset: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fused and on one flat vector, or plain and on a list: the same weights, the state kept or reset at a task."""
    runs.register_blobs(monkeypatch)
    strength = {"si": 0.3, "mas": 20.0}[method]
    config = small(method, strength=strength, optimizer=optimizer, reset_optimizer=reset)
    assert_equals_slow_run(tmp_path, config, torch.float64, close64)


@pytest.mark.parametrize("benchmark", ["split-digits", "permuted-digits"])
@pytest.mark.parametrize("method", [name for name in METHODS if name != "ewc"])
def test_real_digits_in_float32_follow_the_textbook_loop(
    method: str, benchmark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some steps of the shipped network; the float noise stays small."""
    monkeypatch.setattr("engine.training.evaluation.PATH_EXAMPLES", 2000)
    config = runs.tiny(method, benchmark=benchmark, optimizer="sgd", batch_size=128, hidden=(12,), lr=0.1, epochs=1)
    close = partial(torch.testing.assert_close, rtol=1e-2, atol=1e-4)
    assert MODELS[config.model].code == "engine.models.mlp:mlp"
    assert_equals_slow_run(tmp_path, config, torch.float32, close)
