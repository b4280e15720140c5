"""Tiny runs that tests share: a configuration, a session, a run stopped at a chosen moment, and what it left."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.entries import BenchmarkInfo, ModelInfo
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.models.mlp import MLPOptions
from engine.models.mlp import mlp
from engine.record.history import History
from engine.sessions import checkpoint
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.settings.text import shown
from engine.streams.examples import DataSet, Examples, ExampleStream
from engine.training.control import Control, Requests
from engine.training.runner import train

FIXED = [name for name, info in BENCHMARKS.items() if not info.from_data]
"""The benchmarks whose classes are known without their data."""
Case = tuple[str, dict[str, Any]]
"""A method and its options."""

CASES: list[Case] = [
    *((name, {}) for name in METHODS),
    ("si", {"gradient": "total"}),
    ("si", {"half": True, "clamp": 0.02}),
    ("ewc", {"gamma": 0.9}),
    ("ewc", {"fisher": "sampled", "fisher_samples": 4}),
    ("ewc", {"fisher": "empirical", "gamma": 0.5}),
    ("ewc", {"fisher": "predicted"}),
    ("ewc", {"fisher": "batched"}),
    ("mas", {"sensitivity": "local"}),
    ("mas", {"sensitivity": "batched", "half": True}),
    ("mas", {"importance_data": "test"}),
    ("mas", {"recompute": True}),
    ("rwalk", {"alpha": 0.5, "score_every": 2, "epsilon": 0.1}),
    ("lwf", {"temperature": 0.5}),
    ("replay", {"buffer": 7, "replay_batch": 3}),
    ("replay", {"buffer": 8, "buffer_choice": "balanced", "replay_batch": 100}),
    ("l2", {"leave_alone": ("*.bias",)}),
    ("si", {"leave_alone": ("head.*",)}),
    ("ewc", {"leave_alone": ("head.weight", "*.bias")}),
]
"""Every method in the mapping, and every variant of it that computes differently."""
COMBINED: list[Case] = [
    ("si", {"gradient": "total", "half": True, "clamp": 0.5, "xi": 0.1}),
    ("si", {"signed": True}),
    ("lwf", {"class_mean": True}),
    ("si", {"gradient": "total", "signed": True, "clamp": 0.5}),
    ("ewc", {"fisher": "exact", "fisher_samples": 3, "gamma": 0.7}),
    ("ewc", {"fisher": "sampled", "gamma": 0.9}),
    ("ewc", {"fisher": "empirical", "fisher_samples": 4, "importance_memory": 1}),
    ("ewc", {"fisher": "batched", "importance_batch": 3, "fisher_samples": 4, "gamma": 0.9}),
    ("mas", {"sensitivity": "local", "importance_data": "test", "recompute": True, "importance_memory": 1}),
    ("mas", {"sensitivity": "batched", "importance_batch": 2, "recompute": True}),
    ("mas", {"sensitivity": "batched", "importance_data": "test", "leave_alone": ("head.bias",)}),
    ("rwalk", {"alpha": 1.0, "score_every": 1, "leave_alone": ("head.*",)}),
]
"""Variants together, for comparisons with the slow versions."""
SETTINGS: list[Case] = [
    ("si", {"keep": "best", "lr": 0.1}),
    ("ewc", {"keep": "best", "steps": 5, "fisher": "batched"}),
    ("joint", {"steps": 3, "keep": "best"}),
    ("rwalk", {"keep": "best", "lr": 0.1, "score_every": 3, "reset_optimizer": False}),
    ("mas", {"first_task": {"lr": 0.03, "batch_size": 250, "epochs": 3}, "reset_optimizer": False}),
    ("rwalk", {"first_task": {"epochs": 1}, "steps": 4, "score_every": 3}),
    ("si", {"class_order": "random", "normalize": (0.3, 0.4), "init": "glorot"}),
    ("joint", {"class_order": "random", "init": "glorot-zero-head"}),
]
"""Settings of a run that change how it goes on, whatever its method."""
RECIPES: list[Case] = [
    ("none", {"optimizer": "adam", "weight_decay": 0.1, "reset_optimizer": False}),
    ("si", {"optimizer": "adamw", "weight_decay": 0.3}),
    ("ewc", {"optimizer": "sgd", "weight_decay": 0.05, "strength": 1.0}),
    ("si", {"clip_norm": 0.2}),
    ("si", {"clip_norm": 0.2, "gradient": "total", "optimizer": "sgd", "weight_decay": 0.01}),
    ("rwalk", {"clip_norm": 0.2, "score_every": 3}),
    ("ewc", {"clip_norm": 0.5, "optimizer": "sgd"}),
    ("si", {"label_smoothing": 0.2}),
    ("joint", {"label_smoothing": 0.1, "accumulate": 3, "batch_size": 7}),
    ("si", {"accumulate": 3}),
    ("mas", {"accumulate": 2, "batch_size": 5, "label_smoothing": 0.3, "scenario": "class"}),
    ("si", {"schedule": "cosine"}),
    ("si", {"schedule": "cosine", "warmup": 9, "optimizer": "sgd", "reset_optimizer": False}),
    ("ewc", {"schedule": "step", "warmup": 1}),
    ("l2", {"schedule": "step", "schedule_every": 2, "schedule_factor": 0.5, "warmup": 4, "epochs": 8}),
    ("si", {"warmup": 30, "first_task": {"lr": 0.1}}),
    ("joint", {"schedule": "plateau", "schedule_factor": 0.5, "schedule_patience": 0}),
    ("si", {"schedule": "plateau", "schedule_factor": 0.3, "schedule_patience": 1, "warmup": 12, "lr": 0.1}),
]
"""What a run does with gradient and learning rate."""
STRONG = {"si": 10.0, "ewc": 1e4, "mas": 1.0, "l2": 1.0, "rwalk": 1.0}
"""Strengths that matter within a few steps; the benchmark's own for any other method."""
ABSURD: dict[str, Any] = {"optimizer": "sgd", "lr": 1000.0, "hidden": (20, 20, 20, 20, 20), "epochs": 20}
"""Settings with which the loss is NaN after a few steps."""
SCENARIOS = ("task", "domain", "class")
OPTIMIZERS = ("adam", "adamw", "sgd")


def case_name(case: Case) -> str:
    method, options = case
    return "-".join([method, *(f"{key}={shown(value)}" for key, value in options.items())])


def by_case(cases: Sequence[Case]) -> pytest.MarkDecorator:
    """Runs a test that takes ``method`` and ``options`` on each case."""
    return pytest.mark.parametrize(("method", "options"), cases, ids=map(case_name, cases))


def tiny(method: str = "si", **settings: Any) -> RunConfig:
    """Two tasks of five digits, two epochs of two steps each: eight steps in all."""
    chosen: dict[str, Any] = {"tasks": 2, "batch_size": 400, "hidden": (8,), "lr": 0.01, "device": "cpu"}
    if "steps" not in settings:
        chosen["epochs"] = 2
    if method in STRONG:
        chosen["strength"] = STRONG[method]
    return resolve(chosen | {"method": method} | settings)


def create(folder: Path, config: RunConfig, name: str = "run") -> Session:
    return Session.create(folder, name, config)


def finished(folder: Path, config: RunConfig, name: str = "run") -> Session:
    """A session that was trained to its end without a stop."""
    session = create(folder, config, name)
    assert train(session, Control()).state == "finished"
    return session


def with_settings(session: Session, **changed: Any) -> Session:
    """The same folder, whose config.toml says something else."""
    Session(session.path, session.config.changed(**changed)).write_config()
    return Session.open(session.path.parent, session.name)


class AtStep(Control):
    """Does something when ``steps`` steps have been taken since training began or went on."""

    def __init__(self, steps: int, action: Callable[[Control], None] = Control.stop) -> None:
        super().__init__(pace=1e9)  # a pace makes the engine ask after every step
        self._left = steps
        self._action = action

    def take_requests(self) -> Requests:
        self._left -= 1
        if self._left == 0:
            self._action(self)
        return super().take_requests()


class StopDuring(Control):
    """Stops at the given check within an activity: ``StopDuring("evaluating")``."""

    def __init__(self, activity: str, checks: int = 1) -> None:
        super().__init__()
        self._during = activity
        self._left = checks

    def check(self) -> None:
        if self.activity.startswith(self._during):
            self._left -= 1
            if self._left == 0:
                self.stop()
        super().check()


class Killed(BaseException):
    """Ends a run as a kill does: nothing is saved, nothing is noted."""


class KillAt(Control):
    """Saves at some steps, then is killed; steps count from where training began or went on."""

    def __init__(self, kill: int, saves: Sequence[int] = ()) -> None:
        super().__init__(pace=1e9)
        self._taken = 0
        self._kill = kill
        self._saves = saves

    def take_requests(self) -> Requests:
        self._taken += 1
        if self._taken == self._kill:
            raise Killed
        return Requests(save=self._taken in self._saves)


def killed(session: Session, kill: int, saves: Sequence[int] = ()) -> None:
    with pytest.raises(Killed):
        train(session, KillAt(kill, saves))


def tensors(session: Session) -> dict[str, dict[str, Tensor]]:
    """All tensors of the checkpoints at the tasks' ends, by the checkpoint's name."""
    return {path.name: checkpoint.read(path)[0] for path in session.checkpoints() if path.name.startswith("task-")}


def newest(session: Session) -> tuple[dict[str, Tensor], checkpoint.Cursor]:
    return checkpoint.read(session.checkpoints()[0])


def importance(session: Session) -> Tensor:
    return newest(session)[0]["penalty/importance"]


def assert_same_tensors(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    """Bit for bit."""
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype, name
        ours, theirs = (found.flatten().view(torch.uint8) for found in (tensor, other[name]))
        assert torch.equal(ours, theirs), name


def assert_same_history(one: History, other: History) -> None:
    """All that does not depend on the clock."""
    assert one.state == other.state
    assert (one.task, one.step, one.tasks) == (other.task, other.step, other.tasks)
    assert one.matrix == other.matrix
    assert one.probed == other.probed
    assert one.curve.length == one.step
    assert other.curve.length == other.step
    assert one.curve.losses().tolist() == other.curve.losses().tolist()
    assert one.curve.penalties().tolist() == other.curve.penalties().tolist()
    assert one.probes == other.probes
    assert one.importance == other.importance
    assert one.paths == other.paths


def assert_same_run(one: Session, other: Session) -> None:
    """Two finished sessions hold the same bits: weights, optimizer, method, Ω, anchor, constant, matrix, curves."""
    ours, theirs = tensors(one), tensors(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert_same_tensors(ours[name], theirs[name])
        cursor, same = (checkpoint.read(session.checkpoints_dir / name)[1] for session in (one, other))
        assert (cursor.task, cursor.task_step, cursor.step) == (same.task, same.task_step, same.step)
        assert cursor.constant == same.constant
    assert_same_history(one.history(), other.history())
    timeless = [{**s.summary(), "name": "", "seconds": 0, "steps_per_second": 0, "forked": None} for s in (one, other)]
    assert timeless[0] == timeless[1]


# A benchmark and a model for comparisons in double precision


@dataclass(frozen=True)
class Blobs:
    """Seven noisy classes in five dimensions: tasks of uneven size, and so small that slow loops are quick."""

    features: int = 5
    classes: int = 7
    train: int = 9
    test: int = 6
    """Examples of each class."""

    def data(self) -> DataSet:
        random = torch.Generator().manual_seed(7)
        centres = torch.randn(self.classes, self.features, generator=random)

        def examples(count: int) -> Examples:
            labels = torch.arange(self.classes).repeat(count)
            noise = torch.randn(len(labels), self.features, generator=random)
            return Examples(centres[labels] + 0.7 * noise, labels)

        return DataSet(examples(self.train), examples(self.test))


def blobs(config: RunConfig) -> ExampleStream:
    return ExampleStream.of(config, Blobs().data())


class ToDouble(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.double()


def double_mlp(inputs: Sequence[int], hidden: Sequence[int], outputs: int, seed: int, init: str) -> nn.Sequential:
    """mlp in float64, so that rounding does not hide a wrong formula."""
    layers = mlp(inputs, hidden, outputs, seed, init).double().named_children()
    return nn.Sequential(OrderedDict([("cast", ToDouble()), *layers]))


def register_blobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds the benchmark 'blobs' and the model 'double', as a newcomer would, for one test."""
    info = BenchmarkInfo(
        name="blobs",
        title="",
        source="",
        classes=tuple(range(Blobs().classes)),
        inputs=(Blobs().features,),
        default_tasks=3,
        most_tasks=7,
        scenario="task",
        defaults={
            "hidden": (6, 4),
            "epochs": 5,
            "batch_size": 4,
            "lr": 0.01,
            "optimizer": "adam",
            "reset_optimizer": True,
        },
        strengths={"si": 1.0, "ewc": 200.0, "mas": 0.5, "l2": 0.5, "rwalk": 0.5},
        code="tests.runs:blobs",
        method_defaults={"si": {"xi": 1e-3}},
    )
    monkeypatch.setitem(BENCHMARKS, "blobs", info)
    monkeypatch.setitem(MODELS, "double", ModelInfo("double", "", "tests.runs:double_mlp", options=MLPOptions))
