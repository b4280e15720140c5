"""How sensitive the outputs are to each parameter (Aljundi et al. 2018), without labels."""

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from engine.batch import Batch
from engine.importance.measure import MEMORY, Of, mean
from engine.problems.problem import Problem

OF: dict[str, Of] = {"global": "examples", "local": "layers", "batched": "batches"}


def sensitivity(
    net: nn.Module,
    problem: Problem,
    batches: Iterable[Batch],
    form: Literal["global", "local", "batched"] = "global",
    check: Callable[[], None] = lambda: None,
    memory: int = MEMORY,
) -> Tensor:
    """global: E_x |∂‖f(x)‖²/∂θ| over the competing outputs f (equation 3). local: the same for each layer's own
    outputs, Ωᵢⱼ = E_x |2·yᵢ·xⱼ| where unit i is active, otherwise 0 (equation 5, the Hebbian form, for linear layers
    with ReLU between them). batched: the mean over batches of |∂ mean ‖f(x)‖²/∂θ|, as in the authors' demo; smaller
    where examples pull in different directions. Shape (P,).

    One output w·x with w = 1: E_x |2x·x| = (2 + 18)/2.

    >>> from engine.problems.classification import Classification
    >>> net = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.ones_(net.weight)
    >>> sensitivity(net, Classification("task", [1]), [Batch(torch.tensor([[1.0], [-3.0]]), torch.zeros(2).long(), 0)])
    tensor([10.])
    """
    return mean(net, problem, batches, "norm", torch.abs, check, OF[form], memory=memory)
