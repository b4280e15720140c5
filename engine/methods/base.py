"""What a method is: it begins a task, sees each step, and ends a task by changing the penalty."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from engine.config import RunConfig
from engine.penalty import Quadratic


@dataclass(frozen=True)
class LearnedTask:
    """What a method may look at when a task ends."""

    number: int
    """Counted from 0."""
    model: nn.Module
    inputs: Tensor
    """The task's training examples, shape (N, features)."""
    labels: Tensor
    """Their places among the active outputs, shape (N,)."""
    active: slice
    """The outputs that competed while it was learned."""
    theta: Tensor
    """The weights now, shape (P,); a copy is needed to keep them."""
    unlabelled: Callable[[int], tuple[Tensor, slice]]
    """Inputs from where ``importance_data`` says, and the outputs that compete on them, for a task up to this one."""
    check: Callable[[], None]
    """To be called now and then in a long computation; raises when the run is to stop."""


class Method:
    """Fine-tuning, and the base of every method. What must survive a resume is a tensor in ``tensors``."""

    sees_steps = False
    """Whether ``after_step`` is to be called."""
    sees_total = False
    """Whether the gradient it is given includes the penalty's."""
    measures_examples = False
    """Whether ``end_task`` measures importances example by example, which not every network allows."""
    replays = False
    """Whether a task is trained on the data of all tasks so far."""
    factor = 1.0
    """k = factor · strength."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.tensors: dict[str, Tensor] = {}
        """Everything the method keeps, by name; goes into the checkpoint whole."""

    def begin_task(self, theta: Tensor) -> None:
        """``theta``, shape (P,): the weights before the task's first step."""

    def after_step(self, gradient: Tensor, change: Tensor) -> None:
        """``gradient``: g before the step; ``change``: what the step did to θ. Both (P,)."""

    def path_integral(self) -> float | None:
        """Σω of the task so far, which tracks the drop of its loss; None for a method that does not follow the path."""
        return None

    def running_importance(self, theta: Tensor, penalty: Quadratic | None) -> Tensor | None:
        """Ω as it would be if the task ended now, shape (P,); None for a method that cannot tell."""
        return None

    def end_task(self, learned: LearnedTask, penalty: Quadratic | None) -> Quadratic | None:
        """The penalty from now on; ``penalty`` is the one so far. Changes nothing else, so it may be interrupted."""
        return penalty
