"""Elastic Weight Consolidation (Kirkpatrick et al. 2017), with the exact diagonal of the Fisher information.

penalty λ/2·Σₜ Fₜ(θ−θₜ)²      one anchor a task (equation 3; Huszár 2018), collapsed to constant memory
online   λ/2·Ω(θ−θ*)²         Ω ← γΩ + Fₜ, θ* ← θₜ (Schwarz et al. 2018, section 4), when γ is given
"""

from engine.importance import fisher_diagonal
from engine.methods.base import LearnedTask, Method
from engine.penalty import Quadratic


class ElasticWeightConsolidation(Method):
    """Importance as the curvature of the task's log-likelihood at its end."""

    factor = 0.5

    def end_task(self, learned: LearnedTask, penalty: Quadratic | None) -> Quadratic:
        fisher = fisher_diagonal(learned.model, learned.inputs, learned.active, learned.check)
        anchor = learned.theta.clone()
        if penalty is None:
            return Quadratic(fisher, anchor)
        if self.config.gamma is None:
            return penalty.with_anchor(fisher, anchor)
        return Quadratic(self.config.gamma * penalty.importance + fisher, anchor)
