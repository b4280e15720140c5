"""Riemannian Walk (Chaudhry et al. 2018), equations 6 to 8, with ε and the scaling to [0, 1] of the authors' code."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tests.reference.method import SlowMethod, copies, flat, weighted_distance


def scaled(values: Sequence[Tensor]) -> list[Tensor]:
    """All entries of all tensors together brought into [0, 1]; 0 where all are equal."""
    smallest, largest = flat(values).min(), flat(values).max()
    if smallest == largest:
        return [torch.zeros_like(v) for v in values]
    return [(v - smallest) / (largest - smallest) for v in values]


class SlowRWalk(SlowMethod):
    """penalty  λ·Σ (Fᵢ + sᵢ)(θᵢ−θᵢ*)²

    Every step's F, g and Δθ of a task are kept in lists, and the score is summed up when the task has ended.
    """

    def __init__(self, lambda_: float, alpha: float, delta_t: int, epsilon: float) -> None:
        self.lambda_ = lambda_
        self.alpha = alpha
        self.delta_t = delta_t
        self.epsilon = epsilon
        self.fisher: list[Tensor] = []
        self.fishers: list[list[Tensor]] = []
        self.gradients: list[list[Tensor]] = []
        self.changes: list[list[Tensor]] = []
        self.score: list[Tensor] | None = None
        self.omega: list[Tensor] | None = None
        self.anchor: list[Tensor] = []

    def begin_task(self, theta: Sequence[Tensor]) -> None:
        if not self.fisher:
            self.fisher = [torch.zeros_like(t) for t in theta]
        self.fishers, self.gradients, self.changes = [], [], []

    def after_step(self, g: Sequence[Tensor], change: Sequence[Tensor]) -> None:
        # Fᵗ = α·F(batch) + (1−α)·Fᵗ⁻¹
        self.fisher = [self.alpha * gi**2 + (1 - self.alpha) * f for f, gi in zip(self.fisher, g, strict=True)]
        self.fishers.append(self.fisher)
        self.gradients.append(copies(g))
        self.changes.append(copies(change))

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        theta = copies(list(model.parameters()))
        of_task = [torch.maximum(torch.zeros_like(t), self.path_score(i)) for i, t in enumerate(theta)]
        if self.score is None:
            self.score = of_task
        else:
            self.score = [0.5 * (before + now) for before, now in zip(self.score, of_task, strict=True)]
        self.omega = [f + s for f, s in zip(scaled(self.fisher), scaled(self.score), strict=True)]
        self.anchor = theta

    def path_score(self, i: int) -> Tensor:
        """Σ over the task's intervals [t, t+Δt] of ΔL / (½·Fᵗ·(θ(t+Δt) − θ(t))² + ε), for the i-th parameter."""
        total = torch.zeros_like(self.fisher[i])
        for t in range(0, len(self.gradients), self.delta_t):
            steps = range(t, min(t + self.delta_t, len(self.gradients)))
            drop, moved = torch.zeros_like(total), torch.zeros_like(total)
            for step in steps:
                drop = drop - self.gradients[step][i] * self.changes[step][i]
                moved = moved + self.changes[step][i]
            total = total + drop / (0.5 * self.fishers[t][i] * moved**2 + self.epsilon)
        return total

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        if self.omega is None:
            return super().penalty(theta)
        return self.lambda_ * weighted_distance(self.omega, theta, self.anchor)

    def importance(self) -> list[Tensor] | None:
        return self.omega
