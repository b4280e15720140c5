"""Elastic Weight Consolidation (Kirkpatrick et al. 2017, equation 3; online: Schwarz et al. 2018, section 4), and the
forms of the Fisher information that van de Ven 2025 compares."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tests.reference.method import SlowMethod, copies, gradients, trained, weighted_distance


def exact_fisher(model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> list[Tensor]:
    """F = 1/N Σₙ Σ_y p(y|xₙ)·(∂log p(y|xₙ)/∂θ)², one example and one class at a time."""
    theta = trained(model)
    fisher = [torch.zeros_like(t) for t in theta]
    for x in inputs:
        for y in range(len(competing)):
            log_p = model(x.unsqueeze(0))[0][list(competing)].log_softmax(0)
            gradient = gradients(log_p[y], theta)
            p = log_p[y].detach().exp()
            for f, g in zip(fisher, gradient, strict=True):
                f += p * g**2
    return [f / len(inputs) for f in fisher]


def labelled_fisher(model: nn.Module, inputs: Tensor, labels: Tensor, competing: Sequence[int]) -> list[Tensor]:
    """F = 1/N Σₙ (∂log p(yₙ|xₙ)/∂θ)², with one label an example: the true one, or one drawn from p."""
    theta = trained(model)
    fisher = [torch.zeros_like(t) for t in theta]
    for x, y in zip(inputs, labels.tolist(), strict=True):
        log_p = model(x.unsqueeze(0))[0][list(competing)].log_softmax(0)
        for f, g in zip(fisher, gradients(log_p[y], theta), strict=True):
            f += g**2
    return [f / len(inputs) for f in fisher]


def batched_fisher(
    model: nn.Module, inputs: Tensor, labels: Tensor, competing: Sequence[int], size: int
) -> list[Tensor]:
    """F = 1/M Σₘ (∂L̄ₘ/∂θ)², where L̄ₘ is the mean loss of the m-th of M mini-batches: squared after averaging."""
    theta = trained(model)
    fisher = [torch.zeros_like(t) for t in theta]
    batches = list(zip(inputs.split(size), labels.split(size), strict=True))
    for x, y in batches:
        loss = cross_entropy(model(x)[:, list(competing)], y)
        for f, g in zip(fisher, gradients(loss, theta), strict=True):
            f += g**2
    return [f / len(batches) for f in fisher]


Fisher = Callable[[nn.Module, Tensor, Tensor, Sequence[int], int], list[Tensor]]
"""What ``SlowEWC`` measures: F given the network, inputs, true labels, competing outputs and the task's number."""


def exact(model: nn.Module, inputs: Tensor, labels: Tensor, competing: Sequence[int], number: int) -> list[Tensor]:
    return exact_fisher(model, inputs, competing)


class SlowEWC(SlowMethod):
    """penalty  λ/2·Σₜ Σᵢ Fₜᵢ(θᵢ−θₜᵢ)², every task's Fisher and anchor kept in a list"""

    def __init__(self, lambda_: float, fisher: Fisher = exact) -> None:
        self.lambda_ = lambda_
        self.fisher = fisher
        self.fishers: list[list[Tensor]] = []
        self.anchors: list[list[Tensor]] = []

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        self.fishers.append(self.fisher(model, inputs, self.labels, competing, self.number))
        self.anchors.append(copies(trained(model)))

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        total = super().penalty(theta)
        for fisher, anchor in zip(self.fishers, self.anchors, strict=True):
            total = total + self.lambda_ / 2 * weighted_distance(fisher, theta, anchor)
        return total

    def importance(self) -> list[Tensor] | None:
        if not self.fishers:
            return None
        return [torch.stack(of_all_tasks).sum(0) for of_all_tasks in zip(*self.fishers, strict=True)]

    def leave_alone(self, places: Sequence[int]) -> None:
        for fisher in self.fishers:
            for place in places:
                fisher[place].zero_()


class SlowOnlineEWC(SlowMethod):
    """penalty  λ/2·Σᵢ Ωᵢ(θᵢ−θᵢ*)²  with  Ω ← γΩ + Fₜ  and  θ* ← θₜ"""

    def __init__(self, lambda_: float, gamma: float, fisher: Fisher = exact) -> None:
        self.lambda_ = lambda_
        self.gamma = gamma
        self.fisher = fisher
        self.omega: list[Tensor] | None = None
        self.anchor: list[Tensor] = []

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        fisher = self.fisher(model, inputs, self.labels, competing, self.number)
        if self.omega is None:
            self.omega = fisher
        else:
            self.omega = [self.gamma * o + f for o, f in zip(self.omega, fisher, strict=True)]
        self.anchor = copies(trained(model))

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        if self.omega is None:
            return super().penalty(theta)
        return self.lambda_ / 2 * weighted_distance(self.omega, theta, self.anchor)

    def importance(self) -> list[Tensor] | None:
        return self.omega
