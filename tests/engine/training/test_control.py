"""Steering a run from another thread: pause, go on, stop, save, pace."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ConfigError, SessionLocked
from engine.sessions.session import Session
from engine.training.control import NOTHING, Control, Requests, Stopped
from engine.training.runner import EngineThread, train
from tests import runs
from tests.waiting import PATIENCE_SECONDS, until


def started(session: Session, pace: float | None) -> EngineThread:
    engine = EngineThread(session, pace)
    engine.start()
    until(lambda: engine.history.step > 0 or not engine.alive)
    return engine


def test_pause_holds_the_run_and_proceed_lets_it_go_on(tmp_path: Path) -> None:
    """And all that is seen meanwhile ends in the same bits as a run that nobody touched."""
    config = runs.tiny("si", batch_size=200)
    session = runs.create(tmp_path, config, "paused")
    engine = started(session, pace=100)
    engine.control.pause()
    until(lambda: engine.control.activity == "paused")
    held = engine.history.step
    time.sleep(0.1)
    assert engine.history.step == held
    assert engine.history.curve.length == held
    assert 0 < held < engine.history.total_steps
    engine.control.proceed()
    assert engine.join(PATIENCE_SECONDS)
    assert engine.error is None
    assert engine.history.state == "finished"
    runs.assert_same_run(session, runs.finished(tmp_path, config, "whole"))


def test_time_in_a_pause_is_not_training_time(tmp_path: Path) -> None:
    began = time.monotonic()
    engine = started(runs.create(tmp_path, runs.tiny("si")), pace=50)
    engine.control.pause()
    until(lambda: engine.control.activity == "paused")
    time.sleep(1.0)
    engine.control.set_pace(None)
    engine.control.proceed()
    assert engine.join(PATIENCE_SECONDS)
    assert engine.history.elapsed < time.monotonic() - began - 1.0


def test_stop_ends_at_the_next_step_and_saves(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    engine = started(session, pace=20)
    engine.control.stop()
    assert engine.join(PATIENCE_SECONDS)
    assert engine.history.state == "stopped"
    assert 0 < engine.history.step < engine.history.total_steps
    assert runs.newest(session)[1].step == engine.history.step == engine.history.saved_step


def test_stop_wakes_a_run_that_is_paused_or_very_slow(tmp_path: Path) -> None:
    for name, pause in (("paused", True), ("slow", False)):
        engine = started(runs.create(tmp_path, runs.tiny("si"), name), pace=0.01)
        if pause:
            engine.control.pause()
        engine.control.stop()
        assert engine.join(PATIENCE_SECONDS), name
        assert engine.history.state == "stopped"


def test_save_writes_a_checkpoint_now_also_in_a_pause(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    engine = started(session, pace=0.01)
    engine.control.save()
    until(lambda: engine.history.saved_step is not None)
    engine.control.pause()
    until(lambda: engine.control.activity == "paused")
    for path in session.checkpoints():
        path.unlink()
    engine.control.save()
    until(lambda: bool(session.checkpoints()))
    until(lambda: engine.control.activity == "paused")
    assert engine.control.paused
    engine.control.stop()
    assert engine.join(PATIENCE_SECONDS)


def test_pace_changes_no_number(tmp_path: Path) -> None:
    """Slow motion takes longer and ends in the same bits."""
    config = runs.tiny("si")
    fast = runs.finished(tmp_path, config, "fast")
    session = runs.create(tmp_path, config, "slow")
    began = time.monotonic()
    assert train(session, Control(pace=20)).step == 8
    assert time.monotonic() - began >= 4 / 20  # what is left when the first few may follow at once
    runs.assert_same_run(session, fast)


@pytest.mark.parametrize("pace", [None, 1000.0])
def test_a_new_pace_takes_hold_at_once(pace: float | None, tmp_path: Path) -> None:
    """A hundred seconds a step, then full speed: nobody waits for the step that was due."""
    engine = started(runs.create(tmp_path, runs.tiny("si")), pace=0.01)
    time.sleep(0.05)
    engine.control.set_pace(pace)
    assert engine.join(PATIENCE_SECONDS)
    assert engine.history.state == "finished"


@pytest.mark.parametrize("pace", [0, -1, float("nan"), float("inf"), float("-inf")])
def test_a_pace_that_is_none_is_refused(pace: float) -> None:
    with pytest.raises(ConfigError, match="pace"):
        Control(pace)
    with pytest.raises(ConfigError, match="pace"):
        Control().set_pace(pace)


@pytest.mark.parametrize("pace", [1e-300, 5e-324, 1e-12])
def test_an_absurdly_slow_pace_waits_rather_than_breaks(pace: float) -> None:
    control = Control(pace)
    stopper = threading.Timer(0.05, control.stop)
    stopper.start()
    control.wait_for_pace()
    stopper.join()
    with pytest.raises(Stopped):
        control.check()


def test_the_engine_is_asked_to_look_only_when_there_is_something_to_see() -> None:
    control = Control()
    assert not control.attention
    control.pause()
    assert control.attention
    control.proceed()
    assert not control.attention
    control.save()
    assert control.attention
    assert control.take_requests() == Requests(save=True)
    assert not control.attention
    assert control.take_requests() == NOTHING
    control.set_pace(10)
    assert control.attention
    control.set_pace(None)
    assert control.take_requests() == Requests(pace=True)
    assert not control.attention
    control.stop()
    assert control.attention


def test_an_engine_thread_keeps_its_error_and_dies_quietly(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    with session.locked():
        engine = EngineThread(session)
        engine.start()
        assert engine.join(PATIENCE_SECONDS)
    assert isinstance(engine.error, SessionLocked)


def test_a_thread_that_never_began_has_nothing_to_until(tmp_path: Path) -> None:
    engine = EngineThread(runs.create(tmp_path, runs.tiny("si")))
    assert engine.join(0)
    assert engine.history.state == "loading"


# The strength knob and the other ways to steer


class Turned(Control):
    """Does things when so many steps have been taken since training began or went on."""

    def __init__(self, **at: Callable[[Control], None]) -> None:
        """``step_5=…``: after five steps."""
        super().__init__(pace=1e9)
        self._taken = 0
        self._at = {int(name.removeprefix("step_")): action for name, action in at.items()}

    def take_requests(self) -> Requests:
        self._taken += 1
        if action := self._at.get(self._taken):
            action(self)
        return super().take_requests()


def stronger(control: Control) -> None:
    control.set_strength(123.0)


def test_the_strength_changes_from_the_next_step_on_and_is_logged(tmp_path: Path) -> None:
    """Until then the penalties are those of an untouched run; the next one is in proportion to the new strength."""
    config = runs.tiny("si")
    session = runs.create(tmp_path, config, "turned")
    history = train(session, Turned(step_6=stronger))
    untouched = runs.finished(tmp_path, config, "untouched").history()
    assert [(event.step, event.before, event.strength) for event in history.strengths] == [(6, config.strength, 123.0)]
    assert history.strength(config) == 123.0
    assert (history.curve.penalties()[:6] == untouched.curve.penalties()[:6]).all()
    ratio = history.curve.penalties()[6] / untouched.curve.penalties()[6]
    assert ratio == pytest.approx(123.0 / config.strength, rel=1e-4)
    assert session.history().strengths == history.strengths


@pytest.mark.parametrize("saved", [5, 6, 7])
def test_a_changed_strength_is_repeated_when_the_run_is_killed_and_resumed(tmp_path: Path, saved: int) -> None:
    """Whether the newest checkpoint was written before or after the change: the end is the same to the bit."""
    config = runs.tiny("si")
    undisturbed = runs.create(tmp_path, config, "undisturbed")
    train(undisturbed, Turned(step_6=stronger))

    def kill(control: Control) -> None:
        raise runs.Killed

    session = runs.create(tmp_path, config, "killed")
    steps = {f"step_{saved}": Control.save, "step_6": stronger, "step_8": kill}
    if saved == 6:
        steps["step_6"] = lambda control: (control.save(), stronger(control))[1]
    with pytest.raises(runs.Killed):
        train(session, Turned(**steps))
    assert len(session.history().strengths) == 1
    train(session, Control())
    assert [event.step for event in session.history().strengths] == [6]
    runs.assert_same_run(session, undisturbed)


def end_first(control: Control) -> None:
    control.end_task(0)


def test_a_task_ended_early_ends_there_also_after_a_kill(tmp_path: Path) -> None:
    config = runs.tiny("ewc")
    whole = runs.create(tmp_path, config, "whole")
    history = train(whole, Turned(step_2=end_first))
    assert [task.steps for task in history.tasks] == [2, 4]
    assert history.state == "finished"
    assert history.step == history.total_steps == 6
    assert len(history.matrix) == 2
    assert "task 1 ended at step 2 of 4" in history.plans[0].why

    def kill(control: Control) -> None:
        raise runs.Killed

    session = runs.create(tmp_path, config, "killed")
    steps = {"step_1": Control.save, "step_2": end_first, "step_4": kill}
    with pytest.raises(runs.Killed):
        train(session, Turned(**steps))
    for path in session.checkpoints():
        if path.name != "step-00000001.safetensors":
            path.unlink()
    train(session, Control())
    assert [task.steps for task in session.history().tasks] == [2, 4]
    runs.assert_same_run(session, whole)


def test_evaluating_now_gives_whole_test_sets_and_changes_no_number(tmp_path: Path) -> None:
    config = runs.tiny("si")
    session = runs.create(tmp_path, config, "asked")
    history = train(session, Turned(step_6=Control.evaluate))
    assert [(event.phase, event.step, len(event.whole.row)) for event in history.evaluations] == [(1, 6, 2)]
    runs.assert_same_run(session, runs.finished(tmp_path, config, "untouched"))


def test_a_wish_to_end_a_task_that_has_ended_meanwhile_does_nothing(tmp_path: Path) -> None:
    """As one that is told while the task's importance is measured."""
    history = train(runs.create(tmp_path, runs.tiny("si")), Turned(step_5=end_first))
    assert [task.steps for task in history.tasks] == [4, 4]
    assert history.plans == ()


def test_a_look_at_a_break_is_at_the_tasks_seen_so_far(tmp_path: Path) -> None:
    engine = EngineThread(runs.create(tmp_path, runs.tiny("si")))
    engine.control.set_pause_at_task_end(True)
    engine.start()
    until(lambda: engine.control.activity == "paused")
    assert engine.history.between
    engine.control.evaluate()
    until(lambda: bool(engine.history.evaluations or engine.error))
    assert engine.error is None
    (look,) = engine.history.evaluations
    assert (look.phase, look.whole.row) == (0, engine.history.matrix[0])
    engine.control.proceed()
    assert engine.join(20)
    assert not engine.history.between


def test_a_break_between_tasks_waits_with_the_task_saved(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    engine = EngineThread(session)
    engine.control.set_pause_at_task_end(True)
    engine.start()
    until(lambda: engine.control.activity == "paused")
    assert len(engine.history.matrix) == 1
    assert engine.history.saved_step == engine.history.step == engine.history.starts[1]
    engine.control.proceed()
    assert engine.join(PATIENCE_SECONDS)
    assert [note.text for note in engine.history.notes] == ["a break after each task", "paused", "continued"]
    runs.assert_same_run(session, runs.finished(tmp_path, session.config, "whole"))


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
def test_a_strength_that_cannot_be_is_refused(strength: float) -> None:
    with pytest.raises(ConfigError, match="strength"):
        Control().set_strength(strength)


def test_a_limit_holds_the_run_and_its_clock_until_it_is_raised(tmp_path: Path) -> None:
    config = runs.tiny("si")
    session = runs.create(tmp_path, config)
    engine = EngineThread(session)
    engine.control.set_limit(3)
    engine.start()
    until(lambda: engine.history.step == 3)
    time.sleep(0.3)
    assert engine.history.step == engine.history.curve.length == 3
    engine.control.set_limit(5)
    until(lambda: engine.history.step == 5)
    engine.control.set_limit(None)
    assert engine.join(PATIENCE_SECONDS)
    assert engine.history.state == "finished"
    assert not [note.text for note in engine.history.notes if "paused" in note.text]
    runs.assert_same_run(session, runs.finished(tmp_path, config, "whole"))


def test_a_stop_ends_a_run_that_its_limit_holds(tmp_path: Path) -> None:
    engine = EngineThread(runs.create(tmp_path, runs.tiny("si")))
    engine.control.set_limit(2)
    engine.start()
    until(lambda: engine.history.step == 2)
    engine.control.stop()
    assert engine.join(PATIENCE_SECONDS)
    assert (engine.history.state, engine.history.saved_step) == ("stopped", 2)
