"""What autograd's graph says of a forward pass: where each parameter is used, and who takes a layer's outputs."""

from collections import defaultdict
from dataclasses import dataclass, field

from torch import Tensor
from torch.autograd.graph import Node


@dataclass(frozen=True)
class Graph:
    nodes: set[Node] = field(default_factory=set)
    uses: dict[Tensor, list[tuple[Node, int]]] = field(default_factory=lambda: defaultdict(list))
    """Of each parameter: the operations that it enters, and as which of their arguments."""
    takers: dict[Node, set[Node]] = field(default_factory=lambda: defaultdict(set))
    """Of each operation: those that take its results."""

    @classmethod
    def of(cls, outputs: Tensor) -> "Graph":
        found = cls()
        waiting = [] if outputs.grad_fn is None else [outputs.grad_fn]
        found.nodes.update(waiting)
        while waiting:
            node = waiting.pop()
            for place, (earlier, _) in enumerate(node.next_functions):
                if earlier is None:
                    continue
                found.takers[earlier].add(node)
                if (variable := getattr(earlier, "variable", None)) is not None:
                    found.uses[variable].append((node, place))
                if earlier not in found.nodes:
                    found.nodes.add(earlier)
                    waiting.append(earlier)
        return found
