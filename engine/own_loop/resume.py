"""Where a protection continues: at what ``run.state_dict()`` gave, or at a checkpoint of its session."""

import time
from collections.abc import Mapping
from typing import Any

import torch

from engine.errors import SessionDamaged, SessionMismatch
from engine.own_loop.recorder import LoopRecorder
from engine.own_loop.state import State, unpacked
from engine.record.events import RunResumed, Saved
from engine.sessions import checkpoint
from engine.sessions.checkpoint import MOST_HEADER_BYTES, Cursor
from engine.training.build import versions


class Resumption:
    """Chooses the checkpoint whose weights the model has, or what ``take`` gets. Writes nothing before ``settle``."""

    def __init__(self, recorder: LoopRecorder, state: State) -> None:
        self._recorder = recorder
        self._state = state
        self._cursor: Cursor | None = None
        self._damaged: list[str] = []
        self._ends: list[int] = []
        """The steps of the checkpoints whose weights the model has not."""
        self._find()

    def _find(self) -> None:
        session, state = self._recorder.session, self._state
        theta = state.weights.theta().cpu()
        most = MOST_HEADER_BYTES + 2 * (theta.nbytes + sum(of.nbytes for of in state.tensors().values()))
        for path in session.checkpoints():
            try:
                tensors, cursor = checkpoint.read(path, most + 2 * theta.nbytes)
                if "theta" in tensors and torch.equal(tensors["theta"], theta):
                    self._read(cursor)
                    history = self._recorder.history
                    state.load(tensors, cursor, history.strength(session.config))
                    self._cursor = cursor
                    return
                self._ends.append(cursor.step)
            except SessionDamaged as error:
                self._damaged.append(str(error))

    def take(self, found: Mapping[str, Any]) -> None:
        """Continues where ``found``, a ``run.state_dict()``, was taken. Raises SessionMismatch or SessionDamaged."""
        state, recorder = self._state, self._recorder
        tensors, cursor, strength = unpacked(found, state.weights, recorder.session.name)
        self._read(cursor)
        state.load(tensors, cursor, strength)
        self._cursor = cursor

    def _read(self, cursor: Cursor) -> None:
        """Raises SessionDamaged if the session's log does not say what ``cursor`` says."""
        recorder = self._recorder
        recorder.read(cursor.log_length)
        history, ended = recorder.history, len(recorder.history.matrix)
        begins = history.starts[ended] if history.tasks else 0
        if (cursor.task, cursor.step, cursor.task_step) != (ended, history.step, history.step - begins):
            raise SessionDamaged(
                f"session {recorder.session.name}: its log does not fit the saved state, which was taken after "
                f"{cursor.step:,} steps: restore the log that belongs to it, or choose another session=…"
            )

    def settle(self) -> None:
        """Cuts the log to where the training continues. Raises SessionMismatch if that is not known."""
        recorder, session, state = self._recorder, self._recorder.session, self._state
        cursor = self._cursor
        if cursor is None and (self._ends or self._damaged):
            raise SessionMismatch(self._unknown())
        if cursor is None and any(isinstance(event, Saved) for event in session.readable(0)[0]):
            raise SessionDamaged(
                f"session {session.name} is damaged: its checkpoints are gone; restore a copy of "
                f"{session.checkpoints_dir}, call run.load_state_dict(…) with what run.state_dict() gave, or choose "
                f"another session=…"
            )
        length = cursor.log_length if cursor else 0
        session.summary_path.unlink(missing_ok=True)  # first: a log without its end would not fit it
        recorder.open(length)
        recorder.clock.elapsed_before = cursor.elapsed if cursor else 0.0
        recorder.clock.start()
        if cursor is None or recorder.history.started is None:
            return
        then, now = cursor.versions, versions()
        changed = [f"{key} {then[key]} → {value}" for key, value in now.items() if then.get(key, value) != value]
        note = f"not bit-exact, because of changes: {', '.join(changed)}" if changed else ""
        recorder.emit(RunResumed(time.time(), state.step, str(state.weights.device), note))
        session.config = session.config.changed(tasks=len(recorder.history.tasks))
        recorder.attempt(session.keep_config)

    def _unknown(self) -> str:
        name = self._recorder.session.name
        if not self._ends:
            return f"session {name} cannot be continued: {self._damaged[0]}; give run.load_state_dict(…) a saved state"
        steps = ", ".join(f"{step:,}" for step in sorted(set(self._ends))[-5:])
        return (
            f"the model does not have the weights of any checkpoint of session {name} (steps {steps}): load the "
            f"weights that you saved there before protect(…, resume=True), or call run.load_state_dict(…) with what "
            f"run.state_dict() gave; to begin again, choose another session=…"
        )
