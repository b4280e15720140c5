"""Memory Aware Synapses (Aljundi et al. 2018): Ω ← Ω + E_x |∂‖f(x)‖²/∂θ|, penalty λ·Σ Ω(θ−θ*)² (equations 2–4)."""

from torch import Tensor

from engine.importance.per_example import BATCH
from engine.importance.sensitivity import sensitivity
from engine.methods.base import Learned, Method
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic
from engine.settings.run import RunConfig


class MemoryAwareSynapses(Method):
    """Importance is the sensitivity of the outputs to a weight; it needs no labels."""

    measures_examples = True

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.factor = 0.5 if config.half else 1.0

    def consolidate(self, learned: Learned, penalty: Penalty | None) -> Quadratic:
        found = self._sensitivity(learned, learned.phase)
        if self.config.recompute:
            for earlier in range(learned.phase):
                found += self._sensitivity(learned, earlier)
        elif penalty is not None:
            found += penalty.diagonal()
        return Quadratic(found, learned.theta.clone())

    def _sensitivity(self, learned: Learned, phase: int) -> Tensor:
        config, form = self.config, self.config.sensitivity or "global"
        size = (config.importance_batch or config.batch_size) if form == "batched" else BATCH
        batches = learned.stream.passes(phase, size, config.importance_data or "train")
        return sensitivity(learned.net, learned.problem, batches, form, learned.check)
