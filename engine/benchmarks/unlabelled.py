"""A folder of inputs without labels, from where a network will be used (Aljundi et al. 2018, section 3: the importance
adapts to the test conditions)."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.errors import BenchmarkError, first_line

IMAGES = (".png", ".jpg", ".jpeg", ".bmp")


def read_unlabelled(folder: Path, features: int) -> Tensor:
    """Every image and .npy array under ``folder``, in the order of their paths. Shape (N, features), values in 0–1.

    Images become grey and square, √features on a side; an array holds one example of ``features`` values or many, and
    whole numbers count as 0–255. Raises BenchmarkError, naming the file.
    """
    if not folder.is_dir():
        raise BenchmarkError(f"importance_data {folder} is no folder: give train, test, or a folder of images")
    found = [_read(path, features) for path in sorted(folder.rglob("*")) if path.suffix.lower() in (*IMAGES, ".npy")]
    if not found:
        raise BenchmarkError(f"importance_data {folder} holds no images ({', '.join(IMAGES)}) and no .npy arrays")
    return torch.cat(found)


def _read(path: Path, features: int) -> Tensor:
    try:
        values = np.load(path, allow_pickle=False) if path.suffix.lower() == ".npy" else _image(path, features)
        if values.dtype.kind not in "biuf" or not values.size:
            raise ValueError(f"it holds {values.size} values of type {values.dtype}")
        with np.errstate(over="ignore"):
            inputs = torch.from_numpy(values.reshape(-1, features).astype(np.float32))
    except Exception as error:  # the readers of images and arrays raise almost anything on a damaged file
        raise BenchmarkError(f"{path} cannot be read as examples of {features} values: {first_line(error)}") from None
    if not torch.isfinite(inputs).all():
        raise BenchmarkError(f"{path} holds values that are not finite: remove it")
    return inputs / 255 if values.dtype.kind in "iu" else inputs


def _image(path: Path, features: int) -> "np.ndarray":
    from PIL import Image

    side = math.isqrt(features)
    if side * side != features:
        raise ValueError(f"{features} values are no square image")
    with Image.open(path) as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError("it has more than 8 bits a pixel; save it with 8, or as a .npy array")
        return np.asarray(image.convert("L").resize((side, side)))
