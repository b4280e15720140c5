"""Lines through points, gathered into the columns of a chart."""

import numpy as np
import pytest

from cl_tui.charts.canvas import line_columns, steps_axis


@pytest.mark.parametrize("steps", [(0, 1000), (300, 420), (0, 40), (900, 2000)])
def test_lines_together_are_those_of_each_alone(steps: tuple[int, int]) -> None:
    draws = np.random.default_rng(0)
    xs = np.sort(draws.choice(np.arange(1, 1000), 200))  # some steps twice
    ys = draws.random((200, 5))
    for line in range(5):
        ys[: 40 * line, line] = np.nan  # learned later
    time = steps_axis(steps, 60)
    together = line_columns(xs, ys, time)
    for line in range(5):
        for all_lines, alone in zip(together, line_columns(xs, ys[:, line], time), strict=True):
            np.testing.assert_array_equal(all_lines[line], alone)


def test_columns_reach_every_point_and_follow_the_line_between_them() -> None:
    xs, ys = np.array([100, 200, 201, 400]), np.array([1.0, 0.0, 0.5, 0.5])
    time = steps_axis((0, 500), 50)  # ten steps a column
    lows, highs = line_columns(xs, ys, time)
    assert np.isnan(lows[:9]).all()
    assert (lows[19], highs[20], highs[9]) == (0.0, 0.5, 1.0)
    assert np.isnan(lows[40:]).all()
    between = slice(10, 19)
    assert (np.diff(lows[between]) < 0).all()
    np.testing.assert_array_equal(lows[between], highs[between])
    np.testing.assert_allclose(lows[14], 1 - (145.5 - 100) / 100)


def test_no_points_no_line() -> None:
    for ys, shape in ((np.empty(0), (8,)), (np.empty((0, 3)), (3, 8))):
        for columns in line_columns(np.empty(0), ys, steps_axis((0, 100), 8)):
            assert columns.shape == shape
            assert np.isnan(columns).all()
