"""Sums of per-example gradients, and importances made of them, without a loop over examples."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from engine.batch import Batch
from engine.errors import UnsupportedNetwork
from engine.importance.rules import RULES, Transform
from engine.models.mode import evaluating
from engine.problems.problem import Form, Problem

BATCH = 1024
"""Examples in one pass."""


class PerExample:
    """One forward pass whose per-example gradients can be summed.

    Each parameter must belong to exactly one linear layer, which is called once, on one row per example, and nothing
    else may use it: only then do δ and a of that call give the whole gradient. Otherwise raises UnsupportedNetwork,
    naming the layer or parameter.
    """

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        """``inputs`` of shape (N, …)."""
        names = {module: name for name, module in model.named_modules() if list(module.parameters(recurse=False))}
        for layer, name in names.items():
            if type(layer).forward not in RULES:
                raise _refusal(name, f"is a {type(layer).__name__}, not a linear layer")
        calls: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in names}

        def keep(layer: nn.Module, arguments: tuple[Tensor], output: Tensor) -> None:
            calls[layer].append((arguments[0].detach(), output))

        with contextlib.ExitStack() as hooks:
            for layer in names:
                hooks.enter_context(layer.register_forward_hook(keep, prepend=True))
            self.outputs: Tensor = model(inputs)
            """Shape (N, outputs)."""
        for layer, found in calls.items():
            if len(found) != 1:
                times = f"is used {len(found)} times" if found else "is not used"
                raise _refusal(names[layer], f"{times} in a forward pass")
            if found[0][0].shape[:-1] != inputs.shape[:1]:
                raise _refusal(names[layer], "is used on more than one row of an example")
        uses, computed = _uses(self.outputs)
        for name, parameter in model.named_parameters(remove_duplicate=False):
            if uses[parameter] != 1:
                count = f"is used {uses[parameter]} times" if uses[parameter] else "gets no gradient"
                raise _refusal(name, f"{count} in a forward pass")
        for layer, [(_, output)] in calls.items():
            if output.grad_fn not in computed:
                raise _refusal(names[layer], "is not used as a layer")
        self._layers = {layer: activations for layer, [(activations, _)] in calls.items()}
        self._preactivations = [output for [(_, output)] in calls.values()]

    def sum(self, output_gradients: Iterable[Tensor], transform: Transform) -> Tensor:
        """Σₙ transform(gₙ), shape (P,), summed over all of ``output_gradients``, each (N, outputs): gₙ is the gradient
        that row n causes for example n.

        Since the inputs are the same, the transformed δ are added first, and one product per layer is enough.
        """
        totals: Sequence[Tensor] = ()
        for gradient in output_gradients:
            deltas = torch.autograd.grad(self.outputs, self._preactivations, gradient, retain_graph=True)
            changed = [transform(delta) for delta in deltas]
            totals = [total + more for total, more in zip(totals, changed, strict=True)] if totals else changed
        return self._product(totals, transform)

    def sum_local(self, output_gradients: Iterable[Tensor], transform: Transform) -> Tensor:
        """Like ``sum``, but each hidden layer gets the gradient of its own ‖ReLU(y)‖², 2·ReLU(y), not backpropagated;
        the output layer gets the only one of ``output_gradients``.
        """
        (gradient,) = output_gradients
        deltas = [
            gradient if preactivation is self.outputs else 2 * preactivation.detach().clamp_min(0)
            for preactivation in self._preactivations
        ]
        return self._product([transform(delta) for delta in deltas], transform)

    def _product(self, changed: Sequence[Tensor], transform: Transform) -> Tensor:
        """What each layer's rule makes of its transformed δ, shape (P,)."""
        parts: list[Tensor] = []
        for (layer, inputs), deltas in zip(self._layers.items(), changed, strict=True):
            parts += RULES[type(layer).forward](layer, inputs, deltas, transform)
        return torch.cat(parts)


def _uses(outputs: Tensor) -> tuple[Counter[Tensor], set[Node | None]]:
    """How often each parameter is used in the computation of ``outputs``, and all nodes of its graph."""
    found: Counter[Tensor] = Counter()
    waiting: list[Node | None] = [outputs.grad_fn]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        for earlier, _ in node.next_functions if node is not None else ():
            if (variable := getattr(earlier, "variable", None)) is not None:
                found[variable] += 1
            if earlier not in seen:
                seen.add(earlier)
                waiting.append(earlier)
    return found, seen


def _refusal(name: str, what: str) -> UnsupportedNetwork:
    return UnsupportedNetwork(
        f"importances cannot be measured example by example: {name or 'the network itself'} {what}; ewc and mas need "
        "nn.Linear layers, each used once in a forward pass"
    )


def check_network(model: nn.Module, inputs: Tensor) -> None:
    """Raises UnsupportedNetwork if importances cannot be measured; ``inputs`` of shape (N, …)."""
    with evaluating(model):
        PerExample(model, inputs)


def mean(
    net: nn.Module,
    problem: Problem,
    batches: Iterable[Batch],
    form: Form,
    transform: Transform,
    check: Callable[[], None],
    of: Literal["examples", "layers", "batches"] = "examples",
    random: torch.Generator | None = None,
) -> Tensor:
    """E_x Σ transform(g) over each example's gradients g in the given ``form``; ``of`` "layers": of each layer's own
    outputs (``sum_local``); of "batches": the mean of transform(a batch's mean gradient). Shape (P,).

    ``check`` is called between batches and may raise.
    """
    with evaluating(net):
        total, count = torch.cat([torch.zeros_like(of).flatten() for of in net.parameters()]).detach(), 0
        for batch in batches:
            check()
            passed = PerExample(net, batch.inputs)
            gradients = problem.gradients(passed.outputs.detach(), batch, form, random)
            if of == "batches":
                total += transform(passed.sum(gradients, lambda values: values) / len(batch))
                count += 1
            else:
                total += (passed.sum if of == "examples" else passed.sum_local)(gradients, transform)
                count += len(batch)
        return total / count
