"""RunState: everything that must survive a stop."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from engine.models.flat import FlatParameters
from engine.penalties.penalty import Penalty, Pull
from engine.penalties.quadratic import Quadratic
from engine.problems.problem import Problem
from engine.record.events import StrengthChanged
from engine.sessions.checkpoint import Cursor
from engine.settings.run import RunConfig
from engine.streams.stream import Stream
from engine.training.build import build_method, build_model, make_optimizer


class RunState:
    """Network, optimizer, method, penalty and position of a run, at its first step or where ``load`` puts it."""

    def __init__(self, config: RunConfig, stream: Stream, problem: Problem, device: torch.device) -> None:
        self._config = config
        self._stream = stream
        self.problem = problem
        self.device = device
        self.model = build_model(config, stream, problem, device)
        self.parameters = FlatParameters(self.model)
        self.method = build_method(config)
        self.optimizer = make_optimizer(config, self.parameters.theta)
        self.penalised = self.parameters.matching_none(config.leave_alone)
        """1 for each parameter that the penalty may hold, 0 for the rest. Shape (P,)."""
        self.penalty: Penalty | None = None
        self.pull: Pull | None = None
        """The penalty at the current strength; None if it does nothing."""
        self.strength = config.strength
        """Current c or λ."""
        self.best: dict[str, Tensor] = {}
        """State after the task's best epoch so far, if that is kept: what ``_learned`` returns."""
        self.best_accuracy: float | None = None
        self.task = 0
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

    def begin_task(self) -> None:
        """Sets up what differs from the previous task, also when a resume continues in the middle of a task."""
        self.problem.begin(self.task)
        if self.task_step == 0:
            if self._config.reset_optimizer:
                self.optimizer = make_optimizer(self._config, self.parameters.theta)
            self.best, self.best_accuracy = {}, None
            self.method.begin_task(self.parameters.values)
        for group in self.optimizer.param_groups:
            group["lr"] = self._stream.phases[self.task].lr

    def end_task(self) -> None:
        self.task, self.task_step = self.task + 1, 0
        self.best, self.best_accuracy = {}, None

    # The best epoch

    def keep_if_best(self, accuracy: float) -> None:
        """Keeps the state if ``accuracy`` is the task's highest so far; the first of equal epochs stays."""
        if self.best_accuracy is None or accuracy > self.best_accuracy:
            self.best = {name: tensor.clone() for name, tensor in self._learned().items()}
            self.best_accuracy = accuracy

    def go_back_to_best(self) -> None:
        """Restores the best epoch. An older version's checkpoint has only its weights; the rest then stays as is."""
        self.parameters.values.copy_(self.best["theta"])
        self.method.tensors |= within("method/", self.best)
        self.optimizer.state[self.parameters.theta] |= within("optimizer/", self.best)

    @property
    def partly_kept(self) -> bool:
        """Whether only the weights of the best epoch are known, from a checkpoint of an older version."""
        return bool(self.best) and self.best.keys() != self._learned().keys()

    def _learned(self) -> dict[str, Tensor]:
        """What the steps of a task change, and the next task continues with."""
        found = {"theta": self.parameters.values, **_under("method/", self.method.tensors)}
        if not self._config.reset_optimizer:
            found |= _under("optimizer/", self.optimizer.state[self.parameters.theta])
        return found

    # Saving and loading

    def tensors(self) -> dict[str, Tensor]:
        """All tensors of the state, by their names in a checkpoint."""
        found = {"theta": self.parameters.values}
        found |= _under("optimizer/", self.optimizer.state[self.parameters.theta])
        found |= _under("method/", self.method.tensors)
        if self.penalty is not None:
            found |= _under("penalty/", self.penalty.tensors())
        return found | _under("best/", self.best)

    def fits(self, tensors: Mapping[str, Tensor], cursor: Cursor) -> bool:
        """Whether a checkpoint is of this run; a fused optimizer would not check."""
        vector = self.parameters.values.shape
        one = torch.nn.Parameter(torch.zeros(1, dtype=self.parameters.values.dtype))  # represents all of them
        one.grad = torch.zeros_like(one)
        optimizer = make_optimizer(self._config, one)
        optimizer.step()
        self.method.begin_task(one.data)
        of_optimizer = _under("optimizer/", optimizer.state[one])
        of_method = _under("method/", self.method.tensors)
        known = of_optimizer | of_method

        def fits(name: str, found: Tensor) -> bool:
            like = known.get(name.removeprefix("best/"), one)
            return found.dtype == like.dtype and found.shape == (vector if like.shape == one.shape else like.shape)

        needed = {"theta"}
        if of_optimizer.keys() & tensors.keys():
            needed |= of_optimizer.keys()
        if cursor.task_step:
            needed |= of_method.keys()
        if cursor.constant is not None:
            needed |= {"penalty/importance", "penalty/anchor"}
        if cursor.best is not None:
            needed.add("best/theta")
        if sum(name.startswith("best/") for name in tensors) > 1:
            needed |= {f"best/{name}" for name in of_method}
        return (
            needed <= tensors.keys()
            and all(fits(name, found) for name, found in tensors.items())
            and math.isfinite(cursor.elapsed)
        )

    def load(self, tensors: Mapping[str, Tensor], cursor: Cursor, changes: Sequence[StrengthChanged]) -> None:
        """Takes the state of a checkpoint. ``changes``: the changes of the strength in the log."""
        self.parameters.values.copy_(tensors["theta"])
        tensors = {name: value.to(self.device) for name, value in tensors.items()}
        self.optimizer.state[self.parameters.theta] = within("optimizer/", tensors)
        self.method.tensors = within("method/", tensors)
        made = [each.strength for each in changes if each.step <= cursor.step]
        self.strength = made[-1] if made else self._config.strength
        self.adopt(saved_penalty(tensors, cursor))
        self.best = within("best/", tensors) if cursor.best is not None else {}
        self.best_accuracy = cursor.best
        self.task, self.task_step, self.step = cursor.task, cursor.task_step, cursor.step
        self.problem.begin(self.task if self.task_step else max(self.task - 1, 0))

    def restart(self) -> None:
        """Goes back to before the first step."""
        fresh = FlatParameters(build_model(self._config, self._stream, self.problem, self.device))
        self.parameters.values.copy_(fresh.values)
        self.optimizer = make_optimizer(self._config, self.parameters.theta)
        self.method.tensors = {}
        self.strength = self._config.strength
        self.adopt(None)
        self.task = self.task_step = self.step = 0


def saved_penalty(tensors: Mapping[str, Tensor], cursor: Cursor) -> Penalty | None:
    """The penalty that a checkpoint holds."""
    kept = within("penalty/", tensors)
    return None if cursor.constant is None else Quadratic(kept["importance"], kept["anchor"], cursor.constant)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``tensors`` with ``prefix`` before each name."""
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def within(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose name begins with ``prefix``, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
