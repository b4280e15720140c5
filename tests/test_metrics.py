"""What an accuracy matrix says, against numbers worked out by hand and the definitions written as loops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import metrics

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
