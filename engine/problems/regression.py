"""Regression: targets of one or several numbers, in one range of outputs for each task or in one that all share."""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import huber_loss, mse_loss

from engine.batch import Batch
from engine.problems.problem import Form, Problem

MOST = 1e30
"""Largest size of a score, which a log can hold."""


class Regression(Problem):
    """Tasks with targets of ``sizes[t]`` numbers each; a longer row of targets is cut to them. The loss is a mean over
    examples and over the numbers of a target, as in torch's mse_loss and huber_loss.

    p(y|x), from which EWC's importance is made, is the normal distribution around the outputs with variance 1 in each
    number of a target: −log p = ½Σ(y − f)² + …, which is sizes[t]/2 times the squared loss. In scenario "domain" all
    sizes are the same.

    >>> problem = Regression("domain", [2])
    >>> batch = Batch(inputs=torch.zeros(1, 3), targets=torch.tensor([[1.0, 3.0]]), task=0)
    >>> problem.loss(torch.tensor([[0.0, 5.0]]), batch)
    tensor(2.5000)
    """

    def __init__(
        self,
        scenario: Literal["task", "domain"],
        sizes: Sequence[int],
        delta: float | None = None,
        score: str = "r2",
        variances: Tensor | None = None,
        scales: Tensor | None = None,
    ) -> None:
        """``delta``: the Huber loss is linear beyond it; None: the squared loss. ``score``: r2 or rmse. ``variances``
        of the test targets of each task, for R², and ``scales`` by which the targets of each task were divided: both of
        shape (tasks, numbers), and 1 by default."""
        self._scenario = scenario
        self._sizes = tuple(sizes)
        self._starts = (0, *accumulate(sizes))
        self._delta = delta
        self.outputs = max(sizes) if scenario == "domain" else sum(sizes)
        self.score = score
        ones = torch.ones(len(sizes), max(sizes), dtype=torch.float64)
        self._variances = ones if variances is None else variances
        self._scales = ones if scales is None else scales

    def active(self, task: int) -> slice:
        """The task's own outputs, or the shared ones (domain)."""
        start = 0 if self._scenario == "domain" else self._starts[task]
        return slice(start, start + self._sizes[task])

    def _pair(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor, int]:
        """The task's outputs, its targets, and the task, of a batch of one task."""
        assert isinstance(batch.task, int)
        found = outputs[:, self.active(batch.task)]
        return found, batch.targets[:, : found.shape[1]].to(found), batch.task

    def loss(self, outputs: Tensor, batch: Batch, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
        """With "sum", the sum over examples of the mean over the numbers of a target."""
        if self._scenario == "domain":
            batch = Batch(batch.inputs, batch.targets, 0)
        if not isinstance(batch.task, int):
            return self.loss_of_tasks(outputs, batch, batch.task, reduction)
        found, targets, task = self._pair(outputs, batch)
        loss = self._distance(found, targets, reduction)
        return loss / self._sizes[task] if reduction == "sum" else loss

    def distillation(self, outputs: Tensor, taught: Tensor, temperature: float, class_mean: bool = False) -> Tensor:
        """The loss with what the network before gave as targets: of the shared outputs, or the mean over the earlier
        tasks'. No temperature is used."""
        ranges = [self.active(task) for task in range(self.newest if self._scenario == "task" else 1)]
        losses = [self._distance(outputs[:, of], taught[:, of].to(outputs), "mean") for of in ranges]
        return torch.stack(losses).mean()

    def _distance(self, found: Tensor, targets: Tensor, reduction: Literal["mean", "sum"]) -> Tensor:
        if self._delta is None:
            return mse_loss(found, targets, reduction=reduction)
        return huber_loss(found, targets, reduction=reduction, delta=self._delta)

    def scores(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Each example's mean over its numbers of 1 − (y − f)² ÷ variance, whose mean is R², or of (y − f)². On the
        CPU, since not every device has double precision."""
        found, targets, task = self._pair(outputs, batch)
        squares = (targets - found).cpu().double().square()
        if self.score == "r2":
            return 1 - (squares / self._of(self._variances, task)).mean(1)
        return (squares * self._of(self._scales, task).square()).mean(1)

    def _of(self, table: Tensor, task: int) -> Tensor:
        return table[task, : self._sizes[task]]

    def score_of(self, mean: float) -> float:
        """R², or the root of the mean squared error; NaN where the outputs are not finite."""
        found = math.sqrt(mean) if self.score == "rmse" and mean >= 0 else mean
        return max(-MOST, min(MOST, found)) if math.isfinite(found) else math.nan

    def chance(self, task: int) -> float:
        """The score of always guessing the mean of the test targets."""
        if self.score == "r2":
            return 0.0
        return float((self._of(self._variances, task) * self._of(self._scales, task).square()).mean().sqrt())

    def predicted(self, outputs: Tensor, phase: int) -> Tensor:
        return outputs[:, self.active(phase)]

    def gradients(
        self, outputs: Tensor, batch: Batch, form: Form, random: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        """∂log p(y|x)/∂f = y − f: of its square, each number of a target has the mean 1."""
        assert isinstance(batch.task, int)
        active = self.active(batch.task)
        own = outputs[:, active]

        def at_outputs(of_own: Tensor) -> Tensor:
            gradient = torch.zeros_like(outputs)
            gradient[:, active] = of_own
            return gradient

        if form == "exact":
            yield from (at_outputs(of) for of in torch.eye(own.shape[1]).to(outputs).unsqueeze(1))
        elif form == "norm":
            yield at_outputs(2 * own)
        elif form == "predicted":  # where the likelihood is at its maximum
            yield torch.zeros_like(outputs)
        elif form == "sampled":
            yield at_outputs(torch.randn(own.shape, generator=random).to(outputs))
        else:
            yield at_outputs(batch.targets[:, : own.shape[1]] - own)
