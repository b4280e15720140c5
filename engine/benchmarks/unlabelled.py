"""A folder of inputs without labels, from where a network will be used (Aljundi et al. 2018, section 3: the importance
adapts to the test conditions)."""

import math
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.errors import BenchmarkError, first_line

IMAGES = (".png", ".jpg", ".jpeg", ".bmp")
FORMATS = ("PNG", "JPEG", "BMP")
"""Whatever a file is called: Pillow reads others with the help of programs."""
MOST_FILES = 200_000
MOST_VALUES = 500_000_000
"""In all files together."""
MOST_PIXELS = 50_000_000
"""Of one image."""


def read_unlabelled(folder: Path, features: int) -> Tensor:
    """Every image and .npy array under ``folder``, in the order of their paths. Shape (N, features), values in 0–1.

    Images become grey and square, √features on a side; an array holds one example of ``features`` values or many, and
    whole numbers count as 0–255. Sizes that a file claims are not trusted. Raises BenchmarkError, naming the file.
    """
    if not folder.is_dir():
        raise BenchmarkError(f"importance_data {folder} is no folder: give train, test, or a folder of images")
    found: list[Tensor] = []
    room = MOST_VALUES
    for path in sorted(_inputs(folder)):
        found.append(_read(path, folder, features, room))
        room -= found[-1].numel()
    if not found:
        raise BenchmarkError(f"importance_data {folder} holds no images ({', '.join(IMAGES)}) and no .npy arrays")
    return torch.cat(found)


def _inputs(folder: Path) -> Iterator[Path]:
    for number, path in enumerate(folder.rglob("*")):
        if number == MOST_FILES:
            raise BenchmarkError(
                f"importance_data {folder} holds more than {MOST_FILES:,} files: give a smaller folder"
            )
        if path.suffix.lower() in (*IMAGES, ".npy"):
            yield path


def _read(path: Path, folder: Path, features: int, room: int) -> Tensor:
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError("it is a link that leads out of the folder")
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("it is not a plain file")
        array = path.suffix.lower() == ".npy"
        # mapped, since only then the size that an array claims is compared with the file's before memory is taken
        values = np.load(path, "r", allow_pickle=False) if array else _image(path, features)
        if values.dtype.kind not in "biuf" or not values.size:
            raise ValueError(f"it holds {values.size} values of type {values.dtype}")
        if values.size > room:
            raise ValueError(f"with it, the folder holds more than {MOST_VALUES:,}")
        with np.errstate(over="ignore"):
            inputs = torch.from_numpy(values.reshape(-1, features).astype(np.float32))
    except Exception as error:  # the readers of images and arrays raise almost anything on a damaged file
        raise BenchmarkError(f"{path} cannot be read as examples of {features} values: {first_line(error)}") from None
    if not torch.isfinite(inputs).all():
        raise BenchmarkError(f"{path} holds values that are not finite: mend it, or move it out of the folder")
    return inputs / 255 if values.dtype.kind in "iu" else inputs


def _image(path: Path, features: int) -> "np.ndarray":
    from PIL import Image

    side = math.isqrt(features)
    if side * side != features:
        raise ValueError(f"{features} values are no square image")
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"it has {image.width * image.height:,} pixels, more than {MOST_PIXELS:,}")
        if image.mode.startswith(("I", "F")):
            raise ValueError("it has more than 8 bits a pixel; save it with 8, or as a .npy array")
        return np.asarray(image.convert("L").resize((side, side)))
