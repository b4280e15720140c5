"""MNIST, in torchvision's layout in --data-dir: in tasks of its own, permuted, and rotated."""

import hashlib
from dataclasses import replace
from functools import partial
from math import cos, pi, sin
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from engine.settings.consistent import shape_of
from engine.settings.run import RunConfig
from engine.streams.examples import DataSet, Examples, ExampleStream, Task, held_out
from engine.streams.pixels import Pixels
from engine.streams.progress import QUIET, Progress
from engine.streams.torchvision_sets import data_set, padded

CHUNK = 4096
"""Images that are turned at once."""


def mnist(data_dir: Path, pad: int | None = None) -> DataSet:
    """60,000 training and 10,000 test examples of 784 values in 0–1, or more if padded. Raises BenchmarkError."""

    def flat(part: Examples) -> Examples:
        every = torch.arange(len(part))
        inputs, labels = part.take(every)
        return Examples(inputs.flatten(1), labels)

    data = padded(data_set("MNIST", data_dir), pad)
    return DataSet(flat(data.train), flat(data.test))


def stream(config: RunConfig) -> ExampleStream:
    return ExampleStream.of(config, mnist(Path(config.data_dir), config.option("pad")))


def rotated(config: RunConfig, progress: Progress = QUIET) -> ExampleStream:
    """Every task has all of MNIST, turned counter-clockwise."""
    data = padded(data_set("MNIST", Path(config.data_dir), progress), config.option("pad"))
    data = held_out(data, config.validation, config.seed)
    tasks = []
    for number in range(config.tasks):
        degrees = number * config.option("turn")
        progress.tell(f"turning MNIST by {degrees:g}°")
        still = Task(f"{degrees:g}°", 10, data.train, data.test, data.validation)
        tasks.append(still.changed(partial(turned, degrees=degrees, progress=progress)))
    return ExampleStream(config, tasks, shape_of(config))


def turned(part: Examples, degrees: float, progress: Progress = QUIET) -> Examples:
    """The images turned about their middle, with values between pixels interpolated; what moves in is black."""
    if degrees % 360 == 0:
        return part
    pixels, angle = part.inputs, degrees * pi / 180
    assert isinstance(pixels, Pixels)
    rows = torch.arange(len(part)) if part.rows is None else part.rows
    back = torch.tensor([[cos(angle), -sin(angle), 0], [sin(angle), cos(angle), 0]])
    made: list[Tensor] = []
    for some in rows.split(CHUNK):
        progress.check()
        values = pixels.raw(some).float()
        grid = affine_grid(back.expand(len(values), 2, 3), list(values.shape), align_corners=False)
        made.append(grid_sample(values, grid, align_corners=False).round_().byte())
    digest = hashlib.sha256(f"{pixels.digest} {degrees:g} ".encode() + rows.numpy().tobytes()).hexdigest()[:32]
    return replace(part, inputs=pixels.replaced(torch.cat(made), digest), rows=None)
