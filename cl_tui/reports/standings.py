"""Runs of the same benchmark side by side: who is ahead, by how much, and since when."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from engine.catalog.methods import METHODS
from engine.record import metrics
from engine.record.history import History
from engine.settings.run import RunConfig
from engine.settings.text import shown


@dataclass(frozen=True, eq=False)
class Entry:
    name: str
    config: RunConfig
    history: History

    @property
    def label(self) -> str:
        """The method with its strength: 'si c=1'."""
        symbol = METHODS[self.config.method].symbol
        strength = f" {symbol}={shown(self.history.strength(self.config))}" if symbol else ""
        return f"{self.config.method}{strength}"

    @cached_property
    def average(self) -> float:
        """Over the tasks so far; NaN before anything was measured."""
        row = self.history.accuracies
        return sum(row) / len(row) if row else math.nan

    @cached_property
    def error(self) -> float:
        """The standard error of the average because of the test examples; 0 for a score that is no share."""
        history, started = self.history, self.history.started
        if started is None or not history.score.fraction:
            return 0.0
        probed = history.look is not None and history.look.part != "whole"
        counts = started.subset_examples if probed and started.subset_examples else started.test_examples
        return metrics.sampling_error(history.accuracies, counts) if counts else 0.0


@dataclass(frozen=True, eq=False)
class Standing:
    place: int
    """Counted from 1."""
    entry: int
    """Which of the entries."""
    behind: float
    """Behind the first; 0 for the first, NaN before anything was measured."""
    even: bool
    """Whether it is closer to the place before than the error of their difference."""
    forgetting: float | None
    worst: int | None
    """The task with the worst score, of several."""
    places: tuple[int, ...]
    """After each task that all have ended."""

    @property
    def gained(self) -> int:
        """Places since the last task's end; negative if it fell."""
        return self.places[-1] - self.place if self.places else 0


def clock(history: History) -> float:
    """How far a run is: the number of ended tasks plus the share of the task in training. Tasks of different length
    count the same, and two runs with the same clock are at the same step if their tasks are equally long."""
    task = history.task
    if not history.tasks or task >= len(history.tasks) or history.between:
        return float(task if history.tasks else 0)
    return task + min(history.steps_done(task) / max(history.steps_of(task), 1), 1.0)


def step_at(history: History, clock: float) -> int:
    """The step of a run at a clock."""
    if not history.tasks:
        return 0
    task = min(int(clock), len(history.tasks) - 1)
    return history.starts[task] + int((clock - task) * history.steps_of(task) + 1e-6)


def standings(entries: Sequence[Entry]) -> list[Standing]:
    """From the first place to the last."""
    averages = [entry.average for entry in entries]
    sign = entries[0].history.score.sign if entries else 1

    ended = min((len(entry.history.matrix) for entry in entries), default=0)
    after: list[list[int]] = [[] for _ in entries]
    for task in range(ended):
        for place, at in enumerate(_ordered([_mean(e.history.matrix[task]) for e in entries], sign), start=1):
            after[at].append(place)
    found: list[Standing] = []
    placed = _ordered(averages, sign)
    for place, at in enumerate(placed, start=1):
        entry, before = entries[at], placed[place - 2] if place > 1 else None
        even = before is not None and abs(averages[before] - averages[at]) < _needed(entries[before], entry)
        row = entry.history.accuracies
        worst = min(range(len(row)), key=lambda task: sign * row[task]) if len(row) > 1 else None
        history = entry.history
        found.append(
            Standing(
                place,
                at,
                entry.history.score.lost(averages[placed[0]], averages[at]),
                even,
                metrics.forgetting(history.alike, history.score),
                worst,
                tuple(after[at]),
            )
        )
    return found


def _needed(one: Entry, other: Entry) -> float:
    """The smallest difference that says something: two standard errors of it."""
    return 2 * math.hypot(one.error, other.error)


def _ordered(values: Sequence[float], sign: int) -> list[int]:
    """The best first, equal ones as they were given, unknown ones last."""
    return sorted(range(len(values)), key=lambda at: math.inf if math.isnan(values[at]) else -sign * values[at])


def _mean(row: Sequence[float]) -> float:
    return sum(row) / len(row)


def certainty(entries: Sequence[Entry]) -> str:
    """What 'even' means, in a sentence; nothing for a score without an error."""
    *_, one, other = sorted(entries, key=lambda entry: entry.error)
    least = _needed(one, other)
    if not least:
        return ""
    return f"One seed. Places closer than {100 * least:.1f} points are even: other test examples could swap them."
