"""What is printed while networks train without a screen: of one run, and of a batch."""

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.progress import Progress, Task, TaskID, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cl_tui.batch.leaderboard import Leaderboard
from cl_tui.reports import text
from engine.record import metrics
from engine.record.history import History
from engine.training.control import Control

MOST_SHARE = 0.99
"""Progress shown for a run that has taken its last step but is still being measured and saved."""


def say(console: Console, line: str, name: str = "") -> None:
    """Prefixes the session's ``name`` if there are several sessions; wraps the line only on a terminal."""
    console.print(f"{name}: {line}" if name else line, markup=False, soft_wrap=not console.is_terminal)


def tell_trouble(console: Console, before: str, now: str, name: str = "") -> None:
    """Prints a line when training begins to wait for the disk, and another when it continues."""
    if bool(before) != bool(now):
        say(console, now or "The disk is writable again: training continues", name)


@dataclass(frozen=True)
class RunProgress:
    """A run's progress: in a batch, a worker's message, twice a second."""

    step: int
    total: int
    doing: str
    """'task 2/5' while it trains, or what it is doing instead."""
    rate: str
    trouble: str
    results: History | None = None
    """As far as they are known, for the leaderboard of a batch."""


def progress(history: History, control: Control) -> RunProgress:
    doing, rate = control.activity, f"{text.rate(history.rate)}/s" if history.rate else ""
    if control.trouble:
        doing, rate = "waiting for the disk", ""
    elif history.state == "training" and history.task < len(history.tasks):
        doing = f"task {history.task + 1}/{len(history.tasks)}"
    return RunProgress(history.step, history.total_steps, doing, rate, control.trouble)


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
    """A row per run. A narrow terminal shows no bar, speed and time, and a shorter name."""

    def __init__(self, console: Console) -> None:
        self._terminal = console  # asked for its width in the next line
        self.above: Callable[[int], Table | None] = lambda width: None
        """What stands above the rows, for a width."""
        super().__init__(console=console, transient=True, disable=not console.is_terminal)

    def get_renderables(self) -> Iterable[RenderableType]:
        if (above := self.above(self._terminal.width)) is not None:
            yield above
        yield from super().get_renderables()

    def start(self) -> None:
        """Shows the cursor, which rich hides: a kill or Ctrl-Z would leave it hidden."""
        super().start()
        self.console.show_cursor()

    def show(self, row: TaskID, now: RunProgress) -> None:
        self.update(row, completed=now.step, total=now.total or None, doing=now.doing, rate=now.rate)

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
            cells = {**row, "name": text.shortened(row["name"], widths["name"])}
            bar = ProgressBar(total=task.total or 1.0, completed=task.completed)
            table.add_row(*(bar if key == "bar" else Text(cells[key]) for key in widths))
        return table


class ProgressLine(Bars):
    """One redrawn line, for a terminal."""

    def __init__(self, name: str, console: Console) -> None:
        super().__init__(console)
        self._run = self.add_task(name, total=None, doing="", rate="")

    def follow(self, history: History, control: Control) -> None:
        self.show(self._run, progress(history, control))


READING_SECONDS = 5.0
"""Seconds after which a line says how far the reading of data is, and between two such lines."""


class TaskLines(contextlib.nullcontext[None]):
    """One line at each task's end, and some while data are read for long; for a file or a pipe."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._ended = 0
        self._tell_at = time.monotonic() + READING_SECONDS

    def follow(self, history: History, control: Control) -> None:
        activity = control.activity
        if history.started is None and "of" in activity.split() and time.monotonic() > self._tell_at:
            self._console.print(f"{activity}…", markup=False, highlight=False)
            self._tell_at = time.monotonic() + READING_SECONDS
        if history.resumed is not None:  # tasks that ended before are not told again
            earlier = history.starts[1 : len(history.matrix) + 1]
            self._ended = max(self._ended, sum(end <= history.resumed.step for end in earlier))
        for ended in range(self._ended + 1, len(history.matrix) + 1):
            average = metrics.average_accuracy(history.matrix[:ended])
            assert average is not None
            tasks, score = len(history.tasks), history.score
            told = f"task {ended} of {tasks} learned, average {score.title} {score.full(average)}"
            self._console.print(told, markup=False, highlight=False)
            self._ended = ended


# A batch


@dataclass(frozen=True)
class RunEnded:
    """A worker's last message about a run."""

    state: Literal["finished", "stopped", "failed", "elsewhere"]
    """``elsewhere``: another process trains it."""
    message: str = ""
    """The result, or why it failed."""
    told: tuple[str, ...] = ()
    """What kept a resume from being bit-exact, what was read of the user's own inputs, and warnings."""
    results: History | None = None


class Display:
    """Bars in a terminal for the whole batch and each run in training; anywhere, a line for each run that ended."""

    def __init__(self, console: Console, planned: int, done: int) -> None:
        self._console = console
        self._planned = planned
        self._done = done
        self.bars = Bars(console)
        self.leaderboard = Leaderboard()
        self.bars.above = self.leaderboard.table
        self._all = self.bars.add_task("all runs", total=planned, completed=done, doing=self._counted(), rate="")
        self._rows: dict[str, TaskID] = {}
        self._shares: dict[str, float] = {}
        """The completed share of each run in training, 0–1."""
        self._troubles: dict[str, str] = {}

    def leave(self, name: str) -> None:
        """Shows that another process trains it."""
        if name not in self._rows and not self._console.is_terminal:
            self.say(f"{name}: another process is training it; waiting for its result")
        self.show(name, "another process")

    def show(self, name: str, doing: str) -> None:
        if name not in self._rows:
            self._rows[name] = self.bars.add_task(name, total=None, doing=doing, rate="")
        self.bars.update(self._rows[name], doing=doing, rate="")

    def update(self, name: str, progress: RunProgress) -> None:
        self.bars.show(self._rows[name], progress)
        self._shares[name] = progress.step / progress.total if progress.total else 0.0
        tell_trouble(self._console, self._troubles.get(name, ""), progress.trouble, name)
        self._troubles[name] = progress.trouble
        self._update_all()

    def end(self, name: str, ended: RunEnded) -> None:
        if name in self._rows:
            self.bars.remove_task(self._rows.pop(name))
        self._shares.pop(name, None)
        self._troubles.pop(name, None)
        if ended.state != "stopped":
            self._done += 1
        self._update_all()
        self.say(f"{self._counted()} {name}: {'failed' if ended.state == 'failed' else ended.message}")
        for line in ended.told:
            say(self._console, line, name)

    def say(self, line: str) -> None:
        """Prints a line above the bars, redrawn first: otherwise outdated bars would briefly stand below it."""
        self.bars.refresh()
        say(self._console, line)

    def _update_all(self) -> None:
        """A run counts as done only when it has ended."""
        under_way = sum(min(share, MOST_SHARE) for share in self._shares.values())
        self.bars.update(self._all, completed=self._done + under_way, doing=self._counted())

    def _counted(self) -> str:
        return f"{self._done}/{self._planned}"
