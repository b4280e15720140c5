"""Shares of what is held and pulled, worked out by hand."""

import numpy as np

from engine.record.held import MOST_DOUBLINGS, holders, ratio, top_half


def test_the_ratio_is_one_of_shares() -> None:
    held = np.array([[8.0, 4.0], [4.0, 0.0]])
    assert ratio(held, 10 * held).tolist() == [[0, 0], [0, 0]]
    pulled = np.array([[1.0, 1.0], [2.0, 0.0]])
    assert ratio(held, pulled).tolist() == [[-1, 0], [1, 0]]  # a quarter against a half, and so on
    far = ratio(np.array([[1.0, 1e6]]), np.array([[1e6, 1.0]]))
    assert far.tolist() == [[MOST_DOUBLINGS, -MOST_DOUBLINGS]]


def test_where_there_is_nothing_there_is_no_ratio() -> None:
    nothing = np.zeros((2, 2))
    for held, pulled in ((nothing, nothing), (nothing, nothing + 1), (nothing + 1, nothing)):
        assert np.isfinite(ratio(held, pulled)).all()
    assert ratio(np.array([[100.0, 1e-3]]), np.array([[100.0, 1.0]]))[0, 1] == 0


def test_the_fewest_points_that_hold_half() -> None:
    assert top_half(np.array([[5.0, 3.0], [1.0, 1.0]])).tolist() == [[True, False], [False, False]]
    assert top_half(np.array([4.0, 3.0, 3.0])).tolist() == [True, True, False]
    assert not top_half(np.zeros(3)).any()


def test_who_holds_the_top() -> None:
    assert holders([np.array([3.0, 0.0]), np.array([1.0, 1.0])]) == [0.75, 0.25]
    assert holders([np.zeros(2), np.zeros(2)]) == [0, 0]
