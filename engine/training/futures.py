"""A look ahead: short futures of a run at other strengths, which are trained and then discarded. No torch here."""

import math
from dataclasses import dataclass

LONG_SECONDS = 5.0
"""A look ahead that takes longer waits for consent."""
FACTOR = 10.0
FIRST = 1e-3
"""The strength above 0 where a method has none of its own."""


@dataclass(frozen=True)
class Ahead:
    """What is asked for."""

    strengths: tuple[float, ...]
    """In the order in which they are trained."""
    steps: int
    agreed: bool = False
    """Whether it may take long."""


@dataclass(frozen=True)
class Future:
    """What would happen at a strength, as far as it is known."""

    strength: float
    steps: int
    """How many were asked for."""
    probed: tuple[int, ...] = ()
    """The steps at which the network was tested, from the present one on."""
    rows: tuple[tuple[float, ...], ...] = ()
    """The scores at each of them on the evaluation subsets of the tasks seen until then."""
    losses: tuple[float, ...] = ()
    penalties: tuple[float, ...] = ()
    """Of each step taken."""
    done: bool = False
    broken: str = ""
    """Why it ended early."""


@dataclass(frozen=True)
class Futures:
    """What the engine tells of a look ahead."""

    step: int = 0
    """The step from which they begin."""
    task: int = 0
    """The task in training there, counted from 0."""
    known: tuple[Future, ...] = ()
    seconds: float | None = None
    """Estimate of how long those that are not trained yet take; None before it is known."""
    waiting: bool = False
    """Whether they wait for consent, because they take long."""

    def of(self, strength: float, steps: int) -> Future | None:
        return next((one for one in self.known if (one.strength, one.steps) == (strength, steps)), None)


def strengths_around(strength: float, usual: float, wide: bool = False) -> tuple[float, ...]:
    """The present strength, a tenth and ten times of it, and if ``wide`` a hundred times. Beside 0: the ``usual``
    strength of the method, and ten times of it.

    >>> strengths_around(0.3, 1.0), strengths_around(0.0, 5.0, wide=True)
    ((0.3, 0.03, 3.0), (0.0, 5.0, 50.0, 500.0))
    """
    first = strength or (usual / FACTOR if usual else FIRST / FACTOR)
    others = [] if not strength else [strength / FACTOR]
    powers = range(1, 2 + wide + (not strength))
    others += [first * FACTOR**power for power in powers]
    rounded = (float(f"{value:.12g}") for value in (strength, *others))
    return tuple(dict.fromkeys(value for value in rounded if math.isfinite(value)))
