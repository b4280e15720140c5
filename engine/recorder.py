"""Recorder: where a run's events go."""

from engine.events import Event, RunFailed, RunStopped
from engine.history import History
from engine.log import EventLog
from engine.session import Session


class Recorder:
    """The one owner of a run's log and of its newest History."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.history = History()
        self.log: EventLog | None = None

    def read(self, length: int) -> None:
        """Takes the history from the log's first ``length`` bytes. Raises SessionDamaged."""
        self.history = self.session.history(length)

    def open(self, length: int) -> None:
        """Cuts the log to ``length`` bytes, which were read. Raises OSError."""
        self.log = EventLog(self.session.events_path, length, self.session.sums)

    def record(self, event: Event) -> None:
        """Keeps ``event`` in any case. Raises OSError where the log could not be written yet: ``log.mend`` does so."""
        assert self.log is not None
        self.history = self.history.apply(event)
        self.log.append(event)

    def note_end(self, event: RunStopped | RunFailed) -> None:
        """Tells of the end even where the log cannot be written any more (a full disk).

        Nothing comes after the end of a run that has finished, even if its summary could not be synced.
        """
        if self.history.state == "finished":
            return
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
