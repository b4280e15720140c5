"""Reads the log of a session that is watched, in a thread; nothing is written into the session's folder."""

import threading
import time

from engine.errors import SessionError
from engine.sessions.follow import Follower
from engine.sessions.lock import trained_here
from engine.sessions.recording import Recording
from engine.sessions.session import Session

READ_SECONDS = 0.2
"""Seconds between two checks of a log that has nothing new."""


class Reader(threading.Thread):
    """Reads a session's log into a Recording: first what exists, then what is added. Ends with the program."""

    def __init__(self, session: Session) -> None:
        super().__init__(name="reader", daemon=True)
        self.session = session
        self.follower = Follower(session)
        self.recording = Recording(self.follower.again)
        """Replaced after a resume has cut the log, when the log is read to its end again."""
        self.loaded = False
        """Whether everything that existed has been read."""
        self.problem = ""
        """Why reading has stopped; it is tried again."""
        self.here: bool | None = None
        """Whether a process on this machine trains the session; None if unknown."""
        self._over = threading.Event()

    def end(self) -> None:
        self._over.set()

    def run(self) -> None:
        recording = self.recording
        while not self._over.is_set():
            problem = ""
            try:
                portion = self.follower.poll()
                if portion.from_start:
                    recording = Recording(self.follower.again)
                recording.append(portion)
                if portion.events:
                    time.sleep(0)  # the screen's turn
                    continue
            except (SessionError, ValueError) as error:
                problem = str(error)
            self.problem, self.recording = problem, recording
            self.here = trained_here(self.session.path)
            self.loaded = True
            self._over.wait(READ_SECONDS)
