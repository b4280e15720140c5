"""A batch of examples: what a stream gives, a network is shown, and a problem judges."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(slots=True)
class Batch:
    inputs: Tensor
    """Shape (N, …)."""
    targets: Tensor
    """Classes, shape (N,), which count the task's own from 0, or numbers, shape (N, D). Empty where unknown."""
    task: int | Tensor
    """The task of all examples, or of each: shape (N,), ascending."""

    def __len__(self) -> int:
        return len(self.inputs)

    def split(self, size: int) -> Iterator["Batch"]:
        """The same examples in batches of at most ``size``."""
        for number, inputs in enumerate(self.inputs.split(size)):
            rows = slice(number * size, (number + 1) * size)
            yield Batch(inputs, self.targets[rows], self.task if isinstance(self.task, int) else self.task[rows])


def convolutional(net: nn.Module) -> bool:
    """Whether an example costs far more time and memory than its size and the parameters tell."""
    return any(isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) for module in net.modules())


def examples_at_once(net: nn.Module, batch_size: int, most: int) -> int:
    """For a pass without gradients: ``most``; of a convolutional network, not more than a training step's
    ``batch_size``."""
    return min(most, max(32, batch_size)) if convolutional(net) else most
