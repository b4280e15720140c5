"""Networks of your own: cl-tui run --model my_nets.py:build"""

import math

from torch import Tensor, nn


def build(inputs, outputs):
    """inputs: the shape of one example, such as (1, 28, 28). outputs: how many there are."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(inputs), 64),
        nn.ReLU(),
        nn.Linear(64, outputs),
    )


class Gated(nn.Module):
    """A class works, too: --model my_nets.py:Gated"""

    def __init__(self, inputs, outputs, seed=0):
        super().__init__()
        self.seed = seed  # the run's, if you need it: torch's own generator is seeded already
        size = math.prod(inputs)
        self.features = nn.Linear(size, 64)
        self.gate = nn.Linear(size, 64)
        self.head = nn.Linear(64, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.head(self.features(x) * self.gate(x).sigmoid())
