"""The textbook loop: the penalty is a term of the loss, autograd does the rest, torch.optim steps a list of tensors."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tests.reference.method import SlowMethod

MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


@dataclass
class SlowTask:
    """One task; labels count its own classes from 0."""

    classes: int
    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    batches: Iterable[Tensor]
    """The rows of each training step, in order."""


@dataclass
class SlowRun:
    matrix: list[list[float]]
    losses: list[float]
    penalties: list[float]


def competing(scenario: str, classes: Sequence[int], task: int, newest: int) -> list[int]:
    """The outputs among which the network chooses on ``task``, once ``newest`` is the last task seen."""
    first_output = [sum(classes[:t]) for t in range(len(classes) + 1)]
    if scenario == "task":
        return list(range(first_output[task], first_output[task + 1]))
    if scenario == "domain":
        return list(range(max(classes)))
    return list(range(first_output[newest + 1]))


def place(scenario: str, classes: Sequence[int], task: int, label: int) -> int:
    """Where a task's own label stands among the competing outputs."""
    return sum(classes[:task]) + label if scenario == "class" else label


def accuracy(model: nn.Module, task: SlowTask, among: Sequence[int], right: Callable[[int], int]) -> float:
    """One example at a time."""
    hits = 0
    for x, label in zip(task.test_inputs, task.test_labels.tolist(), strict=True):
        logits = model(x.unsqueeze(0))[0][list(among)]
        hits += int(logits.argmax()) == right(label)
    return hits / len(task.test_labels)


def train_slowly(
    model: nn.Module,
    method: SlowMethod,
    tasks: Sequence[SlowTask],
    scenario: str,
    make_optimizer: MakeOptimizer,
    reset_optimizer: bool = True,
) -> SlowRun:
    """Trains ``model`` in place, task after task."""
    theta = list(model.parameters())
    classes = [task.classes for task in tasks]
    optimizer = make_optimizer(theta)
    run = SlowRun([], [], [])
    for number, task in enumerate(tasks):
        if reset_optimizer:
            optimizer = make_optimizer(theta)
        method.begin_task(theta)
        among = competing(scenario, classes, number, number)
        for rows in task.batches:
            targets = torch.tensor([place(scenario, classes, number, int(task.train_labels[row])) for row in rows])
            loss = cross_entropy(model(task.train_inputs[rows])[:, among], targets)
            g = torch.autograd.grad(loss, theta, retain_graph=True)
            penalty = method.penalty(theta)
            optimizer.zero_grad()
            (loss + penalty).backward()
            before = [t.detach().clone() for t in theta]
            optimizer.step()
            method.after_step(g, [t.detach() - b for t, b in zip(theta, before, strict=True)])
            run.losses.append(loss.item())
            run.penalties.append(penalty.item())
        method.end_task(model, task.train_inputs, among)
        row = []
        for seen in range(number + 1):
            choices = competing(scenario, classes, seen, number)
            row.append(accuracy(model, tasks[seen], choices, partial(place, scenario, classes, seen)))
        run.matrix.append(row)
    return run
