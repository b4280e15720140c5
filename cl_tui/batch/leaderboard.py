"""The leaderboard of a batch: who is ahead among the runs that have ended, and where those in training stand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev

from rich.table import Table
from rich.text import Text

from cl_tui.reports.standings import Entry
from engine.record.events import PROBE
from engine.record.history import History
from engine.record.score import ScoreInfo
from engine.record.series import Curve, Series
from engine.settings.run import RunConfig

MOST = 12
"""Most rows, so that the bars below stay on the screen."""


def results(history: History) -> History:
    """What a leaderboard needs of it, which is small."""
    return History(
        history.state,
        history.tasks,
        score=history.score,
        task=history.task,
        step=history.step,
        matrix=history.matrix,
        probed=history.probed,
        strengths=history.strengths,
        scores={PROBE: Series(history.probes[-1:])},
        started=history.started and replace(history.started, versions={}),
        curve=Curve(),
    )


@dataclass
class Group:
    """The runs that differ only in their seed."""

    label: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def ended(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.history.state == "finished"]

    @property
    def average(self) -> float:
        """Of the runs that have ended; NaN if none has."""
        return fmean(entry.average for entry in self.ended) if self.ended else math.nan

    @property
    def error(self) -> float:
        """Over the seeds; of a single one because of its test examples."""
        averages = [entry.average for entry in self.ended]
        if len(averages) > 1:
            return stdev(averages) / math.sqrt(len(averages))
        return self.ended[0].error if self.ended else 0.0

    def after(self, tasks: int) -> float:
        """The average after so many tasks, over the runs that have ended them; NaN if none has."""
        rows = [entry.history.matrix[tasks - 1] for entry in self.entries if len(entry.history.matrix) >= tasks > 0]
        return fmean(fmean(row) for row in rows) if rows else math.nan


class Leaderboard:
    """Of the benchmark and scenario of the run that was last heard of."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._newest = ""

    def hear(self, name: str, config: RunConfig, history: History) -> None:
        self._entries[name] = Entry(name, config, history)
        self._newest = name

    def groups(self) -> list[Group]:
        """The best first; those without a run that has ended last."""
        if self._newest not in self._entries:
            return []
        of = self._entries[self._newest].config
        found: dict[str, Group] = {}
        for entry in self._entries.values():
            if (entry.config.benchmark, entry.config.scenario) == (of.benchmark, of.scenario):
                key = str(entry.config.changed(seed=0).plain())
                found.setdefault(key, Group(entry.label)).entries.append(entry)
        sign = self._entries[self._newest].history.score.sign
        return sorted(found.values(), key=lambda group: (math.isnan(group.average), -sign * (group.average)))

    def table(self, width: int) -> Table | None:
        """None before two groups can be compared."""
        groups = self.groups()
        if len(groups) < 2 or not any(group.after(1) == group.after(1) for group in groups):
            return None
        score = self._entries[self._newest].history.score
        table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        for place, group in enumerate(groups[:MOST], start=1):
            known = not math.isnan(group.average)
            before = groups[place - 2] if place > 1 else None
            told = [_average(group, score), _even(before, group) if known and before is not None else ""]
            running = _running(group, groups, score) if width >= 70 else ""
            runs = f"{len(group.ended)} of {len(group.entries)} runs" if width >= 50 else ""
            cells = [str(place) if known else "–", group.label, *told, runs, running]
            table.add_row(*(Text(cell, style="bold" if number in (0, 2) else "") for number, cell in enumerate(cells)))
        return table


def _average(group: Group, score: ScoreInfo) -> str:
    if math.isnan(group.average):
        return ""
    spread = f" ± {score.value(group.error)}" if len(group.ended) > 1 else ""
    return f"{score.value(group.average)}{spread}{score.mark}"


def _even(before: Group, group: Group) -> str:
    """Whether it is closer to the place before than two standard errors of their difference."""
    return "even" if abs(before.average - group.average) < 2 * math.hypot(before.error, group.error) else ""


def _running(group: Group, groups: Sequence[Group], score: ScoreInfo) -> str:
    """The run in training that is farthest: its newest average, and its place among all that have ended as many
    tasks."""
    training = [entry for entry in group.entries if entry.history.state == "training" and entry.history.matrix]
    if not training:
        return ""
    history = max(training, key=lambda entry: len(entry.history.matrix)).history
    tasks = len(history.matrix)
    own = fmean(history.matrix[-1])
    others = [other.after(tasks) for other in groups if other is not group]
    place = 1 + sum(score.lost(value, own) > 0 for value in others if not math.isnan(value))
    return f"after task {tasks}: {score.full(own)}, place {place}"
