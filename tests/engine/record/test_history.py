"""History: what every view reads, from events alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.record.events import (
    PATH,
    PROBE,
    WHOLE,
    Consolidated,
    Event,
    ImportanceMeasured,
    Measured,
    Noted,
    RunFailed,
    RunFinished,
    RunForked,
    RunResumed,
    RunStarted,
    RunStopped,
    Saved,
    Scored,
    StepsTaken,
    TaskEnded,
    TaskInfo,
    TasksPlanned,
    TaskStarted,
    Warned,
)
from engine.record.history import History, PathCheck
from engine.record.series import MOST, Curve
from tests.told import ended, evaluated, path, probed

TASKS = (TaskInfo("0 8", 4, 2), TaskInfo("1 7", 6, 2))
OPEN = TaskInfo("6 9", None, 2, chance=0.5)
STARTED = RunStarted(0.0, TASKS, "cpu", 100, {})
FIRST_TASK = (STARTED, TaskStarted(0, 0), StepsTaken(4, 1.0, (1.0,) * 4, (0.0,) * 4), *ended(0, 4, 1.0, (0.9,)))
SECOND_TASK = (TaskStarted(1, 4), StepsTaken(10, 2.0, (1.0,) * 6, (0.0,) * 6), *ended(1, 10, 2.0, (0.5, 0.8)))


def open_run(*tasks: TaskInfo, score: str = "accuracy") -> RunStarted:
    return RunStarted(0.0, tasks, "cpu", 100, {}, score=score)


def told(*events: Event) -> History:
    return History().after(events)


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
    curve, step = Curve(), 0
    seen: list[tuple[Curve, list[float]]] = []
    everything: list[float] = []
    for bundle in bundles:
        step += len(bundle)
        curve = curve.extended([StepsTaken(step, 0.0, tuple(bundle), tuple(-value for value in bundle))])
        everything = everything + bundle
        if everything:
            seen.append((curve, everything))
    for older, values in seen:
        assert older.losses().tolist() == values
        assert older.penalties().tolist() == [-value for value in values]


def test_apply_leaves_the_old_history_as_it_was() -> None:
    before = told(STARTED, TaskStarted(0, 0))
    before.apply(steps(4, 4, 1.0)).after(ended(0, 4, 1.0, (0.9,)))
    assert (before.step, before.matrix, before.curve.length) == (0, (), 0)


def test_rows_of_the_matrix_come_as_tasks_end() -> None:
    history = told(STARTED, *ended(0, 4, 1.0, (0.9,)), *ended(1, 10, 2.0, (0.5, 0.8)))
    assert history.matrix == ((0.9,), (0.5, 0.8))
    assert history.task == 2
    assert history.accuracies == (0.5, 0.8)


def test_a_probe_counts_only_for_the_task_in_training() -> None:
    """After the task's end the whole test sets count again, and a probe of an earlier task is never shown as now."""
    training = told(STARTED, TaskStarted(0, 0), *ended(0, 4, 1.0, (0.9,)), TaskStarted(1, 4))
    assert training.probe == ()
    assert training.accuracies == (0.9,)
    looked = training.after(probed(1, 5, (0.7, 0.3)))
    assert looked.accuracies == (0.7, 0.3)
    after = looked.after(ended(1, 10, 2.0, (0.6, 0.9)))
    assert after.probe == ()
    assert after.accuracies == (0.6, 0.9)
    assert after.apply(RunFinished(10, 0.0, 2.0)).accuracies == (0.6, 0.9)


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
    first = [path(0, step, 0.25 * step, 2.0, 2.0 - 0.25 * step) for step in (0, 2, 4)]
    second = [path(1, step, 0.0, 3.0, 3.0) for step in (4, 8)]
    newest = (PathCheck(0, 4, 1.0, 2.0, 1.0, 1.0), PathCheck(1, 8, 0.0, 3.0, 3.0, None))
    assert told(STARTED, *first).paths == newest[:1]
    assert told(*FIRST_TASK, *first, *second).paths == newest
    assert told(*FIRST_TASK, *first, *second).path == newest[1]


# What no run tells yet


def test_the_steps_of_a_task_may_be_unknown_until_it_ends() -> None:
    history = told(open_run(TASKS[0], OPEN, OPEN), *FIRST_TASK[1:], TaskStarted(1, 4), steps(9, 5, 2.0))
    assert (history.open, history.remaining) == (True, None)
    assert history.starts == (0, 4, 9, 9)
    assert (history.steps_of(1), history.steps_done(1), history.steps_done(2)) == (5, 5, 0)
    later = history.after((steps(11, 2, 2.5), *ended(1, 11, 2.5, (0.5, 0.8)), TaskStarted(2, 11), steps(12, 1, 3.0)))
    assert later.starts == (0, 4, 11, 12)
    assert [task.steps for task in later.tasks] == [4, 7, None]
    done = later.after((*ended(2, 12, 3.0, (0.5, 0.8, 0.7)), RunFinished(12, 0.0, 3.0)))
    assert (done.open, done.state, done.total_steps) == (False, "finished", 12)
    assert history.starts == (0, 4, 9, 9), "an older history never changes"


def test_tasks_may_be_added_even_to_a_finished_run() -> None:
    whole = told(*FIRST_TASK, *SECOND_TASK, RunFinished(10, 0.0, 3.0))
    longer = whole.after((RunResumed(0.0, 10, "cpu", ""), TasksPlanned(10, 0.0, (*TASKS, OPEN), "a task was added")))
    assert (longer.state, longer.finished, longer.between, longer.task) == ("training", None, True, 2)
    again = longer.after((TaskStarted(2, 10), steps(13, 3, 4.0), *ended(2, 13, 4.0, (0.4, 0.7, 0.9))))
    assert again.matrix == ((0.9,), (0.5, 0.8), (0.4, 0.7, 0.9))
    assert again.total_steps == 13


def test_scores_are_real_numbers_of_any_part_or_none() -> None:
    """Of later tasks too; where none was taken, a row has no number."""
    history = told(
        open_run(*TASKS, score="return"),
        Scored(2, 0, PROBE, (-12.5,)),
        Scored(3, 0, "validation", (None, 250.0)),
        *ended(0, 4, 1.0, (-3.5, 99.0)),
        TaskStarted(1, 4),
        Scored(5, 1, PROBE, (None, 7.0)),
        TaskEnded(1, 10, 2.0),
    )
    assert history.scores["validation"][0].values == (None, 250.0)
    assert [probe.row[0] for probe in history.probes][:1] == [-12.5]
    assert math.isnan(history.probes[-1].row[0])
    assert history.matrix[0] == (-3.5,)
    assert all(math.isnan(score) for score in history.matrix[1])


def test_a_quantity_needs_no_more_than_a_name() -> None:
    history = told(STARTED, *(Measured(step, 0, "gradient norm", (0.5 * step,), ("whole",)) for step in (1, 2)))
    assert [measured.values for measured in history.measured["gradient norm"]] == [(0.5,), (1.0,)]


def test_a_consolidation_in_the_middle_of_a_task_has_an_importance_of_its_own() -> None:
    def measured(step: int) -> ImportanceMeasured:
        return ImportanceMeasured(0, step, False, 1e-9, 1.0, ())

    history = told(STARTED, TaskStarted(0, 0), Consolidated(2, 0, 9.0, "a plateau"), measured(2), measured(4))
    assert [each.step for each in history.importances] == [2, 4]
    assert history.consolidations == (Consolidated(2, 0, 9.0, "a plateau"),)


def test_a_fork_may_be_at_any_step() -> None:
    history = told(STARTED, TaskStarted(0, 0), steps(3, 3, 1.0), RunForked(0.0, 3, "calm-otter", None))
    assert (history.state, history.step) == ("loading", 3)
    assert history.forked is not None
    assert history.forked.place == "step 3"


# How scores find their place


def test_scores_directly_before_a_tasks_end_are_its_row_and_others_are_not() -> None:
    asked = evaluated(0, 3, (0.4,), (0.5,))
    history = told(STARTED, *probed(0, 3, (0.3,)), *asked, *probed(0, 4, (0.6,)), *ended(0, 4, 1.0, (0.7,), (0.8,)))
    assert [probe.row for probe in history.probes] == [(0.3,), (0.6,)]
    assert [(each.whole.row, each.probed) for each in history.evaluations] == [((0.4,), (0.5,))]
    assert (history.matrix, history.probed) == (((0.7,),), ((0.8,),))
    between = history.after(evaluated(0, 4, (0.7,), (0.8,)))
    assert len(between.evaluations) == 2
    assert between.after((TaskStarted(1, 4), *ended(1, 10, 2.0, (0.1, 0.2)))).matrix == ((0.7,), (0.1, 0.2))


def test_the_newest_look_is_the_evaluation_until_the_next_probe() -> None:
    history = told(STARTED, TaskStarted(0, 0), *probed(0, 2, (0.3,)), *evaluated(0, 2, (0.4,), (0.5,)))
    assert (history.probe, history.newest_probed) == ((0.4,), (0.5,))
    later = history.after(probed(0, 3, (0.6,)))
    assert (later.probe, later.newest_probed, later.alike) == ((0.6,), (0.6,), ((0.6,),))


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
        (FIRST_TASK, TaskEnded(0, 4, 1.0), "task 1 of 2, but 1 have ended"),
        ((*FIRST_TASK, *SECOND_TASK), TaskStarted(2, 10), "task 3 of 2"),
        ((STARTED,), Scored(4, 0, WHOLE, (0.9, 0.9, 0.9)), "3 scores, on 1 to 2 tasks"),
        (FIRST_TASK, Scored(5, 1, PROBE, (0.9,)), "1 scores, on 2 to 2 tasks"),
        (FIRST_TASK, Scored(5, 1, WHOLE, (0.9, 1.5)), "not between 0 and 1"),
        (FIRST_TASK, Scored(5, 1, "validation", (-0.5, None)), "not between 0 and 1"),
        ((STARTED,), Scored(1, 1, PROBE, (0.9, 0.9)), "before it begins"),
        ((STARTED,), Measured(1, 1, "anything", (0.9,)), "before it begins"),
        ((STARTED,), Consolidated(1, 1, 0.0, "plateau"), "before it begins"),
        ((STARTED,), Measured(1, 0, PATH, (0.9,)), "1 values of the path integral"),
        ((*FIRST_TASK, *SECOND_TASK), Scored(10, 2, WHOLE, (0.9,) * 3), "before it begins"),
        ((STARTED, MEASURED), MEASURED, "a second time"),
        (
            (*FIRST_TASK, path(1, 4, 0.0, 1.0, 1.0)),
            path(0, 4, 0.0, 1.0, 1.0),
            "path integral of task 1 after a later task",
        ),
        (FIRST_TASK, RunForked(0.0, 4, "calm-otter", 1), "a fork at the end of task 2, but 1 have ended"),
        (FIRST_TASK, RunForked(0.0, 3, "calm-otter", None), "a fork at step 3, after step 4"),
        (FIRST_TASK, RunFinished(10, 0.0, 1.0), "1 of 2 tasks"),
        (FIRST_TASK, Warned(2, 4, 0.0, "drowned", "too strong"), "task 3 of 2, before it begins"),
        (FIRST_TASK, TasksPlanned(4, 0.0, TASKS[:1], "planned again"), "1 tasks instead of 2"),
        (FIRST_TASK, TasksPlanned(4, 0.0, (OPEN, OPEN), "planned again"), "has ended has no number of steps"),
        ((open_run(OPEN),), TaskEnded(0, 0, 0.0), "task 1 ends without a step"),
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
        told(STARTED, *[Noted(0, 0.0, "paused")] * (MOST + 1))
    with pytest.raises(ValueError, match="too many"):
        told(STARTED, *[Warned(0, 0, 0.0, "drowned", "too strong")] * (MOST + 1))
