"""Training without a screen: what it prints, and the signals that end it."""

import errno
import io
import os
import signal
from pathlib import Path

import pytest
from rich.console import Console

import engine.training.recorder
from cl_tui.batch import headless
from engine.sessions.log import EventLog
from tests.runs import create, tiny


def test_a_full_disk_is_told_when_training_begins_to_wait_and_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, refused = EventLog._write, 0

    def full_for_a_while(log: EventLog) -> None:
        nonlocal refused
        if refused < 3:
            refused += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "events.jsonl")
        write(log)

    monkeypatch.setattr(EventLog, "_write", full_for_a_while)
    monkeypatch.setattr(engine.training.recorder, "RETRY_SECONDS", 3 * headless.POLL_SECONDS)
    console = Console(file=io.StringIO(), width=200)
    ended = headless.train(create(tmp_path, tiny()), None, console)
    assert ended.exit_code == 0
    assert refused == 3
    assert isinstance(console.file, io.StringIO)
    told = [line for line in console.file.getvalue().splitlines() if not line.startswith("task")]
    assert len(told) == 2
    assert told[0].startswith("No space left on device: events.jsonl; training is paused")
    assert told[1] == "The disk is writable again: training continues"


def test_a_run_that_is_stopped_while_the_disk_is_full_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is said about training that continues."""

    signals = iter([signal.SIGTERM])

    def full(log: EventLog) -> None:
        for number in signals:
            signal.raise_signal(number)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "events.jsonl")

    monkeypatch.setattr(EventLog, "_write", full)
    console = Console(file=io.StringIO(), width=200)
    ended = headless.train(create(tmp_path, tiny()), None, console)
    assert ended.exit_code == 1
    assert "No space left on device" in ended.message
    assert isinstance(console.file, io.StringIO)
    assert "training continues" not in console.file.getvalue()


def test_signals_that_come_together_are_one_and_a_later_one_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """``timeout`` sends its own twice, and a login that ends sends two kinds: that is no impatience."""
    stopped: list[bool] = []
    with headless.heed_signals(lambda: stopped.append(True), lambda: None):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        monkeypatch.setattr(headless, "TOGETHER_SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert stopped == [True]
