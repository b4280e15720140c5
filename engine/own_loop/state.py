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
from engine.record.events import Strength
from engine.sessions.checkpoint import Cursor
from engine.settings.run import RunConfig
from engine.training.build import build_method, versions
from engine.training.growth import kinds_of
from engine.training.resume import check_left_alone
from engine.training.state import TrainingState, saved_penalty

_CURSOR = TypeAdapter(Cursor)
_STRENGTH: TypeAdapter[float] = TypeAdapter(Strength)


class State(TrainingState):
    """The tensors of the method and of the penalty, and the position. The network is the user's, and so is what the
    optimizer, its scheduler and its scaler keep."""

    def __init__(self, config: RunConfig, weights: Weights) -> None:
        super().__init__(config.strength)
        check_left_alone(config.leave_alone, weights.layers)
        self.weights = weights
        self.method = build_method(config)
        check_serves(self.method)
        self.method.start(weights.theta())
        self.penalised = spared(weights.layers, weights.vector(), config.leave_alone)
        self.threads = config.threads

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by their names in a checkpoint, without the weights."""
        return self.method_tensors() | self.penalty_tensors()

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
        needed = self.method_tensors()
        own = {name: of for name, of in tensors.items() if name.startswith("method/")}
        penalty = {name: of.to(self.weights.device) for name, of in tensors.items() if name.startswith("penalty/")}
        if kinds_of(own) != kinds_of(needed) or any(
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
        strength = _STRENGTH.validate_python(found["strength"])
        tensors = {str(name): of.detach() for name, of in found["tensors"].items() if isinstance(of, Tensor)}
    except (ValidationError, TypeError, AttributeError, ValueError):
        raise SessionMismatch("the saved state of the protection is damaged") from None
    if not all(torch.isfinite(of).all() for of in tensors.values()):
        raise SessionMismatch("the saved state of the protection is damaged: it has numbers that are not finite")
    return tensors, cursor, strength
