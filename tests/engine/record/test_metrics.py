"""What an accuracy matrix says, against numbers worked out by hand and the definitions written as loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.record import metrics
from engine.record.metrics import Looks
from engine.record.score import RMSE

WORKED = [[0.9], [0.7, 0.8], [0.75, 0.5, 1.0]]


@st.composite
def matrices(draw: st.DrawFn) -> list[list[float]]:
    tasks = draw(st.integers(1, 6))
    fraction = st.floats(0, 1)
    return [draw(st.lists(fraction, min_size=row + 1, max_size=row + 1)) for row in range(tasks)]


def test_a_matrix_worked_out_by_hand() -> None:
    assert metrics.average_accuracy(WORKED) == pytest.approx((0.75 + 0.5 + 1.0) / 3)
    assert metrics.forgetting_by_task(WORKED) == pytest.approx([0.15, 0.3])
    assert metrics.forgetting(WORKED) == pytest.approx(0.225)
    assert metrics.backward_transfer(WORKED) == pytest.approx((-0.15 - 0.3) / 2)


def test_forgetting_is_measured_from_the_best_a_task_ever_was_not_from_when_it_was_learned() -> None:
    assert metrics.forgetting_by_task([[0.5], [0.9, 0.5], [0.6, 0.5, 0.5]]) == pytest.approx([0.3, 0.0])
    assert metrics.backward_transfer([[0.5], [0.9, 0.5], [0.6, 0.5, 0.5]]) == pytest.approx(0.05)


def test_forgetting_is_negative_where_later_tasks_helped() -> None:
    assert metrics.forgetting([[0.5], [0.8, 1.0]]) == pytest.approx(-0.3)


def test_nothing_is_known_before_the_first_task_ends() -> None:
    assert metrics.average_accuracy([]) is None
    assert metrics.forgetting([]) is None
    assert metrics.forgetting_by_task([]) == []
    assert metrics.backward_transfer([]) is None


def test_one_task_has_an_average_and_nothing_to_forget() -> None:
    assert metrics.average_accuracy([[0.75]]) == 0.75
    assert metrics.forgetting([[0.75]]) is None
    assert metrics.backward_transfer([[0.75]]) is None


@given(matrices())
def test_the_metrics_follow_their_definitions(matrix: list[list[float]]) -> None:
    """Chaudhry et al. 2018, equation 3, and Lopez-Paz & Ranzato 2017, equations 2 and 3, index by index."""
    last = len(matrix) - 1
    forgotten = []
    changed = []
    for j in range(last):
        best = -1.0
        for row in range(j, last):
            best = max(best, matrix[row][j])
        forgotten.append(best - matrix[last][j])
        changed.append(matrix[last][j] - matrix[j][j])
    assert metrics.forgetting_by_task(matrix) == pytest.approx(forgotten)
    if last:
        assert metrics.forgetting(matrix) == pytest.approx(sum(forgotten) / last)
        assert metrics.backward_transfer(matrix) == pytest.approx(sum(changed) / last)
        assert sum(forgotten) >= -sum(changed) - 1e-9
    assert 0 <= (metrics.average_accuracy(matrix) or 0) <= 1


@given(matrices(), st.data())
def test_forward_and_average_metrics_follow_their_definitions(matrix: list[list[float]], data: st.DataObject) -> None:
    """Lopez-Paz & Ranzato 2017, equation 4: 1/(T−1) Σ_{i=2}^{T} R_{i−1,i} − b_i; the averages of Rebuffi et al. 2017
    and Caccia et al. 2022, one number at a time."""
    tasks = len(matrix)
    initial = data.draw(st.lists(st.floats(0, 1), min_size=tasks, max_size=tasks))
    later = [data.draw(st.lists(st.floats(0, 1), min_size=tasks - n, max_size=tasks - n)) for n in range(1, tasks + 1)]
    full = [row + rest for row, rest in zip(matrix, later, strict=True)]
    gained = 0.0
    for i in range(2, tasks + 1):
        gained += full[i - 2][i - 1] - initial[i - 1]
    found = metrics.forward_transfer(full, initial)
    assert found is None if tasks == 1 else found == pytest.approx(gained / (tasks - 1))
    if found is not None:
        assert metrics.forward_transfer(full, initial, RMSE) == pytest.approx(-found)
        assert metrics.forward_transfer(full[:1], initial) == pytest.approx(full[0][1] - initial[1]), "during a run"
    assert metrics.forward_transfer(matrix, initial) is None
    assert metrics.forward_transfer(full, ()) is None
    total = 0.0
    for row in matrix:
        own = 0.0
        for accuracy in row:
            own += accuracy
        total += own / len(row)
    assert metrics.average_incremental_accuracy(matrix) == pytest.approx(total / tasks)
    assert metrics.average_anytime_accuracy(matrix) == pytest.approx(total / tasks)
    assert metrics.average_incremental_accuracy([]) is metrics.average_anytime_accuracy([]) is None


# The stability gap

Told = list[tuple[int, bool, list[float]]]
"""Looks in the order of time: the task in training, whether it had just ended, the accuracies on the tasks so far."""


def looks_of(told: Told, tasks: int) -> Looks:
    accuracies = np.full((len(told), tasks), np.nan)
    for n, (_, _, row) in enumerate(told):
        accuracies[n, : len(row)] = row
    during, ended = ([look[part] for look in told] for part in (0, 1))
    steps = 10 * np.arange(1, len(told) + 1)
    return Looks(steps, np.array(during, dtype=int), np.array(ended, dtype=bool), accuracies)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Told, int]:
    """A run of up to five tasks, in each some looks and then its end, broken off anywhere."""
    tasks = draw(st.integers(1, 5))
    fraction = st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9, 1.0])
    told: Told = []
    for task in range(tasks):
        for end in [*[False] * draw(st.integers(0, 3)), True]:
            told.append((task, end, draw(st.lists(fraction, min_size=task + 1, max_size=task + 1))))
    return told[: draw(st.integers(0, len(told)))], tasks


def test_a_dip_between_two_ends_is_seen_though_the_matrix_does_not_show_it() -> None:
    told: Told = [(0, True, [0.9]), (1, False, [0.4, 0.5]), (1, False, [0.8, 0.9]), (1, True, [0.9, 1.0])]
    assert metrics.forgetting([row for _, ended, row in told if ended]) == pytest.approx(0.0)
    found = metrics.stability(looks_of(told, 2))
    assert found.lowest == [metrics.Lowest(0.4, 20, 1), None]
    assert found.best == [0.9, 1.0]
    assert found.dips[1, 0] == pytest.approx(0.5)
    assert np.isnan(found.dips).sum() == 3
    assert found.minimum == pytest.approx(0.4)
    assert found.worst_case == pytest.approx((1.0 + 0.4) / 2)


def test_without_a_look_nothing_is_known_of_stability() -> None:
    found = metrics.stability(looks_of([], 2))
    assert (found.lowest, found.best, found.minimum, found.worst_case) == ([None, None], [None, None], None, None)
    assert np.isnan(found.dips).all()


def test_looks_until_a_step_include_it() -> None:
    told: Told = [(0, False, [0.5]), (0, True, [0.9]), (1, False, [0.4, 0.5])]
    assert [len(looks_of(told, 2).until(step)) for step in (9, 10, 29, 30)] == [0, 1, 2, 3]


@given(runs())
def test_stability_follows_its_definitions_look_by_look(run: tuple[Told, int]) -> None:
    """De Lange et al. 2023: min-ACC over the looks after each task's own training, and WC-ACC, as a tracker that is
    told one look after the other would keep them; the dips from the ends of tasks."""
    told, tasks = run
    minima: dict[int, tuple[float, int, int]] = {}
    best: dict[int, float] = {}
    ends: dict[int, list[float]] = {}
    dips = [[math.nan] * tasks for _ in range(tasks)]
    worst = None
    for n, (current, ended, row) in enumerate(told):
        for task in range(current):
            if task not in minima or row[task] < minima[task][0]:
                minima[task] = (row[task], 10 * (n + 1), current)
            best[task] = max(best[task], row[task])
            dip = max(0.0, ends[current - 1][task] - row[task])
            dips[current][task] = dip if math.isnan(dips[current][task]) else max(dips[current][task], dip)
        if ended:
            ends[current] = row
            best[current] = row[current]
        worst = sum([row[current], *(low for low, _, _ in minima.values())]) / (current + 1)
    found = metrics.stability(looks_of(told, tasks))
    assert found.lowest == [metrics.Lowest(*minima[task]) if task in minima else None for task in range(tasks)]
    assert found.best == [best.get(task) for task in range(tasks)]
    np.testing.assert_allclose(found.dips, np.array(dips).reshape(tasks, tasks))
    minimum = sum(low for low, _, _ in minima.values()) / len(minima) if minima else None
    assert found.minimum == pytest.approx(minimum)
    assert found.worst_case == pytest.approx(worst)
    if told and found.worst_case is not None:
        assert found.worst_case <= sum(told[-1][2]) / len(told[-1][2]) + 1e-9


def errors(matrix: list[list[float]]) -> list[list[float]]:
    return [[1 - value for value in row] for row in matrix]


@given(matrices())
def test_of_an_error_the_metrics_say_the_same_as_of_the_accuracy_that_it_is_the_rest_of(
    matrix: list[list[float]],
) -> None:
    assert metrics.forgetting_by_task(errors(matrix), RMSE) == pytest.approx(metrics.forgetting_by_task(matrix))
    assert metrics.forgetting(errors(matrix), RMSE) == pytest.approx(metrics.forgetting(matrix))
    assert metrics.backward_transfer(errors(matrix), RMSE) == pytest.approx(metrics.backward_transfer(matrix))


@given(runs())
def test_the_stability_of_an_error_is_that_of_the_accuracy_that_it_is_the_rest_of(run: tuple[Told, int]) -> None:
    told, tasks = run
    of_accuracy = metrics.stability(looks_of(told, tasks))
    of_error = metrics.stability(
        looks_of([(task, end, [1 - value for value in row]) for task, end, row in told], tasks), RMSE
    )
    assert [low and (low.step, low.during) for low in of_error.lowest] == [
        low and (low.step, low.during) for low in of_accuracy.lowest
    ]
    rest = [low and 1 - low.accuracy for low in of_error.lowest]
    assert rest == pytest.approx([low and low.accuracy for low in of_accuracy.lowest])
    rest = [None if value is None else 1 - value for value in (*of_error.best, of_error.minimum, of_error.worst_case)]
    assert rest == pytest.approx([*of_accuracy.best, of_accuracy.minimum, of_accuracy.worst_case])
    np.testing.assert_allclose(of_error.dips, of_accuracy.dips, atol=1e-12)
