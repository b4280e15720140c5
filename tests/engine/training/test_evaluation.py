"""Accuracy on every task, and the fast probe."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine.training.evaluation
from cl_tui.panes.as_of import AccuracyTable
from engine.problems.outputs import Outputs, Scenario
from engine.record.metrics import stability
from engine.settings.run import resolve
from engine.streams.examples import Examples, Task
from engine.training.evaluation import FEWEST_EXAMPLES, PROBE_EXAMPLES, Probe, accuracies, evaluation_subsets
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
    assert Probe(tasks, evaluation_subsets(tasks, 0), outputs, 1)(model) == expected
    assert accuracies(model, tasks, outputs, 0) == (0.75,)
    assert model.training


@pytest.mark.parametrize("scenario", runs.SCENARIOS)
def test_accuracies_equal_the_loop_over_examples(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of any size, after each task."""
    monkeypatch.setattr(engine.training.evaluation, "BATCH", 4)
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


# The evaluation subset


def unbalanced(counts: Sequence[int]) -> Task:
    """A task with so many test examples of each class, one class after the other; each input is its own number."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    examples = Examples(torch.arange(float(len(labels))).unsqueeze(1), labels)
    return Task("", len(counts), examples, examples)


def test_the_subset_has_as_many_of_each_class() -> None:
    """As far as a class has so many; and it does not simply take the first ones."""
    rows, again, other = (evaluation_subsets([unbalanced([4000, 1000, 50])], seed)[0] for seed in (0, 0, 1))
    counts = [int(((rows >= start) & (rows < stop)).sum()) for start, stop in ((0, 4000), (4000, 5000), (5000, 5050))]
    assert counts == [PROBE_EXAMPLES // 3, PROBE_EXAMPLES // 3, 50]
    assert len(rows.unique()) == len(rows)
    assert torch.equal(rows, again)
    assert not torch.equal(rows, other)
    assert rows[:1000].max() > 2000


def test_small_test_sets_are_taken_whole() -> None:
    for rows in evaluation_subsets([unbalanced([30, 40])] * 10, 0):
        assert rows.tolist() == list(range(70))


@pytest.mark.parametrize("tasks", [1, 5, 10, 100, 500])
def test_a_probe_of_many_tasks_stays_cheap(tasks: int) -> None:
    """All subsets together are bounded, and each task has one."""
    subsets = evaluation_subsets([unbalanced([1000] * 10)] * tasks, 0)
    assert sum(map(len, subsets)) <= max(PROBE_EXAMPLES, FEWEST_EXAMPLES * tasks)
    assert all(len(rows) >= 10 for rows in subsets)
    assert not torch.equal(subsets[0], subsets[-1]) or tasks == 1


def test_a_probe_looks_at_the_subset_alone() -> None:
    """The accuracy on the chosen rows, which here are those that the network gets right."""
    right, wrong = [1.0, 0.0], [0.0, 1.0]
    mixed = task([right, wrong, right, wrong], [0] * 4)
    subsets = [torch.tensor([0, 2]), torch.tensor([0, 1])]
    assert Probe([mixed, mixed], subsets, Outputs.of("domain", [2, 2]), 1)(Given()) == (1.0, 0.5)


@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_a_network_that_stands_still_has_no_dips(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing moves after the first task: every dip is exactly 0, the best is what there is now, and min-ACC and the
    worst case are those of the last row. Probes look at a part of each test set here."""
    monkeypatch.setattr(engine.training.evaluation, "PROBE_EXAMPLES", 400)
    history = runs.finished(
        tmp_path,
        resolve(
            {
                "method": "none",
                "benchmark": "permuted-digits",
                "scenario": scenario,
                "tasks": 4,
                "hidden": (20,),
                "epochs": 1,
                "lr": 1e-12,
                "first_task": {"lr": 0.01, "epochs": 1},
                "device": "cpu",
            }
        ),
    ).history()
    assert history.started is not None
    assert history.started.subset_examples == (100,) * 4
    found = stability(AccuracyTable().looks(history))
    below = np.tril(np.ones((4, 4), dtype=bool), -1)
    assert (found.dips[below] == 0).all()
    assert found.best == list(history.newest_probed) == list(history.probed[-1])
    assert found.minimum == pytest.approx(sum(history.probed[-1][:-1]) / 3)
    assert found.worst_case == pytest.approx(sum(history.probed[-1]) / 4)
    assert history.probed[-1] != history.matrix[-1], "the subsets are the whole test sets: nothing was tested"
    for whole, probed in zip(history.matrix[-1], history.probed[-1], strict=True):
        assert probed == pytest.approx(whole, abs=0.15)
