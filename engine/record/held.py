"""What Ω holds of the first layer, what a new task pulls, and how far both meet. Imports no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.record.events import CONFLICT, HELD_OWN
from engine.record.history import History
from engine.record.series import Series

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Conflict:
    """How much of what a task has changed so far falls on the weights that hold half of Ω."""

    part: str
    """The layer whose pictures HELD has, or WHOLE_NETWORK."""
    change: float
    """Share of the part's change |θ−θ*| that falls on them."""
    weights: float
    """Share of the part's weights that they are."""


def pictures(history: History, name: str, step: int | None = None) -> "np.ndarray | None":
    """The newest of HELD, HELD_OWN or PULLED up to ``step``, or of all: shape (pictures, H, W). None if there is none.

    Bytes hold each value to 1/255 of the root of the largest.
    """
    told = history.packed.get(name) or Series()
    told = told if step is None else told.until(step)
    return told[-1].array() if told else None


def held_by_task(history: History, step: int | None = None) -> "dict[int, np.ndarray]":
    """What each task that ended by ``step`` added to Ω, as HELD_OWN tells it."""
    told = history.packed.get(HELD_OWN) or Series()
    arrays = {of.phase: of.array() for of in (told if step is None else told.until(step))}
    return {task: array for task, array in arrays.items() if array is not None}


def conflicts(history: History, step: int | None = None) -> list[Conflict]:
    """The newest up to ``step``, or of all: of the first layer, where it has pictures, and of the whole network. Empty
    before the second task, and without Ω."""
    told = history.measured.get(CONFLICT) or Series()
    told = told if step is None else told.until(step)
    if not told:
        return []
    labels, values = told[-1].labels, told[-1].values
    return [
        Conflict(part, change, weights)
        for part, change, weights in zip(labels[::2], values[::2], values[1::2], strict=False)
        if change is not None and weights is not None
    ]
