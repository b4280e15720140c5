"""How many shown examples turned wrong, counted by hand, as a run grows and as a replay goes back."""

import numpy as np

from engine.record.events import WHOLE_ANSWERS, WHOLE_TARGETS, Packed
from engine.record.history import History
from engine.record.mistakes import at_old_end
from engine.record.turned import Turning, ended_now, whole_turned
from tests.answered import answered, events, history, shown

RIGHT = [0, 0, 1, 1]
ALL = (
    answered(5, [1, 1, 1, 1]),
    answered(10, [0, 0, 1, 0]),
    answered(13, [0, 1, 1, 1], [0, 0, 0, 0]),
    answered(17, [1, 1, 0, 0], RIGHT),
    answered(20, [0, 1, 0, 0], RIGHT),
)


def test_what_was_right_at_the_end_of_its_task_and_is_wrong_now_has_turned() -> None:
    found = Turning().turns(history(*ALL), shown())
    assert found.steps.tolist() == [5, 10, 13, 17, 20]
    assert found.counts[:, 0].tolist()[2:] == [1, 3, 2]  # the last of the first task's was not right at its end
    assert np.isnan(found.counts[:2]).all()
    assert np.isnan(found.counts[:, 1]).all()
    assert found.learned.tolist() == [[0, 0], [0, 0], [3, 0], [3, 0], [3, 0]]
    assert (found.at(None).wrong, found.at(18).wrong, found.at(18).right, found.at(4).right) == (2, 3, 3, 0)


def test_it_grows_with_a_run_and_goes_back_with_a_replay() -> None:
    turning, examples = Turning(), shown()
    for count in (1, 3, 5, 2, 4, 0, 5):
        grown, at_once = (
            turning.turns(history(*ALL[:count]), examples),
            Turning().turns(history(*ALL[:count]), examples),
        )
        assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(grown, at_once, strict=True))
    other = history(*ALL[:4], answered(19, RIGHT, RIGHT))
    assert turning.turns(other, examples).at(None).wrong == 0


def test_answers_for_other_examples_count_nothing() -> None:
    """As a stranger's log may have them."""
    found = Turning().turns(history(answered(10, [0, 0, 1]), answered(13, [0, 0, 1, 1], [0])), shown())
    assert np.isnan(found.counts).all()


def test_at_a_tasks_end_whole_test_sets_are_counted_even_if_their_sizes_are_only_told_by_the_answers() -> None:
    whole = [
        Packed.of(10, 0, WHOLE_TARGETS, np.array([0, 0, 1, 1], "u1")),
        Packed.of(10, 0, WHOLE_ANSWERS, np.array([0, 0, 0, 1], "u1")),
        Packed.of(20, 1, WHOLE_TARGETS, np.array([0, 1], "u1")),
        Packed.of(20, 1, WHOLE_ANSWERS, np.array([0, 2, 1, 1, 0, 1], "u1")),
    ]
    told = events(answered(10, [0, 0, 1, 1]), answered(20, RIGHT, RIGHT), end=True)
    known = History().after([*told, *whole])
    assert (ended_now(known), whole_turned(known, 1), whole_turned(known, 0)) == (1, ([2], [3]), None)
    found = at_old_end(known, shown())
    assert found is not None
    assert found.counts.tolist() == [[1, 1, -1, -1], [2, 0, -1, -1], [-1, -1, 1, 0], [-1, -1, 1, 0]]
    assert found.learned.tolist() == [1.0, 0.5, 1.0, 0.0]
