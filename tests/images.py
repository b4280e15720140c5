"""Folders of tiny images, drawn when a test needs them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def drawn(seed: int, height: int = 6, width: int = 6, channels: int = 3) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(values.squeeze())


def folder(
    where: Path, classes: Sequence[str] = ("ant", "bee", "cat", "dog"), train: int = 4, test: int = 2, side: int = 6
) -> Path:
    """A flat folder; the images of a class resemble each other a little."""
    for kind, name in enumerate(classes):
        for part, count in (("train", train), ("test", test)):
            place = where / part / name
            place.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                values = np.asarray(drawn(hash_of(part, kind, number), side, side)) // 4 + 30 * (kind % 5)
                Image.fromarray(values.astype(np.uint8)).save(place / f"{number}.png")
    return where


def tasks(where: Path, classes: Mapping[str, Sequence[str]], train: int = 4, test: int = 2) -> Path:
    """A folder for each task."""
    for name, own in classes.items():
        folder(where / name, own, train, test)
    return where


def hash_of(*parts: object) -> int:
    return sum(ord(letter) * 31**place for place, letter in enumerate(repr(parts))) % 2**31
