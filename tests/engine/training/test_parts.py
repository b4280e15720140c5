"""What the parts of the trainer promise each other: orders of doing that no result shows until something fails."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import SessionError
from engine.methods.rwalk import RiemannianWalk
from engine.record.events import (
    CONFLICT,
    DISTANCE,
    GRADIENT_NORM,
    HELD,
    PATH,
    PULLED,
    TIMES,
    Event,
    ImportanceMeasured,
    Measured,
    Packed,
    RunStarted,
    Saved,
    StepsTaken,
)
from engine.sessions import checkpoint
from engine.sessions.log import EventLog
from engine.training.checkpoint_writer import CheckpointWriter
from engine.training.control import Control
from engine.training.recorder import Recorder
from engine.training.runner import train
from engine.training.state import RunState
from engine.training.trainer import Trainer
from tests import runs


def test_the_log_is_on_the_disk_before_a_checkpoint_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    synced = 0
    sync, write = EventLog.sync, checkpoint.write

    def noted_sync(log: EventLog) -> None:
        nonlocal synced
        sync(log)
        synced = session.events_path.stat().st_size

    def checked_write(path: Path, tensors: Any, cursor: checkpoint.Cursor) -> None:
        assert 0 < cursor.log_length <= synced
        written.append(cursor.step)
        write(path, tensors, cursor)

    written: list[int] = []
    monkeypatch.setattr(EventLog, "sync", noted_sync)
    monkeypatch.setattr(checkpoint, "write", checked_write)
    train(session, runs.KillAt(10**6, saves=range(1, 9)))
    assert len(written) >= 8


def test_a_snapshot_waits_for_the_writer_whose_memory_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = RunState.snapshot

    def checked(state: RunState, earlier: Any) -> Any:
        assert not any(isinstance(thread, CheckpointWriter) for thread in threading.enumerate())
        taken.append(state.step)
        return real(state, earlier)

    taken: list[int] = []
    monkeypatch.setattr(RunState, "snapshot", checked)
    monkeypatch.setattr("engine.training.checkpointing.CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("engine.training.checkpointing.seconds_to_next", lambda held_up, took: 0.0)
    monkeypatch.setattr("engine.training.reporting.REPORT_SECONDS", 0.0)
    train(runs.create(tmp_path, runs.tiny("si")), Control(pace=50))
    assert len(taken) >= 3


def test_what_is_said_of_a_step_comes_after_the_report_of_that_step(tmp_path: Path) -> None:
    """Probes, evaluations, changes of the strength and of the plan."""

    def intervene(control: Control) -> None:
        control.set_strength(5.0)
        control.evaluate()
        control.save()
        control.end_task(1)

    session = runs.create(tmp_path, runs.tiny("si", keep="best", epochs=20))
    assert train(session, runs.AtStep(57, intervene)).state == "finished"
    reported, said = 0, set()
    for event in session.readable(0)[0]:
        if isinstance(event, StepsTaken):
            reported = event.step
        elif not isinstance(event, RunStarted | ImportanceMeasured | Saved) and not (
            isinstance(event, Measured | Packed)
            and event.name in (PATH, HELD, PULLED, GRADIENT_NORM, TIMES, DISTANCE, CONFLICT)
        ):
            assert event.step == reported
            said.add(event.event)
    assert {"scored", "measured", "strength", "planned", "task-ended"} <= said


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """A recorder whose run has started."""
    monkeypatch.setattr("engine.training.recorder.RETRY_SECONDS", 0.001)
    trainer = Trainer(Recorder(runs.create(tmp_path, runs.tiny("si")), Control()))
    trainer.begin()
    yield trainer.recorder
    trainer.recorder.close()


def test_an_event_is_in_the_history_before_the_log_is_written(
    started: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A screen shows what a full disk cannot keep."""

    def full(log: EventLog, *events: Event) -> None:
        assert list(started.history.notes)[-1:] == list(events)
        seen.extend(events)
        append(log, *events)

    append, seen = EventLog.append, list[Event]()
    monkeypatch.setattr(EventLog, "append", full)
    started.note("here")
    assert len(seen) == 1


def test_the_clock_stands_while_training_waits_for_the_disk(started: Recorder) -> None:
    ticked: list[bool] = []

    def write() -> str:
        ticked.append(started.clock.ticking)
        if len(ticked) < 3:
            raise OSError("no space")
        assert started.control.trouble
        return "written"

    assert started.patiently(write) == "written"
    assert ticked == [True, False, False]
    assert started.clock.ticking
    assert started.control.trouble == ""
    assert started.history.notes[-1].text.startswith("waited 0 s for the disk: ")


def test_a_stop_while_training_waits_tries_once_more(started: Recorder) -> None:
    started.control.stop()
    tries: list[str] = []

    def write() -> None:
        tries.append("write")
        raise OSError("no space")

    def again() -> None:
        tries.append("again")
        raise OSError("still none")

    with pytest.raises(SessionError):
        started.patiently(write, again)
    assert tries == ["write", "again"]


def test_rwalk_counts_its_steps_on_the_cpu() -> None:
    """Else each step would wait for the device."""
    rwalk = RiemannianWalk(runs.tiny("rwalk"))
    rwalk.start(torch.zeros(3, device="meta"))
    assert rwalk.state.fisher.device.type == "meta"
    assert rwalk.state.steps.device.type == "cpu"
