"""Accuracy on every task, and the fast probe."""

from collections.abc import Sequence
from functools import partial

import pytest
import torch
from torch import Tensor, nn

import engine.evaluation
from engine.benchmarks.task import Examples, Task
from engine.evaluation import Probe, accuracies
from engine.scenario import Outputs, Scenario
from tests import runs
from tests.reference.training import SlowTask, accuracy, competing, place


class Given(nn.Module):
    """A 'network' whose logits are its inputs."""

    def forward(self, inputs: Tensor) -> Tensor:
        assert not self.training, "accuracy is measured in eval mode"
        return inputs


def task(logits: Sequence[Sequence[float]], labels: Sequence[int], classes: int = 2) -> Task:
    examples = Examples(torch.tensor(logits), torch.tensor(labels))
    return Task("", classes, examples, examples)


FIRST = task([[1, 0, 5, 0], [0, 1, 0, 0], [2, 1, 0, 0], [0, 3, 0, 4]], [0, 1, 1, 1])
SECOND = task([[9, 0, 1, 0], [0, 0, 1, 2]], [0, 1])


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("task", (0.75, 1.0)),  # each task's own two outputs compete
        ("domain", (0.75, 0.0)),  # the first two outputs stand for both tasks; the second task's inputs say 0 and 0
        ("class", (0.25, 0.5)),  # all four compete
    ],
)
def test_accuracies_worked_out_by_hand(scenario: Scenario, expected: tuple[float, float]) -> None:
    tasks = [FIRST, SECOND]
    if scenario == "domain":
        tasks = [FIRST, task([[0, 1, 0, 0], [1, 0, 0, 0]], [0, 1])]
    outputs = Outputs.of(scenario, [2, 2])
    model = Given()
    assert accuracies(model, tasks, outputs, 1) == expected
    assert Probe(tasks, outputs, 1)(model) == expected
    assert accuracies(model, tasks, outputs, 0) == (0.75,)
    assert model.training


@pytest.mark.parametrize("scenario", runs.SCENARIOS)
def test_accuracies_equal_the_loop_over_examples(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of any size, after each task."""
    monkeypatch.setattr(engine.evaluation, "BATCH", 4)
    random = torch.Generator().manual_seed(0)
    classes = [3, 2, 2]
    tasks = [
        task(torch.randn(11, 7, generator=random).tolist(), [n % size for n in range(11)], size) for size in classes
    ]
    outputs = Outputs.of(scenario, classes)
    slow = [SlowTask(t.classes, t.train.inputs, t.train.labels, t.test.inputs, t.test.labels, []) for t in tasks]
    model = Given().eval()
    for newest in range(3):
        expected = [
            accuracy(
                model,
                slow[seen],
                competing(scenario, classes, seen, newest),
                partial(place, scenario, classes, seen),
            )
            for seen in range(newest + 1)
        ]
        assert accuracies(model, tasks, outputs, newest) == tuple(expected)
        model.eval()


def test_the_probe_looks_at_a_part_of_each_test_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.evaluation, "PROBE_EXAMPLES", 32)
    right, wrong = [1.0, 0.0], [0.0, 1.0]
    long = task([right] * 16 + [wrong] * 100, [0] * 116)
    assert Probe([long, long], Outputs.of("domain", [2, 2]), 1)(Given()) == (1.0, 1.0)
