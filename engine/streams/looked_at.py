"""How people look at examples: as pictures, where they are some."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

LARGEST = 64
"""Longest side of a picture; a longer one is made smaller."""
MOST_NUMBERS = 64
"""Of an example that is no picture."""


def spread(targets: Tensor, count: int) -> Tensor:
    """The places of at most ``count`` examples, ascending: the first of each class, then the second, …; the first ones
    if ``targets`` are numbers.

    >>> spread(torch.tensor([0, 0, 0, 1, 1, 2]), 4)
    tensor([0, 1, 3, 5])
    """
    if targets.dim() > 1 or len(targets) <= count:
        return torch.arange(min(count, len(targets)))
    order = targets.sort(stable=True).indices
    sizes = torch.bincount(targets)
    starts = sizes.cumsum(0) - sizes
    turn = torch.empty_like(order)
    turn[order] = torch.arange(len(order)) - starts.repeat_interleave(sizes)
    return turn.sort(stable=True).indices[:count].sort().values


def looked_at(inputs: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Examples of shape (N, …), bytes or not normalised, as pictures, or else their first numbers. Pictures are of
    shape (C, H, W) with C = 1 or 3, or (H, W); brightness that is not between 0 and 1 is brought there."""
    if inputs.dim() == 3:
        inputs = inputs.unsqueeze(1)
    if inputs.dim() != 4 or inputs.shape[1] not in (1, 3) or not (inputs.dtype == torch.uint8 or _bright(inputs)):
        return None, inputs.reshape(len(inputs), -1)[:, :MOST_NUMBERS].float()
    if inputs.dtype != torch.uint8:
        low, high = inputs.min().clamp(max=0), inputs.max().clamp(min=1)
        inputs = ((inputs - low) / (high - low) * 255).round().byte()
    return smaller(inputs, LARGEST), None


def _bright(inputs: Tensor) -> bool:
    return inputs.is_floating_point() and bool(torch.isfinite(inputs).all())


def smaller(pictures: Tensor, side: int) -> Tensor:
    """Bytes of shape (N, C, H, W) with no side longer than ``side``: the mean of what falls together."""
    height, width = pictures.shape[2:]
    longest = max(height, width)
    if longest <= side or not len(pictures):
        return pictures
    size = max(1, height * side // longest), max(1, width * side // longest)
    return adaptive_avg_pool2d(pictures.float(), size).round().byte()
