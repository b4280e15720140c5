"""What a network's outputs mean: nothing else knows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from engine.batch import Batch
from engine.errors import ConfigError

Form = Literal["exact", "sampled", "empirical", "predicted", "norm"]
"""Of the gradients at the outputs: of log p(y|x), for each y and weighted with √p(y|x), for one y drawn from p, for the
target, or for the y that is most probable; or of ‖f(x)‖²."""


@dataclass(frozen=True)
class Answers:
    """Which class a network chose for each example."""

    given: Tensor
    """The output, counted from the first that competes. Shape (N,)."""
    competing: int
    """How many outputs compete."""
    first: int = 0
    """The place of the first class of the example's task among them."""


class Problem(Protocol):
    outputs: int
    """Number of outputs, which the network has from the start."""
    looks_ahead: bool = True
    """Whether scores on phases that have not begun mean something."""
    newest: int = 0
    """The last phase that has begun."""
    score: str = "accuracy"
    """The name of its score in a log."""

    def begin(self, phase: int) -> None:
        self.newest = phase

    def loss(self, outputs: Tensor, batch: Batch, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
        """Over the examples. Shape ()."""

    def loss_of_tasks(self, outputs: Tensor, batch: Batch, tasks: Tensor, reduction: Literal["mean", "sum"]) -> Tensor:
        """``loss`` of a batch whose examples are of several ``tasks``, from that of each."""
        counts = torch.bincount(tasks, minlength=self.newest + 1).tolist()
        parts = zip(batch.inputs.split(counts), batch.targets.split(counts), outputs.split(counts), strict=True)
        total = torch.stack(
            [self.loss(own, Batch(inputs, targets, task), "sum") for task, (inputs, targets, own) in enumerate(parts)]
        ).sum()
        return total / len(batch) if reduction == "mean" else total

    def distillation(self, outputs: Tensor, taught: Tensor, temperature: float, class_mean: bool = False) -> Tensor:
        """How far ``outputs`` are from ``taught``, those of the network before the newest phase, where they had a
        meaning then: the mean over examples, on the scale of ``loss``, shape (). ``class_mean``: divided by the number
        of classes that compete in the network."""
        raise ConfigError("method = lwf: this problem does not say how far two networks' outputs are apart", "method")

    def scores(self, outputs: Tensor, batch: Batch) -> Tensor:
        """How good each example's answer is, shape (N,); ``score_of`` makes a phase's score of their mean."""

    def score_of(self, mean: float) -> float:
        """The score of examples whose ``scores`` have this mean; NaN if it is not known."""
        return mean

    def answers(self, outputs: Tensor, batch: Batch) -> Mapping[str, Answers]:
        """The classes that were chosen, for a problem that has classes: in the way that scores judge, and then if the
        network knew more, or less, of the task. By the names that a log has for them."""
        return {}

    def competing(self, outputs: Tensor, phase: int) -> tuple[Tensor, int] | None:
        """For a problem that has classes: the outputs that compete for examples of ``phase``, as scores judge, shape
        (N, C), and the place of its first class among them."""
        return None

    def predicted(self, outputs: Tensor, phase: int) -> Tensor | None:
        """For a problem whose targets are numbers: what was predicted for examples of ``phase``, shape (N, D)."""
        return None

    def gradients(
        self, outputs: Tensor, batch: Batch, form: Form, random: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        """Each example's gradient at its own outputs, in the ``form`` that an importance asks for: one or several of
        shape (N, outputs), whose squares add up. ``outputs`` is detached; ``random`` draws the labels of "sampled".
        """
