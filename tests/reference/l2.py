"""L2 towards the last task's weights (the baseline of Kirkpatrick et al. 2017, figure 2)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tests.reference.method import SlowMethod, copies, weighted_distance


class SlowL2(SlowMethod):
    """penalty  λ·Σᵢ (θᵢ−θᵢ*)²"""

    def __init__(self, lambda_: float) -> None:
        self.lambda_ = lambda_
        self.ones: list[Tensor] | None = None
        self.anchor: list[Tensor] = []

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        self.anchor = copies(list(model.parameters()))
        self.ones = [torch.ones_like(t) for t in self.anchor]

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        if self.ones is None:
            return super().penalty(theta)
        return self.lambda_ * weighted_distance(self.ones, theta, self.anchor)

    def importance(self) -> list[Tensor] | None:
        return self.ones
