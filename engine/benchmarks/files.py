"""The files of the data sets that are not part of a package: found, checked, downloaded. No torch but to download."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BenchmarkError, first_line


@dataclass(frozen=True)
class DataFile:
    """A file as torchvision keeps it, unpacked."""

    name: str
    size: int
    """Bytes."""
    md5: str


MNIST_FILES = (
    DataFile("train-images-idx3-ubyte", 47_040_016, "6bbc9ace898e44ae57da46a324031adb"),
    DataFile("train-labels-idx1-ubyte", 60_008, "a25bea736e30d166cdddb491f175f624"),
    DataFile("t10k-images-idx3-ubyte", 7_840_016, "2646ac647ad5339dbf082846283269ea"),
    DataFile("t10k-labels-idx1-ubyte", 10_008, "27ae3e4e09519cfbb04c329615203637"),
)


def prepare_mnist(data_dir: Path) -> None:
    """Raises BenchmarkError when MNIST is incomplete under ``data_dir`` and cannot be downloaded."""
    raw = data_dir / "MNIST" / "raw"
    if not any((raw / file.name).exists() for file in MNIST_FILES):
        _download_mnist(data_dir)
    for file in MNIST_FILES:
        _check_size(raw, file)


def check_mnist(data_dir: Path) -> None:
    """The whole content, by its checksums. Raises BenchmarkError."""
    raw = data_dir / "MNIST" / "raw"
    for file in MNIST_FILES:
        _check_size(raw, file)
        if hashlib.md5((raw / file.name).read_bytes(), usedforsecurity=False).hexdigest() != file.md5:
            raise BenchmarkError(
                f"{raw / file.name} is damaged (wrong checksum): delete {raw}; it is then downloaded anew"
            )


def _check_size(raw: Path, file: DataFile) -> None:
    path = raw / file.name
    try:
        size = path.stat().st_size
    except OSError:
        raise BenchmarkError(
            f"MNIST is incomplete: {path} is missing; delete {raw}; it is then downloaded anew"
        ) from None
    if size != file.size:
        raise BenchmarkError(
            f"{path} is cut or damaged ({size:,} bytes instead of {file.size:,}): "
            f"delete {raw}; it is then downloaded anew"
        )


def _download_mnist(data_dir: Path) -> None:
    from engine.benchmarks.torchvision_import import torchvision_datasets

    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        torchvision_datasets().MNIST(str(data_dir), download=True)
    except (OSError, RuntimeError) as error:
        raise BenchmarkError(
            f"MNIST is not in {data_dir} and could not be downloaded ({first_line(error)}): connect to a network, or "
            f"put torchvision's MNIST/raw files there, or name their folder with --data-dir"
        ) from None
