"""What a network answers for the test examples of each class, at a task's end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.batch import Batch
from engine.problems.problem import Problem
from engine.record.events import (
    CLASSES,
    CONFUSION,
    MOST_CLASSES,
    MOST_CONFUSED,
    WHOLE_ANSWERS,
    WHOLE_TARGETS,
    Measured,
    Packed,
    Scored,
)
from engine.streams.stream import Phase

MOST_WHOLE = 1 << 20
"""Most examples of whole test sets of whose answers each is told: those of 100 tasks of MNIST."""


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
    _mistakes: list[Tensor] = field(default_factory=list)
    """Of each example, as scores judge: 0 for the right answer, else the one that was given plus 1."""
    _targets: list[Tensor] = field(default_factory=list)

    @property
    def classes(self) -> int:
        """Of all phases so far."""
        return sum(phase.classes for phase in self.phases[: self.problem.newest + 1])

    def see(self, outputs: Tensor, batch: Batch) -> None:
        phase, targets = batch.task, batch.targets
        assert isinstance(phase, int)
        if phase > self.problem.newest:
            return
        for number, (way, found) in enumerate(self.problem.answers(outputs, batch).items()):
            right = found.given == targets + found.first
            if number == 0:
                self._mistakes.append((found.given + 1).masked_fill_(right, 0).short())
                self._targets.append(targets.short())
            rows = self.phases[phase].classes
            known = self.counted.setdefault(way, {})
            if phase not in known:
                told = rows if self.classes <= MOST_CONFUSED else 0
                zeros = targets.new_zeros
                known[phase] = Counted(zeros(rows, 2), zeros(told, found.competing))
            counted = known[phase]
            counted.right += _counts(targets, right, rows, 2)
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

    def examples(self, step: int, known: int) -> list[Packed]:
        """WHOLE_ANSWERS, and WHOLE_TARGETS without the first ``known``, which were told before; nothing for a problem
        without classes, or if there are too many examples."""
        count = sum(map(len, self._mistakes))
        if not 0 < count <= MOST_WHOLE or self.classes >= 1 << 15:
            return []
        told = ((WHOLE_ANSWERS, self._mistakes, 0), (WHOLE_TARGETS, self._targets, known))
        arrays = [(name, torch.cat(found)[start:].cpu().numpy()) for name, found, start in told]
        kind = "u1" if self.classes < 256 else "u2"
        return [Packed.of(step, self.problem.newest, name, of.astype(kind)) for name, of in arrays if len(of)]


def _share(counts: Sequence[int]) -> float | None:
    """Of right answers among wrong and right ones; None if there are none."""
    wrong, right = counts
    return right / (wrong + right) if wrong + right else None


def _counts(rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """How often each row and column go together, shape (height, width)."""
    return torch.bincount(rows * width + columns, minlength=height * width).view(height, width)
