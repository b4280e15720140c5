"""Compares sessions: those that differ only in the seed form a group; each group is compared with the first.

Data only: ``cl_tui.reports.compare_page`` prints them and ``cl_tui.screens.compare`` shows them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from statistics import mean
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any, Literal

from cl_tui.reports import session_facts as facts
from cl_tui.reports import text as words
from cl_tui.reports.statistics import UNKNOWN, Estimate, estimate, with_error
from cl_tui.reports.tables import method_and_strength
from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.methods import METHODS
from engine.errors import EngineError, SessionDamaged
from engine.record import metrics
from engine.record.history import History
from engine.record.one_class import numbered, one_class_tasks, without
from engine.sessions.listing import Listed, read_session
from engine.sessions.session import Session
from engine.settings.run import WITHOUT_EFFECT, RunConfig, shown

if TYPE_CHECKING:
    import numpy as np

LETTERS = ascii_uppercase + ascii_lowercase
INDIFFERENT = WITHOUT_EFFECT | {"seed"}
"""Settings that do not affect the result, or only by chance (the seed)."""
FIGURES = {"average accuracy": "average_accuracy", "forgetting": "forgetting", "backward transfer": "backward_transfer"}
"""Each figure's label, and its function in engine.record.metrics."""
POINTS = 400
"""Most points on a curve of loss or penalty: each is the mean over equally many steps."""
MOST_LOOKS = 2000
"""Most points on a curve of accuracy."""

CurveKind = Literal["accuracy", "loss", "penalty"]
KINDS: tuple[CurveKind, ...] = ("accuracy", "loss", "penalty")


class NotComparable(EngineError):
    """These sessions cannot be compared."""

    exit_code = 2


@dataclass(frozen=True, eq=False)
class Course:
    """A group's curve: its mean at some steps, ascending; arrays of shape (points,)."""

    steps: "np.ndarray"
    means: "np.ndarray"
    errors: "np.ndarray"
    """Standard errors, NaN at steps that only one session has reached."""
    counts: "np.ndarray"
    """Number of sessions that each mean is over."""

    @property
    def lowest(self) -> float:
        """The lowest of the means and of the means minus a standard error."""
        below = self.means - self.errors
        return float(min(self.means.min(), below[below == below].min(initial=math.inf)))

    def at(self, step: float) -> Estimate | None:
        """The last point at or before ``step``; None before the first."""
        place = int(self.steps.searchsorted(step, side="right")) - 1
        if place < 0:
            return None
        error = float(self.errors[place])
        return Estimate(float(self.means[place]), None if math.isnan(error) else error, int(self.counts[place]))


@dataclass(frozen=True)
class Member:
    """One session of a group."""

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
    """The tasks' names."""
    starts: tuple[int, ...]
    """The step at which each task begins, and finally the total number of steps."""
    ended: int
    """The most tasks that any session has completed: the figures are over these."""
    figures: Mapping[str, Estimate | None]
    """The figures, by the names in FIGURES."""
    matrix: tuple[tuple[Estimate, ...], ...]
    """Accuracies as fractions: row i, column j is the accuracy on task j after task i."""
    curves: Mapping[CurveKind, Course]
    """Only curves that have a point."""

    @property
    def finished(self) -> bool:
        return all(member.state == "finished" for member in self.members)

    def has_any(self, kind: CurveKind) -> bool:
        """Whether the curve exists and is not 0 throughout."""
        return kind in self.curves and bool((self.curves[kind].means > 0).any())

    @property
    def size(self) -> str:
        """The number of sessions, and the number that the figures are over if that is smaller."""
        accuracy = self.figures["average accuracy"]
        known = accuracy.count if accuracy else 0
        return str(len(self.members)) if known == len(self.members) else f"{known} of {len(self.members)}"


@dataclass(frozen=True)
class Setting:
    """A setting that differs between groups, with each group's value as text."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A difference of two accuracies, as a fraction."""

    value: float
    error: float | None

    @property
    def direction(self) -> int:
        """1 for better, −1 for worse, 0 if the difference is less than a twentieth of a point."""
        return 0 if abs(self.value) < 5e-4 else 1 if self.value > 0 else -1

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
    def sessions(self) -> int:
        return sum(len(group.members) for group in self.groups)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, accuracies as fractions."""
        first = self.groups[0]
        return {
            "groups": [
                {
                    "group": group.letter,
                    "title": group.title,
                    "benchmark": group.benchmark,
                    "scenario": group.scenario,
                    "sessions": [asdict(member) for member in group.members],
                    "tasks_ended": group.ended,
                    **{key: _plain(group.figures[name]) for name, key in FIGURES.items()},
                    "accuracy_matrix": [[_plain(cell) for cell in row] for row in group.matrix],
                    "difference_to_first": [[asdict(cell) for cell in row] for row in difference(first, group) or ()],
                    "curves": {kind: _columns(course) for kind, course in group.curves.items()},
                }
                for group in self.groups
            ],
            "settings": {setting.name: list(setting.values) for setting in self.settings},
            "notes": list(self.notes),
        }


def _plain(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def _columns(course: Course) -> dict[str, list[float | None]]:
    arrays = {"steps": course.steps, "means": course.means, "errors": course.errors, "counts": course.counts}
    return {name: [None if value != value else value for value in array.tolist()] for name, array in arrays.items()}


# Reading


def check(sessions_dir: Path, names: Sequence[str]) -> None:
    """Raises EngineError if these obviously cannot be compared, without reading the logs."""
    for number, name in enumerate(names):
        if name in names[:number]:
            raise NotComparable(f"session {name} is named twice: name each session once")
    for name in names:
        Session.open(sessions_dir, name)
    if len(names) < 2:
        alone = f"session {names[0]} alone cannot be compared" if names else "no session is named"
        raise NotComparable(f"{alone}: name two sessions or more")


def read(sessions_dir: Path, name: str) -> Listed:
    """One session with its whole history. Raises SessionNotFound or SessionDamaged."""
    listed = read_session(sessions_dir, name)
    if listed.history is None:
        raise SessionDamaged(listed.problem)
    return listed


# Comparing


@dataclass(frozen=True)
class _Run:
    """The parts of a readable session."""

    name: str
    state: str
    config: RunConfig
    history: History


def compare(sessions: Iterable[Listed]) -> Comparison:
    """Groups in the order of their first sessions. Raises NotComparable if there are too many."""
    groups: dict[object, list[_Run]] = {}
    for listed in sessions:
        assert listed.config is not None
        assert listed.history is not None
        run = _Run(listed.name, listed.state, listed.config, listed.history)
        groups.setdefault(_identity(run), []).append(run)
    if len(groups) > len(LETTERS):
        raise NotComparable(f"{len(groups)} different settings are too many: name sessions with at most {len(LETTERS)}")
    runs = list(groups.values())
    settings = _settings([found[0] for found in runs])
    titles, width = _titles([found[0] for found in runs], settings), _bin_width(runs)
    made = tuple(
        _group(letter, title, found, width) for letter, title, found in zip(LETTERS, titles, runs, strict=False)
    )
    return Comparison(made, settings, tuple(_notes(made, runs)))


def _identity(run: _Run) -> object:
    """The same for sessions that differ only by chance: their settings and interventions."""
    deciding = run.config.model_dump(mode="json", exclude=set(INDIFFERENT))
    return repr((sorted(deciding.items()), _steering(run)))


def _steering(run: _Run) -> dict[str, str]:
    """How the run departed from its settings, in words."""
    history = run.history
    found = {}
    if history.forked is not None:
        found["forked from"] = f"{history.forked.parent}, task {history.forked.task + 1}"
    if history.strengths:
        found["strength, changed"] = ", ".join(f"{shown(c.strength)} after step {c.step:,}" for c in history.strengths)
    if history.plans:
        found["tasks, changed"] = "; ".join(plan.why for plan in history.plans)
    return found


def _settings(runs: Sequence[_Run]) -> tuple[Setting, ...]:
    """Only settings that differ."""
    known = [_shown(run.config) | _steering(run) for run in runs]
    names = dict.fromkeys([*RunConfig.model_fields, *(name for values in known for name in values)])
    rows = (Setting(name, tuple(values.get(name, UNKNOWN) for values in known)) for name in names)
    return tuple(row for row in rows if len(set(row.values)) > 1 and not _follows(row, runs))


def _follows(row: Setting, runs: Sequence[_Run]) -> bool:
    """Whether a setting follows from the methods: all runs whose method reads it use its default."""
    owners = [run.config for run in runs if row.name in METHODS[run.config.method].options]
    return bool(owners) and all(getattr(config, row.name) == _default(row.name, config) for config in owners)


def _default(key: str, config: RunConfig) -> object:
    return BENCHMARKS[config.benchmark].options.get(key, METHODS[config.method].options[key].default)


def _shown(config: RunConfig) -> dict[str, str]:
    without = INDIFFERENT if METHODS[config.method].symbol else INDIFFERENT | {"strength"}
    return {key: shown(value) for key, value in config if key not in without and value not in (None, ())}


def _titles(runs: Sequence[_Run], settings: Sequence[Setting]) -> list[str]:
    """Method and strength, and the settings that distinguish groups which share both."""
    methods = [method_and_strength(run.config.method, run.config.strength) for run in runs]
    titles = []
    for place, method in enumerate(methods):
        alike = [k for k, other in enumerate(methods) if other == method]
        told = [
            f"{setting.name} {setting.values[place]}"
            for setting in settings
            if setting.values[place] != UNKNOWN and len({setting.values[k] for k in alike}) > 1
        ]
        titles.append(" · ".join([method, *told]))
    return titles


def _group(letter: str, title: str, runs: Sequence[_Run], width: int) -> Group:
    histories = [run.history for run in runs]
    longest = max(histories, key=lambda history: history.total_steps)
    ended = max(len(history.matrix) for history in histories)
    farthest = [history.matrix for history in histories if len(history.matrix) == ended]
    curves = {kind: _course(kind, histories, width) for kind in KINDS}
    return Group(
        letter,
        title,
        runs[0].config.benchmark,
        runs[0].config.scenario,
        tuple(Member(run.name, run.config.seed, run.state, _progress(run)) for run in runs),
        _common_names([[task.name for task in history.tasks] for history in histories]),
        longest.starts,
        ended,
        {name: estimate(map(getattr(metrics, function), farthest)) for name, function in FIGURES.items()},
        tuple(tuple(_cells(rows)) for rows in zip_longest(*(history.matrix for history in histories), fillvalue=())),
        {kind: course for kind, course in curves.items() if course is not None},
    )


def _progress(run: _Run) -> str:
    if run.state == "finished":
        return ""
    return words.progress(run.history) if run.history.tasks else "before the first step"


def _common_names(names: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The tasks' names, or numbers if the sessions have different tasks."""
    most = max(names, key=len)
    same = all(list(most[: len(some)]) == list(some) for some in names)
    return tuple(most) if same else tuple(str(number + 1) for number in range(len(most)))


def _cells(rows: Sequence[Sequence[float]]) -> Iterator[Estimate]:
    for values in zip_longest(*rows):
        found = estimate(values)
        assert found is not None
        yield found


def difference(first: Group, other: Group) -> Changes | None:
    """``other`` minus ``first`` in the cells that both have; None if their benchmarks differ.

    The groups' sessions are independent, so squared standard errors add up.
    """
    if first.benchmark != other.benchmark:
        return None
    return tuple(
        tuple(_change(*cells) for cells in zip(*rows, strict=False))
        for rows in zip(first.matrix, other.matrix, strict=False)
    )


def _change(first: Estimate, other: Estimate) -> Change:
    known = first.error is not None and other.error is not None
    error = math.hypot(first.error or 0.0, other.error or 0.0) if known else None
    return Change(other.mean - first.mean, error)


# Curves


def _bin_width(groups: Iterable[Iterable[_Run]]) -> int:
    """Steps per point, the same for all groups."""
    longest = max((run.history.curve.length for runs in groups for run in runs), default=0)
    return max(1, math.ceil(longest / POINTS))


def _course(kind: CurveKind, histories: Iterable[History], width: int) -> Course | None:
    if kind == "accuracy":
        return _accuracy_course([points for history in histories if (points := seen_accuracy(history))])
    known = [history.curve for history in histories if history.curve.length]
    return _binned_course([curve.losses() if kind == "loss" else curve.penalties() for curve in known], width)


def seen_accuracy(history: History) -> list[facts.Point]:
    """Average accuracy over the tasks seen so far on their evaluation subsets, at each measurement."""
    return [(step, mean(row)) for step, row in sorted(facts.probed_rows(history).items()) if row]


def _accuracy_course(members: Sequence[Sequence[facts.Point]]) -> Course | None:
    """One point per measured step; between its own measurements, a session's value is interpolated."""
    import numpy as np

    if not members:
        return None
    points = [np.array(member, dtype=float) for member in members]
    steps = np.unique(np.concatenate([member[:, 0] for member in points]))
    steps = steps[facts.spread(len(steps), MOST_LOOKS)]
    values = [np.interp(steps, member[:, 0], member[:, 1], left=np.nan, right=np.nan) for member in points]
    return _over_sessions(steps, np.stack(values))


def _binned_course(members: Sequence["np.ndarray"], width: int) -> Course | None:
    """Each point is the mean of a session's finite values in ``width`` steps, placed in the middle of them."""
    import numpy as np

    if not members:
        return None
    longest = max(map(len, members))
    starts = np.arange(0, longest, width)
    values = np.full((len(members), len(starts)), np.nan)
    for row, member in zip(values, members, strict=True):
        own = starts[: math.ceil(len(member) / width)]
        finite = np.isfinite(member)
        sums, counts = np.add.reduceat(np.where(finite, member, 0.0), own), np.add.reduceat(finite, own, dtype=float)
        np.divide(sums, counts, out=row[: len(own)], where=counts > 0)
    return _over_sessions((starts + np.minimum(starts + width, longest) + 1) / 2, values)


def _over_sessions(steps: "np.ndarray", values: "np.ndarray") -> Course | None:
    """``values``: shape (sessions, points), NaN where a session has no value."""
    import numpy as np

    known = np.isfinite(values)
    counts = known.sum(axis=0)
    there = counts > 0
    if not there.any():
        return None
    steps, values, known, counts = steps[there], values[:, there], known[:, there], counts[there]
    means = np.where(known, values, 0.0).sum(axis=0) / counts
    squares = np.where(known, (values - means) ** 2, 0.0).sum(axis=0)
    errors = np.sqrt(squares / np.maximum(counts - 1, 1) / counts)
    return Course(steps, means, np.where(counts > 1, errors, np.nan), counts)


# Notes


def _notes(groups: Sequence[Group], runs: Sequence[Sequence[_Run]]) -> Iterator[str]:
    if len(groups) == 1:
        yield "Only the seed differs: all sessions form one group, so there is no difference to show"
    against: dict[str, list[str]] = {}
    for group in groups[1:]:
        for text in _against(groups[0], group):
            against.setdefault(text, []).append(group.letter)
    for text, letters in against.items():
        yield f"{', '.join(letters)}: {text}"
    for group, members in zip(groups, runs, strict=True):
        yield from _within(group, members)


def _against(first: Group, group: Group) -> Iterator[str]:
    """In what respects ``group`` cannot be compared with the first."""
    if first.benchmark != group.benchmark:
        yield (
            f"trained on {group.benchmark}, and {first.letter} on {first.benchmark}: figures and curves are shown side "
            "by side, but there is no difference of the matrices"
        )
        return
    shared, compared = min(len(first.tasks), len(group.tasks)), min(first.ended, group.ended)
    if not compared:
        yield f"no difference from {first.letter} until a task has ended in both"
    elif len(first.tasks) != len(group.tasks):
        yield (
            f"{len(group.tasks)} tasks, but {len(first.tasks)} in {first.letter}: the figures cover different tasks, "
            f"and the difference covers the {compared} that have ended in both"
        )
    elif first.ended != group.ended:
        yield (
            f"{group.ended} tasks ended, but {first.ended} in {first.letter}: the figures cover different tasks, "
            f"and the difference covers the {compared} that have ended in both"
        )
    if first.tasks[:shared] != group.tasks[:shared]:
        yield f"not the same tasks as in {first.letter}: the difference compares tasks with the same number"


def _within(group: Group, runs: Sequence[_Run]) -> Iterator[str]:
    for member in group.members:
        if member.state != "finished":
            yield f"{group.letter}: {member.name} is not finished ({member.state}, {member.progress})"
    seeds = [member.seed for member in group.members]
    for seed in sorted({seed for seed in seeds if seeds.count(seed) > 1}):
        yield f"{group.letter} includes seed {seed} {seeds.count(seed)} times, so its standard errors are too small"
    yield from _one_class(group, runs)
    for run in runs:
        if not run.history.measured_alike:
            yield (
                f"{group.letter}: {run.name} was recorded by an older version: during tasks, its "
                "accuracies are measured on fewer test examples with every task"
            )
        yield from _broken(group.letter, run)


def _one_class(group: Group, runs: Sequence[_Run]) -> Iterator[str]:
    """The figures without one-class tasks, over the sessions that ``group.figures`` is over."""
    found: dict[tuple[int, ...], list[_Run]] = {}
    for run in runs:
        if len(run.history.matrix) == group.ended:
            found.setdefault(one_class_tasks(run.config, group.ended), []).append(run)
    for one_class, alike in found.items():
        if one_class:
            others = [without(run.history.matrix, one_class) for run in alike]
            told = (f"{name} {with_error(estimate(figure[key] for figure in others))}" for name, key in FIGURES.items())
            have = "has" if len(one_class) == 1 else "have"
            yield (
                f"{group.letter}: {numbered(one_class)} {have} one class, so there is nothing to tell apart; without "
                f"{'it' if len(one_class) == 1 else 'them'}: {', '.join(told)}"
            )


def _broken(letter: str, run: _Run) -> Iterator[str]:
    if not run.history.curve.length:
        return
    arrays: dict[str, Callable[[], np.ndarray]] = {
        "loss": run.history.curve.losses,
        "penalty": run.history.curve.penalties,
    }
    for name, values in arrays.items():
        if (step := facts.first_broken(values())) is not None:
            yield f"{letter}: the {name} of {run.name} is not finite at step {step:,}; such steps are left out"
