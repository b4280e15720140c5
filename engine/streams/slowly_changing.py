"""The slowly changing regression problem: bits, of which most stay as they are within a task and one flips at its end.

Dohare et al. 2024, "Loss of plasticity in deep continual learning"; first in Dohare, Sutton & Mahmood 2021, "Continual
Backprop". Of 20 random bits, 15 change only at a task's end. They are the inputs of a network of 100 threshold units
with weights of ±1, whose output is the target. A unit fires if more than β of its inputs, with the bias, agree with
their weight: if Σwx + b > β·21 − S, where S is the number of its negative weights.

Their program counts the bias in S with the opposite sign, and by default draws all 15 bits again (bits_flipped=1 is the
paper's, and their flip_one).
"""

import torch
from torch import Tensor

from engine.seeds import generator
from engine.settings.run import RunConfig
from engine.streams.examples import DataSet, Examples, ExampleStream

BITS, SLOW = 20, 15
UNITS = 100
BETA = 0.7


class TargetNetwork:
    """
    >>> found = TargetNetwork(torch.Generator().manual_seed(0))(torch.zeros(2, BITS))
    >>> found.shape, bool(found[0] == found[1])
    (torch.Size([2, 1]), True)
    """

    def __init__(self, random: torch.Generator) -> None:
        def signs(*shape: int) -> Tensor:
            return torch.randint(2, shape, generator=random, dtype=torch.float32) * 2 - 1

        self.weights, self.biases = signs(UNITS, BITS), signs(UNITS)
        self.out, self.bias = signs(UNITS, 1), signs(1)
        negative = (BITS + 1 - self.weights.sum(1) - self.biases) / 2
        self.thresholds = BETA * (BITS + 1) - negative

    def __call__(self, bits: Tensor) -> Tensor:
        """The target of each row of bits, shape (N, 1)."""
        fires = bits @ self.weights.T + self.biases > self.thresholds
        return fires.float() @ self.out + self.bias


def tasks(config: RunConfig) -> list[tuple[str, DataSet]]:
    """Of each task, ``examples_per_task`` examples, and all that are possible as its test set."""
    random = generator(config.seed, "slowly changing regression")
    target = TargetNetwork(random)
    slow = torch.randint(2, (SLOW,), generator=random).float()
    fast = BITS - SLOW
    every = (torch.arange(2**fast).unsqueeze(1) >> torch.arange(fast) & 1).float()
    made = []
    for number in range(config.tasks):
        name = "start"
        if number:
            flipped = torch.randperm(SLOW, generator=random)[: config.option("bits_flipped")].sort().values
            slow[flipped] = 1 - slow[flipped]
            name = f"bit{'s'[: len(flipped) > 1]} {' '.join(str(bit + 1) for bit in flipped.tolist())}"

        def examples(of: Tensor) -> Examples:
            bits = torch.cat([slow.expand(len(of), SLOW), of], 1)
            return Examples(bits, target(bits))

        drawn = torch.randint(2, (config.option("examples_per_task"), fast), generator=random).float()
        made.append((name, DataSet(examples(drawn), examples(every))))
    return made


def stream(config: RunConfig) -> ExampleStream:
    return ExampleStream.of_tasks(config, tasks(config), (BITS,))
