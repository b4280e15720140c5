"""What a terminal shows as pictures of pixels: PNG, and GIF for several moments."""

import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from cl_tui.exports.cells import CELL, FONT_SIZE, Grid, boxes, words

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

_FONTS = {
    False: ("DejaVuSansMono.ttf", "Menlo.ttc", "consola.ttf", "LiberationMono-Regular.ttf"),
    True: ("DejaVuSansMono-Bold.ttf", "Menlo.ttc", "consolab.ttf", "LiberationMono-Bold.ttf"),
}
"""Of Linux, macOS and Windows. Where none is there, Pillow's own font is."""

SAMPLED = 8
"""How many moments of a film choose its colours."""


LAST = 2.0
"""For how many seconds more the last is shown."""


def png(shown: Grid) -> bytes:
    file = io.BytesIO()
    image(shown, 2).save(file, "PNG", optimize=True)
    return file.getvalue()


def gif(moments: Sequence[Grid], seconds: float) -> bytes:
    """An endless film; each moment is shown for ``seconds``."""
    from PIL import Image

    images = [image(moment, 1) for moment in moments]
    palette = _side_by_side(images[:: max(1, len(images) // SAMPLED)] + images[-1:]).quantize(colors=255)
    small = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in images]
    file = io.BytesIO()
    shown = [round(1000 * seconds)] * (len(small) - 1) + [round(1000 * (seconds + LAST))]
    small[0].save(file, "GIF", save_all=True, append_images=small[1:], duration=shown, loop=0, optimize=False)
    return file.getvalue()


def _side_by_side(images: Sequence["Image"]) -> "Image":
    from PIL import Image

    width, height = images[0].size
    found = Image.new("RGB", (width * len(images), height))
    for number, each in enumerate(images):
        found.paste(each, (number * width, 0))
    return found


def image(shown: Grid, scale: int) -> "Image":
    from PIL import Image, ImageDraw

    size = tuple(count * side * scale for count, side in zip(shown.size, CELL, strict=True))
    picture = Image.new("RGB", (size[0], size[1]), shown.paper)
    draw = ImageDraw.Draw(picture)
    for colour, made in boxes(shown):
        for left, top, right, bottom in made:
            corner = (round(left * scale), round(top * scale))
            opposite = (max(round(right * scale) - 1, corner[0]), max(round(bottom * scale) - 1, corner[1]))
            draw.rectangle((corner, opposite), colour)
    for run in words(shown):
        x = run.x
        font = _font(run.bold, scale)
        for character, cells in run.placed:
            place = (scale * CELL[0] * (x + cells / 2), scale * CELL[1] * (run.y + 0.76))
            draw.text(place, character, run.ink, font, anchor="ms")
            x += cells
    return picture


@cache
def _font(bold: bool, scale: int) -> "FreeTypeFont | ImageFont":
    from PIL import ImageFont

    for name in _FONTS[bold]:
        try:
            return ImageFont.truetype(name, FONT_SIZE * scale)
        except OSError:
            continue
    return ImageFont.load_default(FONT_SIZE * scale)
