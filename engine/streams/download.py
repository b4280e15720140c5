"""Downloads data sets with torchvision, which checks what has arrived. Its progress appears on standard error."""

import gzip
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from engine import torchvision_import
from engine.disk import beside, write_whole
from engine.errors import BenchmarkError
from engine.streams.files import DataFile, FileSet

TINY_IMAGENET = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
TINY_IMAGENET_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
CLASS = re.compile(r"n\d{8}")
FAILURES = (OSError, RuntimeError, KeyError, ValueError, zipfile.BadZipFile, zlib.error)


def download(wanted: FileSet, place: Path, missing: Sequence[DataFile]) -> None:
    """Puts the ``missing`` files in ``place``. They arrive in a temporary folder first, so that a failed download
    leaves nothing behind. Raises BenchmarkError."""
    names = ", ".join(file.name for file in missing)
    whole = len(missing) == len(wanted.files)
    lacks = f"{wanted.name} is not in {place}" if whole else f"{place} lacks {names}"
    _check_writable(place, lacks)
    try:
        with tempfile.TemporaryDirectory(prefix="cl-tui-") as folder:
            fetched = _letters if wanted.name == "EMNIST" else _fetched
            arrived = fetched(wanted, Path(folder), missing)
            place.mkdir(parents=True, exist_ok=True)
            for path in arrived:
                write_whole(place / path.name, path.read_bytes())
    except FAILURES as error:
        raise BenchmarkError(
            f"{lacks}, and the download failed: {_in_one_sentence(error)}; connect to the internet, or put {names} "
            f"there (compressed, as .gz, also works), or name the folder that has them with --data-dir, or one with "
            f"images in {wanted.images}/train/CLASS and {wanted.images}/test/CLASS"
        ) from None


def download_tiny_imagenet(place: Path) -> None:
    """Makes ``place`` with train/CLASS and test/CLASS, whole or not at all. Raises BenchmarkError."""
    lacks = f"Tiny-ImageNet is not in {place}"
    _check_writable(place, lacks)
    if place.is_dir() and any(place.iterdir()):
        raise BenchmarkError(
            f"{place} has neither train/CLASS nor folders with it for each task: put the images there like that, or "
            f"name another folder with --data-dir, and they are downloaded into it"
        )
    part = beside(place)
    try:
        with tempfile.TemporaryDirectory(prefix="cl-tui-") as folder:
            utils = torchvision_import.torchvision_datasets().utils
            utils.download_url(TINY_IMAGENET, folder, "tiny-imagenet-200.zip", TINY_IMAGENET_MD5)
            shutil.rmtree(part, ignore_errors=True)  # left by a killed process
            part.mkdir(parents=True)
            with zipfile.ZipFile(Path(folder, "tiny-imagenet-200.zip")) as archive:
                _unpack(archive, part)
        part.rename(place)
    except FAILURES as error:
        raise BenchmarkError(
            f"{lacks}, and the download failed: {_in_one_sentence(error)}; connect to the internet, or put its images "
            f"in train/CLASS and test/CLASS there, or name another folder with --data-dir"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack(archive: zipfile.ZipFile, part: Path) -> None:
    """The training images, and the validation images as test images: those of the test set have no labels."""
    text = archive.read("tiny-imagenet-200/val/val_annotations.txt").decode()
    label = dict(line.split("\t")[:2] for line in text.splitlines())
    for entry in archive.namelist():
        steps = PurePosixPath(entry).parts
        if steps[1:2] == ("train",) and entry.endswith(".JPEG"):
            to = part / "train" / steps[2] / steps[-1]
        elif steps[1:2] == ("val",) and entry.endswith(".JPEG"):
            to = part / "test" / label[steps[-1]] / steps[-1]
        else:
            continue
        if not CLASS.fullmatch(to.parent.name) or "\\" in to.name:
            raise ValueError(f"{entry} is not expected in the archive")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(archive.read(entry))


def _check_writable(place: Path, lacks: str) -> None:
    there = next(folder for folder in (place, *place.parents) if os.path.lexists(folder))
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "cannot be written" if there.is_dir() else "is not a folder"
        raise BenchmarkError(f"{lacks}, and {there} {why}: name another folder with --data-dir")


def _fetched(wanted: FileSet, folder: Path, missing: Sequence[DataFile]) -> list[Path]:
    """The files that torchvision's data set downloads. Those whose packed form has a published checksum stay packed, so
    that it can be verified at each reading."""
    kind = getattr(torchvision_import.torchvision_datasets(), wanted.name)
    found = kind.__new__(kind)  # its __init__ would also read, and unpickle, them
    found.root = str(folder)
    if resources := getattr(kind, "resources", None):
        packed = {f"{file.name}.gz" for file in missing}
        found.resources = [resource for resource in resources if resource[0] in packed]
    found.download()
    arrived = folder.joinpath(*wanted.within)
    return [arrived / (f"{file.name}.gz" if file.packed_md5 else file.name) for file in missing]


def _letters(wanted: FileSet, folder: Path, missing: Sequence[DataFile]) -> list[Path]:
    """The files of EMNIST's letters, out of the archive that has all its splits."""
    datasets = torchvision_import.torchvision_datasets()
    datasets.utils.download_url(datasets.EMNIST.url, str(folder), "gzip.zip", datasets.EMNIST.md5)
    arrived = []
    with zipfile.ZipFile(folder / "gzip.zip") as archive:
        for file in missing:
            arrived.append(folder / file.name)
            with archive.open(f"gzip/{file.name}.gz") as packed:
                arrived[-1].write_bytes(gzip.decompress(packed.read()))
    return arrived


def _in_one_sentence(error: Exception) -> str:
    """All lines of an exception's text: torchvision gives a cause for each address it tried."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(line if line.endswith((":", ",")) else f"{line.rstrip('.')};" for line in lines).rstrip(";")
