"""How sensitive the outputs are to each parameter (Aljundi et al. 2018), without labels."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from engine.batch import Batch
from engine.importance.per_example import mean_of_batches, mean_of_examples
from engine.problems.problem import Problem


def output_sensitivity(
    net: nn.Module, problem: Problem, batches: Iterable[Batch], check: Callable[[], None] = lambda: None
) -> Tensor:
    """E_x |∂‖f(x)‖²/∂θ| over the competing outputs f, absolute value per example (equation 3). Shape (P,).

    One output w·x with w = 1: E_x |2x·x| = (2 + 18)/2.

    >>> from engine.problems.classification import Classification
    >>> net = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.ones_(net.weight)
    >>> batch = Batch(torch.tensor([[1.0], [-3.0]]), torch.tensor([0, 0]), task=0)
    >>> output_sensitivity(net, Classification("task", [1]), [batch])
    tensor([10.])
    """
    return mean_of_examples(net, problem, batches, "norm", torch.abs, check)


def layer_sensitivity(
    net: nn.Module, problem: Problem, batches: Iterable[Batch], check: Callable[[], None] = lambda: None
) -> Tensor:
    """E_x |∂‖F_l(x)‖²/∂θ_l| for each layer l separately: Ωᵢⱼ = E_x |2·yᵢ·xⱼ| where unit i is active, otherwise 0
    (equation 5, the Hebbian form). Shape (P,).

    The network is linear layers with ReLU between them; in the last layer only the competing outputs count.
    """
    return mean_of_examples(net, problem, batches, "norm", torch.abs, check, local=True)


def batched_sensitivity(
    net: nn.Module, problem: Problem, batches: Iterable[Batch], check: Callable[[], None] = lambda: None
) -> Tensor:
    """Mean over mini-batches of |∂ mean ‖f(x)‖²/∂θ|, as in the MAS authors' demo; smaller than ``output_sensitivity``
    where examples pull in different directions. Shape (P,).
    """
    return mean_of_batches(net, problem, batches, "norm", torch.abs, check)
