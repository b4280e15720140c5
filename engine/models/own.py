"""A network that a function in the user's own file builds, checked before it is trained."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from engine.models.initial import seeded
from engine.models.mode import evaluating
from engine.seeds import number, others_seeded
from engine.settings.own_code import Code, a_kind, called, load, running
from engine.text import by, plain, some

TRIED = 4
"""Examples on which a network is tried."""
EXAMPLE = "def build(inputs, outputs) or def build(inputs, outputs, seed)"


def build(
    code: Code, inputs: Sequence[int], outputs: int, seed: int, example: Callable[[], Tensor] | None
) -> nn.Module:
    """``inputs``: shape of one example. ``example``: gives a few inputs, shape (N, …), on which the network is tried.
    Raises ConfigError, or UntrustedCode."""
    with seeded(seed), others_seeded(number(seed, "own weights")):
        function = load(code)
        model = called(code, function, {"inputs": tuple(inputs), "outputs": outputs, "seed": seed}, EXAMPLE)
        _check(code, model)
        assert isinstance(model, nn.Module)
        if example or any(map(is_lazy, model.parameters())):  # a lazy layer draws its weights here
            _try(code, model.cpu(), example().cpu() if example else torch.zeros(TRIED, *inputs), outputs)
    return model.train()


def _check(code: Code, model: Any) -> None:
    if not isinstance(model, nn.Module):
        raise code.problem(f"{code.name} returns {a_kind(model)} instead of a network (torch.nn.Module)")
    named = list(model.named_parameters())
    if not any(parameter.requires_grad for _, parameter in named):
        what = "is frozen (requires_grad = False)" if named else "has no parameters"
        raise code.problem(f"the network that {code.name} returns {what}: there is nothing to train")
    if other := [f"{name} ({plain(of.dtype)})" for name, of in named if of.dtype != torch.float32]:
        raise code.problem(f"the network should be in float32, but it has {some(other)}: build it with .float()")


def _try(code: Code, model: nn.Module, inputs: Tensor, outputs: int) -> None:
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with running(code, f"the network cannot take inputs of {by(inputs.shape)}"), evaluating(model):
        given = model(inputs)
    if not isinstance(given, Tensor):
        raise code.problem(f"the network gives {a_kind(given)} instead of a tensor: its outputs, (examples, outputs)")
    if given.shape != (len(inputs), outputs):
        raise code.problem(
            f"for {len(inputs)} inputs of {by(inputs.shape[1:])} the network gives outputs of {by(given.shape)}; they "
            f"should be {len(inputs)}×{outputs}: {outputs} outputs for each example"
        )
    if not given.is_floating_point():
        raise code.problem(f"the network's outputs are {plain(given.dtype)}; they should be floats")
    if not torch.isfinite(given).all():
        raise code.problem("the network's outputs for the first batch are not all finite: look at its initial weights")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with running(code, "the network has no gradient"):
        gradients = torch.autograd.grad(given.sum(), trained, allow_unused=True) if given.requires_grad else ()
    if all(gradient is None for gradient in gradients):
        raise code.problem("the network's outputs do not depend on its parameters (no_grad, or detach?)")
    for name, buffer in model.named_buffers():
        if name in buffers and buffer.shape == buffers[name].shape:
            buffer.data.copy_(buffers[name])
