"""Where a run begins: at its newest undamaged checkpoint, or with its first step."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from engine.errors import ConfigError, SessionDamaged, SessionMismatch
from engine.models.flat import matches
from engine.record.events import RunForked, RunResumed, Saved, TasksPlanned
from engine.sessions.checkpoint import Cursor
from engine.sessions.session import Session
from engine.training.build import versions
from engine.training.clock import Clock
from engine.training.emitter import Emitter
from engine.training.plan import Plan
from engine.training.recorder import Recorder
from engine.training.requests import RequestHandler, interventions
from engine.training.state import RunState


class Resume:
    """Puts the state, the plan and the log where the run continues."""

    def __init__(
        self,
        session: Session,
        recorder: Recorder,
        state: RunState,
        plan: Plan,
        requests: RequestHandler,
        emitter: Emitter,
        clock: Clock,
        data: str,
    ) -> None:
        """``data``: the digest of the data."""
        self._session = session
        self._recorder = recorder
        self._state = state
        self._plan = plan
        self._requests = requests
        self._emitter = emitter
        self._clock = clock
        self._data = data

    def restore(self) -> bool:
        """Continues at the newest undamaged checkpoint, or opens an empty log and returns False."""
        damaged: list[SessionDamaged] = []
        checkpoints = self._session.checkpoints()
        for path in checkpoints:
            try:
                tensors, cursor = self._state.read(path)
                self._recorder.read(cursor.log_length)
            except SessionDamaged as error:
                damaged.append(error)
                continue
            except SessionMismatch:  # a fork shares checkpoints with a parent that may have another method
                if damaged:
                    raise damaged[0] from None
                raise
            history, state = self._recorder.history, self._state
            if not (
                len(history.tasks) == len(self._plan)
                and 0 <= cursor.task <= len(self._plan)
                and cursor.step == history.step == history.starts[cursor.task] + cursor.task_step
            ):
                raise SessionMismatch(
                    f"session {self._session.name}: the checkpoint does not fit the tasks in config.toml"
                )
            self._check_data()
            state.load(tensors, cursor, history.strengths)
            self._clock.elapsed_before = cursor.elapsed
            # read before the log is cut
            self._requests.interventions, lost = interventions(self._session, cursor.log_length)
            self._recorder.open(cursor.log_length)
            if damaged:
                self._emitter.patiently(partial(self._session.set_aside, checkpoints[: len(damaged)]))
            note = "; ".join([*self._differences(cursor), *_set_aside(damaged), *lost, *_partly_kept(state)])
            self._emitter.emit(RunResumed(time.time(), state.step, str(state.device), note))
            self._continue_plan()
            return True
        if damaged:
            raise damaged[0]
        if any(isinstance(event, Saved | RunForked) for event in self._session.readable(0)[0]):
            raise SessionDamaged(
                f"session {self._session.name} is damaged: its checkpoints are gone; restore a copy of "
                f"{self._session.checkpoints_dir}, or start a new run; its log can still be watched"
            )
        self._check_patterns()
        self._requests.interventions, _ = interventions(self._session, 0)
        self._recorder.open(0)
        return False

    def _check_patterns(self) -> None:
        """Raises ConfigError for a pattern of leave_alone that matches no parameter: it would change nothing."""
        names = [layer.name for layer in self._state.parameters.layers]
        for pattern in self._session.config.leave_alone:
            if not any(matches(name, [pattern]) for name in names):
                raise ConfigError(
                    f"leave_alone = {pattern}: no parameter has such a name; there are {', '.join(names)}",
                    "leave_alone",
                )

    def _check_data(self) -> None:
        """Raises SessionMismatch if the data have changed since the run began."""
        history = self._recorder.history
        assert history.started is not None
        then, now = history.started.data.split(), self._data.split()
        if history.forked is not None:  # a fork may measure Ω on other inputs
            then, now = then[:1], now[:1]
        if then and then != now:
            raise SessionMismatch(
                f"the data of session {self._session.name} ({self._session.config.benchmark}) have changed since it "
                f"began: restore them, or start a new run"
            )

    def _continue_plan(self) -> None:
        """Tasks that ended early stay short; a fork may plan the remaining tasks differently."""
        history, state, plan = self._recorder.history, self._state, self._plan
        forked_here = history.forked is not None and history.forked.step == state.step
        known = state.task if forked_here else len(plan)
        plan.steps[:known] = map(history.steps_of, range(known))
        if forked_here and plan.infos() != history.tasks:
            self._emitter.emit(TasksPlanned(state.step, time.time(), plan.infos(), "new plan of the fork"))

    def _differences(self, cursor: Cursor) -> list[str]:
        """Why this resume is not bit-exact; empty if it is."""
        threads = self._session.config.threads
        now: dict[str, Any] = {"device": str(self._state.device), "threads": threads, **versions()}
        then: dict[str, Any] = {"device": cursor.device, "threads": cursor.threads, **cursor.versions}
        changed = [f"{key} {then[key]} → {value}" for key, value in now.items() if key in then and then[key] != value]
        return [f"not bit-exact, because of changes: {', '.join(changed)}"] if changed else []


def _partly_kept(state: RunState) -> list[str]:
    """A sentence if the checkpoint is of an older version, which kept only the weights of the best epoch."""
    if not state.partly_kept:
        return []
    return [
        "the checkpoint was written by an older version and has only the weights of the best epoch: if no later "
        "epoch of this task is better, its importance includes all its steps"
    ]


def _set_aside(damaged: Sequence[SessionDamaged]) -> list[str]:
    """A sentence about the checkpoints that could not be used, if there are any."""
    more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
    return [f"{damaged[0]}{more}; the previous checkpoint is used"] if damaged else []
