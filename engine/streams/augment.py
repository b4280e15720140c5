"""Random changes of training images, on their device. The draws are made on the CPU, so they are the same anywhere."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

GREY = 128
LARGEST_SHARE = 1 / 3
"""Of an image's height and of its width that is erased."""
COLOUR = 0.4
"""Brightness, contrast and saturation are multiplied by 0.6–1.4."""
LUMA = (0.299, 0.587, 0.114)


def augmented(kinds: Sequence[str], random: torch.Generator, images: Tensor) -> Tensor:
    """``images``, bytes of shape (N, C, H, W), after each of the ``kinds`` of change, in this order."""
    for kind in kinds:
        images = CHANGES[kind](images, random)
    return images


def flip(images: Tensor, random: torch.Generator) -> Tensor:
    """Left becomes right in half of them."""
    chosen = torch.rand(len(images), generator=random) < 0.5
    return torch.where(_each(chosen, images), images.flip(-1), images)


def crop(images: Tensor, random: torch.Generator) -> Tensor:
    """Moved by up to an eighth of the side in each direction; what moves in is black."""
    count, _, height, width = images.shape
    down, right = max(1, height // 8), max(1, width // 8)
    rows = torch.randint(2 * down + 1, (count, 1), generator=random) + torch.arange(height)
    columns = torch.randint(2 * right + 1, (count, 1), generator=random) + torch.arange(width)
    rows, columns = rows.to(images.device), columns.to(images.device)
    larger = pad(images, (right, right, down, down))
    # indices around a slice put their own dimensions first
    numbers = torch.arange(count, device=images.device)[:, None, None]
    return larger[numbers, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def colour(images: Tensor, random: torch.Generator) -> Tensor:
    """Brightness, contrast and, of colour images, saturation."""
    factors = 1 + COLOUR * (2 * torch.rand(3, len(images), generator=random) - 1)
    brightness, contrast, saturation = (_each(factor, images) for factor in factors)
    values = images.float() * brightness
    if images.shape[1] == 3:
        grey = (values * values.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
        values = grey + saturation * (values - grey)
    mean = values.mean((1, 2, 3), keepdim=True)
    return (mean + contrast * (values - mean)).round_().clamp_(0, 255).to(images.dtype)


def erase(images: Tensor, random: torch.Generator) -> Tensor:
    """A rectangle in half of them becomes grey."""
    count, _, height, width = images.shape
    chosen = torch.rand(count, generator=random) < 0.5
    inside = _each(chosen, images)
    for side, dimension in ((height, -2), (width, -1)):
        size = torch.rand(count, generator=random) * LARGEST_SHARE * side
        start = torch.rand(count, generator=random) * (side - size)
        place = torch.arange(side) + 0.5
        within = (place >= start[:, None]) & (place < (start + size)[:, None])
        inside = inside & (within[:, None, :, None] if dimension == -2 else within[:, None, None, :]).to(images.device)
    return images.masked_fill(inside, GREY)


def _each(values: Tensor, images: Tensor) -> Tensor:
    """A value for each image."""
    return values.view(-1, 1, 1, 1).to(images.device)


CHANGES: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "flip": flip,
    "crop": crop,
    "colour": colour,
    "erase": erase,
}
