"""A recorder for which training never waits: a full or missing disk must not stop somebody's own program."""

import time
import warnings
from collections.abc import Callable
from typing import TypeVar

from engine.record.events import Event
from engine.sessions.session import Session, reason
from engine.training.control import Control
from engine.training.recorder import RETRY_SECONDS, Recorder

T = TypeVar("T")


class LoopRecorder(Recorder):
    """Keeps in memory what cannot be written, says so once as a Python warning, and writes it when the disk can."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, Control())
        self.trouble = ""
        """Why the disk cannot be written; empty while it can."""
        self._held: list[Event] = []
        self._retry = 0.0

    def emit(self, *events: Event) -> None:
        self.history = self.history.after(events)
        self._held += events
        if not self.trouble or time.monotonic() >= self._retry:
            self.attempt(self._write)

    def attempt(self, write: Callable[[], T]) -> T | None:
        """The result of ``write``; None if the disk fails, which is told."""
        try:
            return write()
        except OSError as error:
            self.failed(error)
            return None

    def failed(self, error: OSError) -> None:
        self._retry = time.monotonic() + RETRY_SECONDS
        if not self.trouble:
            self.trouble = reason(error)
            warnings.warn(
                f"session {self.session.name} cannot be written: {self.trouble}; training continues, and what is "
                f"recorded waits in memory until the disk can be written again",
                stacklevel=2,
            )

    def _write(self) -> None:
        if self.trouble:
            self.log.mend()
        held, self._held = self._held, []
        self.log.append(*held)  # the log keeps what it could not write
        self.trouble = ""

    def flush(self) -> bool:
        """Writes and syncs all that was recorded; whether the disk has it."""

        def write() -> bool:
            self._write()
            self.log.sync()
            return True

        return bool(self.attempt(write))
