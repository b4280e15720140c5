"""The validation set: held out from training, and the only part that a choice looks at."""

from pathlib import Path

import pytest
import torch

from engine.errors import BenchmarkError, ConfigError
from engine.settings.run import resolve
from engine.streams import digits
from engine.streams.examples import DataSet, Examples, ExampleStream, held_out
from engine.streams.pixels import Pixels
from engine.training.evaluation import Evaluator
from engine.training.fork import forked_config
from tests import runs


def numbered(*counts: int) -> DataSet:
    """So many training examples of each class, whose only feature is their number."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    examples = Examples(torch.arange(float(len(labels))).unsqueeze(1), labels)
    return DataSet(examples, examples)


def numbers(examples: Examples | None) -> list[int]:
    assert examples is not None
    return examples.take(torch.arange(len(examples)))[0][:, 0].int().tolist()


def counts(examples: Examples | None, classes: int) -> list[int]:
    assert examples is not None
    return torch.bincount(examples.targets, minlength=classes).tolist()


def test_a_share_of_each_class_is_held_out() -> None:
    """At least one of two, and never all: nothing is validated on a class of one."""
    data = numbered(100, 50, 6, 2, 1)
    found = held_out(data, 0.1, seed=0)
    assert counts(found.validation, 5) == [10, 5, 1, 1, 0]
    assert counts(found.train, 5) == [90, 45, 5, 1, 1]
    assert sorted(numbers(found.train) + numbers(found.validation)) == list(range(159))
    assert found.test is data.test
    assert counts(held_out(data, 0.99, seed=0).train, 5) == [1, 1, 1, 1, 1]
    for part in (found.train, found.validation):
        assert part is not None
        assert part.targets.tolist() == data.train.targets[numbers(part)].tolist()


def test_the_seed_alone_decides() -> None:
    one, again, other = (numbers(held_out(numbered(40, 60), 0.1, seed).validation) for seed in (0, 0, 1))
    assert one == again != other
    assert held_out(numbered(40, 60), 0, 0).validation is None


def test_every_task_has_its_own_part_and_trains_without_it() -> None:
    config = resolve({"validation": 0.2})
    with_it, without = digits.stream(config), digits.stream(resolve({}))
    for phase, whole in enumerate(without.tasks):
        sizes = {part: with_it.count(phase, part) for part in ("train", "validation", "test")}
        assert sizes["train"] + sizes["validation"] == len(whole.train)
        assert abs(sizes["validation"] - 0.2 * len(whole.train)) <= 1
        assert sizes["test"] == len(whole.test)
        assert without.count(phase, "validation") == 0
        shown = {row.numpy().tobytes() for step in range(60) for row in with_it.batch(phase, step).inputs.flatten(1)}
        held = {
            row.numpy().tobytes()
            for batch in with_it.passes(phase, 50, "validation")
            for row in batch.inputs.flatten(1)
        }
        assert len(held) == sizes["validation"]
        assert not shown & held
    assert with_it.digest != without.digest != digits.stream(config.changed(seed=1)).digest


@pytest.mark.parametrize("pixels", [False, True])
def test_permuted_tasks_share_what_is_held_out(pixels: bool) -> None:
    values = torch.arange(256).repeat(8).to(torch.uint8).view(32, 1, 8, 8)
    store = Pixels(values) if pixels else values.flatten(1).float()
    examples = Examples(store, torch.arange(32) % 10)
    config = resolve({"benchmark": "permuted-digits", "validation": 0.25, "tasks": 3})
    found = ExampleStream.of(config, DataSet(examples, examples))
    held = [task.validation for task in found.tasks]
    assert all(part is not None and part.inputs is held[0].inputs for part in held if held[0])
    first, second = (next(found.passes(phase, 100, "validation")).inputs.flatten(1) for phase in (0, 1))
    assert second.shape == first.shape
    order = found.tasks[1].train.order
    assert order is not None
    assert torch.equal(first[:, order], second)


def test_nothing_to_hold_out_is_said(tmp_path: Path) -> None:
    values = torch.zeros(10, 64)
    examples = Examples(values, torch.arange(10))
    with pytest.raises(BenchmarkError, match=r"validation 0\.1: task 0 8 has no class with two"):
        ExampleStream.of(resolve({"validation": 0.1}), DataSet(examples, examples))


@pytest.mark.parametrize("share", [-0.1, 1, float("nan"), "a", True])
def test_a_share_that_makes_no_sense_is_refused(share: object) -> None:
    with pytest.raises(ConfigError, match="validation"):
        resolve({"validation": share})


@pytest.mark.parametrize(("share", "expected"), [(0.2, "validation"), (0, "test"), (None, "test")])
def test_the_best_epoch_is_chosen_on_the_validation_set(
    share: float | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never on the test set, if there is one."""
    chosen, inside = list[str](), list[bool]()
    test, newest_choice = ExampleStream.test, Evaluator.newest_choice

    def looked(
        self: ExampleStream, phase: int, net: torch.nn.Module, problem: object, part: str, *more: object
    ) -> float:
        if inside:
            chosen.append(part)
        return test(self, phase, net, problem, part, *more)  # type: ignore[arg-type]

    def judged(self: Evaluator) -> float:
        inside.append(True)
        try:
            return newest_choice(self)
        finally:
            inside.pop()

    monkeypatch.setattr(ExampleStream, "test", looked)
    monkeypatch.setattr(Evaluator, "newest_choice", judged)
    config = runs.tiny("si", keep="best", validation=share)
    session = runs.finished(tmp_path, config)
    assert set(chosen) == {expected}
    assert len(chosen) == 4
    started = session.history().started
    assert started is not None
    assert sum(started.test_examples) == 449


def test_a_fork_keeps_the_split() -> None:
    parent = resolve({"validation": 0.2})
    assert forked_config(parent, {"strength": 3.0}).validation == 0.2
    with pytest.raises(ConfigError, match="validation cannot change"):
        forked_config(parent, {"validation": 0.1})


def test_a_configuration_without_it_is_stored_as_before() -> None:
    assert "validation" not in resolve({}).to_toml()
    assert "validation = 0.2" in resolve({"validation": 0.2}).to_toml()
