"""Training without a screen, with one line that shows how far it is."""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cl_tui import words
from cl_tui.outcome import Outcome, outcome
from engine import metrics
from engine.control import Control
from engine.errors import SessionDamaged
from engine.history import History
from engine.runner import EngineThread
from engine.session import Session, delete_session
from engine.watchdog import caution

LOOK_SECONDS = 0.2
TOGETHER_SECONDS = 1.0
"""Signals within this are one: a login that ends sends two kinds, ``timeout`` sends its own twice."""
STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def stop_on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP call ``stop``; one that comes TOGETHER_SECONDS later ends the program as usual.

    A signal that is ignored (by nohup) stays so.
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
    try:
        yield
    finally:
        restore()


def train(session: Session, pace: float | None, console: Console) -> Outcome:
    """Trains to the end or until a signal, saying on ``console`` how far it is."""
    if known := caution(session.config):
        console.print(known)
    engine = EngineThread(session, pace)
    show = ProgressLine(session.name, console) if console.is_terminal else TaskLines(console)
    trouble, over = "", False
    with stop_on_signal(engine.control.stop), show:
        engine.start()
        while not over:
            over = engine.join(LOOK_SECONDS)
            forget_lost_terminal()
            before, trouble = trouble, engine.control.trouble
            try:
                if engine.error is None:
                    tell_trouble(console, before, trouble)
                show.update(engine.history, engine.control)
            except (OSError, SystemExit):  # nobody reads any more what is printed; rich exits for a broken pipe
                engine.control.stop()
                engine.join()
                raise
    if engine.history.resumed is not None and engine.history.resumed.note:
        console.print(engine.history.resumed.note)
    return outcome(engine)


def forget_lost_terminal() -> None:
    """What is printed once the terminal is closed goes nowhere: that is no reason to fail."""
    for number in (1, 2):
        try:
            os.write(number, b"")
        except OSError as error:
            if error.errno == errno.EIO:
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def tell_trouble(console: Console, before: str, now: str, name: str = "") -> None:
    """A line when training begins to wait for the disk, and one when it goes on."""
    if bool(before) != bool(now):
        told = now or "The disk can be written again: training goes on"
        console.print(f"{name}: {told}" if name else told, markup=False, soft_wrap=True)


class ProgressLine:
    """For a terminal: one line, redrawn."""

    def __init__(self, name: str, console: Console) -> None:
        self._progress = Progress(*progress_columns(), console=console, transient=True)
        self._task = self._progress.add_task(name, total=None, doing="", rate="")

    def __enter__(self) -> None:
        start(self._progress)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, history: History, control: Control) -> None:
        self._progress.update(
            self._task,
            completed=history.step,
            total=history.total_steps or None,
            doing=doing(history, control),
            rate=rate(history, control),
        )


class TaskLines:
    """For a file or a pipe: a line at each task's end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = 0

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def update(self, history: History, control: Control) -> None:
        self._told = max(self._told, _tasks_before_resume(history))
        for ended in range(self._told + 1, len(history.matrix) + 1):
            average = metrics.average_accuracy(history.matrix[:ended])
            assert average is not None
            tasks = len(history.tasks)
            self._console.print(f"task {ended} of {tasks} learned, average accuracy {words.percent(average)} %")
            self._told = ended


def _tasks_before_resume(history: History) -> int:
    """How many tasks an earlier part of the run had learned."""
    if history.resumed is None:
        return 0
    return sum(end <= history.resumed.step for end in history.starts[1 : len(history.matrix) + 1])


def start(progress: Progress) -> None:
    """With the cursor that rich hides: a kill or Ctrl-Z would leave it hidden."""
    progress.start()
    progress.console.show_cursor()


def progress_columns() -> tuple[TextColumn | BarColumn | TimeRemainingColumn, ...]:
    """A run's name, its bar, what it is doing, its speed and the time left."""
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[doing]}", markup=False),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(compact=True),
    )


def doing(history: History, control: Control) -> str:
    """'task 2/5' while it trains, or what else takes the time."""
    if control.trouble:
        return "waiting for the disk"
    if history.state != "training" or history.task >= len(history.tasks):
        return control.activity
    return f"task {history.task + 1}/{len(history.tasks)}"


def rate(history: History, control: Control) -> str:
    return f"{history.rate:,.0f}/s" if history.rate and not control.trouble else ""


def discard_if_untrained(session: Session) -> None:
    """Removes a session that failed before its first step, unless it holds what explains the failure."""
    unexplained = not (session.path / "error.txt").exists()
    with contextlib.suppress(SessionDamaged):  # which is a reason to leave it as it is
        if unexplained and not session.checkpoints() and session.history().step == 0:
            delete_session(session.path.parent, session.name)
