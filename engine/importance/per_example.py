"""Per-example importances without a loop over examples.

The gradient of a linear layer's weight for one example is an outer product δaᵀ (δ: gradient at the output, a: input).
So Σₙ (δₙaₙᵀ)² = (δ²)ᵀ(a²) and Σₙ |δₙaₙᵀ| = |δ|ᵀ|a|: one matrix product for a whole batch, exactly.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from engine.errors import UnsupportedNetwork

BATCH = 1024


class PerExample:
    """One forward pass whose per-example gradients can be summed.

    Each parameter must belong to exactly one linear layer, which is called once, on one row per example, and nothing
    else may use it: only then do δ and a of that call give the whole gradient. Otherwise raises UnsupportedNetwork,
    naming the layer or parameter.
    """

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        """``inputs`` of shape (N, features)."""
        self._layers: list[nn.Module] = []
        names = {}
        for name, module in model.named_modules():
            if any(True for _ in module.parameters(recurse=False)):
                if type(module).forward is not nn.Linear.forward:
                    raise _refusal(name, f"is a {type(module).__name__}, not a linear layer")
                self._layers.append(module)
                names[module] = name
        calls: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in self._layers}
        hooks = [
            layer.register_forward_hook(
                lambda module, args, output: calls[module].append((args[0].detach(), output)), prepend=True
            )
            for layer in self._layers
        ]
        try:
            self.outputs: Tensor = model(inputs)
            """Shape (N, outputs)."""
        finally:
            for hook in hooks:
                hook.remove()
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
        self._activations = [calls[layer][0][0] for layer in self._layers]
        self._preactivations = [calls[layer][0][1] for layer in self._layers]

    def sum(self, output_gradients: Tensor, transform: Callable[[Tensor], Tensor]) -> Tensor:
        """Σₙ transform(gₙ), shape (P,): gₙ is the gradient that row n of ``output_gradients`` (N, outputs) causes for
        example n; ``transform`` is multiplicative: torch.square, torch.abs or the identity.
        """
        return self.sum_over([output_gradients], transform)

    def sum_over(self, several: Iterable[Tensor], transform: Callable[[Tensor], Tensor]) -> Tensor:
        """Σ of ``sum`` over several output gradients. Since the inputs are the same, the transformed δ are added first,
        and one product per layer is enough.
        """
        totals: Sequence[Tensor] = ()
        for output_gradients in several:
            deltas = torch.autograd.grad(self.outputs, self._preactivations, output_gradients, retain_graph=True)
            changed = [transform(delta) for delta in deltas]
            totals = [total + more for total, more in zip(totals, changed, strict=True)] if totals else changed
        return self._product(totals, transform)

    def sum_local(self, output_gradients: Tensor, transform: Callable[[Tensor], Tensor]) -> Tensor:
        """Like ``sum``, but each hidden layer gets the gradient of its own ‖ReLU(y)‖², 2·ReLU(y), not backpropagated;
        the output layer gets ``output_gradients`` (N, outputs).
        """
        deltas = [
            output_gradients if preactivation is self.outputs else 2 * preactivation.detach().clamp_min(0)
            for preactivation in self._preactivations
        ]
        return self._product([transform(delta) for delta in deltas], transform)

    def _product(self, changed: Sequence[Tensor], transform: Callable[[Tensor], Tensor]) -> Tensor:
        """The product of each layer's transformed δ with its transformed inputs, shape (P,)."""
        parts = []
        for layer, activation, delta in zip(self._layers, self._activations, changed, strict=True):
            parts.append((delta.T @ transform(activation)).flatten())
            if layer.bias is not None:
                parts.append(delta.sum(0))
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
    """Raises UnsupportedNetwork if importances cannot be measured; ``inputs`` of shape (N, features)."""
    with _evaluating(model):
        PerExample(model, inputs)


def fisher_diagonal(
    model: nn.Module, inputs: Tensor, active: slice, check: Callable[[], None] = lambda: None
) -> Tensor:
    """F = E_x Σ_y p(y|x)(∂log p(y|x)/∂θ)², the expectation over y taken exactly over the ``active`` outputs.

    ``inputs`` has shape (N, features); the result (P,). Martens 2020, section 5; van de Ven 2025, "EXACT".
    ``check`` is called between batches and may raise.
    """
    with _evaluating(model):
        total = _zeros(model)
        for batch in inputs.split(BATCH):
            check()
            passed = PerExample(model, batch)
            total += passed.sum_over(_weighted_scores(passed.outputs.detach(), active), torch.square)
        return total / len(inputs)


def _weighted_scores(outputs: Tensor, active: slice) -> Iterator[Tensor]:
    """√p(y|x) ∂log p(y|x)/∂outputs for each label y among the ``active`` outputs, each of shape (N, outputs)."""
    probabilities = outputs[:, active].softmax(1)
    for label in range(probabilities.shape[1]):
        score = torch.zeros_like(outputs)
        score[:, active] = -probabilities
        score[:, active.start + label] += 1
        yield score * probabilities[:, label : label + 1].sqrt()


def labelled_fisher(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor | torch.Generator,
    active: slice,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """F = E_x (∂log p(y|x)/∂θ)² with one label y per example.

    ``labels``: the true labels, shape (N,), as indices among the ``active`` outputs (van de Ven 2025, "EMPIRICAL");
    or a generator that draws each from p(y|x) ("SAMPLE"). ``inputs`` has shape (N, features); the result (P,).
    ``check`` is called between batches and may raise.
    """
    with _evaluating(model):
        total = _zeros(model)
        for rows in torch.arange(len(inputs), device=inputs.device).split(BATCH):
            check()
            passed = PerExample(model, inputs[rows])
            probabilities = passed.outputs.detach()[:, active].softmax(1)
            if isinstance(labels, torch.Generator):
                chosen = torch.multinomial(probabilities.cpu(), 1, generator=labels).squeeze(1).to(inputs.device)
            else:
                chosen = labels[rows]
            total += passed.sum(_score(passed.outputs, probabilities, chosen, active), torch.square)
        return total / len(inputs)


def batched_fisher(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    active: slice,
    size: int,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Mean over mini-batches of (∂ mean log p(y|x)/∂θ)². This is not the Fisher information: it is up to ``size`` times
    smaller (van de Ven 2025, "BATCHED"). It exists to reproduce other libraries' runs.

    ``inputs`` has shape (N, features), ``labels`` (N,) as indices among the ``active`` outputs; the result (P,).
    """
    with _evaluating(model):
        total = _zeros(model)
        batches = torch.arange(len(inputs), device=inputs.device).split(size)
        for rows in batches:
            check()
            passed = PerExample(model, inputs[rows])
            probabilities = passed.outputs.detach()[:, active].softmax(1)
            score = _score(passed.outputs, probabilities, labels[rows], active)
            total += (passed.sum(score, _unchanged) / len(rows)).square_()
        return total / len(batches)


def _score(outputs: Tensor, probabilities: Tensor, labels: Tensor, active: slice) -> Tensor:
    """∂log p(y|x)/∂outputs, shape (N, outputs), given p over the active outputs and one label per example."""
    score = torch.zeros_like(outputs)
    score[:, active] = -probabilities
    score[torch.arange(len(labels), device=labels.device), active.start + labels] += 1
    return score


def _unchanged(values: Tensor) -> Tensor:
    return values


def output_sensitivity(
    model: nn.Module, inputs: Tensor, active: slice, check: Callable[[], None] = lambda: None
) -> Tensor:
    """E_x |∂‖f(x)‖²/∂θ| over the ``active`` outputs f, absolute value per example (Aljundi et al. 2018, equation 3).

    ``inputs`` has shape (N, features); the result (P,). ``check`` is called between batches and may raise.
    """
    with _evaluating(model):
        total = _zeros(model)
        for batch in inputs.split(BATCH):
            check()
            passed = PerExample(model, batch)
            total += passed.sum(_norm_gradient(passed.outputs, active), torch.abs)
        return total / len(inputs)


def layer_sensitivity(
    model: nn.Module, inputs: Tensor, active: slice, check: Callable[[], None] = lambda: None
) -> Tensor:
    """E_x |∂‖F_l(x)‖²/∂θ_l| for each layer l separately: Ωᵢⱼ = E_x |2·yᵢ·xⱼ| where unit i is active, otherwise 0
    (Aljundi et al. 2018, equation 5, the Hebbian form).

    The network is linear layers with ReLU between them; in the last layer only the ``active`` outputs count. ``inputs``
    has shape (N, features); the result (P,).
    """
    with _evaluating(model):
        total = _zeros(model)
        for batch in inputs.split(BATCH):
            check()
            passed = PerExample(model, batch)
            total += passed.sum_local(_norm_gradient(passed.outputs, active), torch.abs)
        return total / len(inputs)


def batched_sensitivity(
    model: nn.Module, inputs: Tensor, active: slice, size: int, check: Callable[[], None] = lambda: None
) -> Tensor:
    """Mean over mini-batches of |∂ mean ‖f(x)‖²/∂θ|, as in the MAS authors' demo; smaller than ``output_sensitivity``
    where examples pull in different directions.

    ``inputs`` has shape (N, features); the result (P,).
    """
    with _evaluating(model):
        total = _zeros(model)
        batches = inputs.split(size)
        for batch in batches:
            check()
            passed = PerExample(model, batch)
            total += (passed.sum(_norm_gradient(passed.outputs, active), _unchanged) / len(batch)).abs_()
        return total / len(batches)


def _norm_gradient(outputs: Tensor, active: slice) -> Tensor:
    """∂‖f‖²/∂outputs, shape (N, outputs), over the ``active`` outputs f."""
    gradient = torch.zeros_like(outputs)
    gradient[:, active] = 2 * outputs.detach()[:, active]
    return gradient


class _evaluating:
    """Puts the model in eval mode, and restores its mode afterwards."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def __enter__(self) -> None:
        self._was = self._model.training
        self._model.eval()

    def __exit__(self, *_: object) -> None:
        self._model.train(self._was)


def _zeros(model: nn.Module) -> Tensor:
    return torch.cat([torch.zeros_like(parameter).flatten() for parameter in model.parameters()]).detach()
