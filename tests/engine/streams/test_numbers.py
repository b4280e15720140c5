"""Streams whose targets are numbers."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.entries import BenchmarkInfo
from engine.catalog.regression import RegressionOptions
from engine.errors import BenchmarkError, ConfigError
from engine.settings.run import RunConfig, resolve
from engine.streams.examples import DataSet, Examples, ExampleStream
from tests.reference.regression import slow_r2, slow_rmse

DEFAULTS = {"hidden": (5,), "epochs": 1, "batch_size": 4, "lr": 0.01, "optimizer": "adam", "reset_optimizer": True}


@pytest.fixture(autouse=True)
def _curves(monkeypatch: pytest.MonkeyPatch) -> None:
    info = BenchmarkInfo(
        name="curves",
        title="",
        source="",
        classes=(),
        inputs=(3,),
        default_tasks=2,
        most_tasks=2,
        scenario="domain",
        defaults=DEFAULTS,
        strengths={},
        code="",
        problem="regression",
        targets=2,
        options=RegressionOptions,
    )
    monkeypatch.setitem(BENCHMARKS, "curves", info)


def chosen(**settings: object) -> RunConfig:
    return resolve({"benchmark": "curves", "method": "none"} | settings)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def data(seed: int, change: Callable[[Tensor], Tensor] = lambda targets: targets, count: int = 30) -> DataSet:
    def examples(seed: int) -> Examples:
        return Examples(drawn(seed, count, 3), change(torch.tensor([5.0, 100.0]) * drawn(seed + 1, count, 2) + 7))

    return DataSet(examples(seed), examples(seed + 2))


def tasks(*change: Callable[[Tensor], Tensor]) -> Sequence[tuple[str, DataSet]]:
    return [("first", data(0, *change)), ("second", data(10, lambda targets: 10 * targets))]


class Said(nn.Module):
    """A 'network' that says this of every example."""

    def __init__(self, *outputs: float) -> None:
        super().__init__()
        self.outputs = torch.tensor(outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.outputs + inputs[:, :1]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_scores_are_those_of_the_targets_as_given(scenario: str, normalize: bool) -> None:
    """R² and RMSE of each task, whatever the network is trained on, and what guessing the mean gives."""
    for score, slow in (("r2", slow_r2), ("rmse", slow_rmse)):
        config = chosen(scenario=scenario, score=score, normalize_targets=normalize)
        found = ExampleStream.of_tasks(config, tasks(), (3,))
        problem = found.problem()
        assert problem.score == score
        assert problem.outputs == (2 if scenario == "domain" else 4)
        problem.begin(1)
        net = Said(1.0, 2.0) if scenario == "domain" else Said(1.0, 2.0, 3.0, 4.0)
        every = torch.cat([of.train.targets for _, of in tasks()])
        for number, (_, given) in enumerate(tasks()):
            learned = every if scenario == "domain" else given.train.targets
            said = net(given.test.inputs)[:, 2 * number if scenario == "task" else 0 :][:, :2]
            if normalize:
                said = said * learned.std(0, correction=0) + learned.mean(0)
            assert found.test(number, net, problem, "test") == pytest.approx(slow(said, given.test.targets), rel=1e-4)
            guessed = given.test.targets.mean(0).expand(30, 2)
            chance = found.phases[number].chance
            assert chance == pytest.approx(slow(guessed, given.test.targets), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_batches_have_targets_in_rows(scenario: str) -> None:
    """Also of several tasks together, and of a part that is held out."""
    found = ExampleStream.of_tasks(chosen(scenario=scenario, validation=0.2), tasks(), (3,))
    assert [found.count(1, part) for part in ("train", "validation", "test", "probe")] == [24, 6, 30, 30]
    assert found.batch(1, 0).targets.shape == (4, 2)
    found.accumulate()
    mixed = found.batch(1, 0)
    assert (mixed.inputs.shape, mixed.targets.shape, mixed.task.shape) == ((4, 3), (4, 2), (4,))  # type: ignore[union-attr]
    problem = found.problem()
    problem.begin(1)
    assert problem.loss(torch.zeros(4, problem.outputs), mixed).isfinite()
    held = [next(found.passes(task, 30, "validation")).inputs for task in range(2)]
    trained = [next(found.passes(task, 30, "train")).inputs for task in range(2)]
    assert torch.cat([held[0], trained[0]]).unique(dim=0).shape == (30, 3)


def test_large_test_sets_are_probed_in_part() -> None:
    found = ExampleStream.of_tasks(chosen(), [("a", data(0, count=2000)), ("b", data(5, count=9))], (3,))
    assert [found.count(task, "probe") for task in range(2)] == [1500, 9]


def test_normalize_auto_looks_at_each_value_of_an_example() -> None:
    far = torch.tensor([1e-9, 1.0, 2000.0])

    def examples(seed: int) -> Examples:
        return Examples(far * (drawn(seed, 50, 3) + 30), drawn(seed + 1, 50, 2))

    found = ExampleStream.of_tasks(
        chosen(normalize="auto"), [(name, DataSet(examples(n), examples(n + 2))) for n, name in enumerate("ab")], (3,)
    )
    every = torch.cat([next(found.passes(task, 50)).inputs for task in range(2)])
    assert torch.allclose(every.mean(0), torch.zeros(3), atol=1e-4)
    assert torch.allclose(every.std(0, correction=0), torch.ones(3), atol=1e-4)


def test_targets_that_no_score_can_judge() -> None:
    def constant(targets: Tensor) -> Tensor:
        return torch.stack([targets[:, 0], torch.full((len(targets),), 4.5)], 1)

    with pytest.raises(BenchmarkError, match=r"first: number 2 of the test targets is always 4.5.*--score rmse"):
        ExampleStream.of_tasks(chosen(), tasks(constant), (3,))
    assert ExampleStream.of_tasks(chosen(score="rmse"), tasks(constant), (3,)).phases[0].chance
    for broken in (torch.nan, torch.inf):
        with pytest.raises(BenchmarkError, match="task first has a target that is not a finite number"):
            ExampleStream.of_tasks(chosen(), tasks(lambda targets: targets / 0 * broken), (3,))  # noqa: B023


def test_what_a_regression_cannot_do() -> None:
    for wrong, told in (
        ({"scenario": "class"}, "numbers, not classes"),
        ({"label_smoothing": 0.1}, "it is for classes"),
        ({"class_order": "random"}, "there are no classes"),
        ({"huber_delta": 2.0}, "only --loss huber"),
        ({"unit": "m"}, "use --score rmse"),
        ({"loss": "absolute"}, "squared"),
    ):
        with pytest.raises(ConfigError, match=told):
            chosen(**wrong)
    assert chosen(loss="huber", huber_delta=0.5, score="rmse", unit="m").option("unit") == "m"
    assert (chosen(loss="squared").option("loss"), chosen().classes_by_task()) == (None, (2, 2))
