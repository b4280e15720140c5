"""The processes that train the runs of a batch, one run after another."""

import contextlib
import multiprocessing
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from cl_tui.batch import headless
from cl_tui.batch.display import RunEnded, progress
from cl_tui.batch.leaderboard import results
from cl_tui.reports import text
from engine.errors import EngineError, SessionLocked
from engine.sessions.session import Session
from engine.settings import own_code
from engine.settings.run import moved
from engine.training.runner import EngineThread

REPORT_SECONDS = 0.5


class Worker:
    """A process that trains the sessions it is sent."""

    def __init__(self) -> None:
        spawning = multiprocessing.get_context("spawn")
        self.connection, theirs = spawning.Pipe()
        self.process = spawning.Process(target=work, args=(theirs, own_code.allowed_here()), daemon=True)
        with _deaf():
            self.process.start()
        theirs.close()

    def send(self, task: tuple[Path, Mapping[str, Any]] | int | Literal["save", "stop"]) -> None:
        """Sends a session's folder and its settings from ``PLACE`` that were typed; or, for the run in training: the
        step up to which it may go, save a checkpoint, or save and stop."""
        with contextlib.suppress(OSError):  # it is dead: its end of the connection shows that
            self.connection.send(task)

    @property
    def end(self) -> str:
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"its process ended with exit code {code}"
        why = ", perhaps because memory ran out" if code == -signal.SIGKILL else ""
        return f"its process was killed by {signal.Signals(-code).name}{why}"

    def close(self) -> None:
        """Ends the process; if it is still training, it saves first."""
        self.connection.close()
        self.process.join()


def prepare() -> None:
    """Starts what all workers share, while the program still has a standard error: a screen takes it away."""
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Processes started within ignore Ctrl-C and SIGUSR1, which reach the whole group, from their first moment. The
    parent decides, and receives signals that come meanwhile afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it starts with the first process, and unblocks signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (*headless.STOP_SIGNALS, *headless.SAVE_SIGNALS))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# In a worker's process


def work(connection: Connection, allowed: Collection[str]) -> None:
    """Trains what ``Worker.send`` sends; answers with RunProgress, and a RunEnded per run. Ends with the parent.
    ``allowed``: the user's code that may run."""
    own_code.allow_here(allowed)
    sys.stdout = sys.stderr  # what the user's code prints is no result
    for number in (*headless.STOP_SIGNALS, *headless.SAVE_SIGNALS):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = connection.recv()
            if isinstance(task, tuple):  # other messages may arrive just after the run has ended
                path, place = task
                connection.send(_train(path, place, connection))


def _train(path: Path, place: Mapping[str, Any], connection: Connection) -> RunEnded:
    """Trains one session until it ends, the parent says stop, or the parent is gone."""
    try:
        session = Session.open(path.parent, path.name)
        session.config = moved(session.config, place)
    except EngineError as error:
        return RunEnded("failed", str(error))
    engine = EngineThread(session)
    engine.start()
    due = time.monotonic()
    while not engine.join(0.1):
        while not engine.control.stopping and connection.poll():
            asked: object = "stop"
            with contextlib.suppress(EOFError, OSError):  # the parent is gone
                asked = connection.recv()
            if isinstance(asked, int):
                engine.control.set_limit(asked)
            elif asked == "save":
                engine.control.save()
            else:
                engine.control.stop()
        if time.monotonic() >= due:
            due += REPORT_SECONDS
            with contextlib.suppress(OSError):  # the parent is gone: poll reports that too
                connection.send(replace(progress(engine.history, engine.control), results=results(engine.history)))
    if isinstance(engine.error, SessionLocked):
        return RunEnded("elsewhere")
    if engine.error is not None:
        headless.discard_if_untrained(session)
        return RunEnded("failed", str(engine.error))
    note = engine.history.resumed.note if engine.history.resumed is not None else ""
    told = tuple(filter(None, (note, headless.inputs_read(engine.history), *headless.warnings(engine))))
    if engine.history.state == "finished":
        return RunEnded("finished", text.result(engine.history, session.config), told, results(engine.history))
    return RunEnded("stopped", "stopped and saved", told, results(engine.history))
