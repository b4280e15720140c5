"""Memory Aware Synapses (Aljundi et al. 2018): Ω ← Ω + E_x |∂‖f(x)‖²/∂θ|, penalty λ·Σ Ω(θ−θ*)² (equations 2–4)."""

from engine.importance import output_sensitivity
from engine.methods.base import LearnedTask, Method
from engine.penalty import Quadratic


class MemoryAwareSynapses(Method):
    """Importance as how much the outputs change with a weight; needs no labels."""

    def end_task(self, learned: LearnedTask, penalty: Quadratic | None) -> Quadratic:
        sensitivity = output_sensitivity(learned.model, learned.inputs, learned.active, learned.check)
        earlier = penalty.importance if penalty else 0.0
        return Quadratic(earlier + sensitivity, learned.theta.clone())
