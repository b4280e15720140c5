"""Classes and confusions, worked out by hand, and from logs that say something else."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.catalog.entries import AGNOSTIC, AWARE
from engine.record.classes import Confusion, classes, confusion, ways
from engine.record.events import (
    CLASSES,
    CONFUSION,
    Event,
    Measured,
    RunStarted,
    TaskEnded,
    TaskInfo,
    TasksPlanned,
    TaskStarted,
)
from engine.record.history import History

STARTED = RunStarted(0, (TaskInfo("0 8", 9, 2), TaskInfo("1", 9, 1), TaskInfo("2 3", 9, 2)), "cpu", 1, {})
NAMES = ("0", "8", "1")


def after_two(*events: Event) -> History:
    """The history at the end of the second task, where these were told."""
    return History().after([STARTED, TaskStarted(0, 0), TaskEnded(0, 0, 0), TaskStarted(1, 0), *events])


def told(name: str, values: list[float], labels: tuple[str, ...] = (), phase: int = 1) -> Measured:
    return Measured(0, phase, name, tuple(values), labels)


ACCURACIES = told(CLASSES, [0.5, 1.0, 0.25], NAMES)


def test_classes_know_their_tasks_and_names() -> None:
    [found] = classes(after_two(ACCURACIES))
    assert found.by_task() == [[0.5, 1.0], [0.25]]
    assert (found.tasks, found.names, found.phase) == ((0, 0, 1), NAMES, 1)
    [unnamed] = classes(after_two(told(CLASSES, [0.5, 1.0, 0.25])))
    assert unnamed.names == ("1", "2", "3")


def found_in(name: str, values: list[float]) -> Confusion:
    way = name.removesuffix(CONFUSION).strip()
    history = after_two(ACCURACIES, told(name, values))
    assert ways(history) == [way]
    found = confusion(history, way)
    assert found is not None
    return found


def test_where_the_task_is_told_its_own_classes_compete() -> None:
    found = found_in(f"{AWARE} {CONFUSION}", [3, 1, 0, 4, 5])
    assert found.counts.tolist() == [[3, 1, -1], [0, 4, -1], [-1, -1, 5]]
    assert np.array_equal(found.shares(), [[0.75, 0.25, np.nan], [0, 1, np.nan], [np.nan, np.nan, 1]], equal_nan=True)
    assert found.mistakes() == [(0.25, 0, 1)]
    assert found.answers == list(NAMES)


def test_where_the_task_is_not_told_all_classes_compete() -> None:
    found = found_in(f"{AGNOSTIC} {CONFUSION}", [1, 0, 3, 0, 4, 0, 1, 1, 2])
    assert found.right == (0, 1, 2)
    assert found.mistakes() == [(0.75, 0, 2), (0.25, 2, 0), (0.25, 2, 1)]


def test_in_the_domain_scenario_tasks_share_their_outputs() -> None:
    """Which mean another class in each task, so they have a name only where all mean the same."""
    found = found_in(CONFUSION, [3, 1, 0, 4, 2, 6])
    assert found.right == (0, 1, 0)
    assert found.mistakes() == [(0.75, 2, 1), (0.25, 0, 1)]
    assert found.answers == ["output 1", "8"]


def test_a_class_without_examples_has_no_mistakes() -> None:
    found = found_in(CONFUSION, [3, 1, 0, 0, 2, 6])
    assert found.shares().tolist() == [[0.75, 0.25], [0, 0], [0.25, 0.75]]


@pytest.mark.parametrize("way", ["", AWARE, AGNOSTIC])
@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 7, [1.0] * 12, [math.nan] * 9, [1e300, -1e300, math.inf] * 3])
def test_counts_that_fit_no_classes_are_not_known(way: str, values: list[float]) -> None:
    """A log may say anything."""
    history = after_two(ACCURACIES, told(f"{way} {CONFUSION}".lstrip(), values))
    found = confusion(history, way)
    if found is not None:
        assert found.counts.shape == (3, 3) if way else (3, len(values) // 3)
        assert ((found.counts >= 0) & (found.counts <= 1e15)).all()
        found.mistakes()
    else:
        assert way == AWARE or len(values) != 9
    assert confusion(after_two(told(f"{way} {CONFUSION}".lstrip(), values)), way) is None


def test_accuracies_of_other_classes_contradict_the_tasks() -> None:
    with pytest.raises(ValueError, match="2 accuracies of 3 classes"):
        after_two(told(CLASSES, [0.5, 1.0]))


@pytest.mark.parametrize("count", [1, 3, 10**12])
def test_a_plan_that_gives_tasks_other_classes_leaves_none_known(count: int) -> None:
    """A stranger's log may have one after the last accuracies."""
    planned = TasksPlanned(0, 0, tuple(replace(task, classes=count) for task in STARTED.tasks), "forged")
    history = after_two(ACCURACIES, told(CONFUSION, [1.0] * 6), planned)
    assert classes(history) == []
    assert confusion(history, "") is None
