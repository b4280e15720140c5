"""RunState: everything that must survive a stop."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import get_type_hints

import torch
from torch import Tensor

from engine.errors import SessionDamaged, SessionMismatch
from engine.methods.base import Learned, Method
from engine.models.flat import PerParameter
from engine.models.statistics import Statistics
from engine.models.weights import Weights, put, read_weights
from engine.penalties.penalty import Penalty, Pull
from engine.penalties.quadratic import Quadratic
from engine.problems.problem import Problem
from engine.record.events import StrengthChanged
from engine.seeds import number
from engine.sessions import checkpoint
from engine.sessions.checkpoint import Cursor, Header, Kind, kind_of
from engine.settings.run import RunConfig
from engine.streams.stream import Stream
from engine.training.build import build_method
from engine.training.growth import Growth, growth, kinds_of
from engine.training.network import Network, words
from engine.training.schedule import Schedule
from engine.training.update import Update

TRIED = 4
"""Examples on which a network of the user's own is tried."""
CHANGING = ("penalty/", "best/")
LACKING = ("method/earlier_score", "best/method/earlier_score")
"""Checkpoints of older versions lack these of rwalk in the first task, where they have their initial value."""
IGNORED = ("optimizer/momentum_buffer",)
"""An older version's fork to SGD without momentum has this."""


class TrainingState:
    """Method, penalty and position, whoever trains the network."""

    method: Method
    penalised: Tensor
    """1 for each parameter that the penalty may hold, 0 for the rest. Shape (P,)."""

    def __init__(self, strength: float) -> None:
        self.penalty: Penalty | None = None
        self.pull: Pull | None = None
        """The penalty at the current strength; None if it does nothing."""
        self.strength = strength
        self.task = 0
        """The task in training, counted from 0; the number of ended tasks between two."""
        self.task_step = 0
        self.step = 0

    @property
    def factor(self) -> float:
        """k: the method's factor times the strength."""
        return self.method.factor * self.strength

    def adopt(self, penalty: Penalty | None) -> None:
        self.penalty = penalty
        self.pull = penalty.bind(self.factor) if penalty and self.strength else None

    def set_strength(self, strength: float) -> None:
        """Changes c or λ from the next step on."""
        self.strength = strength
        self.adopt(self.penalty)

    def method_tensors(self) -> dict[str, Tensor]:
        """By their names in a checkpoint."""
        return _under("method/", vars(self.method.state) if self.method.state else {})

    def penalty_tensors(self) -> dict[str, Tensor]:
        """By their names in a checkpoint."""
        return _under("penalty/", self.penalty.tensors() if self.penalty else {})


class RunState(TrainingState):
    """Network, optimizer, method, penalty and position of a run, at its first step or where ``load`` puts it.

    All tensors but those of the penalty and the best epoch are there from the start and are written in place.
    """

    def __init__(self, config: RunConfig, stream: Stream, problem: Problem, device: torch.device) -> None:
        super().__init__(config.strength)
        self._config = config
        self._stream = stream
        self.problem = problem
        self.device = device
        self._network = Network(
            config, stream.inputs, problem.outputs, device, lambda: next(stream.passes(0, TRIED)).inputs
        )
        self.model, self.parameters = self._network.model, self._network.parameters
        self.statistics = Statistics(self.model, len(stream.phases), config.norm_statistics or "shared")
        self.update = Update(config, self.parameters.values)
        self.schedule = Schedule(config, stream, device)
        self.method = build_method(config)
        self.method.use(self.model, stream)
        self.method.start(self.parameters.values)
        self.penalised = self.parameters.matching_none(config.leave_alone)
        self.best: dict[str, Tensor] = {}
        """State after the task's best epoch so far, if that is kept: what ``_learned`` returns."""
        self.best_score: float | None = None

    def begin_task(self) -> None:
        """Sets up what differs from the previous task, also when a resume continues in the middle of a task."""
        self.problem.begin(self.task)
        self.statistics.begin_task(self.task)
        if self.task_step == 0:
            if self._config.reset_network and self.task:
                seed = number(self._config.seed, "network", self.task)
                fresh = RunState(self._config.changed(seed=seed), self._stream, self.problem, self.device)
                self.load_network(fresh.network())
            if self._config.reset_optimizer:
                self.update.reset()
            self.schedule.reset()
            self.best, self.best_score = {}, None
            self.method.begin_task(self.parameters.values)

    def end_task(self) -> None:
        self.statistics.end_task(self.task)
        self.task, self.task_step = self.task + 1, 0
        self.best, self.best_score = {}, None

    def consolidated(self, check: Callable[[], None]) -> Penalty | None:
        """The penalty after the task, which does not hold what it may not. Changes nothing; ``check`` may raise."""
        learned = Learned(
            self.task,
            self.model,
            self.parameters.values,
            self.problem,
            self._stream,
            check,
            tested_on=partial(self.statistics.of, newest=self.task),
        )
        penalty = self.method.consolidate(learned, self.penalty)
        return penalty and penalty.masked(self.penalised)

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Within, the network may be trained on, through ends of tasks too; afterwards all is as before, to the bit."""
        own = ("penalty", "pull", "strength", "best", "best_score", "task", "task_step", "step")
        tensors = {name: tensor.clone() for name, tensor in self._fixed().items()}
        values, newest = {name: getattr(self, name) for name in own}, self.problem.newest
        modes = {module: module.training for module in self.model.modules()}
        draws = [(torch.get_rng_state(), torch.set_rng_state)]
        if self.device.type != "cpu":
            device = getattr(torch, self.device.type)
            draws.append((device.get_rng_state(), device.set_rng_state))
        try:
            yield
        finally:
            _copy(tensors, self._fixed())
            vars(self).update(values)
            self.problem.begin(newest)
            for module, training in modes.items():
                module.training = training
            for found, put_back in draws:
                put_back(found)

    # The best epoch

    def keep_if_best(self, score: float) -> None:
        """Keeps the state if ``score`` is the task's greatest so far; the first of equal epochs stays."""
        if self.best_score is None or score > self.best_score:
            self.best = {name: tensor.clone() for name, tensor in self._learned().items()}
            self.best_score = score

    def go_back_to_best(self) -> None:
        """Restores the best epoch. An older version's checkpoint has only its weights; the rest then stays as is."""
        _copy(self.best, self._learned())

    @property
    def partly_kept(self) -> bool:
        """Whether only the weights of the best epoch are known, from a checkpoint of an older version."""
        return self.best.keys() == {"theta"} != self._learned().keys()

    def _learned(self) -> dict[str, Tensor]:
        """What the steps of a task change, and the next task continues with."""
        kept = ("theta", "buffers", "method", *(() if self._config.reset_optimizer else ("optimizer",)))
        return {name: tensor for name, tensor in self._fixed().items() if name.split("/")[0] in kept}

    # Saving and loading

    def tensors(self) -> dict[str, Tensor]:
        """All tensors of the state, by their names in a checkpoint."""
        return self._fixed() | self.penalty_tensors() | _under("best/", self.best)

    def network(self) -> dict[str, Tensor]:
        """Weights, buffers and frozen weights, by their names in a checkpoint."""
        return self._network.tensors()

    def load_network(self, found: Mapping[str, Tensor]) -> None:
        self._network.load(found)

    def _fixed(self) -> dict[str, Tensor]:
        """The tensors that are there from the start."""
        return {
            **self.network(),
            **_under("statistics/", self.statistics.kept),
            **_under("optimizer/", vars(self.update.state) if self.update.state else {}),
            **_under("schedule/", vars(self.schedule.state) if self.schedule.state else {}),
            **self.method_tensors(),
        }

    def per_parameter(self) -> set[str]:
        """The names of the tensors with one entry for each parameter, which must grow with the network."""
        named = {"theta", *_per_parameter("optimizer", self.update.state), *_per_parameter("method", self.method.state)}
        return named | set(_per_parameter("penalty", self.penalty)) | {f"best/{name}" for name in named}

    def snapshot(self, earlier: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Lasting copies on the CPU. ``earlier``: a snapshot no longer needed; reusing its memory is faster."""
        copies = {}
        for name, tensor in self.tensors().items():
            place = earlier.get(name)
            fits = place is not None and kind_of(place) == kind_of(tensor)
            copies[name] = place.copy_(tensor) if place is not None and fits else tensor.detach().to("cpu", copy=True)
        return copies

    def mismatch(self, header: Header) -> str:
        """Why a checkpoint is not of this run; empty if it is. Decided before its data are read."""
        growth = self._growth(header.tensors)
        needed, best = (
            {name: growth.kind(name, kind_of(tensor)) if growth else kind_of(tensor) for name, tensor in of.items()}
            for of in (self._fixed(), _under("best/", self._learned()))
        )
        found = {name: kind for name, kind in header.tensors.items() if name in needed or name not in IGNORED}
        groups = {name.split("/")[0] for name in found}
        if header.cursor.best is not None:
            if "best/theta" in found and not any(name.startswith("best/") for name in found.keys() - {"best/theta"}):
                best = {"best/theta": needed["theta"]}
            needed |= best
        if header.cursor.constant is not None:
            needed |= dict.fromkeys(_per_parameter("penalty", Quadratic), needed["theta"])
        # A fork to another optimizer, schedule or method leaves out their state, which then is as at the start.
        optional = {"optimizer", "schedule", "method"} if header.cursor.task_step == 0 else {"optimizer"}
        for name in sorted(needed.keys() | found.keys(), key=lambda name: (name != "theta", name)):
            if name not in needed:
                return f"this run has no {name}"
            if name not in found:
                group = name.split("/")[0]
                if name not in LACKING and not (group in optional and group not in groups):
                    return f"it has no {name}"
            elif found[name] != needed[name]:
                return f"its {name} is {words(found[name])}, not {words(needed[name])}"
        return "" if math.isfinite(header.cursor.elapsed) else "its time is not a number"

    @property
    def room(self) -> int:
        """Bytes that a checkpoint of this run can have at most: all twice, for the best epoch, and the penalty."""
        return checkpoint.MOST_HEADER_BYTES + 4 * sum(tensor.nbytes for tensor in self._fixed().values())

    def read(self, path: Path) -> tuple[Mapping[str, Tensor], Cursor]:
        """Reads a checkpoint of this run. Raises SessionDamaged, SessionError or SessionMismatch."""
        header = checkpoint.read_header(path)
        if why := self.mismatch(header):
            if header.size <= self.room:
                checkpoint.read(path, self.room)  # a damaged header does not fit, either
            raise SessionMismatch(f"checkpoint {path} does not fit the network in config.toml: {why}")
        tensors, cursor = checkpoint.read(path, header.size)
        return self.grown(tensors), cursor

    def _growth(self, found: Mapping[str, Kind]) -> Growth | None:
        return growth(self._config, self._network, self._stream.inputs, found)

    def grown(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The tensors of a checkpoint; of one from before tasks were added, with the values of a fresh start in new
        places, where no penalty holds anything."""
        growth = self._growth(kinds_of(tensors))
        if growth is None:
            return tensors
        fresh = RunState(self._config, self._stream, self.problem, self.device)
        fresh.adopt(Quadratic(torch.zeros_like(fresh.parameters.values), fresh.parameters.values))
        return growth.grown(tensors, fresh.tensors(), fresh.per_parameter())

    def load(self, tensors: Mapping[str, Tensor], cursor: Cursor, changes: Sequence[StrengthChanged]) -> None:
        """Takes the state of a checkpoint. ``changes``: the changes of the strength in the log."""
        self.update.reset()
        self.schedule.reset()
        self.method.start(self.parameters.values)
        _copy(tensors, self._fixed())
        made = [each.strength for each in changes if each.step <= cursor.step]
        self.strength = made[-1] if made else self._config.strength
        here = {name: tensor.to(self.device) for name, tensor in tensors.items() if name.startswith(CHANGING)}
        self.adopt(saved_penalty(here, cursor))
        self.best, self.best_score = within("best/", here), cursor.best
        self.task, self.task_step, self.step = cursor.task, cursor.task_step, cursor.step
        self.problem.begin(self.task if self.task_step else max(self.task - 1, 0))

    def start_from(self, weights: Weights) -> str:
        """Begins with these weights, before the first step; says what did not fit. Raises ConfigError."""
        told = put(weights, self.model)
        self.method.start(self.parameters.values)
        return told

    def restart(self) -> None:
        fresh = RunState(self._config, self._stream, self.problem, self.device)
        if self._config.weights:
            fresh.start_from(read_weights(self._config.weights, self._config.model))
        _copy(fresh._fixed(), self._fixed())
        self.strength = self._config.strength
        self.adopt(None)
        self.best, self.best_score = {}, None
        self.task = self.task_step = self.step = 0


def saved_penalty(tensors: Mapping[str, Tensor], cursor: Cursor) -> Penalty | None:
    """The penalty that a checkpoint holds. Raises SessionDamaged if it is incomplete."""
    if cursor.constant is None:
        return None
    try:
        return Quadratic(**within("penalty/", tensors), constant=cursor.constant)
    except TypeError:
        raise SessionDamaged("a checkpoint is damaged: its penalty is incomplete") from None


def within(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def _per_parameter(part: str, state: object) -> list[str]:
    """The names of the fields that a dataclass, or an instance, declares as ``PerParameter``."""
    hints = get_type_hints(state if isinstance(state, type) else type(state), include_extras=True)
    return [f"{part}/{name}" for name, hint in hints.items() if hint == PerParameter]


def _copy(found: Mapping[str, Tensor], to: Mapping[str, Tensor]) -> None:
    for name in found.keys() & to.keys():
        to[name].copy_(found[name])
