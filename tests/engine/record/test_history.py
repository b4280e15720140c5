"""History: what every view reads, from events alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.record.events import (
    Evaluated,
    Event,
    ImportanceMeasured,
    Noted,
    PathFollowed,
    Probed,
    RunFailed,
    RunFinished,
    RunForked,
    RunResumed,
    RunStarted,
    RunStopped,
    Saved,
    StepsTaken,
    TaskEnded,
    TaskInfo,
    TasksPlanned,
    TaskStarted,
    Warned,
)
from engine.record.history import MOST_TOLD, Curve, History

TASKS = (TaskInfo("0 8", 4, 2), TaskInfo("1 7", 6, 2))
STARTED = RunStarted(0.0, TASKS, "cpu", 100, {})
FIRST_TASK = (STARTED, TaskStarted(0, 0), StepsTaken(4, 1.0, (1.0,) * 4, (0.0,) * 4), TaskEnded(0, 4, 1.0, (0.9,)))
SECOND_TASK = (TaskStarted(1, 4), StepsTaken(10, 2.0, (1.0,) * 6, (0.0,) * 6), TaskEnded(1, 10, 2.0, (0.5, 0.8)))


def told(*events: Event) -> History:
    history = History()
    for event in events:
        history = history.apply(event)
    return history


def steps(last: int, count: int, elapsed: float, loss: float = 1.0, penalty: float = 0.0) -> StepsTaken:
    return StepsTaken(last, elapsed, (loss,) * count, (penalty,) * count)


def test_nothing_is_known_at_first() -> None:
    history = History()
    assert history.state == "loading"
    assert history.total_steps == 0
    assert history.remaining is None
    assert history.accuracies == ()
    assert history.curve.length == 0


def test_the_state_follows_the_run() -> None:
    training = told(STARTED, TaskStarted(0, 0))
    assert training.state == "training"
    assert training.apply(RunStopped(1, 0.0)).state == "stopped"
    failed = training.apply(RunFailed(1, 0, 0.0, "why", "what"))
    assert failed.state == "failed"
    assert failed.failure is not None
    assert failed.failure.message == "why"
    resumed = failed.apply(RunResumed(0.0, 1, "cpu", ""))
    assert resumed.state == "training"
    assert resumed.failure is None
    assert told(*FIRST_TASK, *SECOND_TASK, RunFinished(10, 0.0, 3.0)).state == "finished"


def test_task_borders_come_from_the_announced_steps() -> None:
    history = told(*FIRST_TASK, TaskStarted(1, 4), steps(7, 3, 2.0))
    assert history.starts == (0, 4, 10)
    assert history.total_steps == 10
    assert (history.steps_done(0), history.steps_done(1)) == (4, 3)
    assert history.task == 1


def test_steps_of_a_task_that_has_not_begun_are_none() -> None:
    assert told(STARTED, TaskStarted(0, 0), steps(2, 2, 1.0)).steps_done(1) == 0


def test_the_curve_holds_every_step_in_order() -> None:
    history = told(STARTED, StepsTaken(2, 0.1, (3.0, 2.0), (0.0, 0.5)), StepsTaken(3, 0.2, (math.nan,), (0.7,)))
    assert history.curve.length == history.step == 3
    assert history.curve.losses()[:2].tolist() == [3.0, 2.0]
    assert math.isnan(history.curve.losses()[2])
    assert history.curve.penalties(1).tolist() == [0.5, 0.7]


@given(st.lists(st.lists(st.floats(allow_nan=False), max_size=700), max_size=8))
def test_an_older_history_never_changes(bundles: list[list[float]]) -> None:
    """A view in another thread may go on reading the one it has."""
    curve = Curve()
    seen: list[tuple[Curve, list[float]]] = []
    everything: list[float] = []
    for bundle in bundles:
        curve = curve.extended(bundle, [-value for value in bundle])
        everything = everything + bundle
        if everything:
            seen.append((curve, everything))
    for older, values in seen:
        assert older.losses().tolist() == values
        assert older.penalties().tolist() == [-value for value in values]


def test_apply_leaves_the_old_history_as_it_was() -> None:
    before = told(STARTED, TaskStarted(0, 0))
    before.apply(steps(4, 4, 1.0)).apply(TaskEnded(0, 4, 1.0, (0.9,)))
    assert (before.step, before.matrix, before.curve.length) == (0, (), 0)


def test_rows_of_the_matrix_come_as_tasks_end() -> None:
    history = told(STARTED, TaskEnded(0, 4, 1.0, (0.9,)), TaskEnded(1, 10, 2.0, (0.5, 0.8)))
    assert history.matrix == ((0.9,), (0.5, 0.8))
    assert history.task == 2
    assert history.accuracies == (0.5, 0.8)


def test_a_probe_counts_only_for_the_task_in_training() -> None:
    """After the task's end the whole test sets count again, and a probe of an earlier task is never shown as now."""
    training = told(STARTED, TaskStarted(0, 0), TaskEnded(0, 4, 1.0, (0.9,)), TaskStarted(1, 4))
    assert training.probe == ()
    assert training.accuracies == (0.9,)
    probed = training.apply(Probed(1, 5, (0.7, 0.3)))
    assert probed.accuracies == (0.7, 0.3)
    ended = probed.apply(TaskEnded(1, 10, 2.0, (0.6, 0.9)))
    assert ended.probe == ()
    assert ended.accuracies == (0.6, 0.9)
    assert ended.apply(RunFinished(10, 0.0, 2.0)).accuracies == (0.6, 0.9)


def test_rate_and_time_left_follow_the_steps() -> None:
    history = told(STARTED, steps(2, 2, 1.0))
    assert history.rate == pytest.approx(2.0)
    assert history.remaining == pytest.approx(4.0)
    faster = history.apply(steps(9, 7, 2.0))
    assert 2.0 < faster.rate < 7.0
    assert faster.remaining is not None
    assert faster.remaining < 1.0


def test_a_bundle_that_took_no_time_leaves_the_rate_alone() -> None:
    history = told(STARTED, steps(2, 2, 1.0))
    assert history.apply(steps(3, 1, 1.0)).rate == history.rate


def test_the_newest_importance_and_save_are_kept() -> None:
    measured = ImportanceMeasured(0, 4, False, 1e-9, 1.0, ())
    history = told(STARTED, ImportanceMeasured(0, 2, True, 1e-9, 1.0, ()), measured, Saved(4, 0.0, "step-4"))
    assert history.importance == measured
    assert history.saved_step == 4


def test_a_resumed_run_knows_the_checkpoint_it_came_from() -> None:
    """The log ends before the line that told of the save: the resume itself says that there is one."""
    assert told(STARTED, steps(3, 3, 1.0), RunResumed(0.0, 3, "cpu", "")).saved_step == 3


def test_the_newest_path_check_of_each_task_is_kept() -> None:
    first = [PathFollowed(0, step, 0.1 * step, 2.0, 2.0 - 0.1 * step, 1.0) for step in (0, 2, 4)]
    second = [PathFollowed(1, step, 0.0, 3.0, 3.0, None) for step in (4, 8)]
    assert told(STARTED, *first).paths == (first[-1],)
    assert told(*FIRST_TASK, *first, *second).paths == (first[-1], second[-1])


# A log from anybody


MEASURED = ImportanceMeasured(0, 4, False, 1e-9, 1.0, ())


@pytest.mark.parametrize(
    ("before", "event", "words"),
    [
        ((), TaskStarted(0, 0), "before the run has started"),
        ((), RunResumed(0.0, 0, "cpu", ""), "before the run has started"),
        ((STARTED,), STARTED, "a second time"),
        ((STARTED,), RunStopped(11, 0.0), "step 11 of 10"),
        ((STARTED,), steps(3, 2, 1.0), "2 steps to step 3, after step 0"),
        (FIRST_TASK, steps(4, 4, 1.0), "4 steps to step 4, after step 4"),
        (FIRST_TASK, steps(11, 7, 2.0), "step 11 of 10"),
        ((STARTED,), TaskStarted(1, 0), "task 2 of 2, but 0 have ended"),
        (FIRST_TASK, TaskStarted(0, 4), "task 1 of 2, but 1 have ended"),
        (FIRST_TASK, TaskEnded(0, 4, 1.0, (0.9,)), "task 1 of 2, but 1 have ended"),
        ((*FIRST_TASK, *SECOND_TASK), TaskStarted(2, 10), "task 3 of 2"),
        ((STARTED,), TaskEnded(0, 4, 1.0, (0.9, 0.9)), "2 accuracies, on 1 tasks"),
        (FIRST_TASK, Probed(1, 5, (0.9,)), "1 accuracies, on 2 tasks"),
        (FIRST_TASK, Evaluated(1, 5, (0.9, 0.9, 0.9)), "3 accuracies, on 2 tasks"),
        (FIRST_TASK, Evaluated(1, 5, (0.9, 0.9), (0.9,)), "1 accuracies, on 2 tasks"),
        ((STARTED,), Probed(1, 1, (0.9, 0.9)), "before it begins"),
        ((*FIRST_TASK, *SECOND_TASK), Evaluated(2, 10, (0.9,) * 3), "before it begins"),
        ((STARTED, MEASURED), MEASURED, "a second time"),
        (
            (*FIRST_TASK, PathFollowed(1, 4, 0.0, 1.0, 1.0, None)),
            PathFollowed(0, 4, 0.0, 1.0, 1.0, None),
            "after task 2",
        ),
        (FIRST_TASK, RunForked(0.0, 4, "calm-otter", 1), "a fork at the end of task 2, but 1 have ended"),
        (FIRST_TASK, RunFinished(10, 0.0, 1.0), "1 of 2 tasks"),
        (FIRST_TASK, Warned(2, 4, 0.0, "drowned", "too strong"), "task 3 of 2, before it begins"),
        (FIRST_TASK, TasksPlanned(4, 0.0, TASKS[:1], "planned anew"), "1 tasks instead of 2"),
    ],
)
def test_what_contradicts_the_past_is_refused(before: tuple[Event, ...], event: Event, words: str) -> None:
    history = told(*before)
    with pytest.raises(ValueError, match=words):
        history.apply(event)


def test_a_run_may_fail_before_it_has_started() -> None:
    """Where its data are missing."""
    assert told(RunFailed(0, 0, 0.0, "why", "what")).state == "failed"


def test_a_log_with_a_million_notes_is_not_read_to_its_end() -> None:
    """Each note makes the next one slower to keep."""
    with pytest.raises(ValueError, match="too many"):
        told(STARTED, *[Noted(0, 0.0, "paused")] * (MOST_TOLD + 2))
    with pytest.raises(ValueError, match="too many"):
        told(STARTED, *[Warned(0, 0, 0.0, "drowned", "too strong")] * (MOST_TOLD + 2))
