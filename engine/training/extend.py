"""Extend: a new session that shares another's whole history and then learns tasks that were not known before."""

import re
from collections.abc import Mapping
from typing import Any

from engine.catalog.choices import benchmark_info
from engine.catalog.own import FOLLOWS, OwnTasksOptions, file_and_name
from engine.catalog.own_loop import OWN_LOOP
from engine.commands import command
from engine.errors import ConfigError, SessionError, SessionLocked, SessionTooYoung
from engine.sessions.session import Session
from engine.settings.run import RunConfig, validated
from engine.streams.images.classes import more_images
from engine.training.fork import branched, forked_config, no_end

_MORE = re.compile(r"\+0*([1-9]\d{0,3})")


class NotExtendable(SessionError):
    """The session cannot have more tasks now."""

    exit_code = 2


def more_tasks(typed: str) -> int:
    """What --tasks +N means. Raises ConfigError.

    >>> more_tasks("+2")
    2
    """
    found = _MORE.fullmatch(typed.strip())
    if found is None:
        number = typed.strip().lstrip("+-")
        wanted = f"+{number}" if _MORE.fullmatch(f"+{number}") else "+1"
        raise ConfigError(f"--tasks {typed}: say how many tasks to add, with a plus: --tasks {wanted}", "tasks")
    return int(found[1])


def extended_config(
    parent: RunConfig, more: int | None, changes: Mapping[str, Any], folder: str | None = None
) -> RunConfig:
    """``parent`` with ``more`` tasks, or those of another ``folder`` of images, which are trained with ``changes``.

    Raises ConfigError.
    """
    of_data: dict[str, Any]
    if parent.benchmark == "images":
        of_data = more_images(parent, more, folder)
    elif more is None:
        raise ConfigError("say how many tasks to add: --tasks +1", "tasks")
    elif file_and_name(parent.benchmark):  # calling the function tells the rest
        unknown = {key: OwnTasksOptions.kept[key].default for key in FOLLOWS}
        of_data = unknown | {"tasks": parent.tasks + more, "all_tasks": False}
    elif parent.benchmark == "table":
        from engine.streams.table.facts import more_rows  # NumPy

        of_data = more_rows(parent, more)
    else:
        _check(parent, more)
        of_data = {"tasks": parent.tasks + more}
    config = forked_config(parent, changes)
    return validated(config.changed(**of_data, extended_at=(*(parent.extended_at or ()), parent.tasks)).plain())


def extendable(config: RunConfig) -> bool:
    """Whether a task can be added without other data, as far as anybody knows who does not run the user's code."""
    try:
        return not file_and_name(config.benchmark) and bool(extended_config(config, 1, {}))
    except ConfigError:
        return False


def _check(config: RunConfig, more: int) -> None:
    """Raises ConfigError if the benchmark has not so many tasks left."""
    if config.benchmark == OWN_LOOP:
        raise ConfigError(
            f"{OWN_LOOP}: a program of your own trains this session with cl_tui.protect(…), and decides which tasks "
            f"there are: continue there"
        )
    info = benchmark_info(config.benchmark)
    if info.from_data or not (info.permuted or info.by_task or info.targets):
        all_of = f"its {len(info.classes)} classes" if info.classes else "the classes that its data have"
        raise ConfigError(
            f"{config.benchmark} divides all of {all_of} among its tasks, so none is left for another task: permuted "
            f"benchmarks, cifar-transfer, images, tables and tasks from your own Python file can be extended",
            "tasks",
        )
    left = info.most_tasks - config.tasks
    if more > left:
        there = f"only {left} more can be added" if left > 0 else "and the session has them all"
        raise ConfigError(f"--tasks +{more}: {config.benchmark} has at most {info.most_tasks} tasks, {there}", "tasks")


def extend(parent: Session, config: RunConfig, name: str) -> Session:
    """A session beside ``parent`` that continues from its end with ``config``, of ``extended_config``. The parent, and
    what was measured in it, stay as they are. Calls the user's function for tasks, if there is one.

    Raises NotExtendable in the middle of a task, SessionLocked during training, SessionTooYoung before the first task
    has ended, SessionExists, SessionDamaged or SessionError; and what reading the user's tasks raises.
    """
    if parent.running:
        raise SessionLocked(f"session {parent.name} is being trained by another process: wait for it to end")
    history = parent.history()
    ended = len(history.matrix)
    go_on = command("resume", parent.path.parent, parent.name)
    if not ended:
        raise SessionTooYoung(f"no task of session {parent.name} has ended yet, so nothing is learned: '{go_on}' first")
    if history.step > history.starts[ended]:
        raise NotExtendable(
            f"session {parent.name} stopped in the middle of task {ended + 1} of {len(history.tasks)}: '{go_on}' "
            f"finishes it, and then it can be extended"
        )
    if (path := parent.task_checkpoint(ended - 1)) is None:
        raise no_end(parent, ended - 1, "be extended after")
    if file_and_name(config.benchmark):
        from engine.training.build import find_device, learned, load_stream  # import torch

        config = learned(config, load_stream(config, find_device("cpu")))
    return branched(parent, config, path, ended - 1, name)
