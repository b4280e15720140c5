"""What a task is trained on: the number of steps, the batches, and the loss on each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.problems.outputs import Outputs
from engine.seeds import generator
from engine.settings.run import FirstTask, RunConfig
from engine.streams.examples import Task


@dataclass(frozen=True)
class Schedule:
    """How long, and in what batches, one task is trained."""

    examples: int
    batch_size: int
    steps: int
    lr: float

    @classmethod
    def of(cls, config: RunConfig, number: int, examples: int) -> "Schedule":
        """The schedule of task ``number``, counted from 0, trained on ``examples`` examples."""
        first = config.first_task if number == 0 and config.first_task else FirstTask()
        batch_size, epochs = first.batch_size or config.batch_size, first.epochs or config.epochs
        steps = config.steps if epochs is None else math.ceil(examples / batch_size) * epochs
        assert steps is not None
        return cls(examples, batch_size, steps, first.lr or config.lr)

    @property
    def steps_in_epoch(self) -> int:
        return math.ceil(self.examples / self.batch_size)


class Feed:
    """Every task's batches: slices of a permutation that depends only on (seed, task, epoch)."""

    def __init__(self, config: RunConfig, tasks: Sequence[Task], outputs: Outputs, replays: bool) -> None:
        """``replays``: whether a task is trained on the data of all tasks so far."""
        self._seed = config.seed
        self._tasks = tasks
        self._outputs = outputs
        self._replays = replays
        sizes = [len(task.train) for task in tasks]
        self.schedules = [
            Schedule.of(config, number, sum(sizes[: number + 1]) if replays else size)
            for number, size in enumerate(sizes)
        ]
        self._order = torch.empty(0, dtype=torch.int64)
        """The rows of one epoch, in training order."""
        self._order_of: tuple[int, int] | None = None
        """The (task, epoch) of ``_order``."""

    def loss(self, model: nn.Module, task: int, step: int) -> Tensor:
        """Mean cross entropy of ``model`` on the batch of ``step``, counted from 0 within the task. Shape ()."""
        rows = self._rows(task, step)
        if self._replays:
            return self._replayed_loss(model, task, rows)
        inputs, labels = self._tasks[task].train.take(rows)
        active, offset = self._outputs.active(task, task), self._outputs.offset(task)
        return cross_entropy(model(inputs)[:, active], labels + offset if offset else labels)

    def _replayed_loss(self, model: nn.Module, task: int, rows: Tensor) -> Tensor:
        """Like ``loss``; ``rows`` index the examples of all tasks so far, each judged among its own task's outputs."""
        parts = []
        for seen in self._tasks[: task + 1]:
            parts.append(seen.train.take(rows[(rows >= 0) & (rows < len(seen.train))]))
            rows = rows - len(seen.train)
        counts = [len(labels) for _, labels in parts]
        logits = model(torch.cat([inputs for inputs, _ in parts])).split(counts)
        losses = [
            cross_entropy(
                logits[seen][:, self._outputs.active(seen, task)], labels + self._outputs.offset(seen), reduction="sum"
            )
            for seen, (_, labels) in enumerate(parts)
        ]
        return torch.stack(losses).sum() / sum(counts)

    def _rows(self, task: int, step: int) -> Tensor:
        schedule = self.schedules[task]
        epoch, batch = divmod(step, schedule.steps_in_epoch)
        if self._order_of != (task, epoch):
            random = generator(self._seed, "order", task, epoch)
            order = torch.randperm(schedule.examples, generator=random)
            self._order = order.to(self._tasks[task].train.labels.device)
            self._order_of = (task, epoch)
        return self._order[batch * schedule.batch_size : (batch + 1) * schedule.batch_size]
