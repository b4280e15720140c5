"""Finds and checks the files of data sets that no package includes. Imports no torch."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.choices import benchmark_info
from engine.catalog.entries import load
from engine.catalog.own_loop import OWN_LOOP
from engine.errors import BenchmarkError, ConfigError

MOST_BYTES = 2**30
"""Largest file that is read, where its size is not known."""


@dataclass(frozen=True)
class DataFile:
    """An unpacked file as torchvision stores it; NAME.gz may exist as well or instead."""

    name: str
    size: int | None = None
    """Size in bytes, if it is known."""
    sha256: str = ""
    md5: str = ""
    packed_md5: str = ""
    """Of NAME.gz. Of these checksums, at least one is published."""

    def fits(self, content: bytes) -> bool:
        """Whether this is the unpacked file, as far as that is known."""
        if self.sha256:
            return hashlib.sha256(content).hexdigest() == self.sha256
        if self.md5:
            return _md5(content) == self.md5
        return len(content) == (self.size or len(content))


@dataclass(frozen=True)
class FileSet:
    name: str
    """torchvision's class, if it has files."""
    within: tuple[str, ...]
    """The folder of its files in --data-dir."""
    files: tuple[DataFile, ...]
    """Empty if there are only images in folders."""
    images: str
    """Folder in --data-dir that may have its images instead, in a folder for each class."""

    @property
    def distinct(self) -> bool:
        """Whether its files cannot be mistaken for those of another set."""
        return bool(self.files) and all(file.sha256 for file in self.files)

    @property
    def elsewhere(self) -> str:
        return f"name another folder with --data-dir, and {self.name} is downloaded into it"


IDX = (
    ("train-images-idx3-ubyte", 47_040_016),
    ("train-labels-idx1-ubyte", 60_008),
    ("t10k-images-idx3-ubyte", 7_840_016),
    ("t10k-labels-idx1-ubyte", 10_008),
)
MNIST_SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
FASHION_MD5 = (
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
)
KMNIST_MD5 = (
    "bdb82020997e1d708af4cf47b453dcf7",
    "e144d726b3acfaa3e44228e80efcd344",
    "5c965bf0a639b31b8f53240b1b52f4d7",
    "7320c461ea6c1c855c0b718fb2a4b134",
)
CIFAR10_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
CIFAR100_MD5 = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
}
MNIST_FILES = tuple(DataFile(*file, sha256=of) for file, of in zip(IDX, MNIST_SHA256, strict=True))
SETS = {
    found.name: found
    for found in (
        FileSet("MNIST", ("MNIST", "raw"), MNIST_FILES, "mnist"),
        FileSet(
            "FashionMNIST",
            ("FashionMNIST", "raw"),
            tuple(DataFile(*file, packed_md5=of) for file, of in zip(IDX, FASHION_MD5, strict=True)),
            "fashion-mnist",
        ),
        FileSet(
            "KMNIST",
            ("KMNIST", "raw"),
            tuple(DataFile(*file, packed_md5=of) for file, of in zip(IDX, KMNIST_MD5, strict=True)),
            "kmnist",
        ),
        FileSet(
            "EMNIST",
            ("EMNIST", "raw"),
            tuple(
                DataFile(f"emnist-letters-{part}-{what}-ubyte")
                for part in ("train", "test")
                for what in ("images-idx3", "labels-idx1")
            ),
            "emnist",
        ),
        FileSet(
            "CIFAR10",
            ("cifar-10-batches-py",),
            tuple(DataFile(name, md5=of) for name, of in CIFAR10_MD5.items()),
            "cifar10",
        ),
        FileSet(
            "CIFAR100",
            ("cifar-100-python",),
            tuple(DataFile(name, md5=of) for name, of in CIFAR100_MD5.items()),
            "cifar100",
        ),
        FileSet("tiny-imagenet", (), (), "tiny-imagenet"),
    )
}


def prepare(benchmark: str, data_dir: Path) -> None:
    """Checks ``benchmark``'s files and downloads missing ones; existing ones never change. Raises BenchmarkError, and
    ConfigError for a folder that says nothing of classes."""
    info = benchmark_info(benchmark)
    if benchmark == OWN_LOOP:
        load(info.code)()
    if info.from_data:
        load(f"{info.from_data}:found")({"data_dir": str(data_dir)})
    for wanted in map(SETS.__getitem__, info.files):
        if images_folder(wanted, data_dir) is not None:
            continue
        if not wanted.files:
            from engine.streams.download import download_tiny_imagenet  # torch

            download_tiny_imagenet(data_dir / wanted.images)
            continue
        place = _place(wanted, data_dir)
        missing = [file for file in wanted.files if not any(map(os.path.lexists, _forms(place, file)))]
        if missing:
            from engine.streams.download import download  # torch

            download(wanted, place, missing)
        for file in wanted.files:
            plain, packed = _forms(place, file)
            if not _likely(plain, _size(plain), file) and not _likely(packed, _packed_size(packed), file):
                raise _unusable(wanted, plain if os.path.lexists(plain) else packed, file)


def images_folder(wanted: FileSet, data_dir: Path) -> Path | None:
    """The folder of images that takes the place of the files, if there are no files. Raises ConfigError."""
    folder, place = data_dir / wanted.images, _place(wanted, data_dir)
    if any(os.path.lexists(form) for file in wanted.files for form in _forms(place, file)) or not folder.is_dir():
        return None
    try:
        return folder if any((within / "train").is_dir() for within in (folder, *folder.iterdir())) else None
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error.strerror}", "data_dir") from None


def read(wanted: FileSet, data_dir: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file, with the checksum verified. Raises BenchmarkError."""
    place = _place(wanted, data_dir)
    for file in wanted.files:
        yield file.name, _content(wanted, place, file)


def _place(wanted: FileSet, data_dir: Path) -> Path:
    """The folder of the files, such as MNIST/raw in ``data_dir``, which may itself be MNIST, MNIST/raw, or any folder
    with the files if these are distinct."""
    usual = data_dir.joinpath(*wanted.within)
    for folder in (usual, data_dir / wanted.within[-1], data_dir) if wanted.distinct else (usual,):
        if any(os.path.isfile(form) for file in wanted.files for form in _forms(folder, file)):
            return folder
    parts = data_dir.absolute().parts
    for count in range(len(wanted.within), 0, -1):
        if parts[-count:] == wanted.within[:count]:
            return data_dir.joinpath(*wanted.within[count:])
    return usual


def _forms(place: Path, file: DataFile) -> tuple[Path, Path]:
    return place / file.name, place / f"{file.name}.gz"


def _content(wanted: FileSet, place: Path, file: DataFile) -> bytes:
    """The content of the first undamaged form; first of that whose checksum is known."""
    plain, packed = _forms(place, file)
    problem = _unusable(wanted, plain, file)
    for path in (packed, plain) if file.packed_md5 else (plain, packed):
        try:
            content = _unpacked(path, file) if path == packed else _whole(path, file)
        except FileNotFoundError:
            continue
        except (EOFError, zlib.error):
            content = None
        except OSError as error:
            problem = BenchmarkError(f"{path} cannot be read: {error.strerror}; correct that, or {wanted.elsewhere}")
            continue
        if content is not None and file.fits(content):
            return content
        if path == plain or not os.path.lexists(plain):
            problem = _unusable(wanted, path, file)
    raise problem


def _whole(path: Path, file: DataFile) -> bytes:
    with open(path, "rb") as opened:
        return opened.read((file.size or MOST_BYTES) + 1)


def _unpacked(path: Path, file: DataFile) -> bytes | None:
    """None if the packed file is damaged. Raises EOFError, zlib.error or OSError."""
    if file.packed_md5:
        with open(path, "rb") as opened:
            if _md5(opened.read(MOST_BYTES)) != file.packed_md5:
                return None
    try:
        with gzip.open(path) as opened:
            return opened.read((file.size or MOST_BYTES) + 1)
    except gzip.BadGzipFile:
        return None


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _likely(path: Path, size: int | None, file: DataFile) -> bool:
    """Whether a file of this unpacked size may be the right one."""
    return path.is_file() and size is not None and (size == file.size or (file.size is None and size > 0))


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


def _unusable(wanted: FileSet, path: Path, file: DataFile) -> BenchmarkError:
    size = _size(path)
    if size is None:
        what = "cannot be read" if os.path.lexists(path) else "is missing"
    elif path.suffix == ".gz" or not size:
        what = "is cut or damaged"
    elif file.size is not None and size != file.size:
        what = f"is cut or damaged ({size:,} bytes instead of {file.size:,})"
    else:
        what = f"is damaged or does not belong to {wanted.name} (wrong checksum)"
    return BenchmarkError(f"{path} {what}: put an intact copy there, or {wanted.elsewhere}")
