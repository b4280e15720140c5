"""Memory Aware Synapses (Aljundi et al. 2018): Ω ← Ω + E_x |∂‖f(x)‖²/∂θ|, penalty λ·Σ Ω(θ−θ*)² (equations 2–4)."""

from torch import Tensor

from engine.catalog.methods.mas import MASOptions
from engine.importance.measure import MEMORY, batch_size
from engine.importance.sensitivity import OF, sensitivity
from engine.methods.base import Learned, Method
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic
from engine.settings.run import RunConfig


class MemoryAwareSynapses(Method):
    """Importance is the sensitivity of the outputs to a weight; it needs no labels.

    >>> from types import SimpleNamespace
    >>> import torch
    >>> from engine.batch import Batch
    >>> from engine.problems.classification import Classification
    >>> from engine.settings.run import resolve
    >>> net, theta = torch.nn.Linear(1, 2, bias=False), torch.tensor([1.0, 0.0])
    >>> net.weight.data = theta.view(2, 1)
    >>> batches = [Batch(torch.tensor([[1.0], [-3.0]]), torch.empty(2), task=0)]
    >>> stream = SimpleNamespace(inputs=(1,), passes=lambda phase, size, part: batches)
    >>> learned = Learned(0, net, theta, Classification("task", [2]), stream, check=list)
    >>> mas = MemoryAwareSynapses(resolve({"method": "mas"}))
    >>> mas.consolidate(learned, Quadratic(torch.tensor([0.5, 0.5]), theta)).importance
    tensor([10.5000,  0.5000])
    """

    options: MASOptions

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.factor = 0.5 if self.options.half else 1.0
        self.measures = OF[self.options.sensitivity]

    def consolidate(self, learned: Learned, penalty: Penalty | None) -> Quadratic:
        found = self._sensitivity(learned, learned.phase)
        if self.options.recompute:
            for earlier in range(learned.phase):
                with learned.tested_on(earlier):
                    found += self._sensitivity(learned, earlier)
        elif penalty is not None:
            found += penalty.diagonal()
        return Quadratic(found, learned.theta.clone())

    def _sensitivity(self, learned: Learned, phase: int) -> Tensor:
        options, form = self.options, self.options.sensitivity
        memory = options.importance_memory or MEMORY
        size = batch_size(learned.stream.inputs, memory)
        if form == "batched":
            size = options.importance_batch or self.config.batch_size
        batches = learned.stream.passes(phase, size, options.importance_data)
        return sensitivity(learned.net, learned.problem, batches, form, learned.check, memory)
