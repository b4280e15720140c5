"""Curves that do not hide each other, and labels at their ends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


TURN = 2
"""Cells of a curve's turn."""


def taking_turns(drawn: "Sequence[np.ndarray]") -> "list[np.ndarray]":
    """The dots of several curves, each of shape (4·height, 2·width), of which those that share cells take turns, so
    that all colours show."""
    import numpy as np

    if not drawn:
        return []
    height, width = drawn[0].shape[0] // 4, drawn[0].shape[1] // 2
    there = np.array([dots.reshape(height, 4, width, 2).any(axis=(1, 3)) for dots in drawn])
    sharing, place = there.sum(axis=0), there.cumsum(axis=0) - 1
    turn = (np.arange(width) // TURN) % np.maximum(sharing, 1)
    own = there & (place == turn)
    return [dots & mask.repeat(4, axis=0).repeat(2, axis=1) for dots, mask in zip(drawn, own, strict=True)]


def label_rows(rows: Sequence[int], height: int) -> list[int]:
    """A row of its own for each label, as near to its ``rows`` as the others allow; −1 for those without room.

    >>> label_rows([2, 2, 2], 9), label_rows([8, 8], 9), label_rows([0, 0, 5], 2)
    ([2, 3, 4], [7, 8], [0, 1, -1])
    """
    found = [-1] * len(rows)
    order = sorted(range(len(rows)), key=lambda place: rows[place])[:height]
    free = 0
    for number, place in enumerate(order):
        found[place] = free = min(max(rows[place], free), height - len(order) + number)
        free += 1
    return found
