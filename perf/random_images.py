"""A benchmark of random images, for measuring without data: 32×32 pixels in colour, ten classes a task."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.entries import BenchmarkInfo
from engine.seeds import generator
from engine.settings.run import RunConfig
from engine.streams.examples import DataSet, Examples, ExampleStream
from engine.streams.pixels import Pixels

NAME = "random-images"
TASKS, CLASSES, SHAPE = 2, 10, (3, 32, 32)
BATCHES = 10
"""Of an epoch."""
TESTED = 100
"""Test images of each class."""


def count(batch_size: int) -> int:
    """Of all images."""
    return TASKS * BATCHES * batch_size


def labels(count: int) -> Tensor:
    return torch.arange(count) % (TASKS * CLASSES)


def pixels(config: RunConfig) -> np.ndarray | Tensor:
    """The file of that name in the folder of the data, mapped; else drawn in memory."""
    shape = (count(config.batch_size), *SHAPE)
    if (path := Path(config.data_dir, NAME)).exists():
        return np.memmap(path, np.uint8, "r", shape=shape)
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator(0, NAME))


def stream(config: RunConfig) -> ExampleStream:
    found = Pixels(pixels(config))
    examples = Examples(found, labels(len(found)))
    few = torch.arange(min(len(found), TASKS * CLASSES * TESTED))
    return ExampleStream.of(config, DataSet(examples, examples.subset(few)))


@contextmanager
def registered() -> Iterator[None]:
    BENCHMARKS[NAME] = BenchmarkInfo(
        name=NAME,
        title="Random images",
        source="drawn at random",
        classes=tuple(range(TASKS * CLASSES)),
        inputs=SHAPE,
        default_tasks=TASKS,
        most_tasks=TASKS,
        scenario="task",
        defaults={"epochs": 1, "batch_size": 256, "lr": 1e-3, "optimizer": "adam", "reset_optimizer": True},
        strengths={"si": 0.1, "ewc": 100.0, "mas": 0.1, "l2": 0.1, "rwalk": 0.1},
        code="perf.random_images:stream",
    )
    try:
        yield
    finally:
        del BENCHMARKS[NAME]
