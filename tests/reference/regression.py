"""Regression of one example and one number at a time: losses, scores, and the Fisher information of a normal
distribution with variance 1 around each output."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tests.reference.method import SlowMethod, copies, gradients, trained


def outputs_of(scenario: str, sizes: Sequence[int], task: int) -> list[int]:
    """The outputs that answer on ``task``."""
    first = sum(sizes[:task]) if scenario == "task" else 0
    return [first + place for place in range(sizes[task])]


def slow_loss(
    outputs: Tensor, targets: Tensor, tasks: Sequence[int], among: Sequence[list[int]], delta: float
) -> float:
    """Mean over examples of the mean over the task's numbers of Δ², or of the Huber loss if ``delta`` is finite."""
    total = 0.0
    for f, y, task in zip(outputs.tolist(), targets.tolist(), tasks, strict=True):
        terms = []
        for place, output in enumerate(among[task]):
            error = abs(y[place] - f[output])
            if math.isinf(delta):
                terms.append(error**2)
            else:
                terms.append(error**2 / 2 if error <= delta else delta * (error - delta / 2))
        total += sum(terms) / len(terms)
    return total / len(tasks)


def slow_r2(found: Tensor, targets: Tensor) -> float:
    """The mean over the numbers of 1 − Σ(y − f)² ÷ Σ(y − ȳ)²."""
    each = []
    for f, y in zip(found.T.tolist(), targets.T.tolist(), strict=True):
        mean = sum(y) / len(y)
        residual = sum((one - other) ** 2 for one, other in zip(y, f, strict=True))
        each.append(1 - residual / sum((one - mean) ** 2 for one in y))
    return sum(each) / len(each)


def slow_rmse(found: Tensor, targets: Tensor) -> float:
    squares = [(f - y) ** 2 for f, y in zip(found.flatten().tolist(), targets.flatten().tolist(), strict=True)]
    return math.sqrt(sum(squares) / len(squares))


def normal_fisher(model: nn.Module, inputs: Tensor, outputs: Sequence[int], residuals: Tensor | None) -> list[Tensor]:
    """F = 1/N Σₙ Σ_d (∂f_d(xₙ)/∂θ)², the expectation over y; with ``residuals`` r, shape (N, D), of given y:
    1/N Σₙ (Σ_d r_d·∂f_d(xₙ)/∂θ)²."""
    theta = trained(model)
    fisher = [torch.zeros_like(t) for t in theta]
    for number, x in enumerate(inputs):
        by_output = [gradients(model(x.unsqueeze(0))[0, output], theta) for output in outputs]
        for place in range(len(theta)):
            if residuals is None:
                fisher[place] += sum(of[place] ** 2 for of in by_output)
            else:
                log_p = sum(r * of[place] for r, of in zip(residuals[number].tolist(), by_output, strict=True))
                fisher[place] += log_p**2
    return [f / len(inputs) for f in fisher]


def slow_sensitivity(model: nn.Module, inputs: Tensor, outputs: Sequence[int]) -> list[Tensor]:
    """1/N Σₙ |∂Σ_d f_d(xₙ)²/∂θ|"""
    theta = trained(model)
    found = [torch.zeros_like(t) for t in theta]
    for x in inputs:
        length = sum(model(x.unsqueeze(0))[0, output] ** 2 for output in outputs)
        for total, g in zip(found, gradients(length, theta), strict=True):
            total += g.abs()
    return [f / len(inputs) for f in found]


@dataclass
class SlowNumbers:
    """One task."""

    inputs: Tensor
    targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    rows: Sequence[Tensor]
    """Of each training step."""


def train_regression_slowly(
    model: nn.Module,
    method: SlowMethod,
    tasks: Sequence[SlowNumbers],
    outputs: Sequence[list[int]],
    loss_of: Callable[[Tensor, Tensor], Tensor],
    score_of: Callable[[Tensor, Tensor], float],
    lr: float,
) -> tuple[list[list[float]], list[float], list[float]]:
    """Adam, kept over the tasks, on the loss plus the penalty: the scores after each task, the losses, the penalties.
    ``loss_of``: torch's own, of outputs and targets."""
    theta = list(model.parameters())
    optimizer = torch.optim.Adam(theta, lr=lr)
    matrix, losses, penalties = [], [], []
    for number, task in enumerate(tasks):
        method.begin_task(theta)
        for rows in task.rows:
            loss = loss_of(model(task.inputs[rows])[:, outputs[number]], task.targets[rows])
            g = torch.autograd.grad(loss, theta, retain_graph=True)
            penalty = method.penalty(theta)
            optimizer.zero_grad()
            (loss + penalty).backward()
            before = copies(theta)
            optimizer.step()
            method.after_step(g, [t.detach() - b for t, b in zip(theta, before, strict=True)])
            losses.append(loss.item())
            penalties.append(penalty.item())
        seen = tasks[: number + 1]
        method.told(number, task.targets, [(of.inputs, own) for of, own in zip(seen, outputs, strict=False)])
        method.end_task(model, task.inputs, outputs[number])
        with torch.no_grad():
            found = [model(of.test_inputs)[:, own] for of, own in zip(seen, outputs, strict=False)]
        matrix.append([score_of(f, of.test_targets) for f, of in zip(found, seen, strict=True)])
    return matrix, losses, penalties
