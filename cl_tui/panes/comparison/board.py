"""How a comparison is looked at: what all its panes have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeVar

from cl_tui.charts.colour_scale import ColourScale
from cl_tui.charts.marks import Mark, marks
from cl_tui.reports.group_curves import KINDS, CurveKind
from cl_tui.reports.groups import Change, Changes, Comparison, Group, difference
from cl_tui.reports.statistics import Estimate

T = TypeVar("T")
Clock = Literal["tasks", "steps", "seconds"]
CLOCKS: tuple[Clock, ...] = ("tasks", "steps", "seconds")
Order = Literal["result", "forgetting", "learned", "speed", "name"]
ORDERS: tuple[Order, ...] = ("result", "forgetting", "learned", "speed", "name")
MOST_DRAWN = 7
"""Groups that a chart shows: where there are more, the best, the baseline and the selected one."""
UPPER_BOUND = "joint"
"""The method that no other is expected to beat: it is never the best."""


@dataclass(frozen=True, eq=False)
class Board:
    found: Comparison
    baseline: int = 0
    """The group that the others are compared with, counted from 0."""
    selected: int = 0
    order: Order = "result"
    clock: Clock = "tasks"
    kind: CurveKind = KINDS[0]
    unfolded: bool = False
    """Whether the seeds of the selected group are listed."""
    member: int = -1
    """Of these, the selected one; -1 for the group itself."""
    cursor: float | None = None
    """The crosshair's place, in the unit of ``clock``; None if there is none."""

    @classmethod
    def of(cls, found: Comparison) -> "Board":
        """Against ``none``, if that is there, of most seeds, and with the best group selected."""
        unprotected = [k for k, group in enumerate(found.groups) if group.method == "none"]
        baseline = max(unprotected, key=lambda k: len(found.groups[k].members), default=0)
        made = cls(found, baseline)
        return replace(made, selected=made.best if made.best is not None else made.ordered[0])

    @cached_property
    def marks(self) -> list[Mark]:
        """By group."""
        return marks([group.method for group in self.found.groups])

    @cached_property
    def ordered(self) -> list[int]:
        """The groups in the order in which they are listed."""
        groups, sign = self.found.groups, self.found.score.sign

        def key(place: int) -> tuple[bool, float | str]:
            group = groups[place]
            if self.order == "name":
                return (False, group.title)
            found = {
                "result": (group.average, -sign),
                "forgetting": (group.figures["forgetting"], 1),
                "learned": (group.learned, -sign),
                "speed": (group.rate, -1),
            }[self.order]
            of, way = found
            return (of is None or math.isnan(of.mean), way * of.mean if of else 0.0)

        return sorted(range(len(groups)), key=key)

    @cached_property
    def best(self) -> int | None:
        """The group with the best result, without the upper bound if there are others."""
        known = [k for k, group in enumerate(self.found.groups) if group.average]
        rivals = [k for k in known if self.found.groups[k].method != UPPER_BOUND] or known
        return max(rivals, key=lambda k: self.found.score.sign * _mean(self.found.groups[k]), default=None)

    @cached_property
    def drawn(self) -> list[int]:
        """The groups in the charts, the best first."""
        sign = self.found.score.sign
        known = [k for k, group in enumerate(self.found.groups) if group.average or any(map(group.has_any, KINDS))]
        by_result = sorted(known, key=lambda k: -sign * _mean(self.found.groups[k]))
        if len(by_result) <= MOST_DRAWN:
            return by_result
        chosen = {self.baseline, self.selected}
        for k in by_result:
            if len(chosen) < MOST_DRAWN:
                chosen.add(k)
        return [k for k in by_result if k in chosen]

    @cached_property
    def scale(self) -> ColourScale:
        """The colours of the scores of all groups."""
        groups = self.found.groups
        chances = {group.chance for group in groups}
        scores = [cell.mean for group in groups for row in group.matrix for cell in row]
        return ColourScale.of(self.found.score, scores, chances.pop() if len(chances) == 1 else None)

    def even_with_best(self, place: int) -> bool:
        """Whether a group's result is as good as the best one's, as far as the errors can tell."""
        if self.best is None or place == self.best or self.found.groups[place].method == UPPER_BOUND:
            return False
        change = self.change(self.found.groups[self.best].average, self.found.groups[place].average)
        return change is not None and change.error is not None and not change.certain

    def change(self, first: Estimate | None, other: Estimate | None) -> Change | None:
        """``other`` minus ``first``; their sessions are independent, so squared errors add up."""
        if first is None or other is None:
            return None
        known = first.error is not None and other.error is not None
        error = math.hypot(first.error or 0.0, other.error or 0.0) if known else None
        return Change(other.mean - first.mean, error, self.found.score)

    def difference(self, place: int) -> Changes | None:
        """Of a group's matrix from that of the baseline."""
        return difference(self.found.groups[self.baseline], self.found.groups[place])

    def moved(self, by: int) -> "Board":
        """With the next line of the list selected: a seed of the selected group if they are listed, or a group."""
        if self.unfolded and -1 <= self.member + by < len(self.group(self.selected).members):
            return replace(self, member=self.member + by)
        at = self.ordered.index(self.selected)
        place = min(max(at + by, 0), len(self.ordered) - 1)
        if place == at:
            return self
        return replace(self, selected=self.ordered[place], unfolded=False, member=-1)

    def other(self) -> "Board":
        """With the seeds of the selected group listed, or not any more."""
        return replace(self, unfolded=not self.unfolded, member=-1)

    def group(self, place: int) -> Group:
        return self.found.groups[place]


def _mean(group: Group) -> float:
    return group.average.mean if group.average and not math.isnan(group.average.mean) else -math.inf


def following(values: Sequence[T], now: T) -> T:
    """The value after ``now``, and the first after the last."""
    return values[(values.index(now) + 1) % len(values)]
