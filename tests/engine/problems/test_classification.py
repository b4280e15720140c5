"""Which outputs compete in each scenario (van de Ven & Tolias 2019), and what follows from that."""

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy

from engine.batch import Batch
from engine.problems.classification import Classification, Scenario
from engine.problems.problem import Form
from tests.reference.training import competing, place

classes = st.lists(st.integers(1, 5), min_size=1, max_size=6)
scenarios = st.sampled_from(get_args(Scenario))


def after(scenario: Scenario, sizes: list[int], newest: int) -> Classification:
    problem = Classification(scenario, sizes)
    problem.begin(newest)
    return problem


@pytest.mark.parametrize(
    ("scenario", "count", "learning", "looking_back"),
    [
        ("task", 7, [(0, 3), (3, 5), (5, 7)], [(0, 3), (3, 5), (5, 7)]),
        ("domain", 3, [(0, 3), (0, 3), (0, 3)], [(0, 3), (0, 3), (0, 3)]),
        ("class", 7, [(0, 3), (0, 5), (0, 7)], [(0, 7), (0, 7), (0, 7)]),
    ],
)
def test_tasks_of_three_two_and_two_classes(
    scenario: Scenario, count: int, learning: list[tuple[int, int]], looking_back: list[tuple[int, int]]
) -> None:
    """task: its own compete; domain: one shared set; class: all that were seen so far."""
    assert Classification(scenario, [3, 2, 2]).outputs == count
    assert [after(scenario, [3, 2, 2], task).active(task) for task in range(3)] == [slice(*ends) for ends in learning]
    last = after(scenario, [3, 2, 2], 2)
    assert [last.active(task) for task in range(3)] == [slice(*ends) for ends in looking_back]


def every_label(sizes: list[int], task: int) -> Batch:
    labels = torch.arange(sizes[task])
    return Batch(torch.zeros(len(labels), 1), labels, task)


@given(scenarios, classes, st.data())
def test_each_label_has_an_output_of_its_own(scenario: Scenario, sizes: list[int], data: st.DataObject) -> None:
    """The network that is sure of the right output is right, and of another that competes, wrong."""
    newest = data.draw(st.integers(0, len(sizes) - 1))
    problem = after(scenario, sizes, newest)
    for task in range(newest + 1):
        batch, among = every_label(sizes, task), competing(scenario, sizes, task, newest)
        right = torch.zeros(len(batch), problem.outputs)
        for label in range(len(batch)):
            right[label, among[place(scenario, sizes, task, label)]] = 9
        assert problem.scores(right, batch).all()
        assert problem.loss(right, batch) < 0.01
        if len(among) > 1:
            assert not problem.scores(-right, batch).any()


@given(st.lists(st.integers(2, 5), min_size=1, max_size=6), st.sampled_from(["task", "class"]))
def test_outside_domain_no_two_tasks_share_an_output(sizes: list[int], scenario: Scenario) -> None:
    problem = after(scenario, sizes, len(sizes) - 1)
    used = []
    for task, size in enumerate(sizes):
        (gradient,) = problem.gradients(torch.zeros(size, problem.outputs), every_label(sizes, task), "empirical")
        used += gradient.argmax(1).tolist()
    assert sorted(used) == list(range(problem.outputs))


@given(scenarios, classes, st.integers(0, 2**31))
def test_a_batch_of_several_tasks_is_judged_example_by_example(scenario: Scenario, sizes: list[int], seed: int) -> None:
    """Joint training's loss: each among its own task's outputs; some tasks have no example in it."""
    random = torch.Generator().manual_seed(seed)
    newest = len(sizes) - 1
    problem = after(scenario, sizes, newest)
    tasks = torch.randint(len(sizes), (7,), generator=random).sort().values
    labels = torch.stack([torch.randint(sizes[task], (), generator=random) for task in tasks.tolist()])
    outputs = torch.randn(7, problem.outputs, generator=random, dtype=torch.float64)
    each = [
        cross_entropy(row[competing(scenario, sizes, task, newest)], torch.tensor(place(scenario, sizes, task, label)))
        for row, task, label in zip(outputs, tasks.tolist(), labels.tolist(), strict=True)
    ]
    batch = Batch(torch.zeros(7, 1), labels, tasks)
    torch.testing.assert_close(problem.loss(outputs, batch), torch.stack(each).mean())
    torch.testing.assert_close(problem.loss(outputs, batch, "sum"), torch.stack(each).sum())


@pytest.mark.parametrize("form", get_args(Form))
@given(scenario=scenarios, sizes=classes, seed=st.integers(0, 2**31))
def test_gradients_are_those_of_autograd(form: Form, scenario: Scenario, sizes: list[int], seed: int) -> None:
    """Of log p(y|x) or of ‖f(x)‖², at the outputs; nothing reaches an output that does not compete."""
    random = torch.Generator().manual_seed(seed)
    task = int(torch.randint(len(sizes), (), generator=random))
    problem, among = after(scenario, sizes, task), competing(scenario, sizes, task, task)
    outputs = torch.randn(sizes[task], problem.outputs, generator=random, dtype=torch.float64, requires_grad=True)
    batch, chosen = every_label(sizes, task), outputs[:, among]
    logs = chosen.log_softmax(1)
    right = torch.tensor([place(scenario, sizes, task, label) for label in range(sizes[task])])
    found = list(problem.gradients(outputs.detach(), batch, form, torch.Generator().manual_seed(5)))

    def gradient(of: Tensor) -> Tensor:
        return torch.autograd.grad(of.sum(), outputs, retain_graph=True)[0]

    if form == "exact":
        weights = logs.detach().exp().sqrt()
        expected = [weights[:, [y]] * gradient(logs[:, y]) for y in range(len(among))]
    elif form == "norm":
        expected = [gradient(chosen**2)]
    else:
        if form == "sampled":
            drawn = torch.Generator().manual_seed(5)
            right = torch.multinomial(logs.detach().exp(), 1, generator=drawn).squeeze(1)
        elif form == "predicted":
            right = chosen.argmax(1)
        expected = [gradient(logs.gather(1, right[:, None]))]
    torch.testing.assert_close(torch.stack(found), torch.stack(expected))
