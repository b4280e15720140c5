"""The diagonal of the Fisher information, in the forms that van de Ven 2025 compares."""

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from engine.batch import Batch
from engine.importance.per_example import mean_of_batches, mean_of_examples
from engine.problems.problem import Problem


def fisher(
    net: nn.Module,
    problem: Problem,
    batches: Iterable[Batch],
    form: Literal["exact", "sampled", "empirical"] = "exact",
    check: Callable[[], None] = lambda: None,
    random: torch.Generator | None = None,
) -> Tensor:
    """exact: F = E_x Σ_y p(y|x)(∂log p(y|x)/∂θ)² (Martens 2020, section 5). Otherwise E_x (∂log p(y|x)/∂θ)² with one
    label y per example, which ``random`` draws from p(y|x) (sampled), or the true one (empirical). Shape (P,).

    Two classes with logits 0 and x·w, at w = 0: F = E_x x²·p(1−p) = ((1 + 9)/2)/4.

    >>> from engine.problems.classification import Classification
    >>> net = torch.nn.Linear(1, 2, bias=False)
    >>> _ = torch.nn.init.zeros_(net.weight)
    >>> batch = Batch(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1]), task=0)
    >>> fisher(net, Classification("task", [2]), [batch])
    tensor([1.2500, 1.2500])
    """
    return mean_of_examples(net, problem, batches, form, torch.square, check, random)


def batched_fisher(
    net: nn.Module, problem: Problem, batches: Iterable[Batch], check: Callable[[], None] = lambda: None
) -> Tensor:
    """Mean over mini-batches of (∂ mean log p(y|x)/∂θ)². This is not the Fisher information: it is smaller by up to the
    size of a batch (van de Ven 2025, "BATCHED"). It exists to reproduce other libraries' runs.
    """
    return mean_of_batches(net, problem, batches, "empirical", torch.square, check)
