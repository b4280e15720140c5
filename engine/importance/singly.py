"""Per-example gradients of any parameters of any network: by torch.func.vmap, or by one backward pass an example."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap

from engine.importance.sums import Transform


def vmapped(
    model: nn.Module, names: Sequence[str], inputs: Tensor, gradients: Tensor, transform: Transform
) -> dict[str, Tensor]:
    """Σ transform(g) of each parameter, over all examples and the ``gradients`` (N, C, outputs) at the outputs."""
    parameters = {name: model.get_parameter(name).detach() for name in names}

    def of_one(parameters: dict[str, Tensor], example: Tensor, gradients: Tensor) -> dict[str, Tensor]:
        def outputs(parameters: dict[str, Tensor]) -> Tensor:
            found: Tensor = functional_call(model, parameters, (example.unsqueeze(0),))
            return found.squeeze(0)

        pull = vjp(outputs, parameters)[1]
        totals: dict[str, Tensor] = {}
        for gradient in gradients.unbind():
            (found,) = pull(gradient)
            changed = {name: transform(of) for name, of in found.items()}
            totals = {name: totals[name] + changed[name] for name in names} if totals else changed
        return totals

    with torch.no_grad():  # for the other parameters; vjp has a graph of its own
        each = vmap(of_one, in_dims=(None, 0, 0))(parameters, inputs, gradients)
    return {name: found.sum(0) for name, found in each.items()}


def one_by_one(
    model: nn.Module, names: Sequence[str], inputs: Tensor, gradients: Tensor, transform: Transform
) -> dict[str, Tensor]:
    """The same with a forward pass for each example."""
    parameters = [model.get_parameter(name) for name in names]
    totals = [torch.zeros_like(parameter).detach() for parameter in parameters]
    for example, own in zip(inputs.split(1), gradients, strict=True):
        outputs = model(example)
        for gradient in own:
            found = torch.autograd.grad(outputs, parameters, gradient[None], retain_graph=True, allow_unused=True)
            for total, of in zip(totals, found, strict=True):
                if of is not None:
                    total += transform(of)
    return dict(zip(names, totals, strict=True))
