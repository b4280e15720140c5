"""Scores that are no accuracies: what is better, how they are written, and what a log may say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.record.events import RunStarted, Scored, TaskInfo, TaskStarted, decode, encode
from engine.record.history import History
from engine.record.score import ACCURACY, R2, RMSE, SCORES, WIDTH, score_info

TASKS = (TaskInfo("a", 4, 2), TaskInfo("b", 4, 2))
ANY_SCORE = st.floats(-1e30, 1e30) | st.floats(-1000, 1000) | st.sampled_from((math.nan, 0.0, -0.0, 1e-30, 99_999.5))


@given(ANY_SCORE, st.sampled_from((*(info for info in SCORES.values() if not info.fraction), score_info("return"))))
def test_a_number_takes_at_most_its_width_and_is_close_to_what_it_writes(score, info):
    text = info.value(score)
    assert len(text) <= WIDTH
    if math.isnan(score):
        assert text == "—"
    elif 0.0005 <= abs(score) < 99_999:
        assert float(text) == pytest.approx(score, rel=0.0051, abs=0.00051)
    else:
        assert float(text) == pytest.approx(score, rel=0.5, abs=0.00051)


@given(st.floats(0, 1))
def test_a_fraction_takes_at_most_its_width(score):
    assert len(ACCURACY.value(score)) < WIDTH
    assert len(ACCURACY.value(-score)) <= WIDTH


def started(score: str = "accuracy", unit: str = "") -> History:
    return History().apply(RunStarted(0.0, TASKS, "cpu", 100, {}, score=score, unit=unit)).apply(TaskStarted(0, 0))


def test_the_history_knows_the_score_and_its_unit():
    assert started().score is ACCURACY
    assert started("r2", "m").score is R2, "R² has no unit"
    assert started("rmse").score is RMSE
    assert started("rmse", "m").score.full(1.24) == "1.24 m"
    assert started("return").score == score_info("return")


@pytest.mark.parametrize(
    ("score", "value", "why"),
    [("accuracy", 1.5, "between 0 and 1"), ("r2", 1.1, "R² is above 1"), ("rmse", -0.1, "RMSE is below 0")],
)
def test_a_score_that_cannot_be_is_refused(score, value, why):
    with pytest.raises(ValueError, match=why):
        started(score).apply(Scored(1, 0, "probe", (value,)))


def test_scores_far_outside_their_usual_range_are_taken():
    assert started("r2").apply(Scored(0, 0, "probe", (-1e30,))).probe == (-1e30,)
    assert started("rmse").apply(Scored(0, 0, "probe", (1e30,))).probe == (1e30,)


def test_a_log_keeps_the_score_and_its_unit_and_an_old_one_has_accuracies():
    event = RunStarted(0.0, TASKS, "cpu", 100, {}, score="rmse", unit="m")
    assert decode(encode(event)) == event
    old = encode(event).replace(',"score":"rmse","unit":"m"', "")
    assert History().apply(decode(old)).score is ACCURACY
