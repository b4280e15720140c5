"""Scores of every phase: on whole test sets, or quickly (a probe) on an evaluation subset of each."""

from collections.abc import Callable, Iterable

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
        return self._scores(range(self._problem.newest + 1), "test", self._check)

    def probe(self) -> tuple[float, ...]:
        """On each evaluation subset."""
        return self._scores(range(self._problem.newest + 1), "probe")

    def newest_score(self) -> float:
        """On the whole test set of the newest phase, without a check."""
        return self._scores([self._problem.newest], "test")[0]

    @torch.no_grad()
    def _scores(self, phases: Iterable[int], part: str, check: Callable[[], None] = lambda: None) -> tuple[float, ...]:
        with evaluating(self._net):
            return tuple(self._stream.test(phase, self._net, self._problem, part, check) for phase in phases)

    @torch.no_grad()
    def path_loss(self) -> float:
        """Mean loss on the newest phase's training examples of the path-integral check."""
        batch = self._stream.drawn(self._problem.newest, PATH_EXAMPLES, "path")
        with evaluating(self._net):
            return self._problem.loss(self._net(batch.inputs), batch).item()
