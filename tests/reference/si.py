"""Synaptic Intelligence (Zenke, Poole & Ganguli 2017), equations 3 to 5, with pathint's clamp of Ω at zero.

``total``, ``half``, ``clamp`` and ``signed`` are how other libraries differ: g of loss plus penalty, c/2, an upper
bound of Ω, and no max(0, ·).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tests.reference.method import SlowMethod, copies, weighted_distance


class SlowSI(SlowMethod):
    """penalty  c·Σ Ωᵢ(θᵢ−θᵢ*)²"""

    def __init__(
        self,
        c: float,
        xi: float,
        total: bool = False,
        half: bool = False,
        clamp: float = math.inf,
        signed: bool = False,
    ) -> None:
        self.c = c / 2 if half else c
        self.xi = xi
        self.follows_total = total
        self.lowest, self.highest = -math.inf if signed else 0, clamp
        self.omega: list[Tensor] = []
        self.big_omega: list[Tensor] | None = None
        self.start: list[Tensor] = []
        self.anchor: list[Tensor] = []

    def begin_task(self, theta: Sequence[Tensor]) -> None:
        self.start = copies(theta)
        self.omega = [torch.zeros_like(t) for t in theta]

    def after_step(self, g: Sequence[Tensor], change: Sequence[Tensor]) -> None:
        # ωᵢ ← ωᵢ − gᵢ·Δθᵢ
        self.omega = [w - gi * delta for w, gi, delta in zip(self.omega, g, change, strict=True)]

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        theta = copies(list(model.parameters()))
        before = self.big_omega if self.big_omega is not None else [torch.zeros_like(t) for t in theta]
        # Ωᵢ ← max(0, Ωᵢ + ωᵢ / ((θᵢ−θᵢˢᵗᵃʳᵗ)² + ξ))
        self.big_omega = [
            (o + w / ((t - s) ** 2 + self.xi)).clamp(self.lowest, self.highest)
            for o, w, t, s in zip(before, self.omega, theta, self.start, strict=True)
        ]
        self.anchor = theta

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        if self.big_omega is None:
            return super().penalty(theta)
        return self.c * weighted_distance(self.big_omega, theta, self.anchor)

    def importance(self) -> list[Tensor] | None:
        return self.big_omega
