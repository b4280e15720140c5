"""Tasks of your own: cl-tui run --benchmark my_tasks.py:tasks"""

import math

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset


def tasks():
    """Each task is a pair (train, test), and each of the two a pair of tensors (inputs, targets)."""
    for angle in (0, 30, 60):
        yield points(angle, 400), points(angle, 200)


def points(angle, count):
    """Points in the plane, and on which side of a line they lie."""
    inputs = torch.randn(count, 2)
    turn = math.radians(angle)
    labels = inputs @ torch.tensor([math.cos(turn), math.sin(turn)]) > 0
    return inputs, labels.long()


def named(seed):
    """A task may have a name and a validation set. Arrays and dicts work like tensors. ``seed`` is the run's."""
    random = np.random.default_rng(seed)

    def columns(classes, count):
        labels = random.choice(classes, count)
        pixels = random.integers(0, 128, (count, 8, 8)) + 12 * labels[:, None, None]
        return {"image": pixels.astype(np.uint8), "label": labels}

    for name, classes in (("even", [0, 2]), ("odd", [1, 3])):
        yield {
            "name": name,
            "train": columns(classes, 400),
            "validation": columns(classes, 100),
            "test": columns(classes, 200),
        }


class Signs(Dataset):
    """Any torch Dataset whose items are (input, target), or dicts such as {"input": …, "label": …}."""

    def __init__(self, first, count):
        self.first = first
        self.inputs = torch.randn(count, 5)

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, number):
        x = self.inputs[number]
        return x, self.first + int(x.sum() > 0)


def datasets():
    return [(Signs(first, 300), Signs(first, 100)) for first in (0, 2, 4)]


class Endless(IterableDataset):
    """A stream of data that never ends: --steps says how much of it is read."""

    def __init__(self, shift):
        self.shift = shift

    def __iter__(self):
        while True:
            x = torch.randn(3) + self.shift
            yield {"input": x, "target": int(x[0] > x[1])}


def streams():
    for shift in (0.0, 1.0):
        held = [(x := torch.randn(3) + shift, int(x[0] > x[1])) for _ in range(100)]
        yield Endless(shift), held


def curves():
    """Floats as targets make it a regression."""
    for frequency in (1.0, 2.0):
        x = torch.rand(300, 1) * 2 - 1
        y = torch.sin(3 * frequency * x)
        yield (x[:200], y[:200]), (x[200:], y[200:])
