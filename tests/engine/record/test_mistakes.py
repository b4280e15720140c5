"""What classes are taken for, worked out by hand: on whole test sets at tasks' ends, and on the shown examples."""

import numpy as np
import pytest

from engine.catalog.entries import AGNOSTIC, AWARE
from engine.record.events import CLASSES, CONFUSION, Event, Measured, RunStarted, TaskEnded, TaskInfo, TaskStarted
from engine.record.history import History
from engine.record.mistakes import Mistakes, at_end, at_probe
from tests.answered import answered, history, shown

NAN = np.nan
STARTED = RunStarted(0, (TaskInfo("0 8", 9, 2), TaskInfo("1", 9, 1)), "cpu", 1, {})


def whole(way: str, first: list[float], second: list[float]) -> Mistakes:
    """At the ends of two tasks, where these were the counts."""
    name = f"{way} {CONFUSION}".lstrip()
    told: list[Event] = [STARTED, TaskStarted(0, 0)]
    told += [Measured(0, 0, CLASSES, (0.5, 1.0), ("0", "8")), Measured(0, 0, name, tuple(first)), TaskEnded(0, 0, 0)]
    told += [TaskStarted(1, 0), Measured(0, 1, CLASSES, (0.2, 1.0, 0.0), ("0", "8", "1"))]
    found = at_end(History().after([*told, Measured(0, 1, name, tuple(second))]), way)
    assert found is not None
    return found


def test_outputs_that_tasks_share_are_classes_of_the_example_s_own_task() -> None:
    found = whole("", [3, 1, 0, 4], [2, 2, 1, 3, 6, 2])
    assert found.counts.tolist() == [[2, 2, -1], [1, 3, -1], [-1, -1, 6]]
    assert found.totals.tolist() == [4, 4, 8]
    assert found.accuracies.tolist() == [0.5, 0.75, 0.75]
    assert found.lost.tolist() == [0.25, 0.25, 0.0]
    assert not found.live


def test_a_class_lost_what_it_lost_in_the_same_way_of_judging() -> None:
    found = whole(AGNOSTIC, [1, 3, 0, 4], [0, 1, 3, 0, 3, 1, 0, 0, 5])
    assert found.learned.tolist() == [0.25, 1.0, 1.0]
    assert found.taken_for(0) == [(2, 0.75), (1, 0.25)]
    aware = whole(AWARE, [1, 3, 0, 4], [0, 4, 0, 4, 5])
    assert aware.taken_for(0) == [(1, 1.0)]
    assert np.isnan(aware.shares[0, 2])


def test_live_answers_are_counted_against_those_at_the_end_of_the_task() -> None:
    known = history(answered(5, [0, 0, 1, 0]), answered(10, [0, 0, 1, 1]), answered(13, [0, 1, 0, 0], [0, 1, 1, 1]))
    found = at_probe(known, shown())
    assert found is not None
    assert (found.step, found.phase, found.names, found.live) == (13, 1, ("cat", "dog", "elm", "oak"), True)
    assert found.counts.tolist() == [[1, 1, -1, -1], [2, 0, -1, -1], [-1, -1, 1, 1], [-1, -1, 0, 2]]
    assert found.learned.tolist() == pytest.approx([1.0, 1.0, NAN, NAN], nan_ok=True)
    assert found.lost.tolist() == pytest.approx([0.5, 1.0, NAN, NAN], nan_ok=True)


def test_where_all_classes_compete_an_answer_may_be_of_another_task() -> None:
    known = history(answered(10, [0, 0, 1, 1]), answered(13, [2, 2, 3, 1], [2, 2, 3, 3]))
    found = at_probe(known, shown(together=True))
    assert found is not None
    assert found.counts[:2].tolist() == [[0, 0, 2, 0], [0, 1, 0, 1]]
    assert found.taken_for(0) == [(2, 1.0)]


def test_before_the_first_probe_nothing_is_known() -> None:
    assert at_probe(history(), shown()) is None
    assert at_end(history(), "") is None
