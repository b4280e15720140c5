"""L2 towards the last task's weights, λ·Σ (θ−θ*)²: the baseline that protects every weight alike."""

import torch

from engine.methods.base import Learned, Method
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic


class EqualImportance(Method):
    """Ω = 1.

    >>> from engine.settings.run import resolve
    >>> from types import SimpleNamespace
    >>> l2 = EqualImportance(resolve({"method": "l2"}))
    >>> l2.consolidate(SimpleNamespace(theta=torch.zeros(3)), penalty=None).importance
    tensor([1., 1., 1.])
    """

    def consolidate(self, learned: Learned, penalty: Penalty | None) -> Quadratic:
        return Quadratic(torch.ones_like(learned.theta), learned.theta.clone())
