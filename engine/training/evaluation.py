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

    def scores(self) -> tuple[float, ...]:
        """On each whole test set."""
        return tuple(self._score(phase, "test", self._check) for phase in range(self._problem.newest + 1))

    def probe(self) -> tuple[float, ...]:
        """On each evaluation subset."""
        return tuple(self._score(phase, "probe") for phase in range(self._problem.newest + 1))

    def newest_score(self) -> float:
        """On the whole test set of the newest phase, without a check."""
        return self._score(self._problem.newest, "test")

    @torch.no_grad()
    def _score(self, phase: int, part: str, check: Callable[[], None] = lambda: None) -> float:
        with evaluating(self._net):
            return self._stream.test(phase, self._net, self._problem, part, check)

    @torch.no_grad()
    def path_loss(self) -> float:
        """Mean loss on the newest phase's training examples of the path-integral check."""
        batch = self._stream.drawn(self._problem.newest, PATH_EXAMPLES, "path")
        with evaluating(self._net):
            return self._problem.loss(self._net(batch.inputs), batch).item()
