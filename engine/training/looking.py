"""The examples of each task that people look at, and what the network answers for them."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.batch import Batch
from engine.problems.problem import Problem
from engine.record.events import ANSWERS, Packed
from engine.record.shown import EXAMPLES, MOST_BYTES, Shown, ShownTask
from engine.streams.looked_at import smaller
from engine.streams.stream import Phase, Pictured, Stream

SIDES = (64, 48, 32, 28, 24, 20, 16, 12, 8)
"""Longest sides that pictures may have: the first with which all fit in MOST_BYTES."""
MOST_TOLD = 4096
"""Most examples whose answers are told at a probe; those of more, in hundreds of tasks, only at tasks' ends."""
MOST_NUMBERS = 1 << 14
"""Most numbers that are told of a regression's answers."""


class Looking:
    """Looks at the network's outputs for the shown examples while evaluation subsets, or whole test sets, are tested.
    Costs no pass of the network and no draw."""

    def __init__(self, stream: Stream, problem: Problem) -> None:
        self._problem = problem
        self._phases = stream.phases
        found = [stream.picture(phase, EXAMPLES) for phase in range(len(stream.phases))]
        self._pictured = [of for of in found if of is not None] if None not in found else []
        self._targets = [of.targets for of in self._pictured]
        self._whole = False
        self._seen: dict[int, int] = defaultdict(int)
        """How many examples of each phase."""
        self._kept: dict[int, list[Tensor]] = defaultdict(list)
        """The outputs that count for the shown examples of each phase."""
        self._known: list[np.ndarray] = []
        """What ``_rights`` has found."""
        self._rows: dict[tuple[int, bool, int], Tensor] = {}

    def shown(self, together: bool) -> Shown | None:
        """``together``: whether the classes of all tasks compete."""
        return shown_of(self._pictured, self._phases, together) if self._pictured else None

    def begin(self, whole: bool) -> None:
        """``whole``: the test sets are tested as a whole now, not the evaluation subsets."""
        self._whole = whole
        self._seen.clear()
        self._kept.clear()

    def see(self, outputs: Tensor, batch: Batch) -> None:
        phase = batch.task
        assert isinstance(phase, int)
        if not self._pictured or phase > self._problem.newest:
            return
        start = self._seen[phase]
        self._seen[phase] += len(batch)
        rows = self._rows_within(phase, start, len(batch), outputs.device)
        if len(rows):
            found = self._problem.competing(outputs, phase)
            told = self._problem.predicted(outputs, phase) if found is None else found[0]
            if told is not None:
                self._kept[phase].append(told if len(rows) == len(told) else told.index_select(0, rows))

    def _rows_within(self, phase: int, start: int, count: int, device: torch.device) -> Tensor:
        """The shown ones among the ``count`` examples from ``start`` on."""
        key = phase, self._whole, start
        if key not in self._rows:
            of = self._pictured[phase]
            places = of.places if self._whole else of.rows
            self._rows[key] = (places[(places >= start) & (places < start + count)] - start).to(device)
        return self._rows[key]

    def answers(self, step: int) -> list[Packed]:
        """What was seen since ``begin``; nothing where an example was not seen, or there are too many."""
        newest = self._problem.newest
        count = sum(map(len, self._targets[: newest + 1]))
        if not count or sum(len(of) for kept in self._kept.values() for of in kept) != count:
            return []
        if count > MOST_TOLD and not self._whole:
            return []
        outputs = [torch.cat(self._kept[phase]) for phase in range(newest + 1)]
        array = self._classes(outputs) if self._targets[0].dim() == 1 else _numbers(outputs)
        return [] if array is None else [Packed.of(step, newest, ANSWERS, array)]

    def _classes(self, outputs: Sequence[Tensor]) -> np.ndarray:
        """The class that was answered, and 255 times the probabilities of the right one and of that one. With numpy,
        which takes half of torch's time for so few numbers."""
        rights = self._rights(outputs)
        if len({of.shape[1] for of in outputs}) == 1:  # all at once
            outputs, rights = [torch.cat(list(outputs))], [np.concatenate(rights)]
        most = max(of.shape[1] for of in outputs)
        told = np.empty((3, sum(map(len, outputs))), "u1" if most <= 256 else "u2")
        end = 0
        for of, right in zip(outputs, rights, strict=True):
            logits = of.float().cpu().numpy()
            rows = np.arange(len(logits))
            given = logits.argmax(1)
            shares = np.exp(logits - logits[rows, given][:, None])
            parts = 255 / shares.sum(1)
            part = told[:, end : (end := end + len(logits))]
            part[0] = given
            part[1] = np.nan_to_num(shares[rows, right] * parts + 0.5)
            part[2] = np.nan_to_num(parts + 0.5)
        return told

    def _rights(self, outputs: Sequence[Tensor]) -> list[np.ndarray]:
        """The place of the right class among those that compete, for the examples of each phase. Shape (N,)."""
        for phase in range(len(self._known), len(outputs)):
            found = self._problem.competing(outputs[phase], phase)
            self._known.append(self._targets[phase].numpy() + (found[1] if found else 0))
        return self._known[: len(outputs)]


def _numbers(outputs: Sequence[Tensor]) -> np.ndarray | None:
    if len({of.shape[1] for of in outputs}) != 1 or sum(of.numel() for of in outputs) > MOST_NUMBERS:
        return None
    found: np.ndarray = torch.cat(list(outputs)).float().cpu().numpy()
    return found


def shown_of(pictured: Sequence[Pictured], phases: Sequence[Phase], together: bool) -> Shown:
    pictures = _fitting([of.pictures for of in pictured if of.pictures is not None])
    made = []
    for number, (of, phase) in enumerate(zip(pictured, phases, strict=True)):
        made.append(
            ShownTask(
                pictures=pictures[number].permute(0, 2, 3, 1).contiguous().numpy() if pictures else None,
                numbers=None if of.numbers is None else of.numbers.numpy(),
                targets=of.targets.numpy().astype("i4" if of.targets.dim() == 1 else "f4"),
                names=phase.class_names if of.targets.dim() == 1 else (),
                places=of.places.numpy(),
            )
        )
    return Shown(tuple(made), together)


def _fitting(pictures: list[Tensor]) -> list[Tensor]:
    """Made smaller until they fit in MOST_BYTES together."""
    for side in SIDES:
        made = [smaller(of, side) for of in pictures]
        if sum(of.numel() for of in made) <= MOST_BYTES:
            break
    return made
