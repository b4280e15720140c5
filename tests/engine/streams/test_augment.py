"""Random changes of training images, each against a slow loop over single images."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.seeds import generator
from engine.streams.augment import CHANGES, augmented

COUNT = 200


def pictures(count: int = COUNT, channels: int = 3, height: int = 8, width: int = 16) -> Tensor:
    return torch.randint(1, 256, (count, channels, height, width), generator=generator(0, "test")).to(torch.uint8)


def changed(kind: str, images: Tensor, seed: int = 0) -> Tensor:
    return augmented([kind], generator(seed, "augment"), images)


def test_flip() -> None:
    images = pictures()
    after = changed("flip", images)
    kept = 0
    for one, other in zip(images, after, strict=True):
        same = torch.equal(one, other)
        assert same or torch.equal(one.flip(-1), other)
        kept += same
    assert 60 < kept < 140


def test_crop() -> None:
    """Each image is moved by a whole number of rows and columns; black moves in."""
    images = pictures()
    moves = set()
    for one, other in zip(images, changed("crop", images), strict=True):
        larger = torch.zeros(3, 8 + 2, 16 + 4, dtype=torch.uint8)
        larger[:, 1:9, 2:18] = one
        fits = [
            (down, right)
            for down in range(3)
            for right in range(5)
            if torch.equal(other, larger[:, down : down + 8, right : right + 16])
        ]
        assert len(fits) == 1
        moves |= set(fits)
    assert len(moves) == 15


@pytest.mark.parametrize("channels", [1, 3])
def test_colour(channels: int) -> None:
    images = pictures(channels=channels)
    factors = 0.6 + 0.8 * torch.rand(3, COUNT, generator=generator(0, "augment"))
    for number, (one, other) in enumerate(zip(images, changed("colour", images), strict=True)):
        values = one.float() * factors[0, number]
        if channels == 3:
            grey = 0.299 * values[0] + 0.587 * values[1] + 0.114 * values[2]
            values = grey + factors[2, number] * (values - grey)
        values = values.mean() + factors[1, number] * (values - values.mean())
        assert (values.clamp(0, 255) - other.float()).abs().max() <= 0.51


def test_erase() -> None:
    """Half of the images have a grey rectangle of up to a third of each side; all else stays."""
    images = pictures().where(pictures() != 128, 127)
    erased = 0
    for one, other in zip(images, changed("erase", images), strict=True):
        inside = (other == 128).all(0)
        assert torch.equal(one[:, ~inside], other[:, ~inside])
        rows, columns = inside.any(1), inside.any(0)
        assert torch.equal(inside, rows[:, None] & columns)
        assert int(rows.sum()) <= 3
        assert int(columns.sum()) <= 6
        erased += bool(inside.any())
    assert 50 < erased < 130


@given(
    st.lists(st.sampled_from(sorted(CHANGES)), max_size=4),
    st.integers(0, 5),
    st.sampled_from([1, 3]),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_any_shape_stays_as_it_is(kinds: list[str], count: int, channels: int, height: int, width: int) -> None:
    images = pictures(count, channels, height, width)
    before = images.clone()
    after = augmented(kinds, generator(1, "augment"), images)
    assert (after.shape, after.dtype) == (images.shape, torch.uint8)
    assert torch.equal(images, before), "the stored images are never written to"
    assert torch.equal(after, augmented(kinds, generator(1, "augment"), images))
