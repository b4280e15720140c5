"""Memory Aware Synapses (Aljundi et al. 2018), equations 2 to 4, with the squared norm of the outputs (section 4.1);
the Hebbian form layer by layer (equation 5); and the authors' demo, which averages before it takes the absolute value.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tests.reference.method import SlowMethod, copies, gradients, trained, weighted_distance


def sensitivity(model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> list[Tensor]:
    """1/N Σₙ |∂‖f(xₙ)‖²/∂θ|, the absolute value taken for each example."""
    theta = trained(model)
    total = [torch.zeros_like(t) for t in theta]
    for x in inputs:
        f = model(x.unsqueeze(0))[0][list(competing)]
        gradient = gradients((f**2).sum(), theta)
        for s, g in zip(total, gradient, strict=True):
            s += g.abs()
    return [s / len(inputs) for s in total]


def local_sensitivity(model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> list[Tensor]:
    """1/N Σₙ |2·yᵢ·xⱼ| where unit i is active, for each layer by itself; in the last, which has no ReLU, the competing
    outputs count as active. A bias is a weight whose x is 1. For linear layers with ReLU between them."""
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    total = [torch.zeros_like(t) for t in trained(model)]
    for example in inputs:
        x = example.to(layers[0].weight.dtype)
        for number, layer in enumerate(layers):
            last = number == len(layers) - 1
            y = layer.weight @ x + layer.bias
            for i in range(len(y)):
                active = i in competing if last else bool(y[i] > 0)
                if active:
                    total[2 * number][i] += (2 * y[i] * x).abs().detach()
                    total[2 * number + 1][i] += (2 * y[i]).abs().detach()
            x = y.relu()
    return [t / len(inputs) for t in total]


def sensitivity_by_layer(model: nn.Sequential, inputs: Tensor, competing: Sequence[int]) -> list[Tensor]:
    """The local form for any layers with ReLU right after them, by autograd: 1/N Σₙ |∂‖ReLU(F_l(x))‖²/∂θ_l| with the
    inputs x of layer l; of the last layer, which has no ReLU, the competing outputs."""
    total = [torch.zeros_like(t) for t in trained(model)]
    for example in inputs:
        x, place = example.unsqueeze(0), 0
        for layer in model:
            y = layer(x.detach())
            own = trained(layer)
            f = y[:, list(competing)] if layer is model[-1] else y.relu()
            for g in gradients((f**2).sum(), own) if own else []:
                total[place] += g.abs()
                place += 1
            x = y
    return [t / len(inputs) for t in total]


def batched_sensitivity(model: nn.Module, inputs: Tensor, competing: Sequence[int], size: int) -> list[Tensor]:
    """1/M Σₘ |∂ mean ‖f(x)‖²/∂θ| over M mini-batches: the absolute value taken after averaging."""
    theta = trained(model)
    total = [torch.zeros_like(t) for t in theta]
    batches = inputs.split(size)
    for batch in batches:
        norms = (model(batch)[:, list(competing)] ** 2).sum(1)
        for s, g in zip(total, gradients(norms.mean(), theta), strict=True):
            s += g.abs()
    return [s / len(batches) for s in total]


Sensitivity = Callable[[nn.Module, Tensor, Sequence[int]], list[Tensor]]


class SlowMAS(SlowMethod):
    """penalty  λ·Σᵢ Ωᵢ(θᵢ−θᵢ*)²,  Ω summed over the tasks, or measured anew on all of them (``recompute``)"""

    def __init__(self, lambda_: float, measure: Sensitivity = sensitivity, recompute: bool = False) -> None:
        self.lambda_ = lambda_
        self.measure = measure
        self.recompute = recompute
        self.omega: list[Tensor] | None = None
        self.anchor: list[Tensor] = []

    def end_task(self, model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> None:
        total = [torch.zeros_like(t) for t in trained(model)]
        if self.omega is not None and not self.recompute:
            total = self.omega
        for measured_on, outputs in self.elsewhere if self.recompute else self.elsewhere[-1:]:
            total = [o + s for o, s in zip(total, self.measure(model, measured_on, outputs), strict=True)]
        self.omega = total
        self.anchor = copies(trained(model))

    def penalty(self, theta: Sequence[Tensor]) -> Tensor:
        if self.omega is None:
            return super().penalty(theta)
        return self.lambda_ * weighted_distance(self.omega, theta, self.anchor)

    def importance(self) -> list[Tensor] | None:
        return self.omega
