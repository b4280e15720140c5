"""One forward pass, whose per-example gradients are summed by the rules of its layers, without a loop over examples."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from engine.errors import UnsupportedNetwork
from engine.importance.graph import Graph
from engine.importance.rules import Gradients, Rule, of_each, over_rows, rule_of
from engine.importance.sums import Lookup, OneRow, Sum, Transform, Use, Uses
from engine.models.flat import trained

TOGETHER = 8
"""Gradients at the outputs for which δ is held at once: then the rules prepare the inputs less often."""
ELEMENTWISE = {"AddBackward0": 1, "SubBackward0": -1, "MulBackward0": 0}
"""Operations that may use a parameter outside a layer, and the sign of their second argument in a sum."""


@dataclass(frozen=True)
class Call:
    """One call of a layer that has a rule."""

    layer: nn.Module
    rule: Rule
    inputs: Tensor
    outputs: Tensor
    version: int
    """Of the outputs as the layer gave them."""
    edge: GradientEdge
    names: Mapping[str, Tensor]
    """Its trained parameters by their names in the layer."""


class PerExample:
    """One forward pass whose per-example gradients can be summed.

    A parameter is measured by rules if all its uses in the computation of the outputs are calls of layers that have
    rules, or sums and products with it: then the δ at their outputs give its whole gradient. The others are ``left``.
    """

    def __init__(self, model: nn.Module, inputs: Tensor, without: Collection[str] = ()) -> None:
        """``inputs`` of shape (N, …). ``without``: parameters that rules are not to measure."""
        self.parameters: dict[str, Tensor] = dict(trained(model))
        self._count = len(inputs)
        calls = self._forward(model, inputs)
        self.graph = Graph.of(self.outputs)
        self.calls = [call for call in calls if call.edge.node in self.graph.nodes]
        """Those on which the outputs depend."""
        self._places: dict[tuple[Node, int], int] = {}
        self._edges: list[GradientEdge] = []
        self._shapes: list[torch.Size] = []
        self._uses: dict[str, list[Use]] = {}
        self.left: list[str] = []
        """Parameters that are used, but not measured by rules."""
        self.unused: list[str] = []
        for name, parameter in self.parameters.items():
            uses = None if name in without else self._found(parameter)
            if not self.graph.uses[parameter]:
                self.unused.append(name)
            elif uses is None:
                self.left.append(name)
            else:
                self._uses[name] = uses

    def _forward(self, model: nn.Module, inputs: Tensor) -> list[Call]:
        calls: list[Call] = []

        def keep(layer: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], outputs: Any) -> Tensor | None:
            rule = rule_of(layer)
            if rule is None or named or len(arguments) != 1 or outputs.grad_fn is None:
                return None
            given = arguments[0].detach()
            if given.shape[:1] == outputs.shape[:1] == inputs.shape[:1] and rule.fits(layer, given):
                if outputs._is_view():  # if a ReLU overwrites it, autograd replaces its node
                    outputs = outputs.clone()
                own = {name: of for name, of in layer._parameters.items() if of is not None and name in rule.gradients}
                own = {name: of for name, of in own.items() if of.requires_grad}
                edge = get_gradient_edge(outputs)
                calls.append(Call(layer, rule, given, outputs, outputs._version, edge, own))
                return outputs  # type: ignore[no-any-return]
            return None

        with contextlib.ExitStack() as hooks:
            for layer in model.modules():
                if any(of is not None and of.requires_grad for of in layer._parameters.values()):
                    hooks.enter_context(layer.register_forward_hook(keep, prepend=True, with_kwargs=True))
            self.outputs: Tensor = model(inputs)
            """Shape (N, outputs)."""
        return calls

    def _found(self, parameter: Tensor) -> list[Use] | None:
        """How rules make the gradients of all uses of a parameter; None if they do not."""
        called = [(call, name) for call in self.calls for name, of in call.names.items() if of is parameter]
        uses = [
            Use(self._place(call.edge, call.outputs.shape), partial(_of_call, call, call.rule.gradients[name]))
            for call, name in called
        ]
        entered = self.graph.uses[parameter]
        if len(uses) < len(entered):
            free = [(node, place) for node, place in entered if node.name() in ELEMENTWISE]
            if len(free) + len(uses) != len(entered):
                return None
            for node, place in free:
                if (use := self._elementwise(parameter, node, place)) is None:
                    return None
                uses.append(use)
        return uses if len(uses) == len(entered) else None

    def _elementwise(self, parameter: Tensor, node: Node, place: int) -> Use | None:
        """A sum or product with a parameter that is the same for all examples."""
        (metadata,) = node._input_metadata
        shape = torch.Size(metadata.shape)
        if len(shape) < parameter.dim() or shape[:1] != (self._count,):
            return None
        if len(shape) == parameter.dim() and parameter.shape[:1] != (1,):
            return None
        known: Any = node
        factor: Tensor | float = 1.0
        try:
            if node.name() == "MulBackward0":
                factor = (known._saved_self if place else known._saved_other).detach()
            elif place:
                factor = ELEMENTWISE[node.name()] * float(known._saved_alpha)
        except RuntimeError:  # the network has overwritten it
            return None
        use = partial(_of_product, parameter.shape, factor, len(shape))
        return Use(self._place(GradientEdge(node, 0), shape), use)

    def _place(self, edge: GradientEdge, shape: torch.Size) -> int:
        key = (edge.node, edge.output_nr)
        if key not in self._places:
            self._places[key] = len(self._edges)
            self._edges.append(edge)
            self._shapes.append(shape)
        return self._places[key]

    @property
    def watched(self) -> int:
        """Numbers of δ of one example."""
        return sum(shape.numel() for shape in self._shapes) // self._count

    def sum(self, output_gradients: Iterable[Tensor], transform: Transform, memory: int) -> dict[str, Tensor]:
        """Σₙ transform(gₙ) of each parameter that rules measure, summed over all of ``output_gradients``, each (N,
        outputs): gₙ is the gradient that row n causes for example n."""
        sums = self._sums(transform, memory)
        for some in blocks(output_gradients):
            deltas = [self._deltas(gradient) for gradient in some]
            for one in sums:
                one.add(deltas)
        return {name: total for one in sums for name, total in one.totals().items()}

    def sum_local(self, output_gradients: Iterable[Tensor], transform: Transform, memory: int) -> dict[str, Tensor]:
        """Like ``sum``, but each hidden layer gets the gradient of its own ‖ReLU(y)‖², 2·ReLU(y), not backpropagated;
        the output layer gets the only one of ``output_gradients``. Raises UnsupportedNetwork where that means nothing.
        """
        (gradient,) = output_gradients
        self._check_local()
        deltas = [torch.empty(0)] * len(self._edges)
        for call in self.calls:
            if (place := self._places.get((call.edge.node, call.edge.output_nr))) is not None:
                last = call.edge.node is self.outputs.grad_fn
                deltas[place] = gradient if last else 2 * call.outputs.detach().clamp_min(0)
        sums = self._sums(transform, memory)
        for one in sums:
            one.add([deltas])
        return {name: total for one in sums for name, total in one.totals().items()}

    def _check_local(self) -> None:
        known = {of: name for name, of in self.parameters.items()}
        for name in self.left:
            raise _local_refusal(name, "is not used by a layer whose own outputs are known")
        for name, uses in self._uses.items():
            if len(uses) > 1:
                raise _local_refusal(name, f"is used {len(uses)} times in a forward pass")
        layers = {of for call in self.calls for of in call.names.values()}
        for of in (self.parameters[name] for name in self._uses):
            if of not in layers:
                raise _local_refusal(known[of], "belongs to no layer that has outputs of its own")
        for call in self.calls:
            takers = {node.name().removesuffix("Backward0") for node in self.graph.takers[call.edge.node]}
            overwritten = call.outputs._version > call.version + 1  # a ReLU may write in its place
            if call.names and call.edge.node is not self.outputs.grad_fn and (takers != {"Relu"} or overwritten):
                name = next(iter(known[of] for of in call.names.values()))
                raise _local_refusal(name, f"is of a layer without a ReLU right after it ({', '.join(sorted(takers))})")

    def _deltas(self, gradient: Tensor) -> list[Tensor]:
        if not self._edges:
            return []
        found = torch.autograd.grad(self.outputs, self._edges, gradient, retain_graph=True, allow_unused=True)
        return [
            gradient.new_zeros(shape) if delta is None else delta
            for delta, shape in zip(found, self._shapes, strict=True)
        ]

    def _sums(self, transform: Transform, memory: int) -> list[Sum]:
        found: list[Sum] = []
        alone = {name: uses for name, uses in self._uses.items() if len(uses) == 1}
        named = {of: name for name, of in self.parameters.items() if name in alone}
        for call in self.calls:
            own = {name: named[of] for name, of in call.names.items() if of in named}
            place = self._places.get((call.edge.node, call.edge.output_nr))
            if not own or place is None:
                continue
            if isinstance(call.layer, nn.Linear) and call.inputs.dim() == 2:
                found.append(OneRow(own, place, call.inputs, transform))
            elif isinstance(call.layer, nn.Embedding):
                found.append(Lookup(call.layer, own["weight"], place, call.inputs, transform))
            else:
                continue
            for name in own.values():
                del alone[name], named[self.parameters[name]]
        of_others = {name: uses for name, uses in self._uses.items() if len(uses) > 1 or name in alone}
        found += [Uses(name, self.parameters[name], uses, transform, memory) for name, uses in of_others.items()]
        return found


def blocks(gradients: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    left = iter(gradients)
    while some := list(islice(left, TOGETHER)):
        yield some


def _of_call(call: Call, gradients: Gradients, rows: slice, deltas: Sequence[Tensor]) -> Tensor:
    return gradients(call.layer, call.inputs[rows], deltas)


def _of_product(shape: torch.Size, factor: Tensor | float, dim: int, rows: slice, deltas: Sequence[Tensor]) -> Tensor:
    """``factor``: what the parameter is multiplied with, whose first dimension counts examples if it has ``dim``."""
    if isinstance(factor, Tensor) and factor.dim() == dim and len(factor) > 1:
        factor = factor[rows]
    return of_each(deltas, lambda delta: over_rows(delta * factor, shape))


def _local_refusal(name: str, what: str) -> UnsupportedNetwork:
    return UnsupportedNetwork(
        f"the local sensitivity is that of each layer's own ReLU units, and {name} {what}: use --sensitivity global, "
        "which every network has"
    )
