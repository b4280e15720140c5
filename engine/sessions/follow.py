"""Reads a session's events while another process writes them. Writes nothing, not even the lock. Imports no torch."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.disk import open_plain
from engine.errors import first_line
from engine.record.events import Event
from engine.sessions import log as event_log
from engine.sessions.log import Lines
from engine.sessions.session import Session

PORTION = 1 << 16
"""Bytes read at once: about a millisecond of work, so that the reading thread does not hold up the screen."""
_TAIL = 1 << 12
"""Bytes compared before the offset, to distinguish a log that was cut and grew again from one that only grew."""


@dataclass(frozen=True)
class Portion:
    """The next events of a log: those in its bytes from ``start`` to ``end``."""

    events: Sequence[Event]
    start: int
    end: int
    from_start: bool = False
    """A resume cut the log: discard what was read before; these are the first events again."""


class Follower:
    """Reads ``session``'s log in portions. An incomplete last line is read again until it is complete."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.read = 0
        """Bytes of complete lines read so far."""
        self.size = 0
        """Size of the log in bytes at the last poll."""
        self._number = 0
        self._lines = Lines(session.began)
        self._tail = b""
        self._written: float | None = None
        """Modification time of the log, by the clock of the machine that stores it."""
        self._opened = time.monotonic()
        self._grown: float | None = None
        """When a poll last saw the log change, by this machine's clock."""

    def poll(self) -> Portion:
        """The complete lines in the next PORTION bytes; no events if there is nothing new.

        Raises SessionDamaged, naming the line, after all events before it were returned; the next poll tries again.
        """
        path = self.session.events_path
        try:
            with open_plain(path) as file:
                self._look_at(os.fstat(file.fileno()))
                file.seek(self.read - len(self._tail))
                data = file.read(len(self._tail) + PORTION)
                if from_start := not data.startswith(self._tail):
                    self.read, self._number, self._tail = 0, 0, b""
                    self._lines = Lines(self.session.began)
                    file.seek(0)
                    data = file.read(PORTION)
                data = data[len(self._tail) :]
                while b"\n" not in data and len(data) < event_log.LONGEST_LINE and (more := file.read(PORTION)):
                    data += more
        except OSError as error:
            raise self.session.damaged_log(f"it cannot be read: {error.strerror}") from None
        start = self.read
        events: list[Event] = []
        try:
            for line in data.splitlines(keepends=True):
                if line.endswith(b"\n"):
                    events += self._lines.events(line, self.read)
                    self.read += len(line)
                    self._number += 1
                elif len(line) >= event_log.LONGEST_LINE:
                    raise ValueError(event_log.TOO_LONG)
        except ValueError as error:
            if not events and not from_start:
                raise self.session.damaged_log(first_line(error), self._number + 1) from None
        self._tail = (self._tail + data[: self.read - start])[-_TAIL:]
        return Portion(events, start, self.read, from_start)

    def again(self, start: int, end: int) -> list[Event]:
        """The events in bytes ``start`` to ``end``, which one or several successive portions covered.

        Raises SessionDamaged if a resume has cut them off since.
        """
        events: list[Event] = []
        try:
            with open_plain(self.session.events_path) as file:
                file.seek(start)
                while start < end and (line := file.readline(event_log.LONGEST_LINE)):
                    events += self._lines.events(line, start)
                    start += len(line)
        except (OSError, ValueError) as error:
            raise self.session.damaged_log(f"it has changed: {first_line(error)}") from None
        if start != end:
            raise self.session.damaged_log(f"it has changed: it ends after {start:,} bytes")
        return events

    def _look_at(self, status: os.stat_result) -> None:
        if self._written is not None and (status.st_mtime, status.st_size) != (self._written, self.size):
            self._grown = time.monotonic()
        self._written, self.size = status.st_mtime, status.st_size

    @property
    def silence(self) -> float:
        """Seconds since the log was written: by its modification time or since a poll saw it grow, whichever is less.

        The clock of the machine that stores the log may differ; a time in the future is ignored.
        """
        seen = time.monotonic() - (self._opened if self._grown is None else self._grown)
        told = time.time() - self._written if self._written is not None else -1.0
        if told < 0:
            return seen
        return told if self._grown is None else min(told, seen)
