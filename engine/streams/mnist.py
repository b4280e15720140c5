"""MNIST, in torchvision's layout in --data-dir."""

from pathlib import Path

import torch
from torch import Tensor

from engine.catalog.benchmarks import BENCHMARKS
from engine.settings.run import RunConfig
from engine.streams import files
from engine.streams.examples import DataSet, Examples, ExampleStream, class_order, permuted, split


def mnist(data_dir: Path) -> DataSet:
    """60,000 training and 10,000 test examples of 784 values in 0–1. Raises BenchmarkError.

    Reads exactly the files whose checksums were verified; torchvision would prefer an older format if it is present.
    """
    content = files.read_mnist(data_dir)

    def values(name: str, head: int) -> Tensor:
        """The bytes after the header of an idx file. Shape (bytes,)."""
        return torch.frombuffer(bytearray(content[name]), dtype=torch.uint8, offset=head)

    def examples(part: str) -> Examples:
        images = values(f"{part}-images-idx3-ubyte", head=16).view(-1, 784).float() / 255
        return Examples(images, values(f"{part}-labels-idx1-ubyte", head=8).long())

    return DataSet(examples("train"), examples("t10k"))


def split_mnist(config: RunConfig) -> ExampleStream:
    data = mnist(Path(config.data_dir)).normalized(config.normalize)
    info = BENCHMARKS["split-mnist"]
    return ExampleStream(config, split(data, class_order(config, info.classes), config.tasks), info.inputs)


def permuted_mnist(config: RunConfig) -> ExampleStream:
    data = mnist(Path(config.data_dir)).normalized(config.normalize)
    tasks = permuted(data, 10, config.tasks, config.seed)
    return ExampleStream(config, tasks, BENCHMARKS["permuted-mnist"].inputs)
