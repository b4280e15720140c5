"""A task's data, and how a data set becomes a sequence of tasks."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.catalog.benchmarks import group_sizes
from engine.seeds import generator
from engine.settings.run import RunConfig


@dataclass(frozen=True)
class Examples:
    """``inputs`` of shape (N, features) as float32; ``labels`` of shape (N,) count the task's own classes from 0.

    ``order``, shape (features,), permutes the features when examples are taken, so all tasks of a permuted benchmark
    share one tensor.
    """

    inputs: Tensor
    labels: Tensor
    order: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and labels of ``rows``, shapes (len(rows), features) and (len(rows),)."""
        inputs = self.inputs.index_select(0, rows)
        return self._ordered(inputs), self.labels.index_select(0, rows)

    def all(self) -> tuple[Tensor, Tensor]:
        return self.first(len(self))

    def first(self, count: int) -> tuple[Tensor, Tensor]:
        return self._ordered(self.inputs[:count]), self.labels[:count]

    def _ordered(self, inputs: Tensor) -> Tensor:
        return inputs if self.order is None else inputs.index_select(1, self.order)

    def to(self, device: torch.device) -> "Examples":
        order = None if self.order is None else self.order.to(device)
        return Examples(self.inputs.to(device), self.labels.to(device), order)


@dataclass(frozen=True)
class Task:
    """One task of a benchmark."""

    name: str
    classes: int
    train: Examples
    test: Examples

    def to(self, device: torch.device) -> "Task":
        return Task(self.name, self.classes, self.train.to(device), self.test.to(device))


@dataclass(frozen=True)
class DataSet:
    """All examples of a data set, from which benchmarks are built; labels are those of the data set."""

    train: Examples
    test: Examples

    def normalized(self, mean_and_deviation: tuple[float, float] | None) -> "DataSet":
        """Inputs minus the mean, divided by the standard deviation; unchanged if neither is given."""
        if mean_and_deviation is None:
            return self
        mean, deviation = mean_and_deviation
        return DataSet(
            Examples((self.train.inputs - mean) / deviation, self.train.labels),
            Examples((self.test.inputs - mean) / deviation, self.test.labels),
        )


def content(tasks: Sequence[Task]) -> str:
    """A digest of all the tasks' data. Tensors that tasks share are read once."""
    known: dict[int, str] = {}
    found = []
    for task in tasks:
        for part in (task.train, task.test):
            for tensor in (part.inputs, part.labels, part.order):
                if tensor is None:
                    found.append("none")
                    continue
                if tensor.data_ptr() not in known:
                    known[tensor.data_ptr()] = digest_of(tensor)
                found.append(known[tensor.data_ptr()])
    return hashlib.sha256(" ".join(found).encode()).hexdigest()[:32]


def digest_of(tensor: Tensor) -> str:
    digest = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(tensor.flatten().cpu().numpy().data)
    return digest.hexdigest()[:32]


def class_order(config: RunConfig, classes: Sequence[int]) -> Sequence[int]:
    """The benchmark's ``classes`` in the order that the configuration asks for."""
    if config.class_order == "random":
        shuffled = torch.randperm(len(classes), generator=generator(config.seed, "classes"))
        return [classes[place] for place in shuffled.tolist()]
    return config.class_order or classes


def split(data: DataSet, classes: Sequence[int], tasks: int) -> list[Task]:
    """Splits ``classes``, in order, into ``tasks`` groups as evenly as possible, larger groups first."""
    cut = []
    start = 0
    for size in group_sizes(len(classes), tasks):
        group = list(classes[start : start + size])
        start += size
        name = " ".join(map(str, group))
        cut.append(Task(name, len(group), _of_classes(data.train, group), _of_classes(data.test, group)))
    return cut


def _of_classes(examples: Examples, group: list[int]) -> Examples:
    own_label = torch.full((int(examples.labels.max()) + 1,), -1)
    own_label[group] = torch.arange(len(group))
    labels = own_label[examples.labels]
    rows = (labels >= 0).nonzero().squeeze(1)
    return Examples(examples.inputs[rows], labels[rows])


def permuted(data: DataSet, classes: int, tasks: int, seed: int) -> list[Task]:
    """Every task has all classes; the first keeps the order of the features, each later task permutes them."""
    features = data.train.inputs.shape[1]
    made = []
    for number in range(tasks):
        order = torch.randperm(features, generator=generator(seed, "features", number)) if number else None
        train = Examples(data.train.inputs, data.train.labels, order)
        made.append(Task(f"order {number + 1}", classes, train, Examples(data.test.inputs, data.test.labels, order)))
    return made
