"""Memory Aware Synapses (Aljundi et al. 2018), equations 2 to 4, with the squared norm of the outputs (section 4.1)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tests.reference.method import SlowMethod, copies, weighted_distance


def sensitivity(model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> list[Tensor]:
    """1/N Σₙ |∂‖f(xₙ)‖²/∂θ|, the absolute value taken for each example."""
    theta = list(model.parameters())
    total = [torch.zeros_like(t) for t in theta]
    for x in inputs:
        f = model(x.unsqueeze(0))[0][list(competing)]
        gradient = torch.autograd.grad((f**2).sum(), theta)
        for s, g in zip(total, gradient, strict=True):
            s += g.abs()
    return [s / len(inputs) for s in total]


class SlowMAS(SlowMethod):
    """penalty  λ·Σᵢ Ωᵢ(θᵢ−θᵢ*)²,  Ω summed over the tasks"""

    def __init__(self, lambda_: float) -> None:
        self.lambda_ = lambda_
        self.omega: list[Tensor] | None = None
        self.anchor: list[Tensor] = []

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        found = sensitivity(model, inputs, competing)
        before = self.omega if self.omega is not None else [torch.zeros_like(s) for s in found]
        self.omega = [o + s for o, s in zip(before, found, strict=True)]
        self.anchor = copies(list(model.parameters()))

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        if self.omega is None:
            return super().penalty(theta)
        return self.lambda_ * weighted_distance(self.omega, theta, self.anchor)

    def importance(self) -> list[Tensor] | None:
        return self.omega
