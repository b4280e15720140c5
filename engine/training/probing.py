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


SMALL_WORK = 2e6
"""Parameters × examples of a step that takes twice as long as that of a very small network."""


@dataclass(frozen=True)
class Telling:
    """How often something is told that takes about as long as one or two steps of a very small network: every second
    place or less, so that it takes no more than about half of a hundredth of the time."""

    steps: int
    """From one to the next of a very small network."""
    fewest: int
    """Of a task, however few steps that has, as far as it has places."""

    def every(self, every: int, steps: int, work: float) -> int:
        """Steps from one telling to the next, of a task of ``steps`` with a place after each ``every``. ``work``:
        parameters × examples of a step, which with more of them takes longer.

        >>> [ANSWERS.every(51, 1032, work=1e5), ANSWERS.every(37, 751, work=3e7), ANSWERS.every(1, 4, work=1e5)]
        [153, 74, 1]
        """
        wanted = max(2, ceil(self.steps / (every * (1 + work / SMALL_WORK))))
        return every * max(1, min(wanted, steps // every // self.fewest))


ANSWERS, WEIGHTS = Telling(120, fewest=4), Telling(500, fewest=2)
"""The answers for shown examples, at probes; and what weights hold and pull, where Ω so far is told."""


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
