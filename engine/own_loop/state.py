"""What a protection must keep: the state of its method and penalty, and where the training is."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from engine.errors import SessionMismatch
from engine.models.flat import spared
from engine.own_loop.refusals import check_serves
from engine.own_loop.weights import Weights
from engine.penalties.penalty import Penalty, Pull
from engine.sessions.checkpoint import Cursor, kind_of
from engine.settings.run import RunConfig
from engine.training.build import build_method, versions
from engine.training.resume import check_left_alone
from engine.training.state import saved_penalty

_CURSOR = TypeAdapter(Cursor)


class State:
    """The tensors of the method and of the penalty, and the position. The network is the user's, and so is what the
    optimizer, its scheduler and its scaler keep."""

    def __init__(self, config: RunConfig, weights: Weights) -> None:
        check_left_alone(config.leave_alone, weights.layers)
        self.weights = weights
        self.method = build_method(config)
        check_serves(self.method)
        self.method.start(weights.theta())
        self.penalised = spared(weights.layers, weights.vector(), config.leave_alone)
        """1 for each parameter that the penalty may hold, 0 for the rest. Shape (P,)."""
        self.penalty: Penalty | None = None
        self.pull: Pull | None = None
        """The penalty at the current strength; None if it does nothing."""
        self.strength = config.strength
        self.threads = config.threads
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
        self.strength = strength
        self.adopt(self.penalty)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by their names in a checkpoint, without the weights."""
        penalty = self.penalty.tensors() if self.penalty else {}
        found = {f"method/{name}": of for name, of in (vars(self.method.state) if self.method.state else {}).items()}
        return found | {f"penalty/{name}": of for name, of in penalty.items()}

    def snapshot(self) -> dict[str, Tensor]:
        """Lasting copies of ``tensors`` on the CPU."""
        return {name: of.detach().to("cpu", copy=True) for name, of in self.tensors().items()}

    def cursor(self, elapsed: float, log_length: int) -> Cursor:
        constant = self.penalty.constant if self.penalty else None
        device, made_by = str(self.weights.device), {key: str(of) for key, of in versions().items()}
        return Cursor(
            self.task, self.task_step, self.step, elapsed, log_length, device, self.threads, made_by, constant
        )

    def load(self, tensors: Mapping[str, Tensor], cursor: Cursor, strength: float) -> None:
        """Takes what ``snapshot`` and ``cursor`` gave. Raises SessionMismatch if it is of another network or method."""
        needed = {name: of for name, of in self.tensors().items() if name.startswith("method/")}
        own = {name: of for name, of in tensors.items() if name.startswith("method/")}
        penalty = {name: of.to(self.weights.device) for name, of in tensors.items() if name.startswith("penalty/")}
        kinds = {name: kind_of(of) for name, of in own.items()}
        if kinds != {name: kind_of(of) for name, of in needed.items()} or any(
            of.shape != (self.weights.size,) or of.dtype != self.weights.dtype for of in penalty.values()
        ):
            raise SessionMismatch(
                "the saved state of the protection is of another network or method: build the same model, and give "
                "protect(…) the same method"
            )
        for name, of in needed.items():
            of.copy_(own[name])
        self.strength = strength
        self.adopt(saved_penalty(penalty, cursor))
        self.task, self.task_step, self.step = cursor.task, cursor.task_step, cursor.step


def packed(state: State, cursor: Cursor, session: str) -> dict[str, Any]:
    """``state`` as tensors, numbers and texts, which ``torch.load(weights_only=True)`` reads."""
    return {
        "session": session,
        "layers": [[layer.name, layer.stop - layer.start] for layer in state.weights.layers],
        "strength": state.strength,
        "cursor": asdict(cursor),
        "tensors": state.snapshot(),
    }


def unpacked(found: object, weights: Weights, session: str) -> tuple[dict[str, Tensor], Cursor, float]:
    """Tensors, position and strength of what ``packed`` gave. Raises SessionMismatch if it is something else."""
    if not isinstance(found, Mapping) or found.keys() != {"session", "layers", "strength", "cursor", "tensors"}:
        raise SessionMismatch("this is no state of a protection: give load_state_dict what run.state_dict() returned")
    if found["layers"] != [[layer.name, layer.stop - layer.start] for layer in weights.layers]:
        raise SessionMismatch("the saved state is of another network: its parameters have other names or sizes")
    if found["session"] != session:
        raise SessionMismatch(
            f"the saved state is of session {found['session']}, not of {session}: give protect(…) that session's name"
        )
    try:
        cursor = _CURSOR.validate_python(dict(found["cursor"]))
        strength = TypeAdapter(float).validate_python(found["strength"])
        tensors = {str(name): of.detach() for name, of in found["tensors"].items() if isinstance(of, Tensor)}
    except (ValidationError, TypeError, AttributeError, ValueError):
        raise SessionMismatch("the saved state of the protection is damaged") from None
    if not all(torch.isfinite(of).all() for of in tensors.values()):
        raise SessionMismatch("the saved state of the protection is damaged: it has numbers that are not finite")
    return tensors, cursor, strength
