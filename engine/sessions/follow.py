"""Follower: reads a session's events while another process, perhaps on another machine, writes them.

It writes nothing, not even the lock file. Imports no torch.
"""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from engine.disk import open_plain
from engine.errors import first_line
from engine.record.events import Event, Probed, RunFinished, StepsTaken, TaskEnded
from engine.record.history import Curve, History
from engine.sessions import log as event_log
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
    anew: bool = False
    """A resume cut the log: discard what was read before; these are the first events again."""


class Follower:
    """Reads ``session``'s log in portions. An incomplete last line is read again until it is complete."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.read = 0
        """Bytes of complete lines read so far."""
        self.size = 0
        """Size of the log in bytes at the last poll."""
        self._lines = 0
        self._tail = b""
        """The last bytes that were read."""
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
                if anew := not data.startswith(self._tail):
                    self.read, self._lines, self._tail = 0, 0, b""
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
                    events.append(event_log.read(line, self.read, self.session.sums))
                    self.read += len(line)
                    self._lines += 1
                elif len(line) >= event_log.LONGEST_LINE:
                    raise ValueError(event_log.TOO_LONG)
        except ValueError as error:
            if not events and not anew:
                raise self.session.damaged_log(first_line(error), self._lines + 1) from None
        self._tail = (self._tail + data[: self.read - start])[-_TAIL:]
        return Portion(events, start, self.read, anew)

    def again(self, start: int, end: int) -> list[Event]:
        """The events in bytes ``start`` to ``end``, which one or several successive portions covered.

        Raises SessionDamaged if a resume has cut them off since.
        """
        events = []
        try:
            with open_plain(self.session.events_path) as file:
                file.seek(start)
                while start < end and (line := file.readline(event_log.LONGEST_LINE)):
                    events.append(event_log.read(line, start, self.session.sums))
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


def applied(history: History, events: Iterable[Event]) -> History:
    """The history after ``events``: the same as applying each, at a tenth of the cost for many events.

    Step reports and probes, which are nearly all events, are applied together. Raises ValueError like
    ``History.check``.
    """
    steps: list[StepsTaken] = []
    probes: list[Probed] = []
    step = history.step
    for event in events:
        if isinstance(event, StepsTaken):
            history.check(event, step)
            step = event.step
            steps.append(event)
        elif isinstance(event, Probed):
            history.check(event)
            probes.append(event)
        else:
            if isinstance(event, TaskEnded | RunFinished) and steps:  # these also set the seconds of training
                history, steps = _stepped(history, steps), []
            history = history.apply(event)
    if steps:
        history = _stepped(history, steps)
    return replace(history, probes=(*history.probes, *probes)) if probes else history


def _stepped(history: History, reports: Sequence[StepsTaken]) -> History:
    step, elapsed, rate = history.step, history.elapsed, history.rate
    for report in reports:
        seconds = report.elapsed - elapsed
        if seconds > 0:
            now = (report.step - step) / seconds
            rate += (min(1.0, seconds / 2.0) if rate else 1.0) * (now - rate)
        step, elapsed = report.step, report.elapsed
    return replace(history, step=step, elapsed=elapsed, rate=rate, curve=_extended(history.curve, reports))


def _extended(curve: Curve, reports: Sequence[StepsTaken]) -> Curve:
    """``curve`` with several reports; each spreads its seconds evenly over its steps, as in ``Curve.extended``."""
    import numpy as np

    reports = [report for report in reports if report.losses]
    if not reports:
        return curve
    counts = np.array([len(report.losses) for report in reports])
    losses = list(chain.from_iterable(report.losses for report in reports))
    penalties = list(chain.from_iterable(report.penalties for report in reports))
    began = float(curve.seconds(curve.length - 1)[0]) if curve.length else 0.0
    ends = np.maximum.accumulate([began, *(report.elapsed for report in reports)])
    widths = (ends[1:] - ends[:-1]) / counts
    first = np.cumsum(counts) - counts
    within = np.arange(1, len(losses) + 1) - np.repeat(first, counts)
    longer = curve.extended(losses, penalties, float(ends[-1]))
    seconds = longer.seconds(curve.length)
    seconds[:] = within * np.repeat(widths, counts) + np.repeat(ends[:-1], counts)
    seconds[first + counts - 1] = ends[1:]
    return longer
