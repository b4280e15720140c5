"""An alarm of the watchdog: a problem, its cause, and what can be done."""

from dataclasses import dataclass
from typing import Literal

Name = Literal["not-finite", "diverging", "no-penalty", "drowned", "saturated", "no-learning", "forgot"]
STRONGER = 10.0
"""Factor by which a remedy changes the strength."""


@dataclass(frozen=True)
class Cure:
    """A remedy that a key can apply: another strength from the next step on, or a fork."""

    method: str
    """Of the fork; else the run's."""
    strength: float | None
    """None for the method's default."""
    fork: int | None = None
    """The task, counted from 0, at whose end the fork begins; None to change the strength now."""


@dataclass(frozen=True)
class Alarm:
    """A problem and its remedy; each text is part of a sentence, without a capital or a full stop."""

    name: Name
    task: int
    """The task concerned, counted from 0."""
    what: str
    cause: str
    remedy: str
    cures: tuple[Cure, ...] = ()
    """What a key can do, the best first: changes of the strength only while they still help."""

    @property
    def text(self) -> str:
        """One sentence of at most three lines of 80 characters."""
        return f"{self.what}: {self.cause}; {self.remedy}"
