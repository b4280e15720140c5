"""What was answered for the test examples of each class, at the ends of tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.catalog.entries import AGNOSTIC, AWARE
from engine.record.events import CLASSES, CONFUSION, Measured
from engine.record.history import History

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Classes:
    """The classes of the tasks seen at a task's end, in the order of the tasks; each list has an entry for each."""

    step: int
    phase: int
    """The task that ended, counted from 0."""
    tasks: tuple[int, ...]
    """The task that the class belongs to."""
    names: tuple[str, ...]
    accuracies: tuple[float | None, ...]
    """As fractions; None for a class without test examples."""

    def by_task(self) -> list[list[float | None]]:
        return [
            [accuracy for of, accuracy in zip(self.tasks, self.accuracies, strict=True) if of == task]
            for task in range(self.phase + 1)
        ]


@dataclass(frozen=True, eq=False)
class Confusion:
    """How many test examples of each class got which answer, at a task's end."""

    classes: Classes
    way: str
    """AWARE or AGNOSTIC; empty in the domain scenario, where the two are the same."""
    counts: "np.ndarray"
    """Shape (classes, answers): a row for each class; -1 where the answer did not compete."""
    right: tuple[int, ...]
    """The right answer of each class."""

    @property
    def answers(self) -> list[str]:
        """What the answers are called: classes, or in the domain scenario outputs, which mean a class of each task."""
        if self.way:
            return list(self.classes.names)
        named: list[set[str]] = [set() for _ in range(self.counts.shape[1])]
        for name, answer in zip(self.classes.names, self.right, strict=True):
            named[answer].add(name)
        return [min(found) if len(found) == 1 else f"output {n}" for n, found in enumerate(named, start=1)]

    def shares(self) -> "np.ndarray":
        """As fractions of each class's examples; NaN where the answer did not compete."""
        import numpy as np

        totals = np.where(self.counts < 0, 0, self.counts).sum(axis=1, keepdims=True)
        return np.where(self.counts < 0, np.nan, self.counts / np.maximum(totals, 1))

    def mistakes(self) -> list[tuple[float, int, int]]:
        """(share of the class's examples, class, wrong answer), the most frequent first."""
        import numpy as np

        shares = np.nan_to_num(self.shares())
        shares[np.arange(len(shares)), self.right] = 0
        rows, columns = shares.nonzero()
        found = zip(shares[rows, columns].tolist(), rows.tolist(), columns.tolist(), strict=True)
        return sorted(found, key=lambda mistake: (-mistake[0], *mistake[1:]))


def ways(history: History) -> list[str]:
    """The ways of judging for which confusions are known."""
    return [way for way in ("", AWARE, AGNOSTIC) if _name(way) in history.measured]


def classes(history: History) -> list[Classes]:
    """At each task's end, as far as they were told."""
    return [found for told in history.measured.get(CLASSES, ()) if (found := _classes(history, told))]


def confusion(history: History, way: str, phase: int | None = None) -> Confusion | None:
    """At the end of ``phase``, or the newest; None if it was not told."""
    found = _of(history.measured.get(_name(way), ()), phase)
    named = found and _of(history.measured.get(CLASSES, ()), found.phase)
    known = _classes(history, named) if named else None
    if found is None or known is None:
        return None
    sizes = [known.tasks.count(task) for task in range(known.phase + 1)]
    counts = _table(found.values, sizes, way)
    return None if counts is None else Confusion(known, way, counts, _right(known, shared=not way))


def _name(way: str) -> str:
    return f"{way} {CONFUSION}".lstrip()


def _of(told: Sequence[Measured], phase: int | None) -> Measured | None:
    return next((one for one in reversed(told) if phase is None or one.phase == phase), None)


def _classes(history: History, told: Measured) -> Classes | None:
    """None if a later plan, which a stranger's log may have, gives these tasks other classes."""
    sizes = [task.classes for task in history.tasks[: told.phase + 1]]
    if sum(sizes) != len(told.values):
        return None
    tasks = [task for task, size in enumerate(sizes) for _ in range(size)]
    names = told.labels or tuple(map(str, range(1, len(told.values) + 1)))
    return Classes(told.step, told.phase, tuple(tasks), names, told.values)


def _right(known: Classes, shared: bool) -> tuple[int, ...]:
    firsts = {task: known.tasks.index(task) for task in reversed(known.tasks)}
    return tuple(row - firsts[task] if shared else row for row, task in enumerate(known.tasks))


def _table(values: Sequence[float | None], sizes: Sequence[int], way: str) -> "np.ndarray | None":
    """A row for each class; None if the numbers do not fit the classes."""
    import numpy as np

    rows, known = sum(sizes), np.nan_to_num(np.array(values, dtype=float)).clip(0, 1e15).astype(np.int64)
    if way != AWARE:
        columns, rest = divmod(len(known), rows)
        fits = not rest and (columns == rows if way else columns >= max(sizes))
        return known.reshape(rows, columns) if fits else None
    if len(known) != sum(size * size for size in sizes):
        return None
    counts, row, place = np.full((rows, rows), -1), 0, 0
    for size in sizes:
        counts[row : row + size, row : row + size] = known[place : place + size * size].reshape(size, size)
        row, place = row + size, place + size * size
    return counts
