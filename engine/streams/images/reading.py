"""Opens images: the only place that knows Pillow."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("BMP", "JPEG", "PNG", "PPM", "WEBP")
"""Accepted formats, regardless of file names: for other formats Pillow may start programs."""
MOST_PIXELS = 50_000_000
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes without colour."""
ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
"""The orientations in EXIF that exchange height and width."""


class Header(NamedTuple):
    height: int
    width: int
    grey: bool


def header(path: str | os.PathLike[str]) -> Header:
    """Size and kind of an image as it is shown. Raises ValueError or what Pillow raises, which may be anything."""
    with _opened(path) as image:
        height, width = image.height, image.width
        if image.getexif().get(ORIENTATION) in TURNED:
            height, width = width, height
        return Header(height, width, image.mode in GREY)


def pixels(path: str | os.PathLike[str], height: int, width: int, grey: bool, cut: bool = True) -> "np.ndarray":
    """An image as bytes, shape (1 or 3, height, width), turned as its EXIF says.

    Another shape is ``cut`` to the middle, or else stretched, and then resized. What is transparent becomes white.
    Raises like ``header``.
    """
    with _opened(path) as opened:
        image = _eight_bits(ImageOps.exif_transpose(opened))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if grey else "RGB")
        if image.size != (width, height):
            size, bicubic = (width, height), Image.Resampling.BICUBIC
            image = ImageOps.fit(image, size, bicubic) if cut else image.resize(size, bicubic)
        values = np.asarray(image)
    return values[np.newaxis] if grey else np.ascontiguousarray(values.transpose(2, 0, 1))


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"it has {image.width * image.height:,} pixels, more than {MOST_PIXELS:,}")
        yield image


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its values are no whole numbers")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("it has more than 16 bits per pixel")
    return Image.fromarray((values / 257).round().astype(np.uint8))
