"""Synaptic Intelligence (Zenke, Poole & Ganguli 2017).

ωᵢ ← ωᵢ − gᵢ·Δθᵢ                              each step (equation 3)
Ωᵢ ← max(0, Ωᵢ + ωᵢ/((θᵢ−θᵢˢᵗᵃʳᵗ)² + ξ))      at a task's end (equation 5)
penalty c·Σ Ωᵢ(θᵢ−θᵢ*)²                       (equation 4)
"""

import torch
from torch import Tensor

from engine.methods.base import Learned, Method
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic
from engine.settings.run import RunConfig


class SynapticIntelligence(Method):
    """Importance is each weight's share in the drop of the loss, summed along the path of training."""

    sees_steps = True

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.factor = 0.5 if config.half else 1.0
        self.sees_total = config.gradient == "total"

    def begin_task(self, theta: Tensor) -> None:
        self.tensors = {"path_integral": torch.zeros_like(theta), "task_start": theta.clone()}

    def after_step(self, gradient: Tensor, change: Tensor) -> None:
        self.tensors["path_integral"].addcmul_(gradient, change, value=-1)

    def path_integral(self) -> float:
        return self.tensors["path_integral"].sum().item()

    def running_importance(self, theta: Tensor, penalty: Penalty | None) -> Tensor:
        assert self.config.xi is not None
        moved = theta - self.tensors["task_start"]
        gained = self.tensors["path_integral"] / (moved * moved + self.config.xi)
        earlier = penalty.diagonal() if penalty else 0.0
        return (earlier + gained).clamp_(min=0, max=self.config.clamp)

    def consolidate(self, learned: Learned, penalty: Penalty | None) -> Quadratic:
        return Quadratic(self.running_importance(learned.theta, penalty), learned.theta.clone())
