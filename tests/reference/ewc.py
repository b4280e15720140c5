"""Elastic Weight Consolidation (Kirkpatrick et al. 2017, equation 3; online: Schwarz et al. 2018, section 4)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tests.reference.method import SlowMethod, copies, weighted_distance


def exact_fisher(model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> list[Tensor]:
    """F = 1/N Σₙ Σ_y p(y|xₙ)·(∂log p(y|xₙ)/∂θ)², one example and one class at a time."""
    theta = list(model.parameters())
    fisher = [torch.zeros_like(t) for t in theta]
    for x in inputs:
        for y in range(len(competing)):
            log_p = model(x.unsqueeze(0))[0][list(competing)].log_softmax(0)
            gradient = torch.autograd.grad(log_p[y], theta)
            p = log_p[y].detach().exp()
            for f, g in zip(fisher, gradient, strict=True):
                f += p * g**2
    return [f / len(inputs) for f in fisher]


class SlowEWC(SlowMethod):
    """penalty  λ/2·Σₜ Σᵢ Fₜᵢ(θᵢ−θₜᵢ)², every task's Fisher and anchor kept in a list"""

    def __init__(self, lambda_: float) -> None:
        self.lambda_ = lambda_
        self.fishers: list[list[Tensor]] = []
        self.anchors: list[list[Tensor]] = []

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        self.fishers.append(exact_fisher(model, inputs, competing))
        self.anchors.append(copies(list(model.parameters())))

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        total = super().penalty(theta)
        for fisher, anchor in zip(self.fishers, self.anchors, strict=True):
            total = total + self.lambda_ / 2 * weighted_distance(fisher, theta, anchor)
        return total

    def importance(self) -> list[Tensor] | None:
        if not self.fishers:
            return None
        return [torch.stack(of_all_tasks).sum(0) for of_all_tasks in zip(*self.fishers, strict=True)]


class SlowOnlineEWC(SlowMethod):
    """penalty  λ/2·Σᵢ Ωᵢ(θᵢ−θᵢ*)²  with  Ω ← γΩ + Fₜ  and  θ* ← θₜ"""

    def __init__(self, lambda_: float, gamma: float) -> None:
        self.lambda_ = lambda_
        self.gamma = gamma
        self.omega: list[Tensor] | None = None
        self.anchor: list[Tensor] = []

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        fisher = exact_fisher(model, inputs, competing)
        if self.omega is None:
            self.omega = fisher
        else:
            self.omega = [self.gamma * o + f for o, f in zip(self.omega, fisher, strict=True)]
        self.anchor = copies(list(model.parameters()))

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        if self.omega is None:
            return super().penalty(theta)
        return self.lambda_ / 2 * weighted_distance(self.omega, theta, self.anchor)

    def importance(self) -> list[Tensor] | None:
        return self.omega
