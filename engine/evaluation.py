"""Accuracy on every task: whole test sets, or the fast probe."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.benchmarks.task import Task
from engine.scenario import Outputs

BATCH = 4096
PROBE_EXAMPLES = 2000
"""Test examples that one probe looks at, over all seen tasks together."""


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
    """Mean cross entropy among the ``active`` outputs; ``inputs`` (N, features), ``labels`` (N,) places among them."""
    model.eval()
    loss = cross_entropy(model(inputs)[:, active], labels).item()
    model.train()
    return loss


class Probe:
    """The fast look at all tasks seen while ``newest`` is trained: one forward pass over a part of each test set."""

    def __init__(self, tasks: Sequence[Task], outputs: Outputs, newest: int) -> None:
        share = max(16, PROBE_EXAMPLES // (newest + 1))
        taken = [task.test.first(share) for task in tasks[: newest + 1]]
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
