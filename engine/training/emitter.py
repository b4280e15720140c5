"""Emits events, and waits while the disk cannot be written."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from engine.record.events import Event, Noted
from engine.record.history import History
from engine.sessions.log import EventLog
from engine.sessions.session import reason
from engine.training.clock import Clock
from engine.training.control import Control
from engine.training.recorder import Recorder
from engine.training.state import RunState

RETRY_SECONDS = 1.0
"""Seconds between attempts to write to a disk that is full or missing."""

T = TypeVar("T")


class Emitter:
    """Puts events into the history and the log."""

    def __init__(self, recorder: Recorder, control: Control, clock: Clock, state: RunState) -> None:
        self._recorder = recorder
        self._control = control
        self._clock = clock
        self._state = state

    @property
    def history(self) -> History:
        return self._recorder.history

    @property
    def log(self) -> EventLog:
        assert self._recorder.log is not None
        return self._recorder.log

    def emit(self, *events: Event) -> None:
        """Puts ``events`` there together: a view that has one of them has all."""
        self.patiently(partial(self._recorder.record, *events), again=self.log.mend)

    def note(self, text: str) -> None:
        self.emit(Noted(self._state.step, time.time(), text))

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
            problem, began, ticking = error, time.monotonic(), self._clock.ticking
        self._clock.pause()
        try:
            while True:
                why = reason(problem)
                self._control.trouble = (
                    f"{why}; training is paused and continues automatically when the disk is writable again"
                )
                stopping = not self._control.wait(RETRY_SECONDS)
                try:
                    done = (again or write)()
                    break
                except OSError as error:
                    problem = error
                if stopping:
                    raise self._recorder.session.unwritable(problem)
        finally:
            self._control.trouble = ""
            if ticking:
                self._clock.start()
        self.note(f"waited {time.monotonic() - began:.0f} s for the disk: {why}")
        return done
