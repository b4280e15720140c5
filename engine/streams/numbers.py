"""Targets that are numbers: what a network learns of them, and what a score of it has to know."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

from engine.errors import BenchmarkError
from engine.problems.regression import Regression
from engine.settings.run import RunConfig
from engine.streams.titles import of_task

if TYPE_CHECKING:
    from engine.streams.examples import Examples, Task


def regression(config: RunConfig, tasks: Sequence["Task"]) -> tuple[list["Task"], Regression]:
    """The tasks with targets as they are learned, in rows of the same length, and what a network's outputs mean. Raises
    BenchmarkError for targets that are not finite, or whose score is not defined."""
    scenario, score, sizes = config.scenario, config.option("score") or "r2", [task.classes for task in tasks]
    assert scenario != "class"
    if scenario == "domain" and len(set(sizes)) > 1:
        raise BenchmarkError(
            f"the targets of the tasks have {min(sizes)} to {max(sizes)} numbers, but in scenario domain they share "
            f"the outputs: use --scenario task"
        )
    for task in tasks:
        _check(task, score)
    even = [task.changed(lambda part: replace(part, targets=_padded(part.targets, max(sizes)))) for task in tasks]
    means, deviations = _scales(config, even)
    learned = [
        task.changed(_divided(*scale)) for task, scale in zip(even, zip(means, deviations, strict=True), strict=True)
    ]
    variances = torch.stack([task.test.targets.double().var(0, correction=0) for task in learned])
    delta = (config.option("huber_delta") or 1.0) if config.option("loss") == "huber" else None
    return learned, Regression(scenario, sizes, delta, score, variances, deviations)


def _check(task: "Task", score: str) -> None:
    if not all(torch.isfinite(part.targets).all() for part in task.parts):
        raise BenchmarkError(
            f"{of_task(task.name)} has a target that is not a finite number: correct it, or leave it out"
        )
    targets = task.test.targets
    constant = (targets == targets[:1]).all(0).nonzero().flatten().tolist()
    if constant and score == "r2":
        what = "the test targets are" if task.classes == 1 else f"number {constant[0] + 1} of the test targets is"
        raise BenchmarkError(
            f"{of_task(task.name)}: {what} always {targets[0, constant[0]]:g}, so R² is not defined: add test examples "
            f"that differ, or use --score rmse"
        )


def _padded(targets: Tensor, size: int) -> Tensor:
    return pad(targets, (0, size - targets.shape[1]))


def _scales(config: RunConfig, tasks: Sequence["Task"]) -> tuple[Tensor, Tensor]:
    """What is subtracted from the targets of each task, and what they are then divided by: (tasks, numbers)."""
    every = [task.train.targets.double() for task in tasks]
    if not config.option("normalize_targets"):
        zeros = torch.zeros(len(tasks), every[0].shape[1], dtype=torch.float64)
        return zeros, zeros + 1
    if config.scenario == "domain":
        first = config.extended_at[0] if config.extended_at else None
        every = [torch.cat(every[:first])] * len(tasks)
    means = torch.stack([of.mean(0) for of in every])
    deviations = torch.stack([of.std(0, correction=0) for of in every])
    same = torch.stack([(of == of[:1]).all(0) for of in every])
    return means, deviations.masked_fill(same, 1.0)


def _divided(mean: Tensor, deviation: Tensor) -> Callable[["Examples"], "Examples"]:
    return lambda part: replace(part, targets=((part.targets - mean) / deviation).float())
