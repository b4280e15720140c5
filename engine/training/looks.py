"""How often a network is tested while it trains: by counts, not by the clock, so that a resume repeats it."""

from dataclasses import dataclass
from math import ceil

from torch import nn

from engine.batch import convolutional

PROBES_PER_TASK = 20
HISTOGRAMS_PER_TASK = 8
SHARE = 0.2
"""Most examples that a convolutional network is tested on ÷ those that it trains on: about a tenth of the time, because
an example takes twice to three times as long in training. Small networks take so little time for both that nobody
would notice."""


@dataclass(frozen=True)
class Looks:
    """The places in a task where something is reported, and those of them where the network is tested for it."""

    steps: int
    """Of the task."""
    every: int
    """Steps from one place to the next."""
    tested: int
    """From one test to the next, in places."""

    @classmethod
    def of(cls, net: nn.Module, steps: int, places: int, examples: int, trained: int) -> "Looks":
        """``examples``: of a test; ``trained``: of the task's steps."""
        every = max(1, steps // places)
        number = steps // every
        most = max(1, int(SHARE * trained) // examples) if convolutional(net) and examples else number
        return cls(steps, every, 1 if most >= number else ceil(number / (most + 1)))

    def looks(self, step: int) -> bool:
        """Whether the network is tested at a place: evenly, and if not at all places, then not at the last, soon after
        which the task's end tests it anyway.

        >>> few, all = Looks(steps=100, every=5, tested=7), Looks(steps=100, every=5, tested=1)
        >>> [step for step in range(5, 101, 5) if few.looks(step)], sum(map(all.looks, range(5, 101, 5)))
        ([35, 70], 20)
        """
        number = step // self.every
        return self.tested == 1 or (number % self.tested == 0 and number < self.steps // self.every)
