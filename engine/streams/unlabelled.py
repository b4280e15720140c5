"""Reads unlabelled inputs from where a network will be used (Aljundi et al. 2018, section 3: Ω adapts to them)."""

import math
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import MAGIC_PREFIX
from torch import Tensor

from engine.errors import BenchmarkError, first_line
from engine.streams.images.layout import SUFFIXES
from engine.text import some

MOST_FILES = 200_000
MOST_VALUES = 500_000_000
"""Most values in all files together."""
LOWEST, HIGHEST = -1.0, 2.0
"""Accepted range: the benchmarks' values are 0–1, and noise or contrast may exceed that a little."""
FAINT = 0.1
"""Arrays with no value above this are on another scale, too."""


def read_unlabelled(
    folder: Path, shape: Sequence[int], tell: Callable[[str], None] = lambda said: None, cut: bool = False
) -> Tensor:
    """Every image and .npy array under ``folder``, in the order of their paths. Shape (N, values of an example), values
    in 0–1.

    Images get the ``shape`` of an example, and become grey if it has one channel; they are ``cut`` to it, or else
    stretched. An array has one or more examples, and integers are scaled from 0–255. Sizes that a file claims are not
    trusted. ``tell`` is called with what was read, its range, and what was skipped. Raises BenchmarkError, naming the
    file.
    """
    if not folder.is_dir():
        raise BenchmarkError(f"importance_data {folder} is not a folder: give train, test, or a folder of images")
    inputs, skipped = _files(folder)
    found: list[Tensor] = []
    room = MOST_VALUES
    for path in inputs:
        found.append(_read(path, folder, shape, cut, room))
        room -= found[-1].numel()
    if not found:
        raise BenchmarkError(
            f"importance_data {folder} has no images ({', '.join(SUFFIXES)}) and no .npy arrays{_skipped(skipped)}"
        )
    read = torch.cat(found)
    low, high = read.min().item(), read.max().item()
    if high <= FAINT and all(path.suffix.lower() == ".npy" for path in inputs):
        raise BenchmarkError(
            f"importance_data {folder} has values from {low:.3g} to {high:.3g}, but 0 to 1 is expected (whole numbers "
            f"are divided by 255): scale them so that the largest is 1, or 255 for whole numbers"
        )
    count = f"{len(read):,} input{'' if len(read) == 1 else 's'} from {len(inputs):,} file{'s'[: len(inputs) > 1]}"
    tell(
        f"importance_data {folder}: {count}, values from {low:.3g} to {high:.3g} (expected: 0 to 1){_skipped(skipped)}"
    )
    return read


def _files(folder: Path) -> tuple[list[Path], list[str]]:
    """The input files, and the names of all other files, both sorted."""
    inputs, skipped = [], []
    for number, path in enumerate(folder.rglob("*")):
        if number == MOST_FILES:
            raise BenchmarkError(f"importance_data {folder} has more than {MOST_FILES:,} files: name a smaller folder")
        if path.suffix.lower() in (*SUFFIXES, ".npy"):
            inputs.append(path)
        elif not path.is_dir():
            skipped.append(str(path.relative_to(folder)))
    return sorted(inputs), sorted(skipped)


def _skipped(names: Sequence[str]) -> str:
    """
    >>> _skipped(["a.tiff", "notes.txt"]), _skipped([])
    ('; skipped: a.tiff, notes.txt', '')
    """
    return f"; skipped: {some(names)}" if names else ""


def _read(path: Path, folder: Path, shape: Sequence[int], cut: bool, room: int) -> Tensor:
    features = math.prod(shape)
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError("it is a link to a file outside of the folder")
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("it is not a regular file")
        array = path.suffix.lower() == ".npy"
        if array and not _is_npy(path):
            raise ValueError("it is no .npy file")
        # mapped, because only then is the claimed size checked against the file's before allocating
        values = np.load(path, "r", allow_pickle=False) if array else _image(path, shape, cut)
        if values.shape[-3:] == (*shape[1:], shape[0]) != tuple(shape):
            values = np.moveaxis(values, -1, -3)  # channels last
        if values.dtype.kind not in "biuf" or not values.size:
            raise ValueError(f"it has {values.size} values of type {values.dtype}")
        if values.size > room:
            raise ValueError(f"with it, the folder has more than {MOST_VALUES:,} values")
        with np.errstate(over="ignore"):
            inputs = torch.from_numpy(values.reshape(-1, features).astype(np.float32))
    except Exception as error:  # on a damaged file the readers may raise almost anything
        raise BenchmarkError(f"{path} cannot be read as examples of {features} values: {first_line(error)}") from None
    if not torch.isfinite(inputs).all():
        raise BenchmarkError(f"{path} has values that are not finite: correct it, or move it out of the folder")
    whole = values.dtype.kind in "iu"
    low, high = values.min().item(), values.max().item()
    if (low < 0 or high > 255) if whole else (low < LOWEST or high > HIGHEST):
        expected = "whole numbers from 0 to 255" if whole else "0 to 1"
        seen = f"{low:,} to {high:,}" if whole else f"{low:.4g} to {high:.4g}"
        raise BenchmarkError(
            f"{path} has values from {seen}, but {expected} are expected: Ω grows with the scale "
            f"of the inputs, so scale them like the training data"
        )
    return inputs / 255 if whole else inputs


def _is_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX


def _image(path: Path, shape: Sequence[int], cut: bool) -> "np.ndarray":
    from engine.streams.images.reading import pixels  # with Pillow, which only a folder needs

    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(f"{math.prod(shape)} values are no image")
    return pixels(path, shape[1], shape[2], grey=shape[0] == 1, cut=cut)
