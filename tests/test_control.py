"""Steering a run from another thread: pause, go on, stop, save, pace."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.control import Control, Stopped
from engine.errors import ConfigError, SessionLocked
from engine.runner import EngineThread, train
from engine.session import Session
from tests import runs


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def started(session: Session, pace: float | None) -> EngineThread:
    engine = EngineThread(session, pace)
    engine.start()
    wait_for(lambda: engine.history.step > 0 or not engine.alive)
    return engine


def test_pause_holds_the_run_and_proceed_lets_it_go_on(tmp_path: Path) -> None:
    """And all that is seen meanwhile ends in the same bits as a run that nobody touched."""
    config = runs.tiny("si", batch_size=200)
    session = runs.create(tmp_path, config, "paused")
    engine = started(session, pace=100)
    engine.control.pause()
    wait_for(lambda: engine.control.activity == "paused")
    held = engine.history.step
    time.sleep(0.1)
    assert engine.history.step == held
    assert engine.history.curve.length == held
    assert 0 < held < engine.history.total_steps
    engine.control.proceed()
    assert engine.join(20)
    assert engine.error is None
    assert engine.history.state == "finished"
    runs.assert_same_run(session, runs.finished(tmp_path, config, "whole"))


def test_time_in_a_pause_is_not_training_time(tmp_path: Path) -> None:
    engine = started(runs.create(tmp_path, runs.tiny("si")), pace=50)
    engine.control.pause()
    wait_for(lambda: engine.control.activity == "paused")
    time.sleep(1.0)
    engine.control.set_pace(None)
    engine.control.proceed()
    assert engine.join(20)
    assert engine.history.elapsed < 1.0


def test_stop_ends_at_the_next_step_and_saves(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    engine = started(session, pace=20)
    engine.control.stop()
    assert engine.join(20)
    assert engine.history.state == "stopped"
    assert 0 < engine.history.step < engine.history.total_steps
    assert runs.newest(session)[1].step == engine.history.step == engine.history.saved_step


def test_stop_wakes_a_run_that_is_paused_or_very_slow(tmp_path: Path) -> None:
    for name, pause in (("paused", True), ("slow", False)):
        engine = started(runs.create(tmp_path, runs.tiny("si"), name), pace=0.01)
        if pause:
            engine.control.pause()
        engine.control.stop()
        assert engine.join(10), name
        assert engine.history.state == "stopped"


def test_save_writes_a_checkpoint_now_also_in_a_pause(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    engine = started(session, pace=0.01)
    engine.control.save()
    wait_for(lambda: engine.history.saved_step is not None)
    engine.control.pause()
    wait_for(lambda: engine.control.activity == "paused")
    for path in session.checkpoints():
        path.unlink()
    engine.control.save()
    wait_for(lambda: bool(session.checkpoints()))
    wait_for(lambda: engine.control.activity == "paused")
    assert engine.control.paused
    engine.control.stop()
    assert engine.join(10)


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
    assert engine.join(10)
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
    assert control.take_save_request()
    assert not control.attention
    assert not control.take_save_request()
    control.set_pace(10)
    assert control.attention
    control.set_pace(None)
    assert not control.attention
    control.stop()
    assert control.attention


def test_an_engine_thread_keeps_its_error_and_dies_quietly(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    with session.locked():
        engine = EngineThread(session)
        engine.start()
        assert engine.join(20)
    assert isinstance(engine.error, SessionLocked)


def test_a_thread_that_never_began_has_nothing_to_wait_for(tmp_path: Path) -> None:
    engine = EngineThread(runs.create(tmp_path, runs.tiny("si")))
    assert engine.join(0)
    assert engine.history.state == "loading"
