"""Scores of every phase: on whole test sets, or quickly (a probe) on an evaluation subset of each."""

from collections.abc import Callable

import torch
from torch import nn

from engine.models.mode import evaluating
from engine.problems.problem import Problem
from engine.streams.stream import Stream

PATH_EXAMPLES = 1000
"""Training examples on which the path-integral check measures the loss."""


class Evaluator:
    """Measures one network on the phases up to the problem's newest."""

    def __init__(self, net: nn.Module, stream: Stream, problem: Problem, check: Callable[[], None]) -> None:
        """``check`` is called between batches of whole test sets and may raise."""
        self._net = net
        self._stream = stream
        self._problem = problem
        self._check = check

    @torch.no_grad()
    def scores(self) -> tuple[float, ...]:
        """On each whole test set."""
        phases = range(self._problem.newest + 1)
        with evaluating(self._net):
            return tuple(self._stream.test(each, self._net, self._problem, check=self._check) for each in phases)

    @torch.no_grad()
    def probe(self) -> tuple[float, ...]:
        """On each evaluation subset."""
        phases = range(self._problem.newest + 1)
        with evaluating(self._net):
            return tuple(self._stream.test(each, self._net, self._problem, "probe") for each in phases)

    @torch.no_grad()
    def newest_score(self) -> float:
        """On the whole test set of the newest phase, without a check."""
        with evaluating(self._net):
            return self._stream.test(self._problem.newest, self._net, self._problem)

    @torch.no_grad()
    def path_loss(self) -> float:
        """Mean loss on the newest phase's training examples of the path-integral check."""
        batch = self._stream.drawn(self._problem.newest, PATH_EXAMPLES, "path")
        with evaluating(self._net):
            return self._problem.loss(self._net(batch.inputs), batch).item()
