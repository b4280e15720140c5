"""Riemannian Walk (Chaudhry, Dokania, Ajanthan & Torr 2018).

Fᵢ ← αgᵢ² + (1−α)Fᵢ                    each step (equation 6), on through all tasks; g is the batch's mean gradient
ΔLᵢ ← ΔLᵢ − gᵢ·δᵢ                      each step of an interval (equation 7); δ is what the step did to θ
sᵢ ← sᵢ + ΔLᵢ/(½·Fᵢ(Σδᵢ)² + ε)         at the end of each interval of Δt steps, with F as at its start
sᵢ ← ½(sᵢ of earlier tasks + max(0, sᵢ of this task))    at a task's end; max(0, sᵢ) at the first one's
penalty λ·Σ (Fᵢ + sᵢ)(θᵢ−θᵢ*)²         (equation 8), F and s each brought into [0, 1]

Where the paper is silent, the authors' code decides: the value of ε, and that [0, 1] spans the least to the greatest
value over all parameters. A task's last interval counts, even if it is shorter than Δt.
"""

import torch
from torch import Tensor

from engine.methods.base import Learned, Method
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic
from engine.settings.run import RunConfig


class RiemannianWalk(Method):
    """Importance is curvature plus each weight's share in the drop of the loss per distance between the network's
    distributions before and after. It combines EWC and SI, without a pass over the data.
    """

    sees_steps = True

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        assert config.alpha is not None
        assert config.score_every is not None
        assert config.epsilon is not None
        self._alpha, self._score_every, self._epsilon = config.alpha, config.score_every, config.epsilon

    def begin_task(self, theta: Tensor) -> None:
        earlier = {"fisher": self.tensors["fisher"], "earlier_score": self._score()} if "fisher" in self.tensors else {}
        names = ("fisher", "interval_fisher", "loss_drop", "moved", "score")
        self.tensors = {name: torch.zeros_like(theta) for name in names if name not in earlier} | earlier
        self.tensors["path_integral"] = theta.new_zeros(())
        self.tensors["steps"] = torch.tensor(0)

    def after_step(self, gradient: Tensor, change: Tensor) -> None:
        tensors = self.tensors
        steps = int(tensors["steps"].item())
        tensors["fisher"].mul_(1 - self._alpha).addcmul_(gradient, gradient, value=self._alpha)
        if steps % self._score_every == 0:
            tensors["interval_fisher"].copy_(tensors["fisher"])
        tensors["loss_drop"].addcmul_(gradient, change, value=-1)
        tensors["moved"].add_(change)
        tensors["steps"] = torch.tensor(steps + 1)  # on the CPU, so that reading it never waits for a device
        if (steps + 1) % self._score_every == 0:
            self._add_interval(tensors["score"], tensors["moved"])
            tensors["path_integral"].add_(tensors["loss_drop"].sum())
            tensors["loss_drop"].zero_()
            tensors["moved"].zero_()

    def path_integral(self) -> float:
        return (self.tensors["path_integral"] + self.tensors["loss_drop"].sum()).item()

    def running_importance(self, theta: Tensor, penalty: Penalty | None) -> Tensor:
        return _in_unit_interval(self.tensors["fisher"]) + _in_unit_interval(self._score())

    def consolidate(self, learned: Learned, penalty: Penalty | None) -> Quadratic:
        return Quadratic(self.running_importance(learned.theta, penalty), learned.theta.clone())

    def _add_interval(self, score: Tensor, moved: Tensor) -> Tensor:
        """Adds the interval's ΔL/(½FΔθ² + ε) to ``score`` in place; ``moved`` is Δθ and is overwritten. Both (P,)."""
        distance = moved.square_().mul_(self.tensors["interval_fisher"]).mul_(0.5).add_(self._epsilon)
        return score.addcdiv_(self.tensors["loss_drop"], distance)

    def _score(self) -> Tensor:
        """s as if the task ended now, shape (P,)."""
        of_task = self._add_interval(self.tensors["score"].clone(), self.tensors["moved"].clone()).clamp_(min=0)
        earlier = self.tensors.get("earlier_score")
        return of_task if earlier is None else (earlier + of_task) / 2


def _in_unit_interval(values: Tensor) -> Tensor:
    """Scales the least value to 0 and the greatest to 1; all to 0 if they are equal. Shape (P,)."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low).clamp_min(torch.finfo(values.dtype).tiny)
