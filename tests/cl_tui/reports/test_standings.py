"""Who is ahead in a race, by how much, and since when."""

import pytest

from cl_tui.reports.standings import Entry, certainty, clock, standings, step_at
from engine.record.events import RunStarted, StepsTaken, TaskInfo, TaskStarted
from engine.record.history import History
from engine.settings.run import resolve
from tests.told import ended, probed


def told(*rows: tuple[float, ...], look: tuple[float, ...] = (), steps: int = 10, count: int = 100) -> History:
    """A run that has ended a task with each of ``rows``, and was tested with ``look`` in the next."""
    tasks = tuple(TaskInfo(str(task), steps, 2, chance=0.5) for task in range(3))
    history = History().apply(RunStarted(0.0, tasks, "cpu", 1, {}, "", (count,) * 3, (count,) * 3))
    for task, row in enumerate(rows):
        history = history.apply(TaskStarted(task, task * steps))
        history = history.apply(StepsTaken((task + 1) * steps, 1.0 + task, (0.1,) * steps, (0.0,) * steps))
        history = history.after(ended(task, (task + 1) * steps, 1.0 + task, row, row))
    if look:
        start = len(rows) * steps
        history = history.apply(TaskStarted(len(rows), start))
        history = history.apply(StepsTaken(start + 4, 9.0, (0.1,) * 4, (0.0,) * 4))
        history = history.after(probed(len(rows), start + 4, look))
    return history


def entry(method: str, history: History) -> Entry:
    return Entry(method, resolve({"method": method}), history)


def test_places_and_what_is_behind() -> None:
    entries = [
        entry("none", told((0.9,), (0.5, 0.9), look=(0.2, 0.5, 0.9))),
        entry("si", told((0.8,), (0.7, 0.8), look=(0.7, 0.6, 0.8))),
        entry("ewc", told((0.7,), (0.9, 0.9), look=(0.7, 0.6, 0.82))),
    ]
    first, second, third = standings(entries)
    assert [of.entry for of in (first, second, third)] == [2, 1, 0]
    assert first.behind == 0.0
    assert second.behind == pytest.approx(0.02 / 3)
    assert (first.even, second.even, third.even) == (False, True, False)
    assert third.places == (1, 3)
    assert second.places == (2, 2)
    assert third.gained == 0
    assert third.worst == 0
    assert third.forgetting == pytest.approx((0.7 + 0.4) / 2)
    assert "even" in certainty(entries)


def test_more_examples_tell_places_apart() -> None:
    entries = [entry(name, told((accuracy,), count=40_000)) for name, accuracy in (("none", 0.7), ("si", 0.75))]
    assert not standings(entries)[1].even


def test_what_is_not_known_yet_comes_last_and_is_not_even() -> None:
    entries = [entry("none", History()), entry("si", told((0.9,))), entry("ewc", History())]
    assert [of.entry for of in standings(entries)] == [1, 0, 2]
    assert not any(of.even for of in standings(entries))
    assert entries[1].label == "si c=1"


def test_the_clock_counts_tasks_whatever_their_length() -> None:
    short, long = told((0.9,), look=(0.5, 0.9)), told((0.9,), look=(0.5, 0.9), steps=40)
    assert clock(short) == pytest.approx(1.4)
    assert clock(long) == pytest.approx(1.1)
    assert step_at(long, clock(short)) == 56
    assert step_at(short, clock(short)) == short.step
    assert clock(told((0.9,))) == 1.0
    assert step_at(told((0.9,)), 1.0) == 10
    assert (clock(History()), step_at(History(), 0.5)) == (0.0, 0)
