"""Images of what Ω of the first layer holds and of what a task pulls, who holds what, and the sentence about both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.record.events import CONFLICT, HELD, WHOLE_NETWORK
from engine.record.held import conflicts, held_before, held_by_task, pictures, pulled
from engine.record.history import History
from engine.settings.run import RunConfig

FLAT = 4
"""How many times wider than high a single row of inputs is drawn."""


@dataclass(frozen=True, eq=False)
class Images:
    """Stacks of pictures, all of the same shape (pictures, rows, columns): one of the inputs, or one of each filter."""

    held: np.ndarray
    by: str
    """Who holds it, such as 'tasks 1–4'."""
    pulled: np.ndarray
    puller: int | None = None
    """The task that pulls, counted from 0; None before there is a gradient to show."""
    parts: Sequence[np.ndarray] = ()
    """What each task added to what is held; empty if that cannot be told apart."""
    names: Sequence[str] = ()
    """Of the tasks in ``parts``."""
    sentence: str = ""
    layer: str = ""


def images(history: History, config: RunConfig, task: int | None = None) -> Images | None:
    """``task``: what it alone added, counted from 0; by default what all tasks before the newest hold. None if nothing
    was told."""
    pull = pulled(history)
    puller, force = pull or (None, None)
    parts = {of: added for of, array in held_by_task(history).items() if (added := _clean(array)) is not None}
    newest = min(history.task, len(history.tasks) - 1) if puller is None else puller
    held: np.ndarray | None
    if task is not None and task in parts:
        held, by = parts[task], f"task {task + 1}"
    elif (before := _clean(held_before(history, newest))) is not None:
        held, by = before, "task 1" if newest == 1 else f"tasks 1–{newest}"
    else:
        held, by = _clean(pictures(history, HELD)), f"task {newest + 1} so far"
    if held is None:
        return None
    alike = {of: added for of, added in parts.items() if added.shape == held.shape and of < max(newest, 1)}
    if config.method == "l2" or config.option("recompute"):
        alike = {}
    force = _clean(force)
    fits = force is not None and force.shape == held.shape
    return Images(
        held,
        by,
        force if force is not None and fits else np.zeros_like(held),
        puller if fits else None,
        tuple(alike.values()),
        tuple(history.tasks[of].name for of in alike),
        sentence(history),
        next((of.part for of in conflicts(history) if of.part != WHOLE_NETWORK), ""),
    )


def tiled(stack: np.ndarray) -> np.ndarray:
    """A stack of pictures, shape (pictures, rows, columns), as one: side by side in a square, with a pixel between. A
    single row, of inputs that are no picture, becomes high enough to be seen.

    >>> tiled(np.ones((3, 2, 2))).astype(int).tolist()
    [[1, 1, 0, 1, 1], [1, 1, 0, 1, 1], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0]]
    >>> tiled(np.ones((1, 1, 12))).shape
    (3, 12)
    """
    count, rows, columns = stack.shape
    if count == 1:
        flat: np.ndarray = stack[0] if rows > 1 else np.repeat(stack[0], max(columns // FLAT, 1), axis=0)
        return flat
    across = int(np.ceil(np.sqrt(count * rows / columns)))
    down = -(-count // across)
    grid = np.zeros((across * down, rows + 1, columns + 1))
    grid[:count, :rows, :columns] = stack
    joined: np.ndarray = grid.reshape(down, across, rows + 1, columns + 1).swapaxes(1, 2)
    return joined.reshape(down * (rows + 1), across * (columns + 1))[:-1, :-1]


def sentence(history: History) -> str:
    """How much of its change the newest task put on the weights that hold half of Ω; empty before it is known."""
    found = conflicts(history)
    if not found:
        return ""
    conflict, task = found[0], history.measured[CONFLICT][-1].phase
    part = "" if conflict.part == WHOLE_NETWORK else f" in {conflict.part.removesuffix('.weight')}"
    change, weights = _percent(conflict.change), _percent(conflict.weights)
    return f"Task {task + 1} put {change} of its change{part} on the {weights} of the weights that hold half of Ω."


def _percent(share: float) -> str:
    """
    >>> _percent(0.0367), _percent(0.0602), _percent(0.25), _percent(0.0)
    ('3.7 %', '6.0 %', '25 %', '0 %')
    """
    shown = 100 * share
    return f"{shown:.1f} %" if 0 < shown < 10 else f"{shown:.0f} %"


def _clean(array: np.ndarray | None) -> np.ndarray | None:
    """A stranger's log may have other shapes, and numbers that are not finite."""
    if array is None or array.ndim != 3 or not array.size:
        return None
    found: np.ndarray = np.nan_to_num(array.astype(float), posinf=0.0, neginf=0.0).clip(0, 1e30)
    return found
