"""Elastic Weight Consolidation (Kirkpatrick et al. 2017).

penalty λ/2·Σₜ Fₜ(θ−θₜ)²      one anchor per task (equation 3; Huszár 2018), collapsed to constant memory
online   λ/2·Ω(θ−θ*)²         Ω ← γΩ + Fₜ, θ* ← θₜ (Schwarz et al. 2018, section 4), when γ is given

F is the diagonal of the Fisher information, in one of the forms that van de Ven 2025 compares.
"""

from torch import Tensor

from engine.catalog.methods.ewc import EWCOptions
from engine.importance.fisher import fisher
from engine.importance.measure import MEMORY, batch_size
from engine.methods.base import Learned, Method
from engine.penalties.penalty import Penalty
from engine.penalties.quadratic import Quadratic
from engine.seeds import generator
from engine.settings.run import RunConfig


class ElasticWeightConsolidation(Method):
    """Importance is the curvature of the task's log-likelihood at its end.

    >>> from types import SimpleNamespace
    >>> import torch
    >>> from engine.batch import Batch
    >>> from engine.problems.classification import Classification
    >>> from engine.settings.run import resolve
    >>> net, theta = torch.nn.Linear(1, 2, bias=False), torch.zeros(2)
    >>> net.weight.data = theta.view(2, 1)
    >>> batches = [Batch(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1]), task=0)]
    >>> stream = SimpleNamespace(inputs=(1,), passes=lambda phase, size: batches)
    >>> online = ElasticWeightConsolidation(resolve({"method": "ewc", "gamma": 0.5}))
    >>> learned = Learned(0, net, theta, Classification("task", [2]), stream, check=list)
    >>> online.consolidate(learned, Quadratic(torch.tensor([2.0, 0.0]), theta)).importance
    tensor([2.2500, 1.2500])
    """

    options: EWCOptions
    factor = 0.5

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.measures = "batches" if self.options.fisher == "batched" else "examples"

    def consolidate(self, learned: Learned, penalty: Penalty | None) -> Quadratic:
        found, anchor = self._fisher(learned), learned.theta.clone()
        if penalty is None:
            return Quadratic(found, anchor)
        if self.options.gamma is not None:
            return Quadratic(self.options.gamma * penalty.diagonal() + found, anchor)
        assert isinstance(penalty, Quadratic)
        return penalty.with_anchor(found, anchor)

    def _fisher(self, learned: Learned) -> Tensor:
        options, stream, phase = self.options, learned.stream, learned.phase
        memory = options.importance_memory or MEMORY
        size = batch_size(stream.inputs, memory)
        if options.fisher == "batched":
            size = options.importance_batch or self.config.batch_size
        samples = options.fisher_samples
        if samples is not None and samples < stream.count(phase, "train"):
            batches = stream.sampled(phase, samples, "fisher examples", size)
        else:
            batches = stream.passes(phase, size)
        random = generator(self.config.seed, "fisher labels", phase)
        return fisher(learned.net, learned.problem, batches, options.fisher, learned.check, random, memory)
