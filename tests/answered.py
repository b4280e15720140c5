"""A made-up run of two tasks with two classes each, whose shown examples are answered at some probes."""

import numpy as np

from engine.record.events import ANSWERS, Event, Packed, RunStarted, StepsTaken, TaskInfo, TaskStarted
from engine.record.history import History
from engine.record.shown import Shown, ShownTask
from tests.told import ended

STEPS = 10
NAMES = (("cat", "dog"), ("elm", "oak"))
TARGETS = (0, 0, 1, 1)
"""Of the examples of each task."""


def shown(together: bool = False) -> Shown:
    """``together``: the classes of both tasks compete."""
    targets = np.array(TARGETS, dtype="i4")
    pictures = np.zeros((len(targets), 2, 2, 1), dtype="u1")
    return Shown(tuple(ShownTask(pictures, None, targets, names, np.arange(4)) for names in NAMES), together)


def answered(step: int, *given: list[int]) -> Packed:
    """The class that was answered to each example of each task seen."""
    row = np.array([answer for of_task in given for answer in of_task])
    return Packed.of(step, len(given) - 1, ANSWERS, np.stack([row, row * 0, row * 0 + 255]).astype("u1"))


def events(*answers: Packed, end: bool = False) -> list[Event]:
    """Each of the ``answers`` at its step; the second task ends only if asked."""
    made: list[Event] = [RunStarted(0, tuple(TaskInfo(" ".join(names), STEPS, 2) for names in NAMES), "cpu", 1, {})]
    step = 0
    for task in range(2):
        made.append(TaskStarted(task, task * STEPS))
        for event in [*(of for of in answers if of.phase == task), None]:
            to = event.step if event else (task + 1) * STEPS
            if to > step and (event or task == 0 or end):
                made.append(StepsTaken(to, to / 10, (0.1,) * (to - step), (0.0,) * (to - step)))
                step = to
            if event:
                made.append(event)
        if task == 0 or end:
            made += ended(task, (task + 1) * STEPS, task + 1.0, (1.0,) * (task + 1))
    return made


def history(*answers: Packed, end: bool = False) -> History:
    return History().after(events(*answers, end=end))
