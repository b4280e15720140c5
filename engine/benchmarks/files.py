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
    sha256: str


MNIST_FILES = (
    DataFile("train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    DataFile("train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    DataFile("t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    DataFile("t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
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
        if hashlib.sha256((raw / file.name).read_bytes()).hexdigest() != file.sha256:
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
