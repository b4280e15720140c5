"""The textbook loop: the penalty is a term of the loss, autograd does the rest, torch.optim steps a list of tensors."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tests.reference.method import SlowMethod, copies

MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


@dataclass
class SlowTask:
    """One task; labels count its own classes from 0."""

    classes: int
    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    epochs: Sequence[Sequence[Tensor]]
    """The rows of each training step of each epoch, in order; with replay they count through the examples of all tasks
    so far."""
    lr: float = math.nan
    """Learning rate; the optimizer's own where it is NaN."""
    unlabelled: Tensor | None = None
    """Inputs to measure an importance on; the training inputs where there are none."""


AfterStep = Callable[[bool, float], None]
"""Changes the learning rate after a step: whether an epoch ended with it, and the mean loss of the epoch's steps."""


@dataclass(frozen=True)
class Recipe:
    """What people do besides, with torch's own functions."""

    clip_norm: float | None = None
    label_smoothing: float = 0.0
    scheduler: Callable[[torch.optim.Optimizer, int, int], AfterStep] | None = None
    """From the optimizer, the task's steps and those of its first epoch."""


@dataclass
class SlowRun:
    matrix: list[list[float]]
    losses: list[float]
    penalties: list[float]
    paths: list[tuple[float, float, float]]
    """For each task Σω, and the mean loss on its training examples before its first step and after its last."""


def competing(scenario: str, classes: Sequence[int], task: int, newest: int) -> list[int]:
    """The outputs among which the network chooses on ``task``, once ``newest`` is the last task seen."""
    first_output = [sum(classes[:t]) for t in range(len(classes) + 1)]
    if scenario == "task":
        return list(range(first_output[task], first_output[task + 1]))
    if scenario == "domain":
        return list(range(max(classes)))
    return list(range(first_output[newest + 1]))


def earlier_outputs(scenario: str, classes: Sequence[int], newest: int) -> list[tuple[list[int], list[int]]]:
    """The outputs that competed before the task ``newest``, and those among which they do in it."""
    if not newest:
        return []
    if scenario == "task":
        return [(competing(scenario, classes, task, newest),) * 2 for task in range(newest)]
    return [(competing(scenario, classes, 0, newest - 1), competing(scenario, classes, 0, newest))]


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


def example(tasks: Sequence[SlowTask], row: int) -> tuple[int, Tensor, int]:
    """The task, input and own label of one row of several tasks' training examples, one task after another."""
    for number, task in enumerate(tasks):
        if row < len(task.train_labels):
            return number, task.train_inputs[row], int(task.train_labels[row])
        row -= len(task.train_labels)
    raise IndexError(row)


def replayed_loss(
    model: nn.Module,
    batch: Sequence[tuple[int, Tensor, int]],
    scenario: str,
    classes: Sequence[int],
    newest: int,
    smoothing: float,
) -> Tensor:
    """Mean cross entropy of (task, input, own label), each among the outputs that compete on its task."""
    total = torch.zeros(())
    for task, x, label in batch:
        logits = model(x.unsqueeze(0))[0][competing(scenario, classes, task, newest)]
        target = torch.tensor(place(scenario, classes, task, label))
        total = total + cross_entropy(logits, target, label_smoothing=smoothing)
    return total / len(batch)


def mean_loss(
    model: nn.Module, task: SlowTask, among: Sequence[int], right: Callable[[int], int], smoothing: float
) -> float:
    """Over all of a task's training examples."""
    targets = torch.tensor([right(label) for label in task.train_labels.tolist()])
    with torch.no_grad():
        return cross_entropy(model(task.train_inputs)[:, list(among)], targets, label_smoothing=smoothing).item()


def train_slowly(
    model: nn.Module,
    method: SlowMethod,
    tasks: Sequence[SlowTask],
    scenario: str,
    make_optimizer: MakeOptimizer,
    reset_optimizer: bool = True,
    keep_best: bool = False,
    leave_alone: Sequence[int] = (),
    fresh: Callable[[int], nn.Module] | None = None,
    recipe: Recipe = Recipe(),
) -> SlowRun:
    """Trains ``model`` in place, task after task.

    ``keep_best``: each task ends at the moment after the epoch that was best on its test examples, the first of equals:
    with the weights, what the method has summed up and the optimizer's state as they were then.
    ``leave_alone``: places of the parameters that no penalty holds. ``fresh``: the network whose weights each task but
    the first begins with.
    """
    theta = list(model.parameters())
    classes = [task.classes for task in tasks]
    optimizer = make_optimizer(theta)
    run = SlowRun([], [], [], [])
    for number, task in enumerate(tasks):
        if fresh and number:
            for t, drawn in zip(theta, fresh(number).parameters(), strict=True):
                t.data.copy_(drawn)
        if reset_optimizer:
            optimizer = make_optimizer(theta)
        for group in optimizer.param_groups:
            group.pop("initial_lr", None)
            if not math.isnan(task.lr):
                group["lr"] = task.lr
        after_step = recipe.scheduler and recipe.scheduler(
            optimizer, sum(map(len, task.epochs)), len(task.epochs[0]) if task.epochs else 0
        )
        method.begin_task(theta)
        method.begin_network(model)
        heads = earlier_outputs(scenario, classes, number)
        among = competing(scenario, classes, number, number)
        right = partial(place, scenario, classes, number)
        start_loss, path_integral = mean_loss(model, task, among, right, recipe.label_smoothing), 0.0
        best_accuracy = -math.inf
        smoothing = recipe.label_smoothing
        for epoch in task.epochs:
            for number_in_epoch, rows in enumerate(epoch, start=1):
                more = method.remembered(len(run.losses))
                if method.replays or more:
                    start = 0 if method.replays else sum(len(seen.train_labels) for seen in tasks[:number])
                    batch = [example(tasks, row) for row in [*more, *(start + row for row in rows.tolist())]]
                    inputs = torch.stack([x for _, x, _ in batch])
                    loss = replayed_loss(model, batch, scenario, classes, number, smoothing)
                else:
                    inputs = task.train_inputs[rows]
                    targets = torch.tensor([right(label) for label in task.train_labels[rows].tolist()])
                    logits = model(inputs)[:, among]
                    loss = cross_entropy(logits, targets, label_smoothing=smoothing)
                descended, added = method.step_loss(loss, model, inputs, heads)
                g = torch.autograd.grad(descended, theta, retain_graph=True)
                penalty = method.penalty(theta)
                optimizer.zero_grad()
                (descended + penalty).backward()
                if method.follows_total:
                    g = tuple(t.grad.clone() for t in theta if t.grad is not None)
                if recipe.clip_norm is not None:
                    torch.nn.utils.clip_grad_norm_(theta, recipe.clip_norm)
                before = copies(theta)
                optimizer.step()
                change = [t.detach() - b for t, b in zip(theta, before, strict=True)]
                method.after_step(g, change)
                path_integral -= sum((gi * delta).sum().item() for gi, delta in zip(g, change, strict=True))
                run.losses.append(loss.item())
                run.penalties.append(penalty.item() + added)
                if after_step:
                    ended = number_in_epoch == len(task.epochs[0])
                    after_step(ended, sum(run.losses[-number_in_epoch:]) / number_in_epoch)
            if keep_best and (found := accuracy(model, task, among, right)) > best_accuracy:
                best_accuracy = found
                best = copies(theta)
                best_method = deepcopy(vars(method))
                best_state = deepcopy(optimizer.state_dict())
                best_integral = path_integral
        if keep_best:
            for t, b in zip(theta, best, strict=True):
                t.data.copy_(b)
            vars(method).update(best_method)
            optimizer.load_state_dict(best_state)
            path_integral = best_integral
        run.paths.append((path_integral, start_loss, mean_loss(model, task, among, right, smoothing)))
        elsewhere = [
            (
                seen.train_inputs if seen.unlabelled is None else seen.unlabelled,
                competing(scenario, classes, of, number),
            )
            for of, seen in enumerate(tasks[: number + 1])
        ]
        method.learned(task.train_labels)
        method.told(number, torch.tensor([right(label) for label in task.train_labels.tolist()]), elsewhere)
        method.end_task(model, task.train_inputs, among)
        method.leave_alone(leave_alone)
        row_of_matrix = []
        for seen in range(number + 1):
            choices = competing(scenario, classes, seen, number)
            row_of_matrix.append(accuracy(model, tasks[seen], choices, partial(place, scenario, classes, seen)))
        run.matrix.append(row_of_matrix)
    return run
