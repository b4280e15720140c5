"""What a network's outputs mean: nothing else knows."""

from collections.abc import Iterator
from typing import Literal, Protocol

import torch
from torch import Tensor

from engine.batch import Batch

Form = Literal["exact", "sampled", "empirical", "predicted", "norm"]
"""Of the gradients at the outputs: of log p(y|x), for each y and weighted with √p(y|x), for one y drawn from p, for the
target, or for the y that is most probable; or of ‖f(x)‖²."""


class Problem(Protocol):
    outputs: int
    """Number of outputs, which the network has from the start."""
    newest: int = 0
    """The last phase that has begun."""
    score: str = "accuracy"
    """The name of its score in a log."""

    def begin(self, phase: int) -> None:
        self.newest = phase

    def loss(self, outputs: Tensor, batch: Batch, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
        """Over the examples. Shape ()."""

    def scores(self, outputs: Tensor, batch: Batch) -> Tensor:
        """How good each example's answer is, shape (N,); ``score_of`` makes a phase's score of their mean."""

    def score_of(self, mean: float) -> float:
        """The score of examples whose ``scores`` have this mean; NaN if it is not known."""
        return mean

    def gradients(
        self, outputs: Tensor, batch: Batch, form: Form, random: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        """Each example's gradient at its own outputs, in the ``form`` that an importance asks for: one or several of
        shape (N, outputs), whose squares add up. ``outputs`` is detached; ``random`` draws the labels of "sampled".
        """
