"""Scores of every phase: on whole test sets, or quickly (a probe) on an evaluation subset of each."""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.batch import Batch, examples_at_once
from engine.models.mode import evaluating
from engine.models.statistics import Statistics
from engine.problems.problem import Problem
from engine.record.score import score_info
from engine.streams.stream import Stream

PATH_EXAMPLES = 1000
"""Training examples on which the path-integral check measures the loss."""
See = Callable[[Tensor, Batch], None]


def _ignore(outputs: Tensor, batch: Batch) -> None:
    """Looks at no outputs."""


@dataclass
class Evaluator:
    """Measures one network on the phases up to the problem's newest."""

    net: nn.Module
    stream: Stream
    problem: Problem
    statistics: Statistics
    batch_size: int
    """Of the training."""
    check: Callable[[], None]
    """Called between batches of whole test sets; may raise."""

    def scores(self, ahead: bool = False, see: See | None = None) -> tuple[float, ...]:
        """On each whole test set; ``ahead``: also of the phases that have not begun. ``see`` gets the outputs."""
        seen = len(self.stream.phases) if ahead and self.problem.looks_ahead else self.problem.newest + 1
        return self._scores(range(seen), "test", self.check, see or _ignore)

    def probe(self, whole: Sequence[float] = (), see: See | None = None) -> tuple[float, ...]:
        """On each evaluation subset. ``whole``: what the whole test sets, which some subsets are, just gave. ``see``
        gets the outputs on the other subsets."""
        phases, count = range(self.problem.newest + 1), self.stream.count
        known = dict(enumerate(whole[: len(phases)]))
        smaller = [phase for phase in phases if phase not in known or count(phase, "probe") < count(phase, "test")]
        known |= dict(zip(smaller, self._scores(smaller, "probe", see=see or _ignore), strict=True))
        return tuple(known[phase] for phase in phases)

    def newest_choice(self) -> float:
        """For choices, where greater is better: the newest phase's score on its validation set, or on its test set if
        it has none; minus that if lower is better. No check."""
        newest = self.problem.newest
        score = self._scores([newest], "validation" if self.stream.count(newest, "validation") else "test")[0]
        if math.isnan(score):
            return -sys.float_info.max
        return score_info(self.problem.score).sign * score

    @torch.no_grad()
    def _scores(
        self, phases: Iterable[int], part: str, check: Callable[[], None] = lambda: None, see: See = _ignore
    ) -> tuple[float, ...]:
        found = []
        with evaluating(self.net):
            for phase in phases:
                with self.statistics.of(phase, self.problem.newest):
                    found.append(self.stream.test(phase, self.net, self.problem, part, check, see))
        return tuple(found)

    @torch.no_grad()
    def path_loss(self) -> float:
        """Mean loss on the newest phase's training examples of the path-integral check."""
        found = []
        size = examples_at_once(self.net, self.batch_size, PATH_EXAMPLES)
        with evaluating(self.net):
            for batch in self.stream.sampled(self.problem.newest, PATH_EXAMPLES, "path"):
                for part in batch.split(size):
                    found.append((self.problem.loss(self.net(part.inputs), part).item(), len(part)))
        if len(found) == 1:
            return found[0][0]
        return sum(loss * count for loss, count in found) / sum(count for _, count in found)
