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
class Probing:
    """The places in a task where something is reported, and those of them where the network is tested for it."""

    steps: int
    """Of the task."""
    every: int
    """Steps from one place to the next."""
    tested: int
    """From one test to the next, in places."""
    last: bool
    """Whether the last place is one of them: not if there are fewer tests than places, since the task's end, soon after
    it, tests the network anyway."""

    @classmethod
    def of(cls, net: nn.Module, steps: int, places: int, examples: int, trained: int) -> "Probing":
        """``examples``: of a test; ``trained``: of the task's steps."""
        every = max(1, steps // places)
        number = steps // every
        most = max(1, int(SHARE * trained) // examples) if convolutional(net) and examples else number
        enough = most >= number
        return cls(steps, every, 1 if enough else ceil(number / (most + 1)), enough)

    def tests(self, step: int) -> bool:
        """Whether the network is tested at a place.

        >>> few, all = Probing(100, every=5, tested=7, last=False), Probing(100, every=5, tested=1, last=True)
        >>> [step for step in range(5, 101, 5) if few.tests(step)], sum(map(all.tests, range(5, 101, 5)))
        ([35, 70], 20)
        """
        number = step // self.every
        return number % self.tested == 0 and (self.last or number < self.steps // self.every)
