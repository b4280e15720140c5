"""Training without a screen, with one line that shows progress."""

import contextlib
import errno
import math
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import FrameType

from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress, Task, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cl_tui.host.exit_status import ExitStatus
from cl_tui.reports import text as words
from cl_tui.reports.ending import exit_status
from engine.errors import SessionDamaged
from engine.record import metrics, watchdog
from engine.record.history import History
from engine.sessions.folders import delete_session
from engine.sessions.session import Session
from engine.training.control import Control
from engine.training.runner import EngineThread

LOOK_SECONDS = 0.2
TOGETHER_SECONDS = 1.0
"""Signals within this time count as one: a login that ends sends two kinds, ``timeout`` sends its own twice."""
STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

SAVE_SIGNALS = [getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name)]
"""Signals that a cluster sends some time before it ends a job."""


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
            over = engine.join(LOOK_SECONDS)
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
                show.update(engine.history, engine.control)
            except (OSError, SystemExit):  # nobody reads the output any more; rich exits for a broken pipe
                engine.control.stop()
                engine.join()
                raise
    if engine.history.resumed is not None and engine.history.resumed.note:
        console.print(engine.history.resumed.note)
    if engine.error is None:  # the error says what went wrong, and what to do
        print_warnings(console, warnings(engine))
    return exit_status(engine)


def inputs_read(history: History) -> str:
    """What was read of a folder in ``importance_data``, and what was skipped; empty if nothing was, or before."""
    if history.resumed is not None:  # the log tells of the first reading
        return ""
    return "; ".join(note.text for note in history.notes if note.text.startswith("importance_data "))


def warnings(engine: EngineThread) -> tuple[str, ...]:
    """Problems of a run that has ended, each a sentence."""
    return watchdog.warnings(engine.history, engine.session.config)


def print_warnings(console: Console, found: Iterable[str], name: str = "") -> None:
    for warning in found:
        say(console, f"warning: {warning}", name)


def say(console: Console, line: str, name: str = "") -> None:
    """Prefixes the session's ``name`` if there are several sessions; wraps the line only on a terminal."""
    console.print(f"{name}: {line}" if name else line, markup=False, soft_wrap=not console.is_terminal)


def forget_lost_terminal() -> None:
    """Discards output after the terminal was closed: that is no reason to fail."""
    for number in (1, 2):
        try:
            os.write(number, b"")
        except OSError as error:
            if error.errno == errno.EIO:
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def tell_trouble(console: Console, before: str, now: str, name: str = "") -> None:
    """Prints a line when training begins to wait for the disk, and another when it continues."""
    if bool(before) != bool(now):
        say(console, now or "The disk is writable again: training continues", name)


class ProgressLine:
    """One redrawn line, for a terminal."""

    def __init__(self, name: str, console: Console) -> None:
        self._bars = Bars(console)
        self._task = self._bars.add_task(name, total=None, doing="", rate="")

    def __enter__(self) -> None:
        self._bars.start()

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self, history: History, control: Control) -> None:
        self._bars.update(
            self._task,
            completed=history.step,
            total=history.total_steps or None,
            doing=doing(history, control),
            rate=rate(history, control),
        )


TOLD_TO_SAVE = "A signal asks for a checkpoint: it is saved at the next step, and training continues"


class TaskLines:
    """One line at each task's end, for a file or a pipe."""

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
    """How many tasks the run had completed before it was resumed."""
    if history.resumed is None:
        return 0
    return sum(end <= history.resumed.step for end in history.starts[1 : len(history.matrix) + 1])


BAR = 24
"""Width of a bar if there is enough room."""
_LEAST = (("bar", 8), ("doing", 15), ("left", 0), ("rate", 0), ("bar", 0), ("name", 16), ("doing", 8), ("name", 4))
"""Columns to narrow, in this order and each down to this width, until a row fits."""


def _fitting(rows: Sequence[Mapping[str, str]], width: int) -> dict[str, int]:
    """The columns' widths, in order; columns that do not fit are left out."""
    keys = rows[0] if rows else ()
    widths = {key: BAR if key == "bar" else max(cell_len(row[key]) for row in rows) for key in keys}
    for key, least in _LEAST:
        gaps = sum(map(bool, widths.values()))
        excess = sum(widths.values()) + gaps - width
        if excess > 0 and widths.get(key, 0) > least:
            widths[key] = max(least, widths[key] - excess) if least else 0
    return {key: of for key, of in widths.items() if of}


class Bars(Progress):
    """A row per run: name, bar, progress, current activity, speed and time left.

    On a narrow terminal, it leaves out the bar, speed and time, and shortens the name.
    """

    def __init__(self, console: Console) -> None:
        self._terminal = console  # asked for its width in the next line
        super().__init__(console=console, transient=True, disable=not console.is_terminal)

    def start(self) -> None:
        """Shows the cursor, which rich hides: a kill or Ctrl-Z would leave it hidden."""
        super().start()
        self.console.show_cursor()

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        time_left = TimeRemainingColumn(compact=True)
        rows = [
            {
                "name": task.description,
                "bar": "",
                "percent": "" if task.total is None else f"{math.floor(task.percentage)} %",
                "doing": task.fields["doing"],
                "rate": task.fields["rate"],
                "left": "" if task.total is None else time_left.render(task).plain,
            }
            for task in tasks
        ]
        widths = _fitting(rows, self._terminal.width)
        table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
        for key, width in widths.items():
            table.add_column(width=width, no_wrap=True, justify="right" if key == "percent" else "left")
        for task, row in zip(tasks, rows, strict=True):
            cells = {**row, "name": words.shortened(row["name"], widths["name"])}
            bar = ProgressBar(total=task.total or 1.0, completed=task.completed)
            table.add_row(*(bar if key == "bar" else Text(cells[key]) for key in widths))
        return table


def doing(history: History, control: Control) -> str:
    """'task 2/5' while it trains, or what it is doing instead."""
    if control.trouble:
        return "waiting for the disk"
    if history.state != "training" or history.task >= len(history.tasks):
        return control.activity
    return f"task {history.task + 1}/{len(history.tasks)}"


def rate(history: History, control: Control) -> str:
    return f"{history.rate:,.0f}/s" if history.rate and not control.trouble else ""


def discard_if_untrained(session: Session) -> None:
    """Removes a session that failed before its first step, unless it contains an explanation of the failure."""
    unexplained = not (session.path / "error.txt").exists()
    with contextlib.suppress(SessionDamaged):  # a reason to leave it as it is
        if unexplained and not session.checkpoints() and session.history().step == 0:
            delete_session(session.path.parent, session.name)
