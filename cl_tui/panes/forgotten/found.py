"""What a run has forgotten: examples that were right when their task was learned and are wrong now, in groups of one
class taken for one other; and the way of each example through time."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import numpy as np

from cl_tui.panes.forgotten.chosen import Example, Order
from engine.record.events import ANSWERS, WHOLE_ANSWERS, Packed
from engine.record.history import History
from engine.record.shown import Answers, Lost, Shown, answers_of, forgotten, lost, turned_in


@dataclass(frozen=True, eq=False)
class Group:
    """Examples of one class that the network takes for one other now."""

    task: int
    name: str
    """What they are."""
    answer: str
    """What they are taken for."""
    rows: tuple[int, ...]
    """The shown examples among them."""
    count: int
    of: int
    """How many of the class there are; of a whole test set, how many of it had been learned."""

    turned_in: Mapping[int, int] = field(default_factory=dict)
    """How many turned for good in each task."""

    @property
    def key(self) -> tuple[int, str, str]:
        return (self.task, self.name, self.answer)


@dataclass(frozen=True, eq=False)
class Found:
    """As of a step."""

    step: int
    answers: Sequence[Answers] = ()
    lost: Sequence[Lost] = ()
    whole: bool = False
    """Whether groups count whole test sets, as at a task's end; else the shown examples alone."""
    groups: Sequence[Group] = field(default=())
    """In the order of the tasks; the largest of each task first."""

    @cached_property
    def largest(self) -> list[Group]:
        return sorted(self.groups, key=lambda group: (-group.count, group.key))

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def told(self) -> str:
        """'3,304 examples', or of those that are looked at."""
        if self.whole:
            return f"{self.count:,} examples"
        return f"{self.count} of {sum(len(of.lost) for of in self.lost)}"

    def of_task(self, task: int) -> int:
        return sum(group.count for group in self.groups if group.task == task)

    def group_of(self, example: Example) -> Group | None:
        return next((one for one in self.groups if one.task == example.task and example.row in one.rows), None)

    def turned(self, example: Example) -> int:
        """The step from which on it was wrong for good; 0 if it is not lost."""
        return next((int(of.since[example.row]) for of in self.lost if of.task == example.task), 0)

    def data(self, shown: Shown) -> list[dict[str, object]]:
        """The forgotten examples that are shown, a row each."""
        rows: list[dict[str, object]] = []
        for group in self.groups:
            told, task = self.answers[group.task], shown.tasks[group.task]
            for row in self.rows(group, "most certain") if told.sure is not None else ():
                assert told.sure is not None
                assert told.right is not None
                rows.append(
                    {
                        "task": group.task + 1,
                        "example": int(task.places[row]) + 1,
                        "is": group.name,
                        "taken_for": group.answer,
                        "sure": round(float(told.sure[row]), 4),
                        "right": round(float(told.right[row]), 4),
                        "turned_at": self.turned(Example(group.task, row)),
                        "now": self.step,
                    }
                )
        return rows

    def rows(self, group: Group, order: Order) -> list[int]:
        """The group's shown examples in this order."""
        rows, sure = np.array(group.rows, dtype=int), self.answers[group.task].sure
        if not len(rows) or sure is None:
            return list(group.rows)
        since = next(of.since for of in self.lost if of.task == group.task)
        by = {
            "most certain": -sure[rows],
            "first turned": since[rows],
            "last turned": -since[rows],
            "at random": np.random.default_rng(group.task).permutation(len(sure))[rows],
        }[order]
        return [int(row) for row in rows[np.lexsort((rows, by))]]


def find(history: History, shown: Shown, step: int | None) -> Found:
    """As of ``step``, or now."""
    told = history.packed.get(ANSWERS)
    known = told.until(step) if told is not None and step is not None else told
    if not known:
        return Found(0)
    newest = known[-1]
    answers = answers_of(newest, shown)
    losses = lost(history, shown, step) if answers else []
    groups = _groups(history, answers, losses)
    ends = history.packed.get(WHOLE_ANSWERS) or ()
    if answers and any(end.step == newest.step and end.phase == newest.phase for end in ends):
        return Found(newest.step, answers, losses, True, _counted(history, newest.phase, shown, groups))
    return Found(newest.step, answers, losses, groups=groups)


def _counted(history: History, phase: int, shown: Shown, groups: Sequence[Group]) -> list[Group]:
    """The groups of whole test sets at the end of ``phase``, with the shown examples of ``groups``."""
    rows = {group.key: group.rows for group in groups}
    counted: list[Group] = []
    for of in forgotten(history, phase):
        names = shown.tasks[of.task].names
        answers = shown.names if shown.together else names
        if of.target < len(names) and of.answer < len(answers):
            key = (of.task, names[of.target], answers[of.answer])
            counted.append(Group(*key, rows.get(key, ()), of.count, of.learned, turned_in(history, phase, of)))
    return counted


def _groups(history: History, answers: Sequence[Answers], losses: Sequence[Lost]) -> list[Group]:
    groups: list[Group] = []
    for of in losses:
        told = answers[of.task]
        if told.sure is None:
            continue
        pairs: dict[tuple[int, int], list[int]] = {}
        for row in np.flatnonzero(of.lost).tolist():
            pairs.setdefault((int(told.target[row]), int(told.given[row])), []).append(row)
        found = [
            Group(
                of.task,
                told.names[target],
                told.names[given],
                tuple(rows),
                len(rows),
                int((told.target == target).sum()),
                Counter(bisect_left(history.starts, step) - 1 for step in of.since[rows].tolist()),
            )
            for (target, given), rows in pairs.items()
        ]
        groups += sorted(found, key=lambda group: (-group.count, group.key))
    return groups


@dataclass(frozen=True, eq=False)
class Way:
    """One example at each look since its task began."""

    steps: np.ndarray
    values: np.ndarray
    """The probability of the right class; of regression, the first number that was predicted."""
    wrong: np.ndarray
    learned: int | None
    """The look at the end of its task, counted in these; None before."""

    @cached_property
    def turned(self) -> int | None:
        """The look from which on it was wrong for good, if it was right when learned and is wrong now."""
        if self.learned is None or self.wrong[self.learned] or not self.wrong[-1]:
            return None
        return int(len(self.wrong) - np.argmin(self.wrong[::-1]))

    @property
    def times(self) -> int:
        """How often it turned from right to wrong since it was learned."""
        after = self.wrong[self.learned or 0 :]
        return int((after[1:] & ~after[:-1]).sum())


class Looks:
    """Every look at the shown examples, as arrays; each new History adds only what is new."""

    def __init__(self) -> None:
        self._shown: Shown | None = None
        self._told: list[Packed] = []
        self._marks = np.empty((0, 2), dtype=int)
        """The step and the phase of each look; both ascend."""
        self._values = np.empty((0, 0), dtype=np.float32)
        self._wrong = np.empty((0, 0), dtype=bool)

    def follow(self, history: History, shown: Shown) -> None:
        told = history.packed.get(ANSWERS) or ()
        if shown is not self._shown or not self._continues(told):
            count = sum(map(len, shown.tasks))
            self._shown, self._told = shown, []
            self._marks = np.zeros((256, 2), dtype=int)
            self._values = np.full((256, count), np.nan, dtype=np.float32)
            self._wrong = np.zeros((256, count), dtype=bool)
        for one in told[len(self._told) :]:
            self._add(one, shown)

    def _continues(self, told: Sequence[Packed]) -> bool:
        """Whether what is known is the beginning of ``told``; not so after a replay went back."""
        known = len(self._told)
        return len(told) >= known and (not known or told[known - 1] is self._told[-1])

    def _add(self, one: Packed, shown: Shown) -> None:
        place = len(self._told)
        if place == len(self._values):
            self._marks = np.concatenate([self._marks, np.zeros_like(self._marks)])
            self._values = np.concatenate([self._values, np.full_like(self._values, np.nan)])
            self._wrong = np.concatenate([self._wrong, np.zeros_like(self._wrong)])
        self._marks[place] = one.step, one.phase
        end = 0
        for of in answers_of(one, shown):
            rows = slice(end, end := end + len(of.given))
            self._values[place, rows] = of.given[:, 0] if of.right is None else of.right
            self._wrong[place, rows] = of.wrong
        self._told.append(one)

    def way(self, example: Example, until: int | None, ended: bool) -> Way | None:
        """``ended``: whether its task has ended by then; None if there was no look yet."""
        steps, values, wrong = self.together([example], until)
        if not len(steps):
            return None
        own = int(np.count_nonzero(self._marks[: len(self._told), 1] == example.task))
        learned = own - 1 if ended and own else None
        return Way(steps, values[:, 0], wrong[:, 0], learned)

    def together(self, examples: Sequence[Example], until: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of examples of one task, since it began: the steps of the looks, and the values and what was wrong at each,
        shape (looks, examples)."""
        assert self._shown is not None
        starts = [*accumulate(map(len, self._shown.tasks), initial=0)]
        columns = [starts[example.task] + example.row for example in examples]
        marks = self._marks[: len(self._told)]
        first = int(np.searchsorted(marks[:, 1], examples[0].task))
        last = len(marks) if until is None else int(np.searchsorted(marks[:, 0], until, side="right"))
        looks = slice(first, max(first, last))
        return marks[looks, 0], self._values[looks, columns], self._wrong[looks, columns]
