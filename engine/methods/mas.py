"""Memory Aware Synapses (Aljundi et al. 2018): Ω ← Ω + E_x |∂‖f(x)‖²/∂θ|, penalty λ·Σ Ω(θ−θ*)² (equations 2–4)."""

from torch import Tensor

from engine.importance.per_example import batched_sensitivity, layer_sensitivity, output_sensitivity
from engine.methods.base import LearnedTask, Method
from engine.penalties.quadratic import Quadratic
from engine.settings.run import RunConfig


class MemoryAwareSynapses(Method):
    """Importance is the sensitivity of the outputs to a weight; it needs no labels."""

    measures_examples = True

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.factor = 0.5 if config.half else 1.0

    def end_task(self, learned: LearnedTask, penalty: Quadratic | None) -> Quadratic:
        found = self._sensitivity(learned, learned.number)
        if self.config.recompute:
            for earlier in range(learned.number):
                found += self._sensitivity(learned, earlier)
        elif penalty is not None:
            found += penalty.importance
        return Quadratic(found, learned.theta.clone())

    def _sensitivity(self, learned: LearnedTask, task: int) -> Tensor:
        inputs, active = learned.unlabelled(task)
        match self.config.sensitivity:
            case "local":
                return layer_sensitivity(learned.model, inputs, active, learned.check)
            case "batched":
                size = self.config.importance_batch or self.config.batch_size
                return batched_sensitivity(learned.model, inputs, active, size, learned.check)
            case _:
                return output_sensitivity(learned.model, inputs, active, learned.check)
