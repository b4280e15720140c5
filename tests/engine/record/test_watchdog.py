"""The watchdog speaks where something is wrong, and only there."""

import contextlib
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.catalog.methods import METHODS
from engine.errors import NumericsError
from engine.record.alarm import Alarm, Cure
from engine.record.events import (
    PROBE,
    ImportanceMeasured,
    LayerHistogram,
    RunForked,
    RunStarted,
    Scored,
    StepsTaken,
    StrengthChanged,
    TaskInfo,
    TaskStarted,
    Warned,
)
from engine.record.history import History
from engine.record.series import Series
from engine.record.watchdog import alarms, caution, warnings
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from tests import runs
from tests.told import curve, ended, probed

STEPS = 400
LOST, LEARNED = [0.6] * 200, [0.1] * 200
STUCK, RISING = [0.5] * 6, [0.5, 0.5, 0.6, 0.7, 0.8, 0.85]


def after_tasks(*accuracies: float, importances: tuple[float, ...] = (), begin: float = 0.1) -> History:
    """At the start of a task, with one task ended for each of ``accuracies`` on itself."""
    tasks = (*(TaskInfo(f"task {number}", STEPS, 2) for number in range(len(accuracies) + 1)),)
    history = History().apply(RunStarted(0.0, tasks, "cpu", 10, {})).apply(TaskStarted(0, 0))
    for task in range(len(accuracies)):
        history = in_training(history, [begin] * STEPS, [0.01 if task else 0.0] * STEPS)
        if importances:
            layers = (LayerHistogram("fc1.weight", 100, 10, importances[task], (90,)),)
            history = history.apply(ImportanceMeasured(task, history.step, False, 1e-8, 1.0, layers))
        history = history.after(ended(task, history.step, 1.0, accuracies[: task + 1]))
        history = history.apply(TaskStarted(task + 1, history.step))
    return history


def kept(history: History) -> tuple[float, ...]:
    """The accuracies of the tasks that have ended, as they were learned."""
    return tuple(row[-1] for row in history.matrix)


def in_training(history: History, losses: list[float], penalties: list[float], looks: list[float] = STUCK) -> History:
    """Some steps further in the present task, with ``looks`` at its accuracy evenly among them."""
    taken, done = len(losses) // len(looks), 0
    for number, look in enumerate(looks):
        until = len(losses) if number == len(looks) - 1 else done + taken
        step = history.step + until - done
        history = history.apply(StepsTaken(step, 1.0, tuple(losses[done:until]), tuple(penalties[done:until])))
        history = history.after(probed(history.task, step, (*kept(history), look)))
        done = until
    return history


def in_second_task(losses: list[float], penalty: float, looks: list[float] = STUCK, first: float = 1.0) -> History:
    return in_training(after_tasks(first), losses, [penalty] * len(losses), looks)


def config(method: str = "si", **settings: object) -> RunConfig:
    return resolve({"method": method, **settings})


def only(history: History, settings: RunConfig) -> Alarm:
    (alarm,) = alarms(history, settings)
    assert warnings(history, settings) == (f"{alarm.what}: {alarm.cause}; {alarm.remedy}",) == (alarm.text,)
    return alarm


# What was learned is lost


def falling(*looks: float, first: float = 0.9) -> History:
    """In the second task, with these looks at the first."""
    history = after_tasks(first)
    for number, look in enumerate(looks, start=1):
        history = history.apply(StepsTaken(history.step + 10, 1.0, (0.1,) * 10, (0.01,) * 10))
        history = history.after(probed(1, STEPS + 10 * number, (look, 0.9)))
    return history


def test_a_task_that_lost_half_of_what_it_had_gained_is_forgotten() -> None:
    """Over guessing: from 90 % to below 70 % of two classes; not in a dip at the start of the next task."""
    alarm = only(falling(0.69, 0.2, 0.42), config(scenario="domain", strength=2.0))
    assert (alarm.name, alarm.task) == ("forgot", 0)
    assert alarm.what == "task 1 is forgotten in task 2 (90.0 % → 42.0 %, below chance)"
    assert "c = 2 is too low" in alarm.cause
    assert alarm.cures == (Cure("si", 20.0, fork=0), Cure("si", 20.0))
    settings = config(scenario="domain")
    for recovering in ((0.69, 0.2), (0.71, 0.2, 0.2), (0.2, 0.2, 0.2, 0.72)):
        assert alarms(falling(*recovering), settings) == ()
    assert alarms(falling(0.5, 0.5, 0.5, first=0.65), settings) == (), "it was barely learned"
    assert "fork at the end of task 1 with method si" in only(falling(0.2, 0.2, 0.2), config("none")).text
    assert only(falling(0.2, 0.2, 0.2), config("none", scenario="class")).cures == (Cure("replay", None, fork=0),)
    assert alarms(falling(0.2, 0.2, 0.2), config("joint")) == ()


def test_a_fork_begins_where_the_task_was_good_for_the_last_time() -> None:
    history = after_tasks(0.9, 0.9, 0.9)
    rows = ((0.9,), (0.8, 0.9), (0.3, 0.9, 0.9))
    alarm = only(replace(history, matrix=rows, probed=rows), config(scenario="domain", strength=1.0))
    assert alarm.task == 0
    assert alarm.cures[0] == Cure("si", 10.0, fork=1)
    finished = replace(history, matrix=rows, probed=rows, state="finished", task=3, tasks=history.tasks[:3])
    assert only(finished, config(scenario="domain", strength=1.0)).cures == (Cure("si", 10.0, fork=1),)


# The penalty is exactly zero


def test_a_penalty_of_exactly_zero_in_the_second_task_is_named() -> None:
    history = in_second_task(LEARNED, 0.0)
    alarm = only(history, config())
    assert alarm.name == "no-penalty"
    assert "exactly zero in task 2" in alarm.what
    assert "no importance was gathered" in alarm.cause
    assert alarms(history, config("none")) == ()


def test_the_first_steps_of_a_task_may_have_no_penalty() -> None:
    """At the anchor every penalty is zero."""
    assert alarms(in_second_task([0.1] * 90, 0.0), config()) == ()
    moved = in_training(after_tasks(1.0), [0.1] * 90 + LEARNED, [0.0] * 90 + [1e-9] * 200, [0.9] * 6)
    assert alarms(moved, config()) == ()


def test_a_zero_penalty_beside_an_importance_means_that_no_weight_moves() -> None:
    history = in_training(after_tasks(1.0, importances=(1.0,)), LEARNED, [0.0] * 200)
    assert "no important weight has moved" in only(history, config()).cause
    running = ImportanceMeasured(1, history.step, True, 1e-8, 1.0, history.importances[0].layers)
    assert (
        "no importance was gathered" in only(replace(history, importance=running, importances=Series()), config()).cause
    )


def test_a_fork_and_leave_alone_explain_a_zero_penalty() -> None:
    history = in_second_task(LEARNED, 0.0)
    assert "leave_alone" in only(history, config(leave_alone=("*",))).remedy
    forked = replace(history, forked=RunForked(0.0, STEPS, "parent", 0))
    assert "the parent gathered none" in only(forked, config()).remedy


def test_the_strength_of_now_decides_whether_there_should_be_a_penalty() -> None:
    history = in_second_task(LEARNED, 0.0)
    off = history.apply(StrengthChanged(history.step, 0.0, 1.0, 0.0))
    assert alarms(off, config()) == (), "switched off on purpose"
    assert alarms(history, config(strength=0.0)) == ()
    assert "fine-tuning" in caution(config(strength=0.0))
    on = off.apply(StrengthChanged(history.step, 0.0, 0.0, 1.0))
    assert alarms(on, config()) == (), "no step has been taken with it"
    assert only(in_training(on, LEARNED[:150], [0.0] * 150), config()).name == "no-penalty"


def test_a_normalisation_of_pixels_up_to_255_is_told_before_the_run() -> None:
    assert caution(config(normalize=(0.1307, 0.3081))) == ""
    assert "for pixels of 0 to 255, write 0.1307,0.3081" in caution(config(normalize=(33.3285, 78.5655)))


def test_a_choice_on_the_test_set_is_told_before_the_run() -> None:
    assert "on its test set" in caution(config(keep="best"))
    assert caution(config(keep="best", validation=0.1)) == caution(config()) == ""


# The penalty keeps the task from being learned


@pytest.mark.parametrize("penalty", [1e-6, 100.0])
def test_a_strength_that_is_too_high_shows_in_what_is_learned(penalty: float) -> None:
    """A penalty that wins keeps the weights at the anchor, where it is nearly zero."""
    alarm = only(in_second_task(LOST, penalty), config(strength=30.0))
    assert alarm.name == "drowned"
    assert "task 2 is barely learned (accuracy 50 %, task 1 reached 100 %)" in alarm.what
    assert "c = 30 is too high" in alarm.cause
    assert alarm.remedy == "try a tenth, 3"


def test_no_penalty_is_too_large_while_the_task_is_learned() -> None:
    """As with EWC's λ of 1e8 in van de Ven's class scenario: 60 times the loss for a while."""
    assert alarms(in_second_task([2.2] * 200, 126.0, RISING), config()) == ()
    assert alarms(in_second_task([0.001] * 200, 1.0, [0.9] * 6), config()) == ()
    falling = [0.6 - 0.002 * step for step in range(200)]
    assert alarms(in_second_task(falling, 1.0), config()) == ()


def test_a_task_gets_time_to_learn() -> None:
    assert alarms(in_second_task([0.6] * 99, 1.0), config()) == ()
    slow = in_second_task([0.6] * 120, 1.0)
    assert alarms(slow, config()) != ()
    longer = tuple(replace(task, steps=task.steps if number == 0 else 10_000) for number, task in enumerate(slow.tasks))
    assert alarms(replace(slow, tasks=longer), config()) == ()


def test_the_penalty_is_not_blamed_where_the_first_task_was_not_learned_either() -> None:
    assert only(in_second_task([0.7] * 200, 1.0, first=0.5), config()).name == "no-learning"


def test_an_alarm_stays_until_the_next_task_can_be_judged() -> None:
    history = in_second_task([0.6] * STEPS, 1.0)
    tasks = (*history.tasks, history.tasks[0])
    history = replace(history, tasks=tasks).after(ended(1, history.step, 1.0, (1.0, 0.5)))
    assert only(history, config()).name == "drowned"
    history = in_training(history.apply(TaskStarted(2, history.step)), [0.6] * 90, [1.0] * 90)
    assert "task 2 is barely learned" in only(history, config()).what
    assert alarms(in_training(history, LEARNED, [1.0] * 200, [0.9] * 6), config()) == ()


def test_another_strength_is_judged_by_its_own_steps() -> None:
    history = in_second_task(LOST, 1.0)
    history = history.apply(StrengthChanged(history.step, 0.0, 1.0, 0.5))
    assert alarms(history, config()) == ()
    assert "c = 0.5 is too high" in only(in_training(history, LOST[:150], [1.0] * 150), config()).cause
    assert alarms(in_training(history, LEARNED[:150], [1.0] * 150, [0.9] * 6), config()) == ()


# The importance is saturated


def test_importance_that_grew_until_nothing_is_learned_is_saturated() -> None:
    history = in_training(after_tasks(1.0, 0.95, 0.9, importances=(1.0, 2.0, 3.0)), LOST, [1.0] * 200)
    alarm = only(history, config())
    assert alarm.name == "saturated"
    assert "3-fold since task 1" in alarm.cause
    assert "hidden layers" in alarm.remedy


@pytest.mark.parametrize(
    ("accuracies", "importances"),
    [((1.0, 0.95, 0.9), (1.0, 1.0, 1.0)), ((1.0, 0.5, 0.5), (1.0, 2.0, 3.0))],
    ids=["it does not grow", "it was too much from the start"],
)
def test_else_it_is_the_strength(accuracies: tuple[float, ...], importances: tuple[float, ...]) -> None:
    history = in_training(after_tasks(*accuracies, importances=importances), LOST, [1.0] * 200)
    assert only(history, config()).name == "drowned"


def test_less_accuracy_from_task_to_task_is_no_alarm_yet() -> None:
    history = after_tasks(1.0, 0.9, 0.8, importances=(1.0, 2.0, 3.0))
    assert alarms(in_training(history, [0.5] * 200, [1.0] * 200, [0.75] * 6), config()) == ()


# Nothing is learned


def test_a_loss_that_stays_where_guessing_is_tells_of_the_learning_rate() -> None:
    start = after_tasks()
    alarm = only(in_training(start, [0.69] * 200, [0.0] * 200), config(lr=1e-9))
    assert alarm.name == "no-learning"
    assert "1e-9, is too low" in alarm.cause
    far_off = in_training(start, [500.0] * 100 + [0.7] * 100, [0.0] * 200)
    assert "is too high" in only(far_off, config(lr=10.0)).cause
    assert alarms(in_training(start, [0.66] * 200, [0.0] * 200), config()) == ()
    assert alarms(in_training(start, [0.69] * 200, [0.0] * 200, [0.8] * 6), config()) == ()


def test_a_first_step_that_overshot_excuses_the_penalty() -> None:
    history = in_training(after_tasks(1.0, begin=50.0), [0.7] * 200, [1.0] * 200)
    assert "is too high: the weights diverge" in only(history, config(lr=1.0)).cause


def test_a_task_of_one_class_is_learned_from_the_start() -> None:
    history = in_second_task([0.0] * 200, 1.0, [1.0] * 6)
    alone = replace(history, tasks=tuple(replace(task, classes=1) for task in history.tasks))
    assert alarms(alone, config()) == ()
    still = replace(alone, curve=curve([0.0] * alone.step, [0.0] * alone.step))
    assert "with a single class" in only(still, config()).cause


def test_in_the_class_scenario_one_guesses_among_all_classes_so_far() -> None:
    settled = in_training(after_tasks(1.0), [1.0] * 200, [0.0] * 200, [0.4] * 6)
    assert alarms(settled, config("joint", scenario="class")) == ()
    assert only(settled, config("joint")).name == "no-learning"


# The weights diverge


def test_a_loss_far_above_guessing_is_named_with_its_cause_also_in_a_short_task() -> None:
    start = after_tasks(1.0)
    alarm = only(in_training(start, [1e18] * 100, [0.0] * 100), config("none", lr=900.0))
    assert alarm.name == "diverging"
    assert alarm.what == "the weights diverge in task 2 (loss 1e+18 after 100 steps; guessing gives 0.693)"
    assert alarm.cause == "the learning rate, 900, is too high"
    assert alarm.remedy == "start again with a tenth of the learning rate"
    pulled = only(in_training(start, [1e9] * 100, [1e12] * 100), config(strength=1e6))
    assert pulled.cause == "strength 1e6 times learning rate 0.001 is too high"
    assert pulled.remedy == "start again with a tenth of the strength"


@pytest.mark.parametrize(
    "losses",
    [
        [6.0] * 100,
        [1e6] * 50 + [0.5] * 50,
        [1e6] * 95 + [0.5] * 5,
        [0.5] * 95 + [1e6] * 5,
    ],
    ids=["below ten times guessing", "early", "falling at last", "a few last steps"],
)
def test_a_loss_that_was_only_briefly_high_does_not_diverge(losses: list[float]) -> None:
    settled = in_training(after_tasks(1.0), losses, [0.0] * 100, [0.9] * 6)
    assert "diverging" not in {alarm.name for alarm in alarms(settled, config("none"))}


def test_new_classes_that_a_strong_penalty_keeps_from_being_learned_do_not_diverge() -> None:
    history = in_second_task([20.0] * 200, 0.01)
    assert "diverging" not in {alarm.name for alarm in alarms(history, config(strength=30.0, scenario="class"))}
    assert only(in_second_task([20.0] * 200, 0.0), config("none", scenario="class")).name == "diverging"


# Not finite


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_named_alone_with_its_step(bad: float) -> None:
    history = in_training(after_tasks(1.0), [0.6] * 149 + [bad], [0.0] * 150)
    alarm = only(history, config())
    assert alarm.name == "not-finite"
    assert alarm.what == f"the loss became {bad} at step 550, in task 2"
    assert "the learning rate is too high" in alarm.cause
    history = in_training(after_tasks(1.0), [0.6] * 150, [0.1] * 120 + [bad] * 30)
    alarm = only(history, config())
    assert alarm.what == f"the penalty became {bad} at step 521, in task 2"
    assert "tenth of the strength" in alarm.remedy


# Real runs


def replayed(folder: Path, settings: RunConfig) -> list[tuple[Alarm, ...]]:
    """What is said after each event of a run, however it ends: each alarm is told by one event."""
    session = Session.create(folder, "run", settings)
    with contextlib.suppress(NumericsError):
        train(session, Control())
    history, said = History(), []
    for event in session.events():
        history = history.apply(event)
        said.append(alarms(history, settings))
        assert all(len(textwrap.wrap(f"⚠ {alarm.text}", 78)) <= 3 for alarm in said[-1])
    told = [(warned.name, warned.task) for warned in history.warnings]
    assert sorted(told) == sorted({(alarm.name, alarm.task) for found in said for alarm in found})
    return said


@pytest.mark.parametrize("method", METHODS)
def test_no_false_alarm_in_the_default_run(method: str, tmp_path: Path) -> None:
    assert set(replayed(tmp_path, config(method, tasks=3, epochs=20))) == {()}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("drowned", {"method": "l2", "strength": 3000.0}),
        ("drowned", {"method": "mas", "strength": 1e4, "benchmark": "permuted-digits", "hidden": (20,)}),
        ("saturated", {"method": "si", "strength": 30.0, "benchmark": "permuted-digits", "hidden": (20,), "tasks": 3}),
        ("no-penalty", {"method": "ewc", "leave_alone": ("*",)}),
        ("forgot", {"method": "none", "scenario": "domain"}),
        ("forgot", {"method": "si", "strength": 1e-9, "scenario": "class"}),
        ("no-learning", {"method": "si", "lr": 1e-9}),
        ("no-learning", {"method": "none", "optimizer": "sgd", "lr": 10.0}),
        ("diverging", {"method": "si", "lr": 900.0, "epochs": None, "steps": 60}),
        ("diverging", {"method": "none", "lr": 900.0, "epochs": None, "steps": 60, "scenario": "class"}),
        ("not-finite", {"method": "none", "optimizer": "sgd", "lr": 1000.0, "tasks": 5}),
        ("not-finite", {"method": "ewc", "optimizer": "sgd", "lr": 0.1, "strength": 1e9}),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(f"{key}={of}" for key, of in value.items()),
)
def test_a_bad_run_sets_off_its_alarm(name: str, settings: dict[str, object], tmp_path: Path) -> None:
    said = replayed(tmp_path, resolve({"tasks": 2, "epochs": 10, **settings}))
    assert {alarm.name for found in said for alarm in found} == {name}
    assert said[-1], "and it still sounds at the end"


DROWNED = resolve({"method": "l2", "strength": 3000.0, "tasks": 3, "epochs": 10})
"""Warns in tasks 2 and 3, of 368 steps in all or more."""


def told(session: Session) -> list[tuple[object, ...]]:
    """All warnings, but for the time."""
    return [(each.task, each.step, each.name, each.text) for each in session.history().warnings]


def test_a_resumed_run_neither_repeats_nor_loses_a_warning(tmp_path: Path) -> None:
    whole = runs.finished(tmp_path, DROWNED, "whole")
    assert [each[0] for each in told(whole)] == [1, 2]
    first = whole.history().warnings[0].step
    for name, kill, save in (("before", first + 1, first - 1), ("after", first + 9, first + 1)):
        session = runs.create(tmp_path, DROWNED, name)
        runs.killed(session, kill, saves=[save])
        assert [each[1] for each in told(session)] == [first]
        assert train(session, Control()).state == "finished"
        assert told(session) == told(whole), f"saved at step {save}, killed at {kill}"


def test_a_fork_has_the_warnings_of_the_past_it_shares(tmp_path: Path) -> None:
    parent = runs.finished(tmp_path, DROWNED, "parent")
    made = fork(parent, 1, "fork", {"strength": 0.3})
    assert told(made) == told(parent)[:1]
    assert train(made, Control()).state == "finished"
    assert told(made) == told(parent)[:1]


def test_a_session_from_before_warnings_were_events_has_those_that_stand_at_its_end() -> None:
    history = in_second_task(LOST, 1.0)
    assert history.warnings == ()
    (text,) = warnings(history, config(strength=30.0))
    assert text.startswith("task 2 is barely learned")
    warned = Warned(1, history.step, 0.0, "drowned", text)
    assert warnings(history.apply(warned), config(strength=30.0)) == (f"{text} (at step 600)",)
    later = history.apply(warned).apply(replace(warned, name="no-penalty", text="another"))
    assert warnings(later, config(strength=30.0)) == (f"{text} (at step 600)", "another (at step 600)")


def test_no_judgement_changes_between_two_looks() -> None:
    """So that what the screen says is in the log."""
    history = in_second_task(LOST, 1.0)
    known = alarms(history, config(strength=30.0))
    falling = history.apply(StepsTaken(history.step + 150, 2.0, (0.01,) * 150, (1.0,) * 150))
    assert alarms(falling, config(strength=30.0)) == known != ()
    assert alarms(falling.after(probed(1, falling.step, (1.0, 0.9))), config(strength=30.0)) == ()


def test_a_judgement_takes_no_longer_in_a_long_run() -> None:
    """A million steps, a hundred tasks: far below a millisecond, ten times a second."""
    tasks, steps = 100, 10_000
    infos = tuple(TaskInfo(f"task {number}", steps, 2) for number in range(tasks))
    looks = Series(Scored(500 * (k + 1), k // 20, PROBE, (0.5,) * (k // 20 + 1)) for k in range(20 * tasks))
    length = tasks * steps
    known = History(
        state="training",
        tasks=infos,
        task=tasks - 1,
        step=length,
        matrix=tuple((1.0,) * (number + 1) for number in range(tasks - 1)),
        scores={PROBE: looks},
        curve=curve([0.6] * length, [1.0] * length),
    )
    settings, took = config(), []
    for _ in range(50):
        history = replace(known)
        began = time.thread_time()
        assert alarms(history, settings)[0].name == "drowned"
        took.append(time.thread_time() - began)
    assert min(took) < 1e-3
