"""What the outputs of a program's own network mean."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from engine.batch import Batch
from engine.errors import ConfigError, EngineError
from engine.problems.classification import Classification
from engine.problems.problem import Form, Problem
from engine.problems.regression import Regression
from engine.settings.run import RunConfig

KINDS = ("classification", "regression")


@dataclass(frozen=True)
class Meaning:
    kind: Any
    """classification: class scores, of which p(y|x) is the softmax. regression: the mean of a normal distribution with
    variance 1. A function of (outputs, targets): each example's loss, −log p(y|x), shape (N,)."""
    forward: Callable[[nn.Module, Any], Any] | None
    """Takes (model, batch) and returns the outputs, shape (N, outputs)."""

    def problem(self, outputs: int) -> Problem:
        if self.kind == "classification":
            return Classification("domain", [outputs])
        if self.kind == "regression":
            return Regression("domain", [outputs])
        return LossProblem(self.kind, outputs)

    def targets(self, targets: Tensor, active: Sequence[int] | None, outputs: int) -> Tensor:
        """Labels as places among the ``active`` outputs, of which there are ``outputs``; numbers as they are, in rows.
        Raises EngineError for a label of no output."""
        if self.kind == "regression":
            return targets.reshape(len(targets), -1)
        if self.kind != "classification":
            return targets
        if targets.dim() != 1 or targets.is_floating_point():
            raise EngineError(
                f"the targets of run.end_task(inputs=…) are {targets.dtype} of shape {tuple(targets.shape)}: "
                f"classification needs one whole number for each example"
            )
        if active is None:
            active = range(outputs)
        places = torch.full((max(active) + 1,), -1, device=targets.device)
        places[torch.tensor(active, device=targets.device)] = torch.arange(len(active), device=targets.device)
        inside = (targets >= 0) & (targets <= max(active))
        found = torch.where(inside, places[targets.clamp(0, max(active)).long()], -1)
        if (found < 0).any():
            wrong = int(targets[found < 0][0])
            raise EngineError(
                f"a target of run.end_task(inputs=…) is {wrong}, which is not among the outputs that compete"
            )
        return found


def meaning_of(problem: object, forward: object, config: RunConfig) -> Meaning:
    """Raises ConfigError."""
    if not (problem in KINDS or callable(problem)):
        raise ConfigError(
            f"problem = {problem!r}: give classification, regression, or a function of (outputs, targets) that returns "
            f"each example's loss",
            "problem",
        )
    if forward is not None and not callable(forward):
        raise ConfigError(f"forward is {type(forward).__name__}, not a function of (model, batch)", "forward")
    fisher = config.option("fisher")
    if callable(problem) and fisher in ("exact", "sampled"):
        raise ConfigError(
            f"fisher = {fisher} needs p(y|x) of every y, and a loss function says it of the targets alone: give "
            f'protect(…) fisher="empirical"',
            "fisher",
        )
    return Meaning(problem, forward)


class LossProblem(Problem):
    """What is known of outputs if only their loss is given."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], outputs: int) -> None:
        self.outputs = outputs
        self._loss = loss

    def loss(self, outputs: Tensor, batch: Batch, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
        found = self._loss(outputs, batch.targets)
        if found.shape != (len(batch),):
            raise EngineError(
                f"the function problem=… returned a loss of shape {tuple(found.shape)} for {len(batch)} examples: "
                f'return that of each, as with reduction="none"'
            )
        return found.mean() if reduction == "mean" else found.sum()

    def scores(self, outputs: Tensor, batch: Batch) -> Tensor:
        raise EngineError("a loss function says nothing of a score")

    def gradients(
        self, outputs: Tensor, batch: Batch, form: Form, random: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        if form == "norm":
            yield 2 * outputs
            return
        with torch.enable_grad():
            outputs = outputs.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(self.loss(outputs, batch, "sum"), outputs)
        yield -gradient
