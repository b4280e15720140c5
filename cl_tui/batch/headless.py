"""Training without a screen, with one line that shows progress."""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from rich.console import Console

from cl_tui.batch.display import ProgressLine, TaskLines, say, tell_trouble
from cl_tui.host.exit_status import ExitStatus
from cl_tui.reports.ending import exit_status
from engine.errors import SessionDamaged
from engine.record import watchdog
from engine.record.history import History
from engine.sessions.folders import delete_session
from engine.sessions.session import Session
from engine.training.runner import EngineThread

POLL_SECONDS = 0.2
TOGETHER_SECONDS = 1.0
"""Signals within this time count as one: a login that ends sends two kinds, ``timeout`` sends its own twice."""
STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

SAVE_SIGNALS = [getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name)]
"""Signals that a cluster sends some time before it ends a job."""

TOLD_TO_SAVE = "A signal asks for a checkpoint: it is saved at the next step, and training continues"


@contextlib.contextmanager
def heed_signals(stop: Callable[[], None], save: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP call ``stop``; another one TOGETHER_SECONDS later ends the program as usual.
    SIGUSR1 and SIGUSR2 call ``save``.

    A stop signal that is already ignored (because of nohup) stays ignored.
    """
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    earlier = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}

    stopped_at: float | None = None

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal stopped_at
        if stopped_at is None:
            stopped_at = time.monotonic()
            stop()
        elif time.monotonic() - stopped_at > TOGETHER_SECONDS:
            restore()
            signal.raise_signal(number)

    def restore() -> None:
        for number, handler in earlier.items():
            signal.signal(number, handler)

    for number in earlier:
        signal.signal(number, handle)
    for number in SAVE_SIGNALS:
        earlier[number] = signal.signal(number, lambda number, frame: save())
    try:
        yield
    finally:
        restore()


def train(session: Session, pace: float | None, console: Console) -> ExitStatus:
    """Trains to the end or until a signal, showing progress on ``console``."""
    if known := watchdog.caution(session.config):
        console.print(known)
    engine = EngineThread(session, pace)
    show = ProgressLine(session.name, console) if console.is_terminal else TaskLines(console)
    trouble, over = "", False
    told_inputs = False
    asked_to_save = False

    def save() -> None:
        nonlocal asked_to_save
        asked_to_save = True
        engine.control.save()

    with heed_signals(engine.control.stop, save), show:
        engine.start()
        while not over:
            over = engine.join(POLL_SECONDS)
            forget_lost_terminal()
            before, trouble = trouble, engine.control.trouble
            try:
                if engine.error is None:
                    tell_trouble(console, before, trouble)
                if asked_to_save:
                    asked_to_save = False
                    say(console, TOLD_TO_SAVE)
                if not told_inputs and (said := inputs_read(engine.history)):
                    told_inputs = True
                    say(console, said)
                show.follow(engine.history, engine.control)
            except (OSError, SystemExit):  # nobody reads the output any more; rich exits for a broken pipe
                engine.control.stop()
                engine.join()
                raise
    if engine.history.resumed is not None and engine.history.resumed.note:
        console.print(engine.history.resumed.note)
    if engine.error is None:  # the error says what went wrong, and what to do
        for warning in warnings(engine):
            say(console, warning)
    return exit_status(engine)


def inputs_read(history: History) -> str:
    """What was read of folders, and what was skipped; empty if nothing was, or before."""
    if history.resumed is not None:  # the log tells of the first reading
        return ""
    return "; ".join(note.text for note in history.notes if note.text.startswith(("images in ", "importance_data ")))


def warnings(engine: EngineThread) -> tuple[str, ...]:
    """Problems of a run that has ended, each a line."""
    return tuple(f"warning: {found}" for found in watchdog.warnings(engine.history, engine.session.config))


def forget_lost_terminal() -> None:
    """Discards output after the terminal was closed: that is no reason to fail."""
    for number in (1, 2):
        try:
            os.write(number, b"")
        except OSError as error:
            if error.errno == errno.EIO:
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def discard_if_untrained(session: Session) -> None:
    """Removes a session that failed before its first step, unless it contains an explanation of the failure."""
    unexplained = not (session.path / "error.txt").exists()
    with contextlib.suppress(SessionDamaged):  # a reason to leave it as it is
        if unexplained and not session.checkpoints() and session.history().step == 0:
            delete_session(session.path.parent, session.name)
