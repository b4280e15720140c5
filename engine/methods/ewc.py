"""Elastic Weight Consolidation (Kirkpatrick et al. 2017).

penalty λ/2·Σₜ Fₜ(θ−θₜ)²      one anchor per task (equation 3; Huszár 2018), collapsed to constant memory
online   λ/2·Ω(θ−θ*)²         Ω ← γΩ + Fₜ, θ* ← θₜ (Schwarz et al. 2018, section 4), when γ is given

F is the diagonal of the Fisher information, in one of the forms that van de Ven 2025 compares.
"""

from torch import Tensor

from engine.importance.fisher import fisher
from engine.importance.per_example import BATCH
from engine.methods.base import Learned, Method
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic
from engine.seeds import generator


class ElasticWeightConsolidation(Method):
    """Importance is the curvature of the task's log-likelihood at its end."""

    factor = 0.5
    measures_examples = True

    def consolidate(self, learned: Learned, penalty: Penalty | None) -> Quadratic:
        found, anchor = self._fisher(learned), learned.theta.clone()
        if penalty is None:
            return Quadratic(found, anchor)
        if self.config.gamma is not None:
            return Quadratic(self.config.gamma * penalty.diagonal() + found, anchor)
        assert isinstance(penalty, Quadratic)
        return penalty.with_anchor(found, anchor)

    def _fisher(self, learned: Learned) -> Tensor:
        config, stream, phase = self.config, learned.stream, learned.phase
        size = (config.importance_batch or config.batch_size) if config.fisher == "batched" else BATCH
        samples = config.fisher_samples
        if samples is not None and samples < stream.count(phase, "train"):
            batches = stream.drawn(phase, samples, "fisher examples").split(size)
        else:
            batches = stream.passes(phase, size)
        random = generator(config.seed, "fisher labels", phase)
        return fisher(learned.net, learned.problem, batches, config.fisher or "exact", learned.check, random)
