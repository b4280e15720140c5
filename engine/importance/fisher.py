"""The diagonal of the Fisher information, in the forms that van de Ven 2025 compares."""

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from engine.batch import Batch
from engine.importance.measure import MEMORY, mean
from engine.problems.problem import Problem


def fisher(
    net: nn.Module,
    problem: Problem,
    batches: Iterable[Batch],
    form: Literal["exact", "sampled", "empirical", "predicted", "batched"] = "exact",
    check: Callable[[], None] = lambda: None,
    random: torch.Generator | None = None,
    memory: int = MEMORY,
) -> Tensor:
    """exact: F = E_x Σ_y p(y|x)(∂log p(y|x)/∂θ)² (Martens 2020, section 5). sampled, empirical, predicted: E_x
    (∂log p(y|x)/∂θ)² with one label y per example, which ``random`` draws from p(y|x), or the true one, or the one that
    the network predicts. batched: the mean over batches of (∂ mean log p(y|x)/∂θ)², which is not the Fisher
    information, but smaller by up to the size of a batch; other libraries have it. Shape (P,). ``memory``: MiB for it.

    Two classes with logits w₀x and w₁x, at w = 0: F = E_x x²·p(1−p) = (1 + 9)/2 · 1/4.

    >>> from engine.problems.classification import Classification
    >>> net = nn.Linear(1, 2, bias=False)
    >>> _ = nn.init.zeros_(net.weight)
    >>> fisher(net, Classification("task", [2]), [Batch(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1]), task=0)])
    tensor([1.2500, 1.2500])
    """
    if form == "batched":
        return mean(net, problem, batches, "empirical", torch.square, check, of="batches", memory=memory)
    return mean(net, problem, batches, form, torch.square, check, random=random, memory=memory)
