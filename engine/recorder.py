"""Recorder: where a run's events go."""

from engine.events import Event, RunFailed, RunStopped
from engine.history import History
from engine.session import EventLog, Session


class Recorder:
    """The one owner of a run's log and of its newest History."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.history = History()
        self.log: EventLog | None = None

    def open(self, length: int) -> None:
        """Cuts the log to ``length`` bytes and takes the history from what is left."""
        self.history = self.session.history(length)
        self.log = EventLog(self.session.events_path, length)

    def record(self, event: Event) -> None:
        assert self.log is not None
        self.log.append(event)
        self.history = self.history.apply(event)

    def note_end(self, event: RunStopped | RunFailed) -> None:
        """Tells of the end even where the log cannot be written any more (a full disk)."""
        try:
            if self.log is not None:
                self.log.append(event)
        except OSError:
            pass  # what is lost is the line about the failure, which the screen and the exit code tell too
        self.history = self.history.apply(event)

    def close(self) -> None:
        if self.log is not None:
            self.log.close()
            self.log = None
