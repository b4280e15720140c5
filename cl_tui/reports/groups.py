"""What a comparison holds: groups of sessions that differ only in the seed, and how each differs from the first."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cl_tui.reports.group_curves import CurveKind, GroupCurve
from cl_tui.reports.statistics import Estimate
from cl_tui.reports.text import AVERAGES
from engine.record.figures import FIGURES
from engine.record.history import Rows
from engine.record.score import ACCURACY, ScoreInfo


@dataclass(frozen=True)
class Member:
    name: str
    seed: int
    state: str
    progress: str
    """How far it is, in words; empty if it is finished."""


@dataclass(frozen=True, eq=False)
class Group:
    letter: str
    title: str
    """Method and strength, and what else distinguishes it from the other groups."""
    benchmark: str
    scenario: str
    members: tuple[Member, ...]
    tasks: tuple[str, ...]
    starts: tuple[int, ...]
    """The step at which each task begins, and finally the total number of steps."""
    ended: int
    """The most tasks that any session has completed: the figures are over these."""
    figures: Mapping[str, Estimate | None]
    """By the keys of AVERAGES and FIGURES."""
    score: ScoreInfo
    matrix: tuple[tuple[Estimate, ...], ...]
    """Accuracies as fractions, other scores as they are: row i, column j is that on task j after task i."""
    curves: Mapping[CurveKind, GroupCurve]
    """Only curves that have a point."""
    method: str
    after_tasks: tuple[Estimate, ...]
    """The average score over the tasks so far, at the end of each."""
    learned: Estimate | None
    """The mean of the scores right after each task (plasticity)."""
    kept: Estimate | None
    """The mean of the newest scores on all tasks but the last (stability)."""
    rate: Estimate | None
    """Steps a second."""
    seconds: tuple[float, ...]
    """When each of ``starts`` is reached, as a mean over the sessions; only as far as any has come."""
    matrices: tuple[Rows, ...]
    """Of each of ``members``."""
    chance: float | None
    """The average score of guessing."""

    @property
    def average(self) -> Estimate | None:
        return self.figures["average_accuracy"]

    @property
    def finished(self) -> bool:
        return all(member.state == "finished" for member in self.members)

    def has_any(self, kind: CurveKind) -> bool:
        """Whether the curve exists and is not 0 throughout."""
        if kind not in self.curves:
            return False
        return (kind == "accuracy" and not self.score.fraction) or bool((self.curves[kind].means > 0).any())

    @property
    def size(self) -> str:
        """The number of sessions, and the number that the figures are over if that is smaller."""
        accuracy = self.figures["average_accuracy"]
        known = accuracy.count if accuracy else 0
        return str(len(self.members)) if known == len(self.members) else f"{known} of {len(self.members)}"


@dataclass(frozen=True)
class Setting:
    """A setting that differs between groups, with each group's value as text."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A difference of two scores, of accuracies as a fraction."""

    value: float
    error: float | None
    score: ScoreInfo = ACCURACY

    @property
    def direction(self) -> int:
        """1 for better, −1 for worse, 0 if the difference is written as 0."""
        if math.isnan(self.value) or float(self.score.value(self.value)) == 0:
            return 0
        return 1 if self.score.lost(self.value, 0.0) > 0 else -1

    @property
    def certain(self) -> bool:
        """False if the difference is smaller than its standard error."""
        return self.error is None or abs(self.value) >= self.error


Changes = tuple[tuple[Change, ...], ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    groups: tuple[Group, ...]
    settings: tuple[Setting, ...]
    notes: tuple[str, ...]
    """What cannot be compared, and what may mislead; each a sentence."""

    @property
    def score(self) -> ScoreInfo:
        """All groups have it."""
        return self.groups[0].score

    @property
    def counted(self) -> str:
        """How many sessions in how many groups, in words."""
        sessions = sum(len(group.members) for group in self.groups)
        return f"{sessions} sessions in {len(self.groups)} group{'s' if len(self.groups) > 1 else ''}"

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, accuracies as fractions."""
        first = self.groups[0]
        return {
            "score": self.score.name,
            "unit": self.score.unit,
            "groups": [
                {
                    "group": group.letter,
                    "title": group.title,
                    "benchmark": group.benchmark,
                    "scenario": group.scenario,
                    "sessions": [asdict(member) for member in group.members],
                    "tasks_ended": group.ended,
                    **{key: (figure := group.figures[key]) and asdict(figure) for key in (*AVERAGES, *FIGURES)},
                    "accuracy_matrix": [[asdict(cell) for cell in row] for row in group.matrix],
                    "difference_to_first": [
                        [{"value": cell.value, "error": cell.error} for cell in row]
                        for row in difference(first, group) or ()
                    ],
                    "curves": {kind: _columns(curve) for kind, curve in group.curves.items()},
                }
                for group in self.groups
            ],
            "settings": {setting.name: list(setting.values) for setting in self.settings},
            "notes": list(self.notes),
        }


def _columns(curve: GroupCurve) -> dict[str, list[float | None]]:
    arrays = {"steps": curve.steps, "means": curve.means, "errors": curve.errors, "counts": curve.counts}
    return {name: [None if value != value else value for value in array.tolist()] for name, array in arrays.items()}


def difference(first: Group, other: Group) -> Changes | None:
    """``other`` minus ``first`` in the cells that both have; None if their benchmarks differ.

    The groups' sessions are independent, so squared standard errors add up.
    """
    if first.benchmark != other.benchmark:
        return None
    return tuple(
        tuple(_change(*cells, other.score) for cells in zip(*rows, strict=False))
        for rows in zip(first.matrix, other.matrix, strict=False)
    )


def _change(first: Estimate, other: Estimate, score: ScoreInfo) -> Change:
    known = first.error is not None and other.error is not None
    error = math.hypot(first.error or 0.0, other.error or 0.0) if known else None
    return Change(other.mean - first.mean, error, score)
