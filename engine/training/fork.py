"""Fork: a new session that shares another's history up to a task's end and then diverges."""

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from engine.catalog.methods import METHODS
from engine.catalog.own_loop import OWN_LOOP
from engine.disk import open_plain, write_whole
from engine.errors import ConfigError, EngineError, SessionDamaged, SessionTooYoung
from engine.record.events import SHOWN_FILE, Event, RunForked, StrengthChanged
from engine.record.history import History
from engine.record.one_class import numbered
from engine.sessions.log import FORMAT, line, marker
from engine.sessions.session import Session
from engine.settings.consistent import unread
from engine.settings.layers import flattened, over
from engine.settings.run import RunConfig, resolve

SHARED = (
    *("benchmark", "scenario", "tasks", "class_order", "normalize", "validation", "extended_at"),
    *("model", "seed", "weights", "freeze", "norm_statistics"),
)
"""What shaped the shared history and stays; so do the network's and the benchmark's options."""


def forked_config(parent: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """``parent`` with ``changes``. Another method begins with its own defaults: the earlier one's strength and options
    mean nothing to it, and without a penalty no parameter is left alone. Raises ConfigError."""
    given = {key.rpartition(".")[2]: value for key, value in flattened(changes).items()}
    for key in (*SHARED, *parent.model_options.kept, *parent.benchmark_options.kept):
        if key in given and given[key] != parent.flat()[key]:
            raise ConfigError(f"a fork shares its parent's history, so {key} cannot change: start a new run instead")
    method = changes.get("method", parent.method)
    lost = {other for key, other in (("steps", "epochs"), ("epochs", "steps")) if key in changes}
    if method != parent.method:
        lost |= {"preset", "strength", *METHODS[parent.method].options.kept}
        if method in METHODS and not METHODS[method].symbol:
            lost.add("leave_alone")
    lost |= unread(changes.get("optimizer", parent.optimizer), changes.get("schedule", parent.schedule))
    kept = {key: value for key, value in parent.plain().items() if value is not None and key not in lost}
    preset = kept.pop("preset", None)
    made = resolve(over(kept, changes))
    return made.changed(preset=preset) if preset else made


def fork(parent: Session, task: int, name: str, changes: Mapping[str, Any]) -> Session:
    """A session beside ``parent`` that shares its history up to the end of ``task`` (counted from 0) and then diverges.

    If the method changes, the penalty of the earlier tasks stays as strong as it was: Ω is scaled by k÷k', since two
    methods' importances have different units. With the same method, the new strength applies to earlier tasks too.
    Raises ConfigError, SessionTooYoung if the task has not ended, SessionExists, SessionDamaged or SessionError.
    """
    config = forked_config(parent.config, changes)
    checkpoint_path = parent.task_checkpoint(task)
    if checkpoint_path is None:
        raise no_end(parent, task, "be forked at")
    if task + 1 >= config.tasks:
        raise ConfigError(f"task {task + 1} is the last: nothing is left to train after it")
    return branched(parent, config, checkpoint_path, task, name)


def branched(parent: Session, config: RunConfig, checkpoint_path: Path, task: int, name: str) -> Session:
    """A session with ``config`` that shares the history of ``parent`` up to the end of ``task``, where the checkpoint
    was written. Raises like ``fork``."""
    from engine.sessions import checkpoint  # imports torch
    from engine.training.build import penalty_factor
    from engine.training.state import saved_penalty

    try:
        tensors, cursor = checkpoint.read(checkpoint_path)
    except SessionDamaged:
        if not checkpoint_path.exists():  # the parent is training and keeps only the last checkpoints
            raise no_end(parent, task, "be forked at") from None
        raise
    strength = parent.history(cursor.log_length).strength(parent.config)
    with open_plain(parent.events_path) as file:
        past = file.read(cursor.log_length)
    if config.method != parent.config.method:
        tensors = {key: value for key, value in tensors.items() if not key.startswith("method/")}
        factor = penalty_factor(config) * config.strength
        penalty = saved_penalty(tensors, cursor) if factor > 0 else None
        tensors = {key: value for key, value in tensors.items() if not key.startswith("penalty/")}
        if penalty is not None:
            penalty = penalty.scaled(penalty_factor(parent.config) * strength / factor)
            tensors |= {f"penalty/{name}": tensor for name, tensor in penalty.tensors().items()}
        cursor = replace(cursor, constant=penalty.constant if penalty else None)
    if config.optimizer != parent.config.optimizer:
        tensors = {key: value for key, value in tensors.items() if not key.startswith("optimizer/")}
    if config.schedule != parent.config.schedule:
        tensors = {key: value for key, value in tensors.items() if not key.startswith("schedule/")}

    with Session.made(parent.path.parent, name, config, parent.began) as session:
        now = time.time()
        events: list[Event] = [RunForked(now, cursor.step, parent.name, task)]
        if config.strength != strength:
            events.append(StrengthChanged(cursor.step, now, strength, config.strength))
        log = past + (marker(len(past)) if parent.format_at(len(past)) != FORMAT else b"")
        for event in events:
            log += line(event, len(log))
        write_whole(session.events_path, log)
        with contextlib.suppress(OSError, ValueError):  # an older session has none
            _share(parent.path / SHOWN_FILE, session.path / SHOWN_FILE)
        for earlier in range(task):
            if (path := parent.task_checkpoint(earlier)) is not None:
                with contextlib.suppress(FileNotFoundError):  # the parent is training and keeps only the last
                    _share(path, session.checkpoints_dir / path.name)
        write = partial(checkpoint.write, tensors=tensors, cursor=replace(cursor, log_length=len(log)))
        session.write_checkpoint(write, cursor.step, ended_task=task)
    return session


def forkable(session: Session, history: History) -> list[int]:
    """The tasks after which ``session`` can be forked: ended, with a checkpoint, and not the last. None if a program of
    the user's own trains it."""
    if session.config.benchmark == OWN_LOOP:
        return []
    ended = min(len(history.matrix), len(history.tasks) - 1)
    return [task for task in range(ended) if session.task_checkpoint(task) is not None]


def unforkable(config: RunConfig) -> str:
    """Why a session of which ``forkable`` names no task cannot be forked."""
    own = config.benchmark == OWN_LOOP
    return "a program of your own trains this session" if own else "no task before the last has a checkpoint"


def no_end(session: Session, task: int, cannot: str) -> EngineError:
    """Why ``session`` has no checkpoint from the end of ``task``, so that it cannot "be forked at" it. Raises
    SessionDamaged if its log cannot be read."""
    history = session.history()
    ended = len(history.matrix)
    refused = f"session {session.name} cannot {cannot} task {task + 1}"
    if task < ended and (why := session.thinned):
        kept = [end for end in range(ended) if session.task_checkpoint(end) is not None]
        if forking := cannot == "be forked at":
            kept = forkable(session, history)
        if kept:
            where = f"{'forks are' if forking else 'it is'} possible at {numbered(kept)}"
        else:
            where = "there is no task to fork at" if forking else "no checkpoint of a task's end is left"
        return ConfigError(f"{refused}: the checkpoint of that task was not kept ({why}); {where}")
    if task < ended:
        return SessionDamaged(
            f"session {session.name} is damaged: {session.checkpoints_dir} has no checkpoint from the end of task "
            f"{task + 1}"
        )
    there = f"only tasks 1 to {ended} have" if ended > 1 else "only task 1 has" if ended else "no task has"
    return SessionTooYoung(f"{refused}: {there} ended in it")


def _share(path: Path, to: Path) -> None:
    """Links a checkpoint into another folder: checkpoints never change, so two sessions can share a file."""
    open_plain(path).close()
    try:
        os.link(path, to)
    except OSError:
        shutil.copy2(path, to)
