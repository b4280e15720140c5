"""Small random networks, inputs and labels, and a problem whose competing outputs are any range."""

from collections.abc import Iterator
from functools import partial

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.batch import Batch
from engine.models.mlp import mlp
from engine.penalties.penalty import Penalty
from engine.problems.classification import Classification
from engine.seeds import generator

close64 = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-12)

sizes = st.lists(st.integers(1, 5), min_size=2, max_size=4)
seeds = st.integers(0, 2**31)


def random_network(widths: list[int], seed: int, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    return mlp(widths[:1], widths[1:-1], widths[-1], seed).to(dtype)


def random_inputs(count: int, width: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Some of them zero, as the pixels at an image's border are."""
    drawn = torch.randn(count, width, generator=generator(seed, "inputs")).to(dtype)
    return torch.where(drawn < -1, torch.zeros((), dtype=dtype), drawn)


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[int], slice, int, int]:
    """Layer sizes, active outputs, number of examples, seed."""
    widths = draw(sizes)
    start = draw(st.integers(0, widths[-1] - 1))
    stop = draw(st.integers(start + 1, widths[-1]))
    return widths, slice(start, stop), draw(st.integers(1, 7)), draw(seeds)


def outputs_of(active: slice) -> range:
    return range(active.start, active.stop)


class Ranges(Classification):
    """Tasks whose competing outputs are any ranges, and whose labels count within them."""

    def __init__(self, outputs: int, *ranges: slice) -> None:
        super().__init__("task", [outputs])
        self._ranges = ranges

    def active(self, task: int) -> slice:
        return self._ranges[task]


def whole(inputs: Tensor, size: int | None = None, labels: Tensor | None = None, task: int = 0) -> Iterator[Batch]:
    """All examples, in batches of ``size``."""
    labels = torch.zeros(len(inputs), dtype=torch.int64) if labels is None else labels
    return Batch(inputs, labels, task).split(size or len(inputs))


def random_labels(count: int, active: slice, seed: int) -> Tensor:
    return torch.randint(active.stop - active.start, (count,), generator=generator(seed, "labels"))


def bound(penalty: Penalty, k: float, theta: Tensor) -> tuple[float, Tensor]:
    """Its value at ``theta`` times ``k``, and the gradient of that."""
    gradient, pull = torch.empty_like(theta), penalty.bind(k)
    return pull.value(pull.write(theta, out=gradient).item()), gradient
