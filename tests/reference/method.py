"""What the slow training loop asks of a slow method."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SlowMethod:
    """Fine-tuning: no penalty."""

    follows_total = False
    """Whether ``after_step`` is to be given the gradient of loss plus penalty."""
    replays = False
    """Whether a task is trained on the data of all tasks so far."""

    number: int
    labels: Tensor
    elsewhere: Sequence[tuple[Tensor, Sequence[int]]]

    def begin_task(self, theta: Sequence[Tensor]) -> None:
        """``theta``: the network's parameters before the task's first step."""

    def begin_network(self, model: nn.Module) -> None:
        """``model``: the network before the task's first step."""

    def step_loss(
        self,
        loss: Tensor,
        model: nn.Module,
        inputs: Tensor,
        earlier: Sequence[tuple[Sequence[int], Sequence[int]]],
    ) -> tuple[Tensor, float]:
        """What a step descends besides the penalty, and what is told of it as a penalty. ``earlier``: the outputs that
        competed before the task began, and those among which they do now; once for each head of its own."""
        return loss, 0.0

    def remembered(self, step: int) -> list[int]:
        """Places, among the training examples of all tasks, of those that ``step`` is trained on besides its own."""
        return []

    def learned(self, labels: Tensor) -> None:
        """After a task's last step; ``labels``: of its training examples."""

    def after_step(self, g: Sequence[Tensor], change: Sequence[Tensor]) -> None:
        """``g``: gradient of the task's loss alone; ``change``: what the step did to each parameter."""

    def told(self, number: int, labels: Tensor, elsewhere: Sequence[tuple[Tensor, Sequence[int]]]) -> None:
        """Just before ``end_task``: which task ends, where its examples' true labels stand among the competing outputs,
        and for every task so far the inputs to measure an importance on, with the outputs that compete on them."""
        self.number, self.labels, self.elsewhere = number, labels, elsewhere

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        """``inputs``: the task's training examples; ``competing``: the outputs that are active in it."""

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        """The term that is added to the loss, differentiable in ``theta``."""
        return torch.zeros((), dtype=theta[0].dtype)

    def importance(self) -> list[Tensor] | None:
        """Ω of each parameter, summed over the tasks so far; None where there is no penalty."""
        return None

    def leave_alone(self, places: Sequence[int]) -> None:
        """After ``end_task``: Ω ← 0 for the parameters at these places."""
        omega = self.importance()
        for place in places:
            if omega is not None:
                omega[place].zero_()


def trained(model: nn.Module) -> list[Tensor]:
    """The parameters that are not frozen."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def gradients(of: Tensor, theta: Sequence[Tensor]) -> list[Tensor]:
    """∂of/∂θ, with 0 for what ``of`` does not depend on."""
    found = torch.autograd.grad(of, theta, allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for g, t in zip(found, theta, strict=True)]


def copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """All entries in one vector, in the order of the parameters."""
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def weighted_distance(omega: Sequence[Tensor], theta: Sequence[Tensor], anchor: Sequence[Tensor]) -> Tensor:
    """Σᵢ Ωᵢ(θᵢ−θᵢ*)²"""
    total = torch.zeros((), dtype=theta[0].dtype)
    for o, t, a in zip(omega, theta, anchor, strict=True):
        total = total + (o * (t - a) ** 2).sum()
    return total
