"""The interface of a method: it begins a task, sees each step, and consolidates what was learned in a penalty."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn

from engine.batch import Batch
from engine.importance.measure import Of
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic
from engine.problems.problem import Problem
from engine.settings.run import RunConfig
from engine.streams.stream import Readable, Stream


@dataclass(frozen=True)
class Learned:
    """What a method may look at when it consolidates."""

    phase: int
    """The phase that was learned, counted from 0."""
    net: nn.Module
    theta: Tensor
    """Its weights, shape (P,); copy them to keep them."""
    problem: Problem
    stream: Readable
    check: Callable[[], None]
    """Call this regularly in a long computation; it raises if a stop is requested."""
    tested_on: Callable[[int], AbstractContextManager[None]] = lambda phase: nullcontext()
    """The network meanwhile as it is tested on an earlier phase, with statistics of its own if it has some."""


class StepLoss(NamedTuple):
    """Each of shape ()."""

    total: Tensor
    """What the step descends."""
    own: Tensor
    """The task's own loss, as the log tells it."""
    added: Tensor | None = None
    """What the method added, on the scale of ``own``; the log tells it as a penalty."""


class Method:
    """Fine-tuning, and the base of every method."""

    sees_steps = False
    sees_total = False
    """Whether ``after_step`` gets the gradient of loss plus penalty instead of the loss's alone."""
    measures: Of | None = None
    """Whose gradients ``consolidate`` measures, if it measures any."""
    directs = False
    """Whether to call ``direct``."""
    cumulative = False
    """Whether a task is trained on the data of all tasks so far."""
    factor = 1.0
    """k = factor · strength."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.options = config.method_options
        self.state: Any = None
        """All that must survive a resume: a dataclass of tensors that ``start`` makes, which later are only written in
        place. Its fields say which have one entry for each parameter: ``PerParameter``."""

    def use(self, net: nn.Module, stream: Stream) -> None:
        """The network that is trained, and what on; comes before ``start``."""

    def start(self, theta: Tensor) -> None:
        """Makes the state, before the first step. ``theta``, shape (P,): the initial weights."""

    def begin_task(self, theta: Tensor) -> None:
        """``theta``, shape (P,): the weights before the task's first step."""

    def batch(self, batch: Batch, step: int) -> Batch:
        """The examples of ``step``, counted through all tasks: the stream's ``batch``, or others beside them."""
        return batch

    def loss(self, outputs: Tensor, batch: Batch, problem: Problem) -> StepLoss:
        """The loss of a step: the problem's, or weighed and added to."""
        found = problem.loss(outputs, batch)
        return StepLoss(found, found)

    def direct(self, gradient: Tensor, theta: Tensor) -> None:
        """Changes in place what the optimizer gets: the gradient of loss plus penalty at ``theta``, both (P,)."""

    def after_step(self, gradient: Tensor, change: Tensor) -> None:
        """``gradient``: g before the step; ``change``: what the step did to θ. Both (P,)."""

    def path_integral(self) -> float | None:
        """Σω of the task so far, which tracks the drop of its loss; None for a method without a path integral."""
        return None

    def running_importance(self, theta: Tensor, penalty: Penalty | None) -> Tensor | None:
        """Ω as if the task ended now, shape (P,); None for a method that cannot compute it."""
        return None

    def consolidate(self, learned: Learned, penalty: Penalty | None) -> Penalty | None:
        """Returns the new penalty, given the current ``penalty``. Changes nothing else, so it may be interrupted."""
        found = self.running_importance(learned.theta, penalty)
        return penalty if found is None else Quadratic(found, learned.theta.clone())
