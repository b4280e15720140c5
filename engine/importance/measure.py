"""Importances of any network: by the rules of its layers, by vmap where there is none, else by single examples."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from engine.batch import Batch
from engine.errors import UnsupportedNetwork, first_line
from engine.importance.per_example import TOGETHER, PerExample
from engine.importance.singly import one_by_one, vmapped
from engine.importance.sums import Transform
from engine.models.flat import trained
from engine.models.mode import evaluating
from engine.problems.problem import Form, Problem
from engine.seeds import generator
from engine.text import some

BATCH = 1024
"""Examples in one batch, if the memory allows it."""
MIB = 1 << 20
MEMORY = 1024
"""MiB for a pass, unless an option says otherwise."""
TRIED = 2
"""Examples on which the ways are found and compared with single examples."""

Of = Literal["examples", "layers", "batches"]
"""Whose gradients are transformed before the mean: each example's, each example's by layer, or each mini-batch's."""


@dataclass(frozen=True)
class Ways:
    """How the parameters of a network are measured."""

    left: tuple[str, ...] = ()
    """Parameters without a rule, or for which the rules give something else than a single example does."""
    vmap: str = ""
    """Why vmap cannot measure those; empty if it can."""
    unused: tuple[str, ...] = ()
    """Parameters that get no gradient."""
    alone: bool = False
    """Whether an example's outputs depend on the others in its batch, so that each needs a pass of its own."""
    held: int = 0
    """Bytes that a forward pass holds for each example, and that δ takes for ``TOGETHER`` gradients at the outputs."""
    left_bytes: int = 0
    """Bytes of one example's gradients of ``left``."""

    def examples(self, memory: int) -> int:
        """How many there may be in one pass, given bytes, most of which the backward pass takes."""
        return 1 if self.alone else max(1, memory * 2 // 5 // max(1, self.held))

    def chunk(self, memory: int) -> int:
        """How many there may be in one call of vmap: their passes, and gradients summed, computed and transformed."""
        return max(1, memory // 2 // max(1, self.held + 4 * self.left_bytes))

    def notes(self, memory: int) -> tuple[str, ...]:
        """For the log: what is not measured by rules, and how."""
        found = []
        if self.alone:
            found.append(
                "the network's outputs for an example depend on the others in its batch, so importances are measured "
                "one example at a time"
            )
        if self.left:
            verb = "has no rule, so its" if len(self.left) == 1 else "have no rule, so their"
            how = f"by vmap, in chunks of at most {self.chunk(memory)} examples"
            if self.vmap:
                how = f"one example at a time, because vmap cannot compute this network ({self.vmap})"
            found.append(f"{some(self.left)} {verb} importance is measured {how}")
        if self.unused:
            found.append(f"no gradient reaches {some(self.unused)}, so the importance there is 0")
        return tuple(found)


def survey(model: nn.Module, inputs: Tensor, of: Of, memory: int = MEMORY) -> tuple[str, ...]:
    """Remarks for the log. Raises UnsupportedNetwork if importances ``of`` this kind cannot be measured; ``inputs`` of
    shape (N, …)."""
    if of == "batches":
        return ()
    with evaluating(model):
        return find_ways(model, inputs, of).notes(memory * MIB)


def find_ways(model: nn.Module, inputs: Tensor, of: Of = "examples") -> Ways:
    """Compares what rules and vmap give for ``inputs``, (N, …), with single examples; nothing else can measure layers'
    own outputs. Raises UnsupportedNetwork."""
    inputs = inputs[:TRIED].clone()  # a part of a tensor is counted whole
    alone = _each_alone(model, inputs)
    if alone:
        inputs = inputs[:1].clone()
    with _held(model) as kept:
        passed = PerExample(model, inputs)
    size = passed.outputs.element_size()
    found = Ways(
        unused=tuple(passed.unused),
        alone=alone,
        held=sum(kept.values()) // len(inputs) + TOGETHER * size * passed.watched,
    )
    if of == "layers":
        passed.sum_local([torch.zeros_like(passed.outputs)], torch.abs, MEMORY * MIB)
        return found
    drawn = torch.randn(passed.outputs.shape, generator=generator(0, "directions")).to(passed.outputs)
    names = [name for name in passed.parameters if name not in passed.unused]
    singly = one_by_one(model, names, inputs, drawn.unsqueeze(1), torch.abs)
    by_rules = passed.sum([drawn], torch.abs, MEMORY * MIB)
    largest = max((of.abs().max().item() for of in singly.values()), default=0.0)
    left = tuple(name for name in names if name not in by_rules or _differ(by_rules[name], singly[name], largest))
    if not left:
        return found
    why = ""
    try:
        by_vmap = vmapped(model, left, inputs, drawn.unsqueeze(1), torch.abs)
        if any(_differ(by_vmap[name], singly[name], largest) for name in left):
            why = "it gives something else"
    except Exception as error:  # an operation of the network may raise anything if vmap does not know it
        why = first_line(error)[:100]
    left_bytes = size * sum(passed.parameters[name].numel() for name in left)
    return replace(found, left=left, vmap=why, left_bytes=left_bytes)


def batch_size(inputs: Sequence[int], memory: int = MEMORY) -> int:
    """How many examples of this shape a batch may have: at most an eighth of the memory, in MiB.

    >>> batch_size((1, 28, 28)), batch_size((3, 224, 224))
    (1024, 222)
    """
    return max(1, min(BATCH, memory * MIB // (8 * 4 * math.prod(inputs))))


def fitting(model: nn.Module, inputs: Tensor) -> int:
    """How many examples like ``inputs``, (N, …), a forward and a backward pass may have without taking much memory."""
    some = inputs[:TRIED].clone()
    with evaluating(model), _held(model) as kept:
        model(some)
    return max(1, MEMORY * MIB // max(1, sum(kept.values()) // len(some)))


def _each_alone(model: nn.Module, inputs: Tensor) -> bool:
    """Whether the outputs for some examples are not those for each of them alone. Raises UnsupportedNetwork."""
    with torch.no_grad():
        together: Tensor = model(inputs)
        try:
            singly = torch.cat([model(example) for example in inputs.split(1)])
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise UnsupportedNetwork(
                f"importances cannot be measured example by example, because the network cannot compute a single "
                f"example: {first_line(error)}"
            ) from error
    return _differ(together, singly, singly.abs().max().item())


def _differ(found: Tensor, singly: Tensor, largest: float) -> bool:
    """By more than rounding does, given the ``largest`` of all. What is not finite is left to others."""
    precision = torch.finfo(found.dtype).eps
    if found.device.type != "cpu":  # a GPU may multiply with fewer digits
        precision = max(precision, 2**-16)
    allowed = 4 * precision**0.5 * singly.abs().max() + 10 * precision * largest
    return bool((found - singly).abs().max() > allowed)


@contextmanager
def _held(model: nn.Module) -> Iterator[dict[int, int]]:
    """Bytes that autograd keeps of a forward pass, without the network's own, by where they are."""
    own = {of.untyped_storage().data_ptr() for of in (*model.parameters(), *model.buffers())}
    found: dict[int, int] = {}

    def keep(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return saved

    with saved_tensors_hooks(keep, lambda kept: kept):
        yield found


def mean(
    net: nn.Module,
    problem: Problem,
    batches: Iterable[Batch],
    form: Form,
    transform: Transform,
    check: Callable[[], None],
    of: Of = "examples",
    random: torch.Generator | None = None,
    memory: int = MEMORY,
) -> Tensor:
    """E_x Σ transform(g) over each example's gradients g in the given ``form``; ``of`` "layers": of each layer's own
    outputs; of "batches": the mean of transform(a batch's mean gradient). Shape (P,), for the parameters that are not
    frozen. ``memory``: MiB that the measurement may take besides the network and a batch.

    ``check`` is called between batches and may raise.
    """
    parameters = dict(trained(net))
    totals = {name: torch.zeros_like(parameter).detach() for name, parameter in parameters.items()}
    room = memory * MIB
    ways, count = None, 0
    with evaluating(net):
        for batch in batches:
            check()
            count += 1 if of == "batches" else len(batch)
            if of == "batches":
                _add(totals, _of_batch(net, problem, batch, form, transform))
                continue
            ways = ways or find_ways(net, batch.inputs, of)
            for number, part in enumerate(batch.split(ways.examples(room))):
                if number:
                    check()
                passed = PerExample(net, part.inputs, ways.left)
                gradients: Iterable[Tensor] = problem.gradients(passed.outputs.detach(), part, form, random)
                if of == "layers":
                    _add(totals, passed.sum_local(gradients, transform, room))
                    continue
                if passed.left:
                    gradients = list(gradients)
                    _add(totals, _of_left(net, passed.left, ways, part, gradients, transform, room))
                _add(totals, passed.sum(gradients, transform, room))
        return torch.cat([total.flatten() for total in totals.values()]) / count


def _add(totals: dict[str, Tensor], found: Mapping[str, Tensor]) -> None:
    for name, more in found.items():
        totals[name] += more


def _of_batch(net: nn.Module, problem: Problem, batch: Batch, form: Form, transform: Transform) -> dict[str, Tensor]:
    parameters = dict(trained(net))
    outputs = net(batch.inputs)
    (gradient,) = problem.gradients(outputs.detach(), batch, form)
    found = torch.autograd.grad(outputs, list(parameters.values()), gradient, allow_unused=True)
    return {name: transform(of / len(batch)) for name, of in zip(parameters, found, strict=True) if of is not None}


def _of_left(
    net: nn.Module,
    names: Sequence[str],
    ways: Ways,
    batch: Batch,
    gradients: Sequence[Tensor],
    transform: Transform,
    memory: int,
) -> dict[str, Tensor]:
    at_outputs = torch.stack(list(gradients), dim=1)
    tried = not ways.vmap and set(names) <= set(ways.left)
    size = ways.chunk(memory) if tried else 1
    measure = vmapped if tried else one_by_one
    totals: dict[str, Tensor] = {}
    for inputs, own in zip(batch.inputs.split(size), at_outputs.split(size), strict=True):
        found = measure(net, names, inputs, own, transform)
        if totals:
            _add(totals, found)
        else:
            totals = found
    return totals
