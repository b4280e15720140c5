"""Where a run begins: at its newest undamaged checkpoint, or with its first step."""

import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from engine.catalog.models.torchvision_nets import NAMES
from engine.errors import ConfigError, SessionDamaged, SessionMismatch
from engine.models.flat import Layer, matches
from engine.models.weights import DEFAULT, read_weights
from engine.record.events import RunForked, RunResumed, RunStarted, Saved, TasksAdded, TasksPlanned
from engine.sessions.checkpoint import Cursor
from engine.settings.own_code import changed
from engine.settings.run import RunConfig
from engine.streams.stream import Stream
from engine.training.build import versions
from engine.training.plan import Plan
from engine.training.recorder import Recorder
from engine.training.requests import Intervention, interventions
from engine.training.state import RunState

PARTLY_KEPT = (
    "the checkpoint was written by an older version and has only the weights of the best epoch: if no later "
    "epoch of this task is better, its importance includes all its steps"
)


def restore(recorder: Recorder, state: RunState, plan: Plan, stream: Stream) -> list[Intervention] | None:
    """Continues at the newest undamaged checkpoint and returns the interventions after it, or returns None."""
    session, damaged = recorder.session, list[SessionDamaged]()
    checkpoints = session.checkpoints()
    for path in checkpoints:
        try:
            tensors, cursor = state.read(path)
            recorder.read(cursor.log_length)
        except SessionDamaged as error:
            damaged.append(error)
            continue
        except SessionMismatch:  # a fork shares checkpoints with a parent that may have another method
            if damaged:
                raise damaged[0] from None
            raise
        _check(recorder, cursor, len(plan), stream)
        state.load(tensors, cursor, recorder.history.strengths)
        recorder.clock.elapsed_before = cursor.elapsed
        made, lost = interventions(session, cursor.log_length)  # before the log is cut
        recorder.open(cursor.log_length)
        if damaged:
            recorder.patiently(partial(session.set_aside, checkpoints[: len(damaged)]))
        said = (
            changed(session.config),
            _differences(cursor, state, session.config),
            _set_aside(damaged),
            lost,
            PARTLY_KEPT if state.partly_kept else "",
        )
        recorder.emit(RunResumed(time.time(), state.step, str(state.device), "; ".join(filter(None, said))))
        _continue_plan(recorder, state, plan, stream)
        return made
    if damaged:
        raise damaged[0]
    if any(isinstance(event, Saved | RunForked) for event in session.readable(0)[0]):
        raise SessionDamaged(
            f"session {session.name} is damaged: its checkpoints are gone; restore a copy of "
            f"{session.checkpoints_dir}, or start a new run; its log can still be watched"
        )
    return None


def start_weights(recorder: Recorder, state: RunState) -> tuple[str, str]:
    """The digest of the initial weights, and a sentence about them; both empty if all are drawn.

    Raises ConfigError, or SessionMismatch if they are not those with which a run that was killed began.
    """
    session = recorder.session
    where, model = session.config.weights, session.config.model
    if where is None:
        own = f"{model} starts from random weights: --weights {DEFAULT} would take torchvision's"
        return "", own if model in NAMES else ""
    weights = read_weights(where, model)
    for event in session.readable(0)[0]:
        if isinstance(event, RunStarted) and event.versions.get("weights", weights.digest) != weights.digest:
            raise SessionMismatch(
                f"the weights in {weights.source} have changed since session {session.name} began: restore them, or "
                f"start a new run"
            )
    return weights.digest, state.start_from(weights)


def start(recorder: Recorder, state: RunState, started: RunStarted, notes: Iterable[str]) -> list[Intervention]:
    """Begins the log, and returns the interventions of a run that was killed before its first checkpoint."""
    check_left_alone(recorder.session.config.leave_alone, state.parameters.layers)
    made, _ = interventions(recorder.session, 0)
    recorder.open(0)
    recorder.emit(started)
    for note in notes:
        recorder.note(note)
    return made


def check_left_alone(patterns: Iterable[str], layers: Iterable[Layer]) -> None:
    """Raises ConfigError for a pattern that matches no parameter: it would change nothing."""
    names = [layer.name for layer in layers]
    for pattern in patterns:
        if not any(matches(name, [pattern]) for name in names):
            raise ConfigError(
                f"leave_alone = {pattern}: no parameter has such a name; there are {', '.join(names)}", "leave_alone"
            )


def _check(recorder: Recorder, cursor: Cursor, tasks: int, stream: Stream) -> None:
    """Raises SessionMismatch if the tasks or the data have changed since the run began."""
    session, history = recorder.session, recorder.history
    known = len(history.tasks)
    if not (
        known in {tasks, *(session.config.extended_at or ())}
        and 0 <= cursor.task <= tasks
        and cursor.step == history.step == history.starts[cursor.task] + cursor.task_step
    ):
        raise SessionMismatch(f"session {session.name}: the checkpoint does not fit the tasks in config.toml")
    assert history.started is not None
    data = stream.digest if known == tasks else stream.digest_of(known)
    then, now = history.started.data.split(), data.split()
    if history.forked is not None:  # a fork may measure Ω on other inputs
        then, now = then[:1], now[:1]
    if then and then != now:
        raise SessionMismatch(
            f"the data of session {session.name} ({session.config.benchmark}) have changed since it began: restore "
            f"them, or start a new run"
        )


def _continue_plan(recorder: Recorder, state: RunState, plan: Plan, stream: Stream) -> None:
    """Tasks that ended early stay short; a fork may plan the remaining tasks differently, and more may be added."""
    history = recorder.history
    forked_here = history.forked is not None and history.forked.step == state.step
    known = state.task if forked_here else len(plan)
    plan.steps[:known] = map(history.steps_of, range(known))
    if added := len(plan) - len(history.tasks):
        why = f"{added} task{'s' if added > 1 else ''} added"
        recorder.emit(
            TasksAdded(
                state.step,
                time.time(),
                plan.infos(),
                why,
                parameters=state.parameters.size,
                data=stream.digest,
                test_examples=stream.test_counts()[0],
                subset_examples=stream.test_counts()[1],
            )
        )
    elif forked_here and plan.infos() != history.tasks:
        recorder.emit(TasksPlanned(state.step, time.time(), plan.infos(), "new plan of the fork"))


def _differences(cursor: Cursor, state: RunState, config: RunConfig) -> str:
    """Why this resume is not bit-exact; empty if it is."""
    now: dict[str, Any] = {"device": str(state.device), "threads": config.threads, **versions()}
    now["compiled"] = "yes" if config.compile else "no"
    then: dict[str, Any] = {"device": cursor.device, "threads": cursor.threads, "compiled": "no", **cursor.versions}
    changed = [f"{key} {then[key]} → {value}" for key, value in now.items() if key in then and then[key] != value]
    return f"not bit-exact, because of changes: {', '.join(changed)}" if changed else ""


def _set_aside(damaged: Sequence[SessionDamaged]) -> str:
    """A sentence about the checkpoints that could not be used, if there are any."""
    more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
    return f"{damaged[0]}{more}; the previous checkpoint is used" if damaged else ""
