"""What each class of the tasks seen is taken for, and what it lost since its task ended, on the same examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from engine.record.classes import confusion
from engine.record.events import ANSWERS
from engine.record.history import History
from engine.record.series import Series

if TYPE_CHECKING:
    import numpy as np

    from engine.record.shown import Answers, Shown


@dataclass(frozen=True, eq=False)
class Mistakes:
    """A row and a column for each class of the tasks seen, in the order of the tasks."""

    step: int
    phase: int
    """The newest task seen, counted from 0."""
    tasks: tuple[int, ...]
    """The task of each class."""
    names: tuple[str, ...]
    counts: "np.ndarray"
    """How many examples of each class (row) were taken for which class (column); -1 where it did not compete."""
    totals: "np.ndarray"
    """How many examples each class has."""
    learned: "np.ndarray"
    """The accuracy of each class at the end of its task; NaN before that, or if it is not known."""
    live: bool = False
    """Whether these are the shown examples, at a probe, instead of whole test sets."""

    @cached_property
    def shares(self) -> "np.ndarray":
        """``counts`` as fractions of each class's examples; NaN where a class did not compete."""
        import numpy as np

        return np.where(self.counts < 0, np.nan, self.counts / np.maximum(self.totals, 1)[:, None])

    @cached_property
    def accuracies(self) -> "np.ndarray":
        """NaN for a class without examples."""
        import numpy as np

        return np.where(self.totals > 0, self.counts.diagonal() / np.maximum(self.totals, 1), np.nan)

    @cached_property
    def lost(self) -> "np.ndarray":
        """The accuracy that each class lost since the end of its task, as a fraction; NaN where that is not known."""
        lost: np.ndarray = self.learned - self.accuracies
        return lost

    @cached_property
    def wrong(self) -> "np.ndarray":
        """``shares`` of the wrong answers alone; 0 elsewhere."""
        import numpy as np

        wrong: np.ndarray = np.nan_to_num(self.shares)
        np.fill_diagonal(wrong, 0)
        return wrong

    def taken_for(self, row: int) -> list[tuple[int, float]]:
        """The wrong answers to a class, each with its share, the most frequent first."""
        shares = self.wrong[row].tolist()
        found = [(column, share) for column, share in enumerate(shares) if share]
        return sorted(found, key=lambda answer: -answer[1])


def at_end(history: History, way: str, phase: int | None = None) -> Mistakes | None:
    """On whole test sets at the end of ``phase``, or of the newest task that ended, judged in one of ``classes.ways``;
    None if it was not told."""
    import numpy as np

    found = confusion(history, way, phase)
    if found is None:
        return None
    known, counts = found.classes, np.where(found.counts < 0, 0, found.counts)
    learned = np.full(len(known.names), np.nan)
    for ended in range(known.phase + 1):
        then = found if ended == known.phase else confusion(history, way, ended)
        if then is not None:
            rows = np.flatnonzero(np.array(then.classes.tasks) == ended)
            own = then.shares()[rows, np.array(then.right)[rows]]
            learned[rows] = np.where(then.counts[rows].clip(0).sum(axis=1) > 0, own, np.nan)
    table = _among_classes(found.counts, known.tasks) if not way else found.counts
    return Mistakes(known.step, known.phase, known.tasks, known.names, table, counts.sum(axis=1), learned)


def _among_classes(outputs: "np.ndarray", tasks: Sequence[int]) -> "np.ndarray":
    """Answers as classes of the example's own task, from answers as outputs that all tasks share."""
    import numpy as np

    counts = np.full((len(tasks), len(tasks)), -1)
    for task in range(tasks[-1] + 1):
        own = np.flatnonzero(np.array(tasks) == task)
        counts[np.ix_(own, own)] = outputs[own, : len(own)]
    return counts


def at_probe(history: History, shown: "Shown") -> Mistakes | None:
    """On the shown examples, by the newest answers; None if there are none, or no classes."""
    import numpy as np

    from engine.record.shown import answers_of

    told = history.packed.get(ANSWERS) or Series()
    found = answers_of(told[-1], shown) if told else []
    if not found or not found[0].names:
        return None
    sizes = [len(shown.tasks[of.task].names) for of in found]
    tasks = [of.task for of, size in zip(found, sizes, strict=True) for _ in range(size)]
    counts, learned, first = np.full((len(tasks), len(tasks)), 0 if shown.together else -1), [], 0
    ends = {of.phase: of for of in told}
    for of, size in zip(found, sizes, strict=True):
        rows = np.arange(first, first + size)
        columns = np.arange(len(tasks)) if shown.together else rows
        counts[np.ix_(rows, columns)] = _counted(shown.tasks[of.task].targets, of.given, size, len(columns))
        ended = of.task < len(history.matrix) and of.task in ends
        then = next(iter(answers_of(ends[of.task], shown)[of.task :]), None) if ended else None
        learned.append(_by_class(shown, then, size))
        first += size
    named = tuple(name for of in found for name in shown.tasks[of.task].names)
    totals = counts.clip(0).sum(axis=1)
    return Mistakes(told[-1].step, found[-1].task, tuple(tasks), named, counts, totals, np.concatenate(learned), True)


def at_old_end(history: History, shown: "Shown") -> Mistakes | None:
    """As ``at_end``, judged in the scenario's own way, by each answer to the whole test sets: of a session that is too
    old to tell confusions, answers are computed later."""
    import numpy as np

    from engine.record.events import WHOLE_ANSWERS
    from engine.record.shown import whole_sets

    told = history.packed.get(WHOLE_ANSWERS) or Series()
    sets = whole_sets(history, told[-1].phase) if told else []
    if not sets or len(sets) > len(shown.tasks) or not shown.names:
        return None
    sizes = [len(task.names) for task in shown.tasks[: len(sets)]]
    tasks = [task for task, size in enumerate(sizes) for _ in range(size)]
    counts, learned, first = np.full((len(tasks), len(tasks)), 0 if shown.together else -1), [], 0
    for of, size in zip(sets, sizes, strict=True):
        rows = np.arange(first, first + size)
        columns = np.arange(len(tasks)) if shown.together else rows
        own = of.targets < size  # a stranger's log may have others
        targets, now = of.targets[own].astype(int), of.now[own].astype(int)
        given = np.where(now > 0, now - 1, targets + (first if shown.together else 0))
        counts[np.ix_(rows, columns)] = _counted(targets, given, size, len(columns))
        totals = np.maximum(np.bincount(targets, minlength=size), 1)
        right = (
            np.bincount(targets[of.then[own] == 0], minlength=size) if of.then is not None else np.full(size, np.nan)
        )
        learned.append(right / totals)
        first += size
    named = tuple(name for task in shown.tasks[: len(sets)] for name in task.names)
    totals = counts.clip(0).sum(axis=1)
    return Mistakes(told[-1].step, len(sets) - 1, tuple(tasks), named, counts, totals, np.concatenate(learned))


def _counted(rows: "np.ndarray", columns: "np.ndarray", height: int, width: int) -> "np.ndarray":
    """How often each row and column go together, shape (height, width)."""
    import numpy as np

    there = columns < width  # a stranger's log may have answers that are classes of later tasks
    places = rows[there].astype(int) * width + columns[there]
    return np.bincount(places, minlength=height * width).reshape(height, width)


def _by_class(shown: "Shown", then: "Answers | None", size: int) -> "np.ndarray":
    """The accuracy of each of the ``size`` classes of a task, shape (size,); NaN where there are no examples."""
    import numpy as np

    if then is None:
        return np.full(size, np.nan)
    targets = shown.tasks[then.task].targets
    totals = np.bincount(targets, minlength=size)
    return np.where(totals > 0, np.bincount(targets[~then.wrong], minlength=size) / np.maximum(totals, 1), np.nan)
