"""Synaptic Intelligence (Zenke, Poole & Ganguli 2017).

ωᵢ ← ωᵢ − gᵢ·Δθᵢ                              each step (equation 3)
Ωᵢ ← max(0, Ωᵢ + ωᵢ/((θᵢ−θᵢˢᵗᵃʳᵗ)² + ξ))      at a task's end (equation 5)
penalty c·Σ Ωᵢ(θᵢ−θᵢ*)²                       (equation 4)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.methods.base import Learned, Method
from engine.models.flat import PerParameter
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic
from engine.settings.run import RunConfig


@dataclass
class Path:
    path_integral: PerParameter
    task_start: PerParameter


class SynapticIntelligence(Method):
    """Importance is each weight's share in the drop of the loss, summed along the path of training."""

    sees_steps = True
    state: Path

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.factor = 0.5 if config.half else 1.0
        self.sees_total = config.gradient == "total"

    def start(self, theta: Tensor) -> None:
        self.state = Path(torch.zeros_like(theta), theta.clone())

    def begin_task(self, theta: Tensor) -> None:
        self.state.path_integral.zero_()
        self.state.task_start.copy_(theta)

    def after_step(self, gradient: Tensor, change: Tensor) -> None:
        self.state.path_integral.addcmul_(gradient, change, value=-1)

    def path_integral(self) -> float:
        return float(self.state.path_integral.sum())

    def running_importance(self, theta: Tensor, penalty: Penalty | None) -> Tensor:
        assert self.config.xi is not None
        moved = theta - self.state.task_start
        gained = self.state.path_integral / (moved * moved + self.config.xi)
        earlier = penalty.diagonal() if penalty else 0.0
        return (earlier + gained).clamp_(min=0, max=self.config.clamp)

    def consolidate(self, learned: Learned, penalty: Penalty | None) -> Quadratic:
        return Quadratic(self.running_importance(learned.theta, penalty), learned.theta.clone())
