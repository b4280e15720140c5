"""What a network answers for the test examples of each class, at a task's end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.batch import Batch
from engine.problems.problem import Problem
from engine.record.events import CLASSES, CONFUSION, MOST_CLASSES, MOST_CONFUSED, Measured, Scored
from engine.streams.stream import Phase


@dataclass
class Counted:
    """The answers for the test examples of one phase, in one way of judging."""

    right: Tensor
    """How many examples of each class got a wrong and a right answer. Shape (classes, 2)."""
    answers: Tensor
    """How many got each answer, shape (classes, competing outputs); without a row if there are too many classes."""


@dataclass
class Tally:
    """Counts answers while the phases up to the problem's newest are tested."""

    problem: Problem
    phases: Sequence[Phase]
    counted: dict[str, dict[int, Counted]] = field(default_factory=dict)
    """By the way of judging and the phase."""

    @property
    def classes(self) -> int:
        """Of all phases so far."""
        return sum(phase.classes for phase in self.phases[: self.problem.newest + 1])

    def see(self, outputs: Tensor, batch: Batch) -> None:
        phase, targets = batch.task, batch.targets
        assert isinstance(phase, int)
        if phase > self.problem.newest:
            return
        for way, found in self.problem.answers(outputs, batch).items():
            rows = self.phases[phase].classes
            known = self.counted.setdefault(way, {})
            if phase not in known:
                told = rows if self.classes <= MOST_CONFUSED else 0
                zeros = targets.new_zeros
                known[phase] = Counted(zeros(rows, 2), zeros(told, found.competing))
            counted = known[phase]
            counted.right += _counts(targets, found.given == targets + found.first, rows, 2)
            if len(counted.answers):
                counted.answers += _counts(targets, found.given, rows, found.competing)

    def events(self, step: int) -> list[Scored | Measured]:
        """The scores in the ways in which the problem does not judge, the accuracy of each class, and confusions."""
        newest, made = self.problem.newest, list[Scored | Measured]()
        for number, (way, by_phase) in enumerate(self.counted.items()):
            parts = [by_phase[phase] for phase in range(newest + 1)]
            if number:
                scores = tuple(_share(part.right.sum(0).tolist()) for part in parts)
                made.append(Scored(step, newest, way, scores))
            elif self.classes <= MOST_CLASSES:
                names = [name for phase in self.phases[: newest + 1] for name in phase.class_names]
                shares = map(_share, torch.cat([part.right for part in parts]).tolist())
                made.append(Measured(step, newest, CLASSES, tuple(shares), tuple(names)))
            if self.classes <= MOST_CONFUSED:
                counts = torch.cat([part.answers.flatten() for part in parts]).tolist()
                made.append(Measured(step, newest, f"{way} {CONFUSION}".lstrip(), tuple(counts)))
        return made


def _share(counts: Sequence[int]) -> float | None:
    """Of right answers among wrong and right ones; None if there are none."""
    wrong, right = counts
    return right / (wrong + right) if wrong + right else None


def _counts(rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """How often each row and column go together, shape (height, width)."""
    return torch.bincount(rows * width + columns, minlength=height * width).view(height, width)
