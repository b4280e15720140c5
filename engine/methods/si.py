"""Synaptic Intelligence (Zenke, Poole & Ganguli 2017).

ωᵢ ← ωᵢ − gᵢ·Δθᵢ                              each step (equation 3)
Ωᵢ ← max(0, Ωᵢ + ωᵢ/((θᵢ−θᵢˢᵗᵃʳᵗ)² + ξ))      at a task's end (equation 5); without max(0, ·) if it is signed
penalty c·Σ Ωᵢ(θᵢ−θᵢ*)²                       (equation 4)
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.catalog.methods.si import SIOptions
from engine.methods.base import Method
from engine.models.flat import PerParameter
from engine.penalties.penalty import Penalty
from engine.settings.run import RunConfig


@dataclass
class Path:
    path_integral: PerParameter
    task_start: PerParameter


class SynapticIntelligence(Method):
    """Importance is each weight's share in the drop of the loss, summed along the path of training.

    >>> from engine.settings.run import resolve
    >>> si, theta = SynapticIntelligence(resolve({"xi": 1.0})), torch.zeros(3)
    >>> si.start(theta)
    >>> si.after_step(gradient=torch.tensor([-2.0, 0.0, 1.0]), change=torch.ones(3))
    >>> si.running_importance(theta + 1, penalty=None)
    tensor([1., 0., 0.])
    """

    options: SIOptions
    sees_steps = True
    state: Path

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.factor = 0.5 if self.options.half else 1.0
        self.sees_total = self.options.gradient == "total"

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
        moved, earlier = theta - self.state.task_start, penalty.diagonal() if penalty else 0.0
        gained = self.state.path_integral / (moved * moved + self.options.xi)
        lowest = -math.inf if self.options.signed else 0.0
        return (earlier + gained).clamp_(min=lowest, max=self.options.clamp)
