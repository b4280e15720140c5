"""The score that guessing reaches, and its loss."""

import math

from engine.catalog.own_loop import OWN_LOOP
from engine.record.history import History
from engine.settings.run import RunConfig


def competing(history: History, config: RunConfig, task: int, newest: int) -> int:
    """How many classes may be answered on ``task`` while the task ``newest`` is trained."""
    tasks = history.tasks[: max(task, newest) + 1] if config.scenario == "class" else [history.tasks[task]]
    return sum(info.classes for info in tasks)


def chance_of(history: History, config: RunConfig, task: int, newest: int | None = None) -> float | None:
    """On ``task``, counted from 0, while ``newest`` is trained, or now; None if that is not known."""
    told = history.tasks[task].chance
    if told is not None or not history.score.fraction:
        return history.score.nothing if told is None else told
    if config.benchmark == OWN_LOOP:  # what its answers are is not known
        return None
    return 1 / competing(history, config, task, history.task if newest is None else newest)


def common_chance(history: History, config: RunConfig) -> float | None:
    """That of every task at the end of the run; None if it differs between tasks."""
    last = len(history.tasks) - 1
    found = {chance_of(history, config, task, last) for task in range(last + 1)}
    return found.pop() if len(found) == 1 else None


def guess_loss(history: History, config: RunConfig, task: int) -> float | None:
    """The loss, in nats, while ``task`` is trained, if all classes that compete are equally likely; None if unknown."""
    if config.problem == "regression" or config.benchmark == OWN_LOOP:
        return None
    return math.log(competing(history, config, task, task))
