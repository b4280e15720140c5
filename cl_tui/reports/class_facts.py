"""What a session knows of each class: how well it is recognised, and what it is taken for."""

from dataclasses import dataclass

from engine.catalog.entries import AGNOSTIC, AWARE
from engine.record.classes import Confusion, classes, confusion
from engine.record.figures import OWN
from engine.record.history import History
from engine.settings.run import RunConfig

LEAST_SHARE = 0.005
"""Smallest share of a class's examples that is shown."""
NOTABLE = 0.1
"""Share of a class's examples from which a wrong answer stands out."""
MISTAKES = 2
"""Most wrong answers that are told of a class."""
TOLD = {AWARE: "the task is told", AGNOSTIC: "the task is not told"}
"""The ways of judging, in words."""


def share_text(share: float | None) -> str:
    """In percent; nothing if it rounds to 0.

    >>> share_text(0.254), share_text(0.001), share_text(None)
    ('25', '', '')
    """
    return f"{100 * share:.0f}" if share and share >= LEAST_SHARE else ""


@dataclass(frozen=True)
class ClassFacts:
    name: str
    task: int
    """Counted from 0."""
    learned: float | None
    """Its accuracy at the end of its task; None if that was not measured."""
    now: float | None
    """At the end of the newest task that has ended."""
    taken_for: tuple[tuple[str, float], ...]
    """The most frequent wrong answers, each with the share of its examples."""

    @property
    def lost(self) -> float:
        return (self.learned or 0.0) - (self.now or 0.0)


def class_facts(config: RunConfig, history: History) -> list[ClassFacts]:
    """In the order of the tasks; empty if nothing was measured. Answers are judged as the scenario judges."""
    told = classes(history)
    if not told:
        return []
    newest, ends = told[-1], {known.phase: known for known in told}
    found = confusion(history, OWN.get(config.scenario, ""), newest.phase)
    answers = _answers(found) if found else [()] * len(newest.names)
    return [
        ClassFacts(name, task, ends[task].accuracies[row] if task in ends else None, newest.accuracies[row], wrong)
        for row, (name, task, wrong) in enumerate(zip(newest.names, newest.tasks, answers, strict=True))
    ]


def _answers(found: Confusion) -> list[tuple[tuple[str, float], ...]]:
    names, by_class = found.answers, [list[tuple[str, float]]() for _ in found.classes.names]
    places = enumerate(zip(found.classes.tasks, found.right, strict=True))
    own = {place: found.classes.names[row] for row, place in places} if not found.way else {}
    for share, row, column in found.mistakes():
        if len(by_class[row]) < MISTAKES:
            by_class[row].append((own.get((found.classes.tasks[row], column), names[column]), share))
    return [tuple(wrong) for wrong in by_class]


def worst(rows: list[ClassFacts], most: int) -> list[ClassFacts]:
    """At most ``most`` rows: those that lost most, in their order."""
    if len(rows) <= most:
        return rows
    return sorted(sorted(rows, key=lambda row: -row.lost)[:most], key=rows.index)


def shown_confusion(config: RunConfig, history: History) -> Confusion | None:
    """The newest confusions of all classes seen; in the domain scenario, those of the shared outputs."""
    return confusion(history, AGNOSTIC if config.scenario in OWN else "")
