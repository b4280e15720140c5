"""What Ω holds of the first layer, what a new task pulls, and how far both meet. Imports no torch."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.record.events import CONFLICT, HELD, HELD_OWN, PULLED
from engine.record.history import History
from engine.record.series import Series

if TYPE_CHECKING:
    import numpy as np


MOST_DOUBLINGS = 3.0
"""Ratios of shares beyond 2 to this power are drawn as this."""
MOST_SUMMED = 100
"""Most pictures that are summed, the newest: a task has about 20, a stranger's log may have more."""
FAINT = 0.1
"""Points of which both shares are below this part of the mean share have no ratio that says anything."""


@dataclass(frozen=True)
class Conflict:
    """How much of what a task has changed so far falls on the weights that hold half of Ω."""

    part: str
    """The layer whose pictures HELD has, or WHOLE_NETWORK."""
    change: float
    """Share of the part's change |θ−θ*| that falls on them."""
    weights: float
    """Share of the part's weights that they are."""


@dataclass(frozen=True, eq=False)
class Neurons:
    """Ω of each neuron of the first layer."""

    task: int
    """The task that had ended, counted from 0."""
    images: "np.ndarray"
    """Ω ≥ 0, summed over channels. Shape (neurons, H, W)."""


def pictures(history: History, name: str) -> "np.ndarray | None":
    """The newest of HELD, HELD_OWN or PULLED: shape (pictures, H, W). None if there is none.

    Bytes hold each value to 1/255 of the root of the largest.
    """
    told = history.packed.get(name)
    return told[-1].array() if told else None


def held_by_task(history: History) -> "dict[int, np.ndarray]":
    """What each task that ended added to Ω, as HELD_OWN tells it."""
    arrays = {of.phase: of.array() for of in history.packed.get(HELD_OWN, ())}
    return {task: array for task, array in arrays.items() if array is not None}


def pulled(history: History, step: int | None = None) -> "tuple[int, np.ndarray] | None":
    """The newest task of PULLED up to ``step``, or of all, and the sum of what was told while it was trained."""
    told = history.packed.get(PULLED) or Series()
    told = told if step is None else told.until(step)
    phase = told[-1].phase if told else 0
    first = max(bisect_left(told, phase, key=lambda of: of.phase), len(told) - MOST_SUMMED)
    arrays = [array for of in told[first:] if (array := of.array()) is not None]
    alike = [array for array in arrays if array.shape == arrays[-1].shape]
    return (phase, sum(alike[1:], alike[0])) if alike else None


def held_before(history: History, task: int) -> "np.ndarray | None":
    """Ω at the end of the task before ``task``; None if it was not told."""
    told = history.packed.get(HELD) or Series()
    before = told[: bisect_left(told, task, key=lambda of: of.phase)][-1:]
    return before[0].array() if before else None


def conflicts(history: History) -> list[Conflict]:
    """The newest, of the first layer, where it has pictures, and of the whole network. Empty before the second task,
    and without Ω."""
    told = history.measured.get(CONFLICT)
    if not told:
        return []
    labels, values = told[-1].labels, told[-1].values
    return [
        Conflict(part, change, weights)
        for part, change, weights in zip(labels[::2], values[::2], values[1::2], strict=False)
        if change is not None and weights is not None
    ]


def ratio(held: "np.ndarray", pulled: "np.ndarray") -> "np.ndarray":
    """How many times more of all pull than of all Ω each point has, in doublings up to ±MOST_DOUBLINGS: shares, because
    a product would only show where inputs are not 0. 0 where there is hardly any of either.

    >>> import numpy as np
    >>> ratio(np.array([[4.0, 4.0, 0.0]]), np.array([[1.0, 2.0, 5.0]])).round(1).tolist()
    [[-2.0, -1.0, 3.0]]
    """
    import numpy as np

    of_held, of_pulled = (array / max(float(array.sum()), 1e-300) for array in (held, pulled))
    faint = np.maximum(of_held, of_pulled) < FAINT / held.size
    with np.errstate(divide="ignore", invalid="ignore"):
        doublings = np.log2(of_pulled / of_held)
    found: np.ndarray = np.where(faint, 0.0, np.clip(np.nan_to_num(doublings), -MOST_DOUBLINGS, MOST_DOUBLINGS))
    return found


def top_half(held: "np.ndarray") -> "np.ndarray":
    """The fewest points that hold half of ΣΩ, as a mask of the same shape."""
    import numpy as np

    order = np.argsort(-held, axis=None, kind="stable")
    summed = np.cumsum(held.flat[order])
    count = int(np.searchsorted(summed, summed[-1] / 2)) + 1 if summed[-1] > 0 else 0
    found = np.zeros(held.size, bool)
    found[order[:count]] = True
    return found.reshape(held.shape)


def holders(parts: "list[np.ndarray]") -> list[float]:
    """What share of Ω each task's part has on the points that hold half of their sum."""
    import numpy as np

    total = np.sum(parts, axis=0)
    top = top_half(total)
    whole = float(total[top].sum())
    return [float(part[top].sum()) / whole if whole else 0.0 for part in parts]
