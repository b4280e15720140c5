"""The score that guessing reaches, and its loss."""

import math

from engine.catalog.own_loop import OWN_LOOP
from engine.record.history import History
from engine.settings.run import RunConfig


def chance_of(history: History, config: RunConfig, task: int) -> float | None:
    """On ``task``, counted from 0, among the classes that can be answered now; None if that is not known."""
    told = history.tasks[task].chance
    if told is not None or not history.score.fraction:
        return history.score.nothing if told is None else told
    if config.benchmark == OWN_LOOP:  # what its answers are is not known
        return None
    if config.scenario != "class":
        return 1 / history.tasks[task].classes
    seen = max(history.task, task) + 1
    return 1 / sum(info.classes for info in history.tasks[:seen])


def common_chance(history: History, config: RunConfig) -> float | None:
    """That of every task at the end of the run; None if it differs between tasks."""
    whole = len(history.tasks)
    if history.score.fraction and config.scenario == "class" and config.benchmark != OWN_LOOP:
        return 1 / sum(info.classes for info in history.tasks) if whole else None
    found = {chance_of(history, config, task) for task in range(whole)}
    return found.pop() if len(found) == 1 else None


def guess_loss(history: History, config: RunConfig, task: int) -> float | None:
    """The loss, in nats, while ``task`` is trained, if all classes that compete are equally likely; None if unknown."""
    if config.problem == "regression" or config.benchmark == OWN_LOOP:
        return None
    first = 0 if config.scenario == "class" else task
    return math.log(sum(info.classes for info in history.tasks[first : task + 1]))
