"""The watchdog speaks where something is wrong, and only there."""

from pathlib import Path

import pytest

from engine.config import RunConfig, resolve
from engine.control import Control
from engine.events import RunStarted, StepsTaken, TaskEnded, TaskInfo, TaskStarted
from engine.history import History
from engine.methods import METHODS
from engine.runner import train
from engine.session import Session
from engine.watchdog import warnings

STEPS = 300


def in_second_task(losses: list[float], penalties: list[float]) -> History:
    """A history whose first task went well, and whose second has taken some steps."""
    tasks = (TaskInfo("0 8", STEPS, 2), TaskInfo("1 7", STEPS, 2))
    history = History()
    for event in (
        RunStarted(0.0, tasks, "cpu", 10, {}),
        TaskStarted(0, 0),
        StepsTaken(STEPS, 1.0, (0.1,) * STEPS, (0.0,) * STEPS),
        TaskEnded(0, STEPS, 1.0, (1.0,)),
        TaskStarted(1, STEPS),
        StepsTaken(STEPS + len(losses), 2.0, tuple(losses), tuple(penalties)),
    ):
        history = history.apply(event)
    return history


def config(method: str = "si", **settings: object) -> RunConfig:
    return resolve({"method": method, **settings})


def test_a_penalty_of_exactly_zero_in_the_second_task_is_named() -> None:
    history = in_second_task([0.1] * 150, [0.0] * 150)
    (warning,) = warnings(history, config())
    assert "exactly zero in task 2" in warning
    assert warnings(history, config("none")) == ()


def test_the_first_steps_of_a_task_may_have_no_penalty() -> None:
    """At the anchor every penalty is zero."""
    assert warnings(in_second_task([0.1] * 20, [0.0] * 20), config()) == ()
    assert warnings(in_second_task([0.1] * 150, [0.0] + [1e-9] * 149), config()) == ()


def test_a_penalty_that_drowns_the_loss_is_named() -> None:
    (warning,) = warnings(in_second_task([0.6] * 150, [20.0] * 150), config())
    assert "drowns the loss" in warning
    assert warnings(in_second_task([0.001] * 150, [1.0] * 150), config()) == (), "the task is learned all the same"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_named_first(bad: float) -> None:
    assert warnings(in_second_task([0.1] * 149 + [bad], [0.0] * 150), config())[0].startswith("the loss is")
    assert warnings(in_second_task([0.1] * 150, [0.1] * 149 + [bad]), config())[0].startswith("the penalty is")


def test_strength_zero_is_said_to_be_fine_tuning() -> None:
    assert "fine-tuning" in warnings(in_second_task([0.1], [0.0]), config(strength=0.0))[0]


@pytest.mark.parametrize("method", METHODS)
def test_no_false_alarm_in_the_default_run(method: str, tmp_path: Path) -> None:
    session = Session.create(tmp_path, "run", config(method, tasks=3, epochs=20))
    train(session, Control())
    history = History()
    for event in session.events():
        history = history.apply(event)
        assert warnings(history, session.config) == ()
