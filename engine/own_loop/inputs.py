"""The data of a task as a program has them, and what the outputs of its network mean."""

import contextlib
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, cast

import torch
from torch import Tensor, nn

from engine.batch import Batch
from engine.errors import ConfigError, EngineError
from engine.importance.measure import MEMORY, Of, survey
from engine.models.mode import evaluating
from engine.own_loop.meaning import Meaning
from engine.own_loop.weights import Weights
from engine.problems.problem import Problem
from engine.seeds import generator
from engine.settings.run import RunConfig
from engine.streams.given import TARGETS
from engine.streams.stream import Readable

MOST_OUTPUTS = 10_000_000


class Seen(nn.Module):
    """The user's network as a function of the rows of a batch of any kind; only its active outputs."""

    def __init__(self, model: nn.Module, forward: Callable[[nn.Module, Any], Any], active: Tensor | None) -> None:
        super().__init__()
        self.model = model
        self._forward = forward
        self._active = active
        self._most = 0 if active is None else int(active.max())
        self.batch: Any = None

    def forward(self, rows: Tensor) -> Tensor:
        outputs = self._forward(self.model, _rows(self.batch, rows))
        outputs = getattr(outputs, "logits", outputs)  # as Hugging Face's models return them
        if not isinstance(outputs, Tensor):
            raise EngineError(f"forward(model, batch) returned {type(outputs).__name__}: return the outputs, a tensor")
        if self._active is None:
            return outputs
        if self._most >= outputs.shape[-1]:
            raise EngineError(f"active = …: there is no output {self._most}; there are 0 to {outputs.shape[-1] - 1}")
        return outputs[:, self._active]


class Inputs(Readable):
    """One task's data, whose number in the run is ``phase``."""

    def __init__(self, given: Any, meaning: Meaning, weights: Weights, config: RunConfig, active: Any) -> None:
        """``given``: what ``run.end_task`` gets, and None where the method needs no data."""
        self._given = given
        self._meaning = meaning
        self._weights = weights
        self._config = config
        self.inputs: tuple[int, ...] = ()
        self.net: nn.Module = weights.model
        self._problem = meaning.problem(1)
        self._active = _numbers(active)
        self._labelled = config.option("fisher") in ("empirical", "batched")
        self._batched = "batched" in vars(config.method_options).values() and not config.option("importance_batch")

    def prepare(self, of: Of) -> tuple[str, ...]:
        """Looks at the first batch. Returns remarks for the log. Raises EngineError where the data do not serve."""
        if self._given is None:
            raise EngineError(
                f"method {self._config.method} measures importances on the task's data: give them to "
                f"run.end_task(inputs=…), as a DataLoader, a tensor or an iterable of batches"
            )
        batches = self._given if isinstance(self._given, Iterator) else self._raw()
        first = next(batches, None)
        if first is None:
            raise EngineError("run.end_task(inputs=…) got no batch: give the task's data")
        if batches is self._given:
            self._given = chain([first], batches)
        forward = self._meaning.forward
        if forward is not None or self._active is not None:
            active = None if self._active is None else torch.tensor(self._active, device=self._weights.device)
            self.net = Seen(self._weights.model, forward or _of_inputs, active)
        batch = self._batch(first, labelled=False)
        if not len(batch):
            raise EngineError("the first batch of run.end_task(inputs=…) has no example: give the task's data")
        self.inputs = tuple(batch.inputs.shape[1:])
        with evaluating(self.net), torch.no_grad():
            outputs = self.net(batch.inputs[:2])
        if outputs.dim() != 2:
            raise EngineError(
                f"the outputs of the network have shape {tuple(outputs.shape)} for two examples: give protect(…) a "
                f"forward=… whose outputs have shape (N, outputs)"
            )
        self._problem = self._meaning.problem(outputs.shape[1])
        return survey(self.net, batch.inputs, of, self._config.option("importance_memory") or MEMORY)

    @contextlib.contextmanager
    def measuring(self) -> Iterator[None]:
        """All protected parameters have a gradient meanwhile, also those that are frozen by now."""
        frozen = [of for of in self._weights.parameters if not of.requires_grad]
        try:
            for parameter in frozen:
                parameter.requires_grad_(True)
            yield
        finally:
            for parameter in frozen:
                parameter.requires_grad_(False)

    # What a method reads

    def problem(self) -> Problem:
        return self._problem

    def passes(self, phase: int, size: int, part: str = "train") -> Iterator[Batch]:
        for raw in self._raw():
            batch = self._batch(raw)
            yield from [batch] if self._batched else batch.split(size)

    def sampled(self, phase: int, count: int, purpose: str, size: int | None = None) -> Iterator[Batch]:
        total = self.count(phase, "train")
        rows = torch.randperm(total, generator=generator(self._config.seed, purpose, phase))[:count]
        chosen, start = torch.zeros(total, dtype=torch.bool), 0
        chosen[rows] = True
        for raw in self._raw():
            batch = self._batch(raw)
            own = chosen[start : start + len(batch)].to(batch.inputs.device)
            start += len(batch)
            if own.any():
                targets = batch.targets[own] if len(batch.targets) else batch.targets
                yield from Batch(batch.inputs[own], targets, 0).split(size or len(batch))

    def count(self, phase: int, part: str) -> int:
        if isinstance(self._given, Iterator):
            raise EngineError(
                "fisher_samples draws from all examples, and run.end_task(inputs=…) got an iterator, which ends: give "
                "a DataLoader, a tensor or a list of batches"
            )
        return sum(len(self._batch(raw)) for raw in self._raw())

    # Batches

    def _raw(self) -> Iterator[Any]:
        given = self._given
        if isinstance(given, Tensor | Mapping) or _is_pair(given):
            yield given
        elif isinstance(given, Iterable):
            yield from given
        else:
            raise EngineError(
                f"run.end_task(inputs=…) got {type(given).__name__}: give a DataLoader, a tensor, an (inputs, targets) "
                f"pair or an iterable of batches"
            )

    def _targets(self, raw: Any) -> Tensor:
        found = _found_targets(raw)
        if not isinstance(found, Tensor) or len(found) != _length(raw):
            raise EngineError(
                f"fisher = {self._config.option('fisher')} needs each example's target: give run.end_task(inputs=…) "
                f"(inputs, targets) pairs, or dictionaries with {', '.join(TARGETS[:-1])} or {TARGETS[-1]}"
            )
        return self._meaning.targets(found, self._active, self._problem.outputs)

    def _batch(self, raw: Any, labelled: bool = True) -> Batch:
        """``raw`` as a batch on the network's device: its inputs, or its rows' numbers where ``forward`` sees it."""
        raw = _moved(raw, self._weights.device)
        targets = self._targets(raw) if labelled and self._labelled else torch.empty(0, device=self._weights.device)
        if isinstance(self.net, Seen):
            self.net.batch = raw
            return Batch(torch.arange(_length(raw), device=self._weights.device), targets, 0)
        inputs = raw[0] if isinstance(raw, Sequence) and not isinstance(raw, str) and len(raw) else raw
        if not isinstance(inputs, Tensor):
            raise ConfigError(
                f"a batch of run.end_task(inputs=…) is {type(raw).__name__}, which does not begin with a tensor: give "
                f"protect(…) a function forward=…, which takes (model, batch) and returns the outputs",
                "forward",
            )
        if not inputs.dim():
            raise EngineError("a batch of run.end_task(inputs=…) is a single number: give tensors of shape (N, …)")
        return Batch(inputs, targets, 0)


def _is_pair(given: Any) -> bool:
    """Whether it is (inputs, targets), rather than a list of batches."""
    return isinstance(given, tuple) and len(given) == 2 and all(isinstance(of, Tensor) for of in given)


def _of_inputs(model: nn.Module, batch: Any) -> Any:
    return model(batch[0] if isinstance(batch, list | tuple) else batch)


def _found_targets(raw: Any) -> Any:
    if isinstance(raw, Mapping):
        return next((raw[key] for key in TARGETS if key in raw), None)
    return raw[1] if isinstance(raw, list | tuple) and len(raw) > 1 else None


def _moved(raw: Any, device: torch.device) -> Any:
    if isinstance(raw, Tensor):
        return raw.to(device)
    if isinstance(raw, Mapping):
        return {key: _moved(of, device) for key, of in raw.items()}
    if isinstance(raw, list | tuple):
        return type(raw)(_moved(of, device) for of in raw) if type(raw) in (list, tuple) else raw
    return raw


def _length(raw: Any) -> int:
    """The number of examples: the length of the first tensor."""
    found = (
        raw
        if isinstance(raw, Tensor)
        else next(
            (of for of in (raw.values() if isinstance(raw, Mapping) else raw) if isinstance(of, Tensor) and of.dim()),
            None,
        )
    )
    if found is None:
        raise EngineError(f"a batch of run.end_task(inputs=…), a {type(raw).__name__}, has no tensor with examples")
    return len(found)


def _rows(raw: Any, rows: Tensor) -> Any:
    """The same batch with these rows alone; what has not one entry for each example stays whole."""
    count = _length(raw)

    def pick(of: Any) -> Any:
        return of[rows] if isinstance(of, Tensor) and of.dim() and len(of) == count else of

    if isinstance(raw, Tensor):
        return pick(raw)
    if isinstance(raw, Mapping):
        return {key: pick(of) for key, of in raw.items()}
    return type(raw)(pick(of) for of in raw)


def _numbers(active: Any) -> list[int] | None:
    """Raises EngineError unless ``active`` says which outputs compete."""
    if active is None:
        return None
    if isinstance(active, Tensor):
        active = active.nonzero().flatten().tolist() if active.dtype == torch.bool else active.tolist()
    try:
        found = list(map(operator.index, islice(cast(Iterable[int], active), MOST_OUTPUTS + 1)))
    except (TypeError, ValueError):
        raise EngineError("active = … are the numbers of the outputs that compete: give a range or a list") from None
    if len(found) > MOST_OUTPUTS:
        raise EngineError(f"active = … has more than {MOST_OUTPUTS:,} outputs: give those that compete")
    if not found or min(found) < 0 or len(set(found)) < len(found):
        raise EngineError("active = …: give each competing output once, counted from 0")
    return found
