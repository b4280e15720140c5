"""RaceView: one moment of a race, for every part of its screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cl_tui.charts.marks import Mark
from cl_tui.charts.marks import marks as marks_of
from cl_tui.reports import text
from cl_tui.reports.standings import Entry, Standing, clock, standings
from engine.record.shown import Answers, Shown, answers

EXAMPLES = 6
"""How many examples are followed."""
TASKS = 3
"""The first tasks, which have the most time to be forgotten: the examples are theirs."""


@dataclass(frozen=True, eq=False)
class RaceView:
    entries: tuple[Entry, ...]
    """As they were typed, each as of the common clock."""
    shown: Shown | None = None
    """The examples, which all runs of a benchmark and seed share."""
    doing: tuple[str, ...] = ()
    """What each does; '' for one that trains."""
    chosen: int = 0
    """Which of the entries is looked at."""
    by_place: bool = True
    """Whether they stand in the order of their places, or as they were typed."""
    page: int = 0
    """Which examples of each class are followed."""
    paused: bool = False

    @cached_property
    def standings(self) -> list[Standing]:
        return standings(self.entries)

    @cached_property
    def order(self) -> list[int]:
        return [of.entry for of in self.standings] if self.by_place else list(range(len(self.entries)))

    @cached_property
    def marks(self) -> list[Mark]:
        return marks_of([entry.config.method for entry in self.entries])

    @property
    def slowest(self) -> Entry:
        return min(self.entries, key=lambda entry: clock(entry.history))

    @cached_property
    def examples(self) -> list[tuple[int, int]]:
        """The task of each example that is followed, and its place among the shown ones of the task."""
        return followed(self.shown, self.page) if self.shown is not None else []

    @cached_property
    def answers(self) -> list[list[Answers]]:
        """Of each entry, of each task that it has seen."""
        if self.shown is None:
            return [[] for _ in self.entries]
        return [answers(entry.history, self.shown) for entry in self.entries]


def followed(shown: Shown, page: int) -> list[tuple[int, int]]:
    """One example of each of some classes of the first tasks, the next of each class with the next ``page``."""
    tasks = shown.tasks[:TASKS]
    found: list[tuple[int, int]] = []
    for number, task in enumerate(tasks):
        wanted = EXAMPLES // len(tasks) + (number < EXAMPLES % len(tasks))
        targets = task.targets.tolist() if task.targets.ndim == 1 else [0] * len(task)
        classes = sorted(set(targets))
        if len(classes) > wanted:  # others with each page
            classes = [classes[(page * wanted + k) % len(classes)] for k in range(wanted)]
        for k in range(min(wanted, len(targets))):
            of = classes[k % len(classes)]
            rows = [row for row, target in enumerate(targets) if target == of]
            found.append((number, rows[(page + k // len(classes)) % len(rows)]))
    return found


def heading(view: RaceView, width: int) -> str:
    """The whole line above: what races, and how far it is."""
    entries, of = view.entries, view.slowest
    config = of.config
    strengths = len({entry.config.method for entry in entries}) < len(entries)
    what = f"{len(entries)} {'runs' if strengths else 'methods'} at the same step"
    left = ["race", *text.benchmark(config), *text.scenario(config), *text.unusual_network(config)]
    left += [f"seed {config.seed}", what]
    right = progress(view)
    while len(left) > 1 and len(" · ".join(left)) + len(right) + 2 > width:
        left.pop(-1 if len(left) < 5 else 2)
    names = " · ".join(left)
    return f"{names}{right:>{max(width - len(names), 0)}}"[:width]


def progress(view: RaceView) -> str:
    history = view.slowest.history
    if not history.tasks:
        return "◌ starting"
    if all(entry.history.state == "finished" for entry in view.entries):
        return f"✔ finished  {history.total_steps:,} steps"
    task = min(history.task + 1, len(history.tasks))
    glyph = "⏸" if view.paused else "▶" if history.state == "training" else "■"
    parts = [f"{glyph} task {task} of {len(history.tasks)} · {text.share_done(history)}"]
    parts.append(f"step {history.step:,} of {history.total_steps:,}")
    if view.paused:
        parts.append("paused")
    elif history.state == "training" and history.remaining is not None:
        parts.append(f"{text.duration(history.remaining)} left")
    return "  ".join(parts)


def spread_over(values: Sequence[float], count: int) -> list[float]:
    """At most ``count`` of ``values``, evenly chosen, with the last.

    >>> spread_over([1, 2, 3, 4, 5], 3), spread_over([1, 2], 3)
    ([1, 3, 5], [1, 2])
    """
    if len(values) <= count:
        return list(values)
    return [values[round(k * (len(values) - 1) / (count - 1))] for k in range(count)]
