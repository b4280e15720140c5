"""Pictures as half blocks: what is drawn is the mean of what is there, in every number of colours."""

import numpy as np
import pytest

from cl_tui.charts.pictures import BLUE, ORANGE, fit, half_blocks, heat_image
from cl_tui.charts.style import Line, Palette, Tones

FULL = Palette(tones="full")


def pixels(lines: list[Line]) -> np.ndarray:
    """What half blocks show, shape (2·lines, cells, 3)."""
    rows: list[list[tuple[int, ...]]] = []
    for line in lines:
        top: list[tuple[int, ...]] = []
        below: list[tuple[int, ...]] = []
        for segment in line:
            assert segment.style is not None
            assert segment.style.bgcolor is not None
            back = tuple(segment.style.bgcolor.get_truecolor())
            front = tuple(segment.style.color.get_truecolor()) if segment.style.color else back
            assert set(segment.text) in ({"▀"}, {" "})
            top += [front] * len(segment.text)
            below += [back] * len(segment.text)
        rows += [top, below]
    return np.array(rows)


@pytest.mark.parametrize("tones", ["full", "four", "two"])
def test_every_size_fills_its_room(tones: Tones) -> None:
    rng = np.random.default_rng(0)
    for shape in ((8, 8), (28, 28, 1), (32, 32, 3), (64, 64, 3), (5, 40)):
        for width, height in ((14, 7), (1, 1), (30, 9), (9, 30)):
            lines = half_blocks(rng.integers(0, 256, shape, dtype=np.uint8), width, height, Palette(tones=tones))
            assert [sum(segment.cell_length for segment in line) for line in lines] == [width] * height


def test_a_pixel_is_the_mean_of_its_area() -> None:
    picture = np.zeros((28, 28), dtype=np.uint8)
    picture[6:8, 10:12] = 255  # one pixel of 14 × 14
    shown = pixels(half_blocks(picture, 14, 7, FULL))
    assert shown.shape == (14, 14, 3)
    assert shown[3, 5].tolist() == [255, 255, 255]
    dark = np.delete(shown.reshape(-1, 3), 3 * 14 + 5, axis=0)
    assert (dark == dark[0]).all()
    assert dark[0].max() < 30


def test_a_picture_that_grows_keeps_its_pixels_and_colours() -> None:
    picture = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    shown = pixels(half_blocks(picture, 8, 4, FULL))
    assert shown.shape == (8, 8, 3)
    for row, column in np.ndindex(2, 2):
        block = shown[4 * row : 4 * row + 4, 4 * column : 4 * column + 4].reshape(-1, 3)
        assert (block == block[0]).all()
        assert (block[0] > 200).tolist() == (picture[row, column] == 255).tolist()


def test_a_tint_keeps_the_light_and_changes_the_hue() -> None:
    grey = np.linspace(0, 255, 256, dtype=np.uint8).reshape(16, 16)
    shown = pixels(half_blocks(grey, 16, 8, FULL, tint=ORANGE)).reshape(-1, 3)
    bright = shown.sum(axis=1)
    assert (np.diff(bright) >= 0).all()
    assert bright[-1] > bright[0]
    middle = shown[170]
    assert middle[0] > middle[1] > middle[2]


def test_few_colours() -> None:
    picture = np.linspace(0, 255, 64 * 64, dtype=np.uint8).reshape(64, 64)
    styles = {segment.style for line in half_blocks(picture, 20, 10, Palette(tones="four")) for segment in line}
    named = {colour.name for style in styles if style for colour in (style.color, style.bgcolor) if colour}
    assert named == {"black", "bright_black", "white", "bright_white"}
    drawn = half_blocks(picture, 4, 2, Palette(tones="two"))
    assert ["".join(segment.text for segment in line) for line in drawn] == ["    ", "████"]
    assert half_blocks(picture, 20, 10, Palette(tones="none")) == []


def test_a_heat_image_spans_its_values() -> None:
    values = np.array([[0.0, 1.0], [np.nan, 4.0]])
    shown = pixels(heat_image(values, 2, 1, FULL, BLUE))
    assert shown[0, 0].tolist() == shown[1, 0].tolist() == list(BLUE.colours[0])
    assert shown[1, 1].tolist() == list(BLUE.colours[-1])
    same = pixels(heat_image(np.full((4, 4), 7.0), 4, 2, FULL, BLUE, span=(7.0, 7.0)))
    assert (same == same[0, 0]).all()
    assert fit(values.shape, 20, 2) == (4, 2)
