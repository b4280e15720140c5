"""Recorder: keeps a run's events in its log and its history, and waits while the disk cannot be written."""

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from engine.record.events import Event, Noted, RunFailed, RunStopped
from engine.record.history import History
from engine.sessions.log import EventLog
from engine.sessions.session import Session, reason
from engine.training.control import Control

RETRY_SECONDS = 1.0
"""Seconds between attempts to write to a disk that is full or missing."""

T = TypeVar("T")


class Clock:
    """Seconds of training, without pauses."""

    def __init__(self) -> None:
        self.elapsed_before = 0.0
        self._since: float | None = None

    @property
    def elapsed(self) -> float:
        running = time.monotonic() - self._since if self._since is not None else 0.0
        return self.elapsed_before + running

    def start(self) -> None:
        self._since = time.monotonic()

    @property
    def ticking(self) -> bool:
        return self._since is not None

    def pause(self) -> None:
        self.elapsed_before = self.elapsed
        self._since = None


class Recorder:
    """The only owner of a run's log and newest History, and of its clock."""

    def __init__(self, session: Session, control: Control) -> None:
        self.session = session
        self.control = control
        self.clock = Clock()
        self.history = History()
        self._log: EventLog | None = None

    @property
    def log(self) -> EventLog:
        assert self._log is not None
        return self._log

    def read(self, length: int) -> None:
        """Reads the history from the log's first ``length`` bytes. Raises SessionDamaged."""
        self.history = self.session.history(length)

    def open(self, length: int) -> None:
        """Opens the log and cuts it to ``length`` bytes, the part that was read. Raises OSError."""
        self._log = EventLog(self.session.events_path, length, self.session.format_at(length))

    def emit(self, *events: Event) -> None:
        """Puts ``events`` there together: a view that has one of them has all."""
        self.patiently(partial(self._record, *events), again=self.log.mend)

    def note(self, text: str) -> None:
        self.emit(Noted(self.history.step, time.time(), text))

    def sync(self) -> None:
        """Returns when all events are on the disk."""

        def write() -> None:
            self.log.mend()
            self.log.sync()

        self.patiently(write)

    def patiently(self, write: Callable[[], T], again: Callable[[], T] | None = None) -> T:
        """Returns the result of ``write``. While the disk is full or missing, training waits and tries ``again``.

        Raises SessionError if a stop is requested meanwhile.
        """
        try:
            return write()
        except OSError as error:
            problem, began, ticking = error, time.monotonic(), self.clock.ticking
        self.clock.pause()
        try:
            while True:
                why = reason(problem)
                self.control.trouble = (
                    f"{why}; training is paused and continues automatically when the disk is writable again"
                )
                stopping = not self.control.wait(RETRY_SECONDS)
                try:
                    done = (again or write)()
                    break
                except OSError as error:
                    problem = error
                if stopping:
                    raise self.session.unwritable(problem)
        finally:
            self.control.trouble = ""
            if ticking:
                self.clock.start()
        self.note(f"waited {time.monotonic() - began:.0f} s for the disk: {why}")
        return done

    def _record(self, *events: Event) -> None:
        """Keeps ``events`` in any case. Raises OSError if they could not be written yet; ``log.mend`` then does it."""
        self.history = self.history.after(events)
        self.log.append(*events)

    def note_end(self, event: RunStopped | RunFailed) -> None:
        """Records the end in the history even if the disk is full; nothing after a run has finished."""
        if self.history.state == "finished":
            return
        with contextlib.suppress(OSError):  # only this line is lost; the screen and the exit code report the end too
            if self._log is not None:
                self._log.append(event)
        self.history = self.history.apply(event)

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None
