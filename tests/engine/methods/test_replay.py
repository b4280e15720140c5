"""replay: which examples the buffer has, what a step is trained on, and how a run keeps it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.batch import Batch
from engine.errors import ConfigError
from engine.methods.replay import Buffer, ExperienceReplay, balanced, reservoir, shares
from engine.sessions import checkpoint
from engine.settings.run import RunConfig, resolve
from engine.training.build import load_stream
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from tests import images, runs

# Which examples


def test_every_example_of_all_tasks_is_as_likely_to_be_in_a_reservoir() -> None:
    """Over 3000 buffers of 10 among 100 examples in tasks of 30, 50 and 20: the sum of (found − expected)²/variance has
    the mean 99 and the deviation 14."""
    found: Counter[int] = Counter()
    for seed in range(3000):
        rows, seen = torch.zeros(10, dtype=torch.int64), 0
        for task, more in enumerate((30, 50, 20)):
            rows = reservoir(rows, min(seen, 10), seen, more, seed, task)
            seen += more
        assert len(set(rows.tolist())) == 10, "none twice"
        found.update(rows.tolist())
    expected, variance = 3000 * 0.1, 3000 * 0.1 * 0.9
    assert set(found) == set(range(100))
    assert sum((found[row] - expected) ** 2 / variance for row in range(100)) < 99 + 4 * 14


def test_a_reservoir_with_room_has_everything() -> None:
    rows = reservoir(torch.zeros(9, dtype=torch.int64), 0, seen=0, more=4, seed=0, task=0)
    rows = torch.cat([rows, torch.zeros(5, dtype=torch.int64)])
    assert reservoir(rows, 4, seen=4, more=3, seed=0, task=1).tolist() == list(range(7))


labels = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), min_size=1, max_size=5)


@given(labels, st.integers(1, 40), st.integers(0, 5))
def test_a_balanced_buffer_has_equally_many_of_each_class(tasks: list[list[int]], size: int, seed: int) -> None:
    """A class has one less than another only if it has no more examples, or nothing is left over; and an example that
    was dropped never comes back."""
    targets = [torch.tensor(of) for of in tasks]
    classes = [(task, label) for task, of in enumerate(tasks) for label in of]
    dropped: set[int] = set()
    for ended in range(1, len(tasks) + 1):
        rows = balanced(targets[:ended], size, seed).tolist()
        seen = sum(map(len, tasks[:ended]))
        assert len(rows) == len(set(rows)) == min(size, seen)
        assert not dropped & set(rows)
        dropped = set(range(seen)) - set(rows)
        there, chosen = Counter(classes[:seen]), Counter(classes[row] for row in rows)
        most = max(chosen.values())
        assert all(chosen[each] >= min(count, most - 1) for each, count in there.items())


def test_numbers_are_balanced_by_task() -> None:
    rows = balanced([torch.randn(20, 2), torch.randn(10, 2)], 8, seed=0)
    assert (int((rows < 20).sum()), int((rows >= 20).sum())) == (4, 4)
    assert shares([1, 1], 1) == [1, 0]


# What a step is trained on


@pytest.mark.parametrize("scenario", runs.SCENARIOS)
@pytest.mark.parametrize("choice", ["reservoir", "balanced"])
def test_from_the_second_task_on_a_step_has_examples_of_the_buffer_too(scenario: str, choice: str) -> None:
    config = resolve(
        {"method": "replay", "scenario": scenario, "buffer": 30, "buffer_choice": choice, "replay_batch": 12}
    )
    stream = load_stream(config, torch.device("cpu"))
    method = ExperienceReplay(config)
    method.use(torch.nn.Identity(), stream)
    method.start(torch.zeros(1))
    alone = stream.batch(0, 0)
    assert method.batch(alone, 0) is alone
    for task in (1, 2):
        own = stream.batch(task, 0)
        mixed = method.batch(own, 10 * task)
        assert isinstance(mixed.task, Tensor)
        assert len(mixed) == 12 + len(own)
        assert (mixed.task.diff() >= 0).all()
        assert (mixed.task[:12] < task).all()
        assert (mixed.task[12:] == task).all()
        assert torch.equal(mixed.inputs[12:], own.inputs)
        found = stream_rows(stream, mixed, 12)
        assert set(found) <= set(method.state.rows[: int(method.state.filled)].tolist())
        assert len(set(found)) == 12
        assert not torch.equal(method.batch(own, 10 * task + 1).inputs[:12], mixed.inputs[:12])


def stream_rows(stream: Any, batch: Batch, count: int) -> list[int]:
    """The places of the first examples among those of all tasks, found by their inputs and targets."""
    whole = [(inputs, target) for task in stream.tasks for inputs, target in zip(*every(task.train), strict=True)]
    starts = [sum(len(task.train) for task in stream.tasks[:number]) for number in range(len(stream.tasks))]
    found = []
    for inputs, target, task in zip(batch.inputs[:count], batch.targets[:count], batch.task[:count], strict=True):
        inside = range(starts[int(task)], starts[int(task)] + len(stream.tasks[int(task)].train))
        same = [row for row in inside if torch.equal(whole[row][0], inputs.flatten()) and whole[row][1] == target]
        assert len(same) == 1
        found += same
    return found


def every(examples: Any) -> tuple[Tensor, Tensor]:
    inputs, targets = examples.take(torch.arange(len(examples)))
    return inputs.flatten(1), targets


# A run


def folder_of(where: Path) -> RunConfig:
    images.folder(where, train=8)
    settings = {"benchmark": "images", "data_dir": str(where), "tasks": 2, "model": "conv", "channels": (4,)}
    settings |= {"hidden": (6,), "norm": "batch", "dropout": (0.3,), "augment": ("flip", "crop"), "resize": 8}
    settings |= {"batch_size": 5, "epochs": 3, "device": "cpu", "threads": 1, "buffer": 6, "replay_batch": 4}
    return resolve({"method": "replay", **settings})


@pytest.mark.parametrize("name", ["digits", "balanced", "parts", "class", "domain", "images"])
def test_a_run_that_is_stopped_in_the_second_task_goes_on_to_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small: dict[str, Any] = {"batch_size": 100, "buffer": 20, "replay_batch": 8}
    config = {
        "digits": lambda: runs.tiny("replay", **small),
        "balanced": lambda: runs.tiny("replay", **small, buffer_choice="balanced", keep="best"),
        "parts": lambda: runs.tiny("replay", **small, accumulate=3, optimizer="sgd"),
        "class": lambda: runs.tiny("replay", **small, scenario="class"),
        "domain": lambda: runs.tiny("replay", **small, scenario="domain", label_smoothing=0.1),
        "images": lambda: folder_of(tmp_path / "images"),
    }[name]()
    straight = runs.finished(tmp_path, config, "straight")
    stopped = runs.create(tmp_path, config, "stopped")
    assert train(stopped, runs.AtStep(straight.history().step * 3 // 4)).state == "stopped"
    assert train(stopped, Control()).state == "finished"
    runs.assert_same_run(straight, stopped)
    tensors = runs.newest(straight)[0]
    kept = {key: of for key, of in tensors.items() if key.startswith("method/")}
    assert set(kept) == {f"method/{field}" for field in Buffer.__annotations__}
    assert sum(of.nbytes for of in kept.values()) == 8 * (config.option("buffer") + 2), "row numbers, no examples"


def test_replay_forgets_less_than_fine_tuning(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"scenario": "class", "batch_size": 32, "epochs": 5, "hidden": (32,)}
    plain, again = (
        runs.finished(tmp_path, runs.tiny(method, **settings, **own), method).history().matrix[-1]
        for method, own in (("none", {}), ("replay", {"buffer": 100}))
    )
    assert plain[0] < 0.2
    assert again[0] > 0.7


def test_a_fork_from_another_method_has_the_buffer_that_replay_would_have(tmp_path: Path) -> None:
    """Rows depend on the seed and the data alone, so that all ended tasks are in it."""
    parent = runs.finished(tmp_path, runs.tiny("none", tasks=3, steps=2), "parent")
    whole = runs.finished(tmp_path, runs.tiny("replay", tasks=3, steps=2, buffer=20), "whole")
    made = fork(parent, 1, "made", {"method": "replay", "buffer": 20})
    assert train(made, Control()).state == "finished"
    ours, theirs = runs.newest(made)[0], runs.newest(whole)[0]
    assert torch.equal(ours["method/rows"], theirs["method/rows"])
    assert int(ours["method/tasks"]) == 2
    first = checkpoint.read(sorted(whole.checkpoints())[0])[0]
    assert int(first["method/filled"]) == 0


def test_numbers_are_replayed_too(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"benchmark": "slowly-changing-regression", "tasks": 2, "steps": 4, "device": "cpu"}
    for choice in ("reservoir", "balanced"):
        config = resolve({"method": "replay", "buffer": 10, "buffer_choice": choice, **settings})
        assert int(runs.newest(runs.finished(tmp_path, config, choice))[0]["method/filled"]) == 10


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"buffer": 0}, "buffer"),
        ({"replay_batch": 0}, "replay_batch"),
        ({"buffer_choice": "newest"}, "buffer_choice"),
        ({"strength": 1.0}, "method replay has no penalty"),
        ({"method": "si", "buffer": 5}, "only method replay uses it"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve({"method": "replay", **settings})
