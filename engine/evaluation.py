"""Accuracy on every task: whole test sets, or the fast probe."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from engine.benchmarks.task import Task
from engine.scenario import Outputs

BATCH = 4096
PROBE_EXAMPLES = 2000
"""Test examples that one probe looks at, over all seen tasks together."""


@torch.no_grad()
def accuracies(
    model: nn.Module, tasks: Sequence[Task], outputs: Outputs, newest: int, check: Callable[[], None] = lambda: None
) -> tuple[float, ...]:
    """Accuracy on the whole test set of each task up to ``newest``, as fractions.

    ``check`` is called between batches and may raise.
    """
    model.eval()
    found = []
    for number, task in enumerate(tasks[: newest + 1]):
        active, offset = outputs.active(number, newest), outputs.offset(number)
        right = 0
        for rows in torch.arange(len(task.test), device=task.test.labels.device).split(BATCH):
            check()
            inputs, labels = task.test.take(rows)
            right += _right(model(inputs)[:, active], labels + offset)
        found.append(right / len(task.test))
    model.train()
    return tuple(found)


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
