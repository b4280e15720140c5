"""MNIST, as torchvision reads it from --data-dir."""

from pathlib import Path

from torch import Tensor

from engine.benchmarks import BENCHMARKS, files
from engine.benchmarks.task import DataSet, Examples, Task, class_order, permuted, split
from engine.benchmarks.torchvision_import import torchvision_datasets
from engine.config import RunConfig


def mnist(data_dir: Path) -> DataSet:
    """60,000 training and 10,000 test examples of 784 values in 0–1. Raises BenchmarkError."""
    files.check_mnist(data_dir)
    read = torchvision_datasets().MNIST

    def examples(train: bool) -> Examples:
        found = read(str(data_dir), train=train)
        images: Tensor = found.data
        return Examples(images.flatten(1).float() / 255, found.targets)

    return DataSet(examples(train=True), examples(train=False))


def split_mnist(config: RunConfig) -> list[Task]:
    data = mnist(Path(config.data_dir)).normalized(config.normalize)
    return split(data, class_order(config, BENCHMARKS["split-mnist"].classes), config.tasks)


def permuted_mnist(config: RunConfig) -> list[Task]:
    data = mnist(Path(config.data_dir)).normalized(config.normalize)
    return permuted(data, 10, config.tasks, config.seed)
