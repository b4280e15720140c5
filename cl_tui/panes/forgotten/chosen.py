"""What people have chosen in the pane."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Order = Literal["most certain", "first turned", "last turned", "at random"]
ORDERS: tuple[Order, ...] = ("most certain", "first turned", "last turned", "at random")


class Example(NamedTuple):
    task: int
    row: int
    """Its place among the task's shown examples."""


@dataclass(frozen=True)
class Chosen:
    order: int = 0
    """Of ORDERS."""
    group: tuple[int, str, str] | None = None
    """A task, what the examples are, and what they are taken for; None: the largest."""
    example: Example | None = None
    """It stays chosen at steps where it is not forgotten."""
    alone: bool = False
    """Whether the example has the whole pane."""
    film: bool | None = None
    """Whether p chose the film, or groups; None: the film while a replay plays."""
    task: int = 0
    """The first that is seen, of a regression."""


class Spot(NamedTuple):
    """Cells of the pane that stand for a group, or for one of its examples."""

    x: int
    y: int
    width: int
    height: int
    group: tuple[int, str, str]
    example: Example | None = None

    def has(self, x: int, y: int) -> bool:
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height
