"""How a long reading of data says how far it is, and how it is stopped."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    tell: Callable[[str], None] = lambda doing: None
    """Takes what is being done."""
    check: Callable[[], None] = lambda: None
    """Raises if the reading is no longer wanted."""


QUIET = Progress()
