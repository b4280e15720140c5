"""Streams of examples: what a step is trained on, what an importance and a score are measured on."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

import engine.streams.examples
from engine.problems.classification import Classification, Scenario
from engine.settings.run import resolve
from engine.streams import digits
from engine.streams.examples import FEWEST_EXAMPLES, PROBE_EXAMPLES, Examples, ExampleStream, Task, evaluation_subsets
from tests import runs
from tests.reference.training import SlowTask, accuracy, competing, place


def numbered(*sizes: int) -> list[Task]:
    """Tasks whose inputs are their own numbers, counted through all tasks, in an image of one row of two."""
    tasks, start = [], 0
    for size in sizes:
        inputs = torch.arange(start, start + size).float().unsqueeze(1).expand(-1, 2).contiguous()
        examples = Examples(inputs, torch.arange(size) % 2)
        tasks.append(Task(str(size), 2, examples, examples))
        start += size
    return tasks


def stream(*sizes: int, **settings: object) -> ExampleStream:
    return ExampleStream(resolve({"batch_size": 4, "epochs": 3, **settings}), numbered(*sizes), (1, 1, 2))


def numbers(inputs: Tensor) -> list[int]:
    assert inputs.shape[1:] == (1, 1, 2)
    return [int(number) for number in inputs[:, 0, 0, 0]]


def test_each_epoch_shows_every_example_of_the_phase_once() -> None:
    found = stream(10, 6)
    assert [(phase.name, phase.steps, phase.epoch) for phase in found.phases] == [("10", 9, 3), ("6", 6, 2)]
    epochs = []
    for epoch in range(3):
        batches = [found.batch(1, 2 * epoch + step) for step in range(2)]
        assert all(batch.task == 1 and len(batch) == len(batch.targets) for batch in batches)
        assert [len(batch) for batch in batches] == [4, 2]
        epochs.append([number for batch in batches for number in numbers(batch.inputs)])
    assert all(sorted(epoch) == list(range(10, 16)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_batch_depends_on_nothing_but_its_place() -> None:
    """So a run that goes on in the middle of a task sees what it would have seen."""
    one, other = stream(10, 6), stream(10, 6)
    expected = [numbers(one.batch(0, step).inputs) for step in range(9)]
    other.batch(1, 3)
    assert [numbers(other.batch(0, step).inputs) for step in reversed(range(9))] == expected[::-1]
    assert numbers(stream(10, 6, seed=1).batch(0, 0).inputs) != expected[0]


def test_a_stream_that_accumulates_mixes_all_phases_so_far() -> None:
    found = stream(10, 6)
    found.accumulate()
    assert [phase.epoch for phase in found.phases] == [3, 4]
    batches = [found.batch(1, step) for step in range(4)]
    assert sorted(number for batch in batches for number in numbers(batch.inputs)) == list(range(16))
    for batch in batches:
        assert isinstance(batch.task, Tensor)
        assert batch.task.tolist() == [int(number >= 10) for number in numbers(batch.inputs)]
        assert batch.task.tolist() == sorted(batch.task.tolist())
        assert batch.targets.tolist() == [number % 2 for number in numbers(batch.inputs)]


def test_the_first_task_may_have_its_own_length_batches_and_rate() -> None:
    own = stream(10, 6, first_task={"epochs": 1, "batch_size": 5, "lr": 0.5}, lr=0.1)
    assert [(phase.steps, phase.epoch, phase.lr) for phase in own.phases] == [(2, 2, 0.5), (6, 2, 0.1)]
    assert len(own.batch(0, 0)) == 5


def test_a_pass_shows_every_example_once_in_order() -> None:
    batches = list(stream(10, 6).passes(1, 4, "test"))
    assert [numbers(batch.inputs) for batch in batches] == [[10, 11, 12, 13], [14, 15]]
    permuted = digits.stream(resolve({"benchmark": "permuted-digits", "tasks": 2, "batch_size": 16}))
    shown = torch.cat([batch.inputs for batch in permuted.passes(1, 100)])
    assert torch.equal(shown.flatten(1), permuted.tasks[1].train.take(torch.arange(1348))[0])


def test_what_is_drawn_depends_on_the_purpose_alone() -> None:
    found = stream(10, 6)
    one, again, other = (numbers(found.drawn(0, 5, purpose).inputs) for purpose in ("path", "path", "analysis"))
    assert one == again != other
    assert len(set(one)) == 5
    assert sorted(numbers(found.drawn(1, 100, "path").inputs)) == list(range(10, 16))


# Scores


class Given(nn.Module):
    """A 'network' whose logits are its inputs."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


def task(logits: Sequence[Sequence[float]], labels: Sequence[int], classes: int = 2) -> Task:
    examples = Examples(torch.tensor(logits), torch.tensor(labels))
    return Task("", classes, examples, examples)


FIRST = task([[1, 0, 5, 0], [0, 1, 0, 0], [2, 1, 0, 0], [0, 3, 0, 4]], [0, 1, 1, 1])
SECOND = task([[9, 0, 1, 0], [0, 0, 1, 2]], [0, 1])


@pytest.mark.parametrize("part", ["test", "probe"])
@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("task", [0.75, 1.0]),  # each task's own two outputs compete
        ("domain", [0.75, 0.0]),  # the first two outputs stand for both tasks; the second task's inputs say 0 and 0
        ("class", [0.25, 0.5]),  # all four compete
    ],
)
def test_scores_worked_out_by_hand(scenario: Scenario, expected: list[float], part: str) -> None:
    tasks = [FIRST, SECOND]
    if scenario == "domain":
        tasks = [FIRST, task([[0, 1, 0, 0], [1, 0, 0, 0]], [0, 1])]
    found, problem = ExampleStream(resolve({}), tasks, (4,)), Classification(scenario, [2, 2])
    assert found.test(0, Given(), problem, part) == 0.75
    problem.begin(1)
    assert [found.test(phase, Given(), problem, part) for phase in range(2)] == expected


@pytest.mark.parametrize("scenario", runs.SCENARIOS)
def test_scores_equal_the_loop_over_examples(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of any size, after each task."""
    monkeypatch.setattr(engine.streams.examples, "BATCH", 4)
    random = torch.Generator().manual_seed(0)
    classes = [3, 2, 2]
    tasks = [
        task(torch.randn(11, 7, generator=random).tolist(), [n % size for n in range(11)], size) for size in classes
    ]
    found, problem, model = ExampleStream(resolve({}), tasks, (7,)), Classification(scenario, classes), Given()
    slow = [SlowTask(t.classes, t.train.inputs, t.train.targets, t.test.inputs, t.test.targets, []) for t in tasks]
    for newest in range(3):
        problem.begin(newest)
        for seen in range(newest + 1):
            among = competing(scenario, classes, seen, newest)
            expected = accuracy(model, slow[seen], among, lambda label: place(scenario, classes, seen, label))  # noqa: B023
            assert found.test(seen, model, problem, "test") == expected


def test_a_long_test_asks_now_and_then_whether_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.streams.examples, "BATCH", 3)
    checks: list[None] = []
    found = ExampleStream(resolve({}), [FIRST], (4,))
    found.test(0, Given(), Classification("task", [2]), "test", check=lambda: checks.append(None))
    assert len(checks) == 2


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


def test_a_probe_looks_at_the_subset_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The accuracy on the chosen rows, which here are those that the network gets right."""
    right, wrong = [1.0, 0.0], [0.0, 1.0]
    mixed = task([right, wrong, right, wrong], [0] * 4)
    subsets = [torch.tensor([0, 2]), torch.tensor([0, 1])]
    monkeypatch.setattr(engine.streams.examples, "evaluation_subsets", lambda *_: subsets)
    found, problem = ExampleStream(resolve({}), [mixed, mixed], (2,)), Classification("domain", [2, 2])
    assert [found.test(phase, Given(), problem, "probe") for phase in range(2)] == [1.0, 0.5]
    assert [found.count(phase, part) for phase in range(2) for part in ("probe", "test")] == [2, 4, 2, 4]
