"""Elastic Weight Consolidation (Kirkpatrick et al. 2017).

penalty λ/2·Σₜ Fₜ(θ−θₜ)²      one anchor per task (equation 3; Huszár 2018), collapsed to constant memory
online   λ/2·Ω(θ−θ*)²         Ω ← γΩ + Fₜ, θ* ← θₜ (Schwarz et al. 2018, section 4), when γ is given

F is the diagonal of the Fisher information, in one of the forms that van de Ven 2025 compares.
"""

import torch
from torch import Tensor

from engine.importance.per_example import batched_fisher, fisher_diagonal, labelled_fisher
from engine.methods.base import LearnedTask, Method
from engine.penalties.quadratic import Quadratic
from engine.seeds import generator


class ElasticWeightConsolidation(Method):
    """Importance is the curvature of the task's log-likelihood at its end."""

    factor = 0.5
    measures_examples = True

    def end_task(self, learned: LearnedTask, penalty: Quadratic | None) -> Quadratic:
        fisher = self._fisher(learned)
        anchor = learned.theta.clone()
        if penalty is None:
            return Quadratic(fisher, anchor)
        if self.config.gamma is None:
            return penalty.with_anchor(fisher, anchor)
        return Quadratic(self.config.gamma * penalty.importance + fisher, anchor)

    def _fisher(self, learned: LearnedTask) -> Tensor:
        config = self.config
        inputs, labels = learned.inputs, learned.labels
        if config.fisher_samples is not None and config.fisher_samples < len(inputs):
            random = generator(config.seed, "fisher examples", learned.number)
            rows = torch.randperm(len(inputs), generator=random)[: config.fisher_samples].to(inputs.device)
            inputs, labels = inputs[rows], labels[rows]
        match config.fisher:
            case "sampled":
                random = generator(config.seed, "fisher labels", learned.number)
                return labelled_fisher(learned.model, inputs, random, learned.active, learned.check)
            case "empirical":
                return labelled_fisher(learned.model, inputs, labels, learned.active, learned.check)
            case "batched":
                size = config.importance_batch or config.batch_size
                return batched_fisher(learned.model, inputs, labels, learned.active, size, learned.check)
            case _:
                return fisher_diagonal(learned.model, inputs, learned.active, learned.check)
