"""Mean and standard deviation of inputs, by channel, and what they are divided by."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.errors import ConfigError
from engine.settings.text import shown
from engine.streams.pixels import Channels, Pixels, Store

IMAGENET: Channels = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
STATISTICS_BYTES = 2**28
"""Most bytes of images whose mean and deviation are computed: all of CIFAR."""
MOST_TOLD = 3
"""Most channels whose mean and deviation are told."""
CHUNK = 2**22
"""Bytes that are computed with at once."""
Part = tuple[Store, Tensor | None]
"""Inputs, and which rows of them; None: all."""


def normalized(inputs: Store, channels: Channels | None) -> Store:
    """``inputs`` minus the mean, divided by the deviation, in single precision; unchanged if neither is given."""
    if channels is None:
        return inputs
    if isinstance(inputs, Pixels):
        return inputs.normalized(channels)
    if len(channels[0]) == 1:
        (mean,), (deviation,) = channels
        return ((inputs - mean) / deviation).float()
    if inputs.dim() == 2 and inputs.shape[1] == len(channels[0]):
        own, by = (torch.tensor(of, dtype=torch.float64) for of in channels)
        return ((inputs.double() - own) / by).float()
    means, deviations = (inputs.new_tensor(of).view(-1, 1) for of in channels)
    return ((inputs.view(len(inputs), len(means), -1) - means) / deviations).view(inputs.shape).float()


def denormalized(inputs: Tensor, channels: Channels | None) -> Tensor:
    """What ``normalized`` made ``inputs`` of, which are no bytes; shape (N, …)."""
    if channels is None or not inputs.is_floating_point():
        return inputs
    parts = len(channels[0])
    means, deviations = (torch.tensor(of, dtype=inputs.dtype).view(-1, 1) for of in channels)
    return (inputs.reshape(len(inputs), parts, -1) * deviations + means).view(inputs.shape)


def channels_of(given: str | Sequence[float] | None, parts: Sequence[Part], columns: bool = False) -> Channels | None:
    """What ``normalize`` says, for the training examples in ``parts``; ``columns``: each of their values is a channel.
    Raises ConfigError if it does not fit them."""
    if given is None:
        return None
    if given == "auto":
        return of_columns(parts) if columns else statistics(parts)
    half = len(given) // 2
    found: Channels = IMAGENET if isinstance(given, str) else (given[:half], given[half:])
    there = {inputs.shape[1] for inputs, _ in parts if isinstance(inputs, Pixels)}
    if len(found[0]) > 1 and there - {len(found[0])}:
        raise ConfigError(
            f"normalize = {shown(given)}: it is for {len(found[0])} channels, but these images have {there.pop()}",
            "normalize",
        )
    return found


def statistics(parts: Sequence[Part]) -> Channels:
    """Mean and standard deviation of each channel, in six digits; of images that take more than STATISTICS_BYTES, only
    of every n-th. Of inputs that are no bytes, of all values."""
    total: Tensor | float = 0.0
    squares: Tensor | float = 0.0
    count = 0
    size = sum(len(inputs if own is None else own) * math.prod(inputs.shape[1:]) for inputs, own in parts)
    step = max(1, math.ceil(size / STATISTICS_BYTES))
    for inputs, own in parts:
        if isinstance(inputs, Pixels):
            shape = inputs.shape[1:]
            rows = (torch.arange(len(inputs)) if own is None else own)[::step]
            for some in rows.split(max(1, CHUNK // math.prod(shape))):
                values = inputs.raw(some).int()
                total = total + values.sum((0, 2, 3)).double() / 255
                squares = squares + values.square().sum((0, 2, 3)).double() / 255**2
            count += len(rows) * math.prod(shape[1:])
        else:
            total = total + inputs.sum(dtype=torch.float64).view(1)
            squares = squares + inputs.square().sum(dtype=torch.float64).view(1)
            count += inputs.numel()
    means = torch.as_tensor(total) / count
    deviations = (torch.as_tensor(squares) / count - means.square()).clamp_min(0).sqrt()
    deviations[deviations < 1e-6] = 1.0  # a channel that is always the same
    return [float(f"{mean:.6g}") for mean in means.tolist()], [float(f"{of:.6g}") for of in deviations.tolist()]


def of_columns(parts: Sequence[Part]) -> Channels:
    """Mean and standard deviation of each value of an example."""
    every = torch.cat([inputs.double() for inputs, _ in parts if isinstance(inputs, Tensor)])
    deviations = every.std(0, correction=0).masked_fill((every == every[:1]).all(0), 1.0)
    return every.mean(0).tolist(), deviations.tolist()


def told(channels: Channels) -> str:
    if len(channels[0]) > MOST_TOLD:
        return (
            "normalize auto: each value has its own mean and standard deviation, of the training examples of all tasks"
        )
    means, deviations = (", ".join(f"{number:.4g}" for number in of) for of in channels)
    return f"normalize auto: mean {means}, standard deviation {deviations}, of the training examples of all tasks"
