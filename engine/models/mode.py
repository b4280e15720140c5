"""Eval mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Eval mode, and afterwards each layer's earlier mode: some may have been in eval mode all the time."""
    trained = [layer for layer in net.modules() if layer.training]
    net.eval()
    try:
        yield
    finally:
        for layer in trained:
            layer.training = True
