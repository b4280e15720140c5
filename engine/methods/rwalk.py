"""Riemannian Walk (Chaudhry, Dokania, Ajanthan & Torr 2018).

Fᵢ ← αgᵢ² + (1−α)Fᵢ                    each step (equation 6), on through all tasks; g is the batch's mean gradient
ΔLᵢ ← ΔLᵢ − gᵢ·δᵢ                      each step of an interval (equation 7); δ is what the step did to θ
sᵢ ← sᵢ + ΔLᵢ/(½·Fᵢ(Σδᵢ)² + ε)         at the end of each interval of Δt steps, with F as at its start
sᵢ ← ½(sᵢ of earlier tasks + max(0, sᵢ of this task))    at a task's end; max(0, sᵢ) at the first one's
penalty λ·Σ (Fᵢ + sᵢ)(θᵢ−θᵢ*)²         (equation 8), F and s each brought into [0, 1]

Where the paper is silent, the authors' code decides: the value of ε, and that [0, 1] spans the least to the greatest
value over all parameters. A task's last interval counts, even if it is shorter than Δt.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from engine.catalog.methods.rwalk import RWalkOptions
from engine.methods.base import Method
from engine.models.flat import PerParameter
from engine.penalties.penalty import Penalty


@dataclass
class Walk:
    """F; F, ΔL and Σδ of the interval; s of the task and of the earlier ones (-1 in the first); ΣΔL of whole intervals;
    and the task's steps, on the CPU, so that reading them never waits for a device."""

    fisher: PerParameter
    interval_fisher: PerParameter
    loss_drop: PerParameter
    moved: PerParameter
    score: PerParameter
    earlier_score: PerParameter
    path_integral: Tensor
    steps: Tensor


class RiemannianWalk(Method):
    """Importance is curvature plus each weight's share in the drop of the loss per distance between the network's
    distributions before and after. It combines EWC and SI, without a pass over the data.

    >>> from engine.settings.run import resolve
    >>> rwalk = RiemannianWalk(resolve({"method": "rwalk", "alpha": 0.5, "score_every": 1, "epsilon": 1.0}))
    >>> rwalk.start(torch.zeros(3))
    >>> rwalk.after_step(gradient=torch.tensor([2.0, 0.0, -1.0]), change=torch.tensor([-1.0, 1.0, 1.0]))
    >>> rwalk.running_importance(torch.zeros(3), penalty=None)
    tensor([2.0000, 0.0000, 1.0500])
    """

    options: RWalkOptions
    sees_steps = True
    state: Walk

    def start(self, theta: Tensor) -> None:
        new, no_score = partial(torch.zeros_like, theta), torch.full_like(theta, -1)
        self.state = Walk(new(), new(), new(), new(), new(), no_score, theta.new_zeros(()), torch.tensor(0))

    def begin_task(self, theta: Tensor) -> None:
        state = self.state
        if state.steps:
            state.earlier_score.copy_(self._score())
        for tensor in (state.interval_fisher, state.loss_drop, state.moved, state.score, state.path_integral):
            tensor.zero_()
        state.steps.zero_()

    def after_step(self, gradient: Tensor, change: Tensor) -> None:
        state, alpha, every = self.state, self.options.alpha, self.options.score_every
        steps = int(state.steps)
        state.fisher.mul_(1 - alpha).addcmul_(gradient, gradient, value=alpha)
        if steps % every == 0:
            state.interval_fisher.copy_(state.fisher)
        state.loss_drop.addcmul_(gradient, change, value=-1)
        state.moved.add_(change)
        state.steps += 1
        if (steps + 1) % every == 0:
            self._add_interval(state.score, state.moved)
            state.path_integral += state.loss_drop.sum()
            state.loss_drop.zero_()
            state.moved.zero_()

    def path_integral(self) -> float:
        return float(self.state.path_integral + self.state.loss_drop.sum())

    def running_importance(self, theta: Tensor, penalty: Penalty | None) -> Tensor:
        return _in_unit_interval(self.state.fisher) + _in_unit_interval(self._score())

    def _add_interval(self, score: Tensor, moved: Tensor) -> Tensor:
        """Adds the interval's ΔL/(½FΔθ² + ε) to ``score`` in place; ``moved`` is Δθ and is overwritten. Both (P,)."""
        distance = moved.square_().mul_(self.state.interval_fisher).mul_(0.5).add_(self.options.epsilon)
        return score.addcdiv_(self.state.loss_drop, distance)

    def _score(self) -> Tensor:
        """s as if the task ended now, shape (P,)."""
        of_task = self._add_interval(self.state.score.clone(), self.state.moved.clone()).clamp_(min=0)
        earlier = self.state.earlier_score
        return torch.where(earlier < 0, of_task, (earlier + of_task) / 2)


def _in_unit_interval(values: Tensor) -> Tensor:
    """Scales the least value to 0 and the greatest to 1; all to 0 if they are equal. Shape (P,)."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low).clamp_min(torch.finfo(values.dtype).tiny)
