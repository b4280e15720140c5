"""MNIST, as torchvision lays it out in --data-dir."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.benchmarks import BENCHMARKS, files
from engine.benchmarks.task import DataSet, Examples, Task, class_order, permuted, split
from engine.config import RunConfig


def mnist(data_dir: Path) -> DataSet:
    """60,000 training and 10,000 test examples of 784 values in 0–1. Raises BenchmarkError.

    Read from the very files whose checksums fit: torchvision would prefer an older form of them, if it lies there.
    """
    files.check_mnist(data_dir)
    raw = data_dir / "MNIST" / "raw"

    def examples(part: str) -> Examples:
        images = _bytes(raw / f"{part}-images-idx3-ubyte", skip=16)
        return Examples(images.view(-1, 784).float() / 255, _bytes(raw / f"{part}-labels-idx1-ubyte", skip=8).long())

    return DataSet(examples("train"), examples("t10k"))


def _bytes(path: Path, skip: int) -> Tensor:
    """What stands after the head of an idx file. Shape (bytes,)."""
    return torch.from_numpy(np.fromfile(path, np.uint8, offset=skip))


def split_mnist(config: RunConfig) -> list[Task]:
    data = mnist(Path(config.data_dir)).normalized(config.normalize)
    return split(data, class_order(config, BENCHMARKS["split-mnist"].classes), config.tasks)


def permuted_mnist(config: RunConfig) -> list[Task]:
    data = mnist(Path(config.data_dir)).normalized(config.normalize)
    return permuted(data, 10, config.tasks, config.seed)
