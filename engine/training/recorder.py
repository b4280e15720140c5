"""Recorder: keeps a run's events in its log and its history."""

from engine.record.events import Event, RunFailed, RunStopped
from engine.record.history import History
from engine.sessions.log import EventLog
from engine.sessions.session import Session


class Recorder:
    """The only owner of a run's log and newest History."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.history = History()
        self.log: EventLog | None = None

    def read(self, length: int) -> None:
        """Reads the history from the log's first ``length`` bytes. Raises SessionDamaged."""
        self.history = self.session.history(length)

    def open(self, length: int) -> None:
        """Opens the log and cuts it to ``length`` bytes, the part that was read. Raises OSError."""
        self.log = EventLog(self.session.events_path, length, self.session.format_at(length))

    def record(self, *events: Event) -> None:
        """Keeps ``events`` in any case. Raises OSError if they could not be written yet; ``log.mend`` then does it."""
        assert self.log is not None
        self.history = self.history.after(events)
        self.log.append(*events)

    def note_end(self, event: RunStopped | RunFailed) -> None:
        """Records the end in the history even if the log can no longer be written (a full disk).

        Records nothing after a run has finished, even if its summary could not be synced.
        """
        if self.history.state == "finished":
            return
        try:
            if self.log is not None:
                self.log.append(event)
        except OSError:
            pass  # only the line about the end is lost; the screen and the exit code report it too
        self.history = self.history.apply(event)

    def close(self) -> None:
        if self.log is not None:
            self.log.close()
            self.log = None
