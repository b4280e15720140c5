"""Eval mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Eval mode, and the earlier mode afterwards."""
    was = net.training
    net.eval()
    try:
        yield
    finally:
        net.train(was)
