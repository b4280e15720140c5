"""Finds out which value stopped being finite first."""

import contextlib

import torch
from torch import Tensor

from engine.errors import SessionDamaged
from engine.models.flat import layer_at, layer_not_finite
from engine.record.events import StrengthChanged
from engine.training.recorder import Recorder
from engine.training.requests import Intervention, interventions
from engine.training.state import RunState
from engine.training.step import TrainingStep


def cause(recorder: Recorder, state: RunState, step: TrainingStep) -> str:
    """What stopped being finite first, found by repeating the steps since the newest checkpoint one by one; may be
    empty. The state is then of no use."""
    last, control = state.step, recorder.control
    control.activity = "finding what was no longer finite first"
    with contextlib.suppress(SessionDamaged):
        made = _go_back(recorder, state)
        while state.step < last and not control.stopping:
            while made and made[0].step <= state.step:
                again = made.pop(0)
                if isinstance(again, StrengthChanged):
                    state.set_strength(again.strength)
            state.begin_task()
            before = state.parameters.values.clone()
            step.clear()
            step.take()
            if found := _not_finite(state, step.losses[-1], before):
                return found
    return ""


def _go_back(recorder: Recorder, state: RunState) -> list[Intervention]:
    """Restores the newest checkpoint, or the start, and returns the later interventions."""
    session = recorder.session
    checkpoints = session.checkpoints()
    if not checkpoints:
        state.restart()
        return interventions(session, 0)[0]
    tensors, cursor = state.read(checkpoints[0])
    state.load(tensors, cursor, recorder.history.strengths)
    return interventions(session, cursor.log_length)[0]


def _not_finite(state: RunState, loss: Tensor, before: Tensor) -> str:
    """The first non-finite result of the last step, in order of computation; empty if all are finite.

    ``before``: the weights before the step, shape (P,). The gradient is still that of the step.
    """
    layers = state.parameters.layers
    if not torch.isfinite(loss):
        size, place = before.abs().max(dim=0)
        return f"the largest weight was {size:.2g} before it, in {layer_at(layers, int(place))}"
    for what, vector in (("gradient", state.parameters.gradient), ("weights", state.parameters.values)):
        if where := layer_not_finite(layers, vector):
            return f"the {what} of {where} stopped being finite first, at step {state.step}"
    return ""
