"""Accuracy on every task: on whole test sets, or quickly (a probe) on an evaluation subset of each.

As in De Lange et al. 2023, "Continual evaluation for lifelong learning": the subset is the same for the whole run, so
two probes differ only if the network does.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.problems.outputs import Outputs
from engine.seeds import generator
from engine.streams.examples import Task

BATCH = 4096
PROBE_EXAMPLES = 3000
"""Test examples in a probe during the last task, over all tasks together."""
FEWEST_EXAMPLES = 16
"""Smallest evaluation subset of a task, however many tasks there are."""
PATH_EXAMPLES = 1000
"""Training examples on which the path-integral check measures the loss."""


class Evaluator:
    """Measures one network on a run's tasks."""

    def __init__(
        self, model: nn.Module, tasks: Sequence[Task], outputs: Outputs, seed: int, check: Callable[[], None]
    ) -> None:
        """``check`` is called between batches of whole test sets and may raise."""
        self._model = model
        self._tasks = tasks
        self._outputs = outputs
        self._seed = seed
        self._check = check
        self.subsets = evaluation_subsets(tasks, seed)
        self._probe: tuple[int, Probe] | None = None
        """The probe of the newest task: its inputs are gathered once."""

    def accuracies(self, newest: int) -> tuple[float, ...]:
        """Accuracy on the whole test set of each task up to ``newest``, as fractions."""
        return accuracies(self._model, self._tasks, self._outputs, newest, self._check)

    def own_accuracy(self, task: int) -> float:
        """Accuracy on the whole test set of ``task`` while it is trained, as a fraction."""
        return accuracy(self._model, self._tasks, self._outputs, task, task)

    def probe(self, newest: int) -> tuple[float, ...]:
        """Accuracy on the evaluation subset of each task up to ``newest``, as fractions."""
        if self._probe is None or self._probe[0] != newest:
            self._probe = newest, Probe(self._tasks, self.subsets, self._outputs, newest)
        return self._probe[1](self._model)

    def path_loss(self, task: int) -> float:
        """Mean loss on the training examples of the path-integral check."""
        train = self._tasks[task].train
        rows = torch.randperm(len(train), generator=generator(self._seed, "path", task))[:PATH_EXAMPLES]
        inputs, labels = train.take(rows.to(train.labels.device))
        active = self._outputs.active(task, task)
        return mean_loss(self._model, inputs, labels + self._outputs.offset(task), active)


def accuracies(
    model: nn.Module, tasks: Sequence[Task], outputs: Outputs, newest: int, check: Callable[[], None] = lambda: None
) -> tuple[float, ...]:
    """Accuracy on the whole test set of each task up to ``newest``, as fractions.

    ``check`` is called between batches and may raise.
    """
    return tuple(accuracy(model, tasks, outputs, number, newest, check) for number in range(newest + 1))


@torch.no_grad()
def accuracy(
    model: nn.Module,
    tasks: Sequence[Task],
    outputs: Outputs,
    number: int,
    newest: int,
    check: Callable[[], None] = lambda: None,
) -> float:
    """Accuracy on the whole test set of task ``number`` once ``newest`` is the last task seen, as a fraction."""
    model.eval()
    test, active, offset = tasks[number].test, outputs.active(number, newest), outputs.offset(number)
    right = 0
    for rows in torch.arange(len(test), device=test.labels.device).split(BATCH):
        check()
        inputs, labels = test.take(rows)
        right += _right(model(inputs)[:, active], labels + offset)
    model.train()
    return right / len(test)


@torch.no_grad()
def mean_loss(model: nn.Module, inputs: Tensor, labels: Tensor, active: slice) -> float:
    """Mean cross entropy in nats over the ``active`` outputs; ``inputs`` (N, features), ``labels`` (N,) indices among
    them."""
    model.eval()
    loss = cross_entropy(model(inputs)[:, active], labels).item()
    model.train()
    return loss


def evaluation_subsets(tasks: Sequence[Task], seed: int) -> list[Tensor]:
    """Rows of each task's test set: equally many of each class, drawn once from ``seed``; all rows of a small test set.

    Their number depends only on the number of planned tasks, so the subsets are the same throughout the run.
    """
    share = max(FEWEST_EXAMPLES, PROBE_EXAMPLES // len(tasks))
    return [_subset(task, share, generator(seed, "evaluation subset", number)) for number, task in enumerate(tasks)]


def _subset(task: Task, share: int, random: torch.Generator) -> Tensor:
    """At most ``share`` rows, or one of each class if that is more, in ascending order."""
    labels = task.test.labels
    if len(labels) <= share:
        return torch.arange(len(labels), device=labels.device)
    each = max(1, share // task.classes)
    shuffled = torch.randperm(len(labels), generator=random).to(labels.device)
    of_class: Iterator[Tensor] = (shuffled[labels[shuffled] == label][:each] for label in range(task.classes))
    return torch.cat(list(of_class)).sort().values


class Probe:
    """Fast evaluation of all tasks seen while ``newest`` is trained: one forward pass over the evaluation subsets."""

    def __init__(self, tasks: Sequence[Task], subsets: Sequence[Tensor], outputs: Outputs, newest: int) -> None:
        taken = [task.test.take(rows) for task, rows in zip(tasks[: newest + 1], subsets, strict=False)]
        self._inputs = torch.cat([inputs for inputs, _ in taken])
        self._labels = [labels + outputs.offset(number) for number, (_, labels) in enumerate(taken)]
        self._active = [outputs.active(number, newest) for number in range(newest + 1)]

    @torch.no_grad()
    def __call__(self, model: nn.Module) -> tuple[float, ...]:
        """Accuracy on each seen task, as fractions."""
        model.eval()
        parts = model(self._inputs).split([len(labels) for labels in self._labels])
        model.train()
        return tuple(
            _right(logits[:, active], labels) / len(labels)
            for logits, active, labels in zip(parts, self._active, self._labels, strict=True)
        )


def _right(logits: Tensor, labels: Tensor) -> int:
    return int((logits.argmax(1) == labels).sum().item())
