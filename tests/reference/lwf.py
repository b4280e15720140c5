"""Learning without Forgetting (Li & Hoiem 2017), with the weights of van de Ven & Tolias: the loss is L/N + (1−1/N)·D,
and D = T²·Σ_y p(y)·log(p(y)/q(y)), one example and one class at a time; p: a copy of the network, q: the network."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from tests.reference.method import SlowMethod


def divergence(taught: Tensor, own: Tensor, temperature: float) -> Tensor:
    """T²·KL of one example's logits; ``own`` may have more classes, which ``taught`` gives no probability."""
    p, q = torch.softmax(taught / temperature, 0), torch.softmax(own / temperature, 0)
    total = torch.zeros((), dtype=own.dtype)
    for y in range(len(p)):
        if p[y] > 0:
            total = total + p[y] * torch.log(p[y] / q[y])
    return temperature**2 * total


class SlowLwF(SlowMethod):
    def __init__(self, temperature: float, class_mean: bool) -> None:
        self.temperature = temperature
        self.class_mean = class_mean
        self.tasks = 0

    def begin_network(self, model: nn.Module) -> None:
        self.teacher = deepcopy(model)
        self.tasks += 1

    def distilled(
        self, model: nn.Module, inputs: Tensor, earlier: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> Tensor:
        total = torch.zeros((), dtype=inputs.dtype)
        for x in inputs:
            own, taught = model(x.unsqueeze(0))[0], self.teacher(x.unsqueeze(0))[0].detach()
            each = [
                divergence(taught[list(then)], own[list(now)], self.temperature) / (len(now) if self.class_mean else 1)
                for then, now in earlier
            ]
            total = total + sum(each) / len(each)
        return total / len(inputs)

    def step_loss(
        self,
        loss: Tensor,
        model: nn.Module,
        inputs: Tensor,
        earlier: Sequence[tuple[Sequence[int], Sequence[int]]],
    ) -> tuple[Tensor, float]:
        if self.tasks == 1:
            return loss, 0.0
        distilled = self.distilled(model, inputs, earlier)
        share = 1 / self.tasks
        return share * loss + (1 - share) * distilled, (self.tasks - 1) * distilled.item()
