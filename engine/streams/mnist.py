"""MNIST, in torchvision's layout in --data-dir."""

from pathlib import Path

import torch
from torch import Tensor

from engine.settings.run import RunConfig
from engine.streams import files
from engine.streams.examples import DataSet, Examples, ExampleStream


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


def stream(config: RunConfig) -> ExampleStream:
    return ExampleStream.of(config, mnist(Path(config.data_dir)))
