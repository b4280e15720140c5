"""Finds, checks and downloads data files that no package includes. Imports torch only to download."""

import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.benchmarks import BENCHMARKS
from engine.disk import write_whole
from engine.errors import BenchmarkError


@dataclass(frozen=True)
class DataFile:
    """An unpacked file as torchvision stores it; NAME.gz may exist as well or instead."""

    name: str
    size: int
    """Size in bytes."""
    sha256: str


MNIST_FILES = (
    DataFile("train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    DataFile("train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    DataFile("t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    DataFile("t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)


_ELSEWHERE = "name another folder with --data-dir, and MNIST is downloaded into it"


def prepare(benchmark: str, data_dir: Path) -> None:
    """Checks ``benchmark``'s files and downloads missing ones; existing ones never change. Raises BenchmarkError."""
    if BENCHMARKS[benchmark].files != "MNIST":
        return
    raw = _mnist_folder(data_dir)
    missing = [file for file in MNIST_FILES if not any(map(os.path.lexists, _forms(raw, file)))]
    if missing:
        _download_mnist(raw, missing)
    for file in MNIST_FILES:
        plain, packed = _forms(raw, file)
        if _size(plain) != file.size and _packed_size(packed) != file.size:
            raise _unusable(plain if os.path.lexists(plain) else packed, file)


def read_mnist(data_dir: Path) -> dict[str, bytes]:
    """The content of each file by name, with the checksum verified. Raises BenchmarkError."""
    raw = _mnist_folder(data_dir)
    return {file.name: _content(raw, file) for file in MNIST_FILES}


def _mnist_folder(data_dir: Path) -> Path:
    """MNIST/raw in ``data_dir``, which may itself be MNIST, MNIST/raw, or any folder with the files."""
    usual = data_dir / "MNIST" / "raw"
    for folder in (usual, data_dir / "raw", data_dir):
        if any(os.path.isfile(form) for file in MNIST_FILES for form in _forms(folder, file)):
            return folder
    match data_dir.absolute().parts:
        case (*_, "MNIST", "raw"):
            return data_dir
        case (*_, "MNIST"):
            return data_dir / "raw"
    return usual


def _forms(raw: Path, file: DataFile) -> tuple[Path, Path]:
    return raw / file.name, raw / f"{file.name}.gz"


def _content(raw: Path, file: DataFile) -> bytes:
    """The content of the first undamaged form."""
    plain, packed = _forms(raw, file)
    problem = _unusable(plain, file)
    for path in (plain, packed):
        try:
            with gzip.open(path) if path == packed else open(path, "rb") as opened:
                content = opened.read(file.size + 1)
        except FileNotFoundError:
            continue
        except (gzip.BadGzipFile, EOFError, zlib.error):
            content = b""
        except OSError as error:
            problem = BenchmarkError(f"{path} cannot be read: {error.strerror}; correct that, or {_ELSEWHERE}")
            continue
        if hashlib.sha256(content).hexdigest() == file.sha256:
            return content
        if path == plain or not os.path.lexists(plain):
            problem = _unusable(path, file)
    raise problem


def _size(path: Path) -> int | None:
    """Size in bytes; None if unknown."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _packed_size(path: Path) -> int | None:
    """Unpacked size in bytes, from the last four bytes of the file; None if unknown."""
    try:
        with open(path, "rb") as packed:
            packed.seek(-4, os.SEEK_END)
            return int.from_bytes(packed.read(4), "little")
    except OSError:
        return None


def _unusable(path: Path, file: DataFile) -> BenchmarkError:
    size = _size(path)
    if size is None:
        what = "cannot be read" if os.path.lexists(path) else "is missing"
    elif path.suffix == ".gz":
        what = "is cut or damaged"
    elif size != file.size:
        what = f"is cut or damaged ({size:,} bytes instead of {file.size:,})"
    else:
        what = "is damaged or does not belong to MNIST (wrong checksum)"
    return BenchmarkError(f"{path} {what}: put an intact copy there, or {_ELSEWHERE}")


def _download_mnist(raw: Path, missing: Sequence[DataFile]) -> None:
    """Downloads into a temporary folder first, so that a failed download leaves nothing behind."""
    names = ", ".join(file.name for file in missing)
    lacks = f"MNIST is not in {raw}" if len(missing) == len(MNIST_FILES) else f"{raw} lacks {names}"
    there = next(folder for folder in (raw, *raw.parents) if os.path.lexists(folder))
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "cannot be written" if there.is_dir() else "is not a folder"
        raise BenchmarkError(f"{lacks}, and {there} {why}: name another folder with --data-dir")

    from engine.torchvision_import import torchvision_datasets

    try:
        with tempfile.TemporaryDirectory(prefix="cl-tui-mnist-") as folder:
            everything = torchvision_datasets().MNIST
            packed = {f"{file.name}.gz" for file in missing}
            only = {
                "resources": [resource for resource in everything.resources if resource[0] in packed],
                "_load_data": lambda self: (None, None),
            }
            type("MNIST", (everything,), only)(folder, download=True)
            raw.mkdir(parents=True, exist_ok=True)
            for file in missing:
                write_whole(raw / file.name, (Path(folder) / "MNIST" / "raw" / file.name).read_bytes())
    except (OSError, RuntimeError) as error:
        raise BenchmarkError(
            f"{lacks}, and the download failed: {_whole(error)}; connect to the internet, or put {names} there "
            f"(compressed, as .gz, also works), or name the folder that has them with --data-dir"
        ) from None


def _whole(error: Exception) -> str:
    """All lines of an exception's text as one sentence: torchvision gives a cause for each address it tried."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(line if line.endswith((":", ",")) else f"{line.rstrip('.')};" for line in lines).rstrip(";")
