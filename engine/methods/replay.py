"""Experience replay (Chaudhry et al. 2019): a step descends the mean loss over its batch and examples from a buffer.

The buffer changes between tasks. reservoir: every example of all tasks so far is in it with the same probability
(Vitter 1985, algorithm R). balanced: equally many of each class; what a small class leaves free goes to the others.

It holds numbers of rows: the stream gives the examples again, augmented as those of the task are.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.batch import Batch
from engine.catalog.methods.replay import ReplayOptions
from engine.methods.base import Method
from engine.seeds import generator
from engine.streams.stream import Stream


@dataclass
class Buffer:
    """On the CPU."""

    rows: Tensor
    """Places among the training examples of all tasks, one task's after another. Shape (N,)."""
    filled: Tensor
    """How many are there. Shape ()."""
    tasks: Tensor
    """From how many tasks they were chosen. Shape ()."""


class ExperienceReplay(Method):
    options: ReplayOptions
    state: Buffer

    def use(self, net: nn.Module, stream: Stream) -> None:
        self._stream = stream

    def start(self, theta: Tensor) -> None:
        rows = torch.zeros(self.options.buffer, dtype=torch.int64)
        self.state = Buffer(rows, torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.int64))

    def batch(self, batch: Batch, step: int) -> Batch:
        assert isinstance(batch.task, int)
        while self.state.tasks < batch.task:  # after a fork from another method, all at once
            self._take(int(self.state.tasks))
        filled = int(self.state.filled)
        if not filled:
            return batch
        size = self.options.replay_batch or self.config.batch_size
        drawn = torch.randperm(filled, generator=generator(self.config.seed, "replay", step))[:size]
        old = self._stream.recall(self.state.rows[drawn].sort().values, step)
        assert isinstance(old.task, Tensor)
        return Batch(
            torch.cat([old.inputs, batch.inputs]),
            torch.cat([old.targets, batch.targets]),
            torch.cat([old.task, old.task.new_full((len(batch),), batch.task)]),
        )

    def _take(self, task: int) -> None:
        """Chooses again, now also from the examples of ``task``."""
        state, seed, size = self.state, self.config.seed, self.options.buffer
        counts = [self._stream.count(earlier, "train") for earlier in range(task + 1)]
        if self.options.buffer_choice == "reservoir":
            rows = reservoir(state.rows, int(state.filled), sum(counts[:-1]), counts[-1], seed, task)
        else:
            rows = balanced([self._stream.targets(earlier).cpu() for earlier in range(task + 1)], size, seed)
        state.filled.fill_(len(rows))
        state.rows[: len(rows)] = rows
        state.tasks.fill_(task + 1)


def reservoir(rows: Tensor, filled: int, seen: int, more: int, seed: int, task: int) -> Tensor:
    """The buffer ``rows`` of which ``filled`` are a sample of ``seen`` examples, after ``more`` have come.

    >>> reservoir(torch.zeros(3, dtype=torch.int64), 0, seen=0, more=2, seed=0, task=0)
    tensor([0, 1])
    """
    found = rows.clone()
    places = seen + torch.arange(more)
    random = torch.rand(more, dtype=torch.float64, generator=generator(seed, "reservoir", task))
    slots = torch.where(places < len(rows), places, (random * (places + 1)).long())
    taken = slots < len(rows)
    for slot, place in zip(slots[taken].tolist(), places[taken].tolist(), strict=True):
        found[slot] = place  # in order: a later example takes the place of an earlier one
    return found[: min(seen + more, len(rows))]


def balanced(targets: Sequence[Tensor], size: int, seed: int) -> Tensor:
    """At most ``size`` examples of tasks with these ``targets``, as equally many of each class as there are, or of each
    task where targets are numbers. Those of a class are the first of an order that never changes: what is dropped never
    comes back.

    >>> balanced([torch.tensor([0, 0, 0, 1])], size=3, seed=0)
    tensor([2, 0, 3])
    """
    groups: list[Tensor] = []
    start = 0
    for task, of in enumerate(targets):
        labels = of if of.dim() == 1 else torch.zeros(len(of), dtype=torch.int64)
        for label in labels.unique().tolist():
            own = (labels == label).nonzero().squeeze(1)
            order = torch.randperm(len(own), generator=generator(seed, "balanced buffer", task, label))
            groups.append(start + own[order])
        start += len(of)
    return torch.cat([group[:share] for group, share in zip(groups, shares([*map(len, groups)], size), strict=True)])


def shares(counts: Sequence[int], size: int) -> list[int]:
    """As equal as the ``counts`` allow, ``size`` in all if there are so many; the first get what is left over.

    >>> shares([100, 100, 100], 8), shares([100, 1, 100], 9), shares([2, 1], 9)
    ([3, 3, 2], [4, 1, 4], [2, 1])
    """
    levels = range(max(counts) + 1)
    level = bisect_right(levels, size, key=lambda most: sum(min(count, most) for count in counts)) - 1
    found = [min(count, level) for count in counts]
    left = min(size, sum(counts)) - sum(found)
    for place in [place for place, count in enumerate(counts) if count > level][:left]:
        found[place] += 1
    return found
