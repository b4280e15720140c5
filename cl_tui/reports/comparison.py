"""Compares sessions: those that differ only in the seed form a group; each group is compared with the first."""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

from cl_tui.reports import session_facts, text
from cl_tui.reports.card import chance
from cl_tui.reports.comparison_notes import Readable, notes
from cl_tui.reports.group_curves import KINDS, bin_width, group_curve
from cl_tui.reports.groups import Comparison, Group, Member, Setting
from cl_tui.reports.statistics import Estimate, estimate
from cl_tui.reports.text import AVERAGES
from engine.catalog.choices import CHOICES
from engine.catalog.methods import METHODS
from engine.errors import EngineError
from engine.record import metrics
from engine.record.figures import FIGURES, figures
from engine.record.history import History, Rows
from engine.record.score import ACCURACY, ScoreInfo
from engine.sessions.listing import Listed, read_session
from engine.sessions.session import Session
from engine.settings.run import WITHOUT_EFFECT, RunConfig, known_settings
from engine.settings.text import shown

LETTERS = ascii_uppercase + ascii_lowercase
INDIFFERENT = WITHOUT_EFFECT | {"seed"}
"""Settings that do not affect the result, or only by chance (the seed)."""


class NotComparable(EngineError):
    """These sessions cannot be compared."""

    exit_code = 2


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
    listed.known()
    return listed


def compare(sessions: Iterable[Listed]) -> Comparison:
    """Groups in the order of their first sessions. Raises NotComparable if there are too many, or several scores."""
    groups: dict[object, list[Readable]] = {}
    for listed in sessions:
        run = Readable(listed.name, listed.state, *listed.known())
        groups.setdefault(identity(run.config, run.history), []).append(run)
    score = _common_score([run for found in groups.values() for run in found])
    if len(groups) > len(LETTERS):
        raise NotComparable(f"{len(groups)} different settings are too many: name sessions with at most {len(LETTERS)}")
    runs = list(groups.values())
    settings = _settings([found[0] for found in runs])
    titles = _titles([found[0] for found in runs], settings)
    width = bin_width([run.history for found in runs for run in found])
    made = tuple(_group(*each, width, score) for each in zip(LETTERS, titles, runs, strict=False))
    return Comparison(made, settings, tuple(notes(made, runs)))


def _common_score(runs: Sequence[Readable]) -> ScoreInfo:
    """Figures of different scores mean nothing side by side: raises NotComparable."""
    scored = [run for run in runs if run.history.started is not None]
    for run in scored[1:]:
        if run.history.score != scored[0].history.score:
            raise NotComparable(
                f"the score of session {run.name} is {_named(run.history.score)}, that of {scored[0].name} is "
                f"{_named(scored[0].history.score)}: compare sessions that have the same score"
            )
    return scored[0].history.score if scored else ACCURACY


def _named(score: ScoreInfo) -> str:
    return f"{score.title}{score.measured_in}"


def identity(config: RunConfig, history: History | None) -> Hashable:
    """The same for sessions that differ only by chance: their settings and interventions."""
    return config.replace(**dict.fromkeys(INDIFFERENT)), tuple(_steering(history).items()) if history else ()


def _steering(history: History) -> dict[str, str]:
    """How the run departed from its settings, in words."""
    found = {}
    if history.forked is not None:
        found["forked from"] = f"{history.forked.parent}, {history.forked.place.removeprefix('the end of ')}"
    if history.strengths:
        found["strength, changed"] = ", ".join(f"{shown(c.strength)} after step {c.step:,}" for c in history.strengths)
    if history.plans:
        found["tasks, changed"] = "; ".join(plan.why for plan in history.plans)
    return found


def _settings(runs: Sequence[Readable]) -> tuple[Setting, ...]:
    known = [_values(run.config) | _steering(run.history) for run in runs]
    names = dict.fromkeys([*known_settings(), *(name for values in known for name in values)])
    rows = (
        Setting(name, tuple(text.setting(values[name]) if name in values else text.unset(name) for values in known))
        for name in names
        if len({repr(values.get(name)) for values in known}) > 1
    )
    return tuple(row for row in rows if not _follows(row, runs))


def _follows(row: Setting, runs: Sequence[Readable]) -> bool:
    """Whether a setting follows from the methods or networks: all runs that read this option use its default. What only
    the data say has none.
    """
    configs = [run.config for run in runs]
    read = [(of, choice) for of in configs for choice in CHOICES if row.name in dict(getattr(of, f"{choice}_options"))]
    return bool(read) and not any(row.name in config.chosen(choice) | config.from_data() for config, choice in read)


def _values(config: RunConfig) -> dict[str, object]:
    without = INDIFFERENT if METHODS[config.method].symbol else INDIFFERENT | {"strength"}
    return {key: value for key, value in session_facts.values_of(config).items() if key not in without}


def _titles(runs: Sequence[Readable], settings: Sequence[Setting]) -> list[str]:
    """Method and strength, and the settings that distinguish groups which share both."""
    methods = [text.method_and_strength(run.config.method, run.config.strength) for run in runs]
    if any(setting.name == "benchmark" for setting in settings):
        settings = [of for of in settings if not any(of.name in run.config.from_data() for run in runs)]
    titles = []
    for place, method in enumerate(methods):
        alike = [k for k, other in enumerate(methods) if other == method]
        told = [
            _told(setting, setting.values[place], runs[place].config)
            for setting in settings
            if setting.values[place] != text.unset(setting.name) and len({setting.values[k] for k in alike}) > 1
        ]
        titles.append(" · ".join(dict.fromkeys([method, *told])))
    return titles


def _told(setting: Setting, value: str, config: RunConfig) -> str:
    """Of classes that a folder says, only the folder and their number."""
    return ", ".join(text.benchmark(config)) if setting.name in config.from_data() else f"{setting.name} {value}"


def _group(letter: str, title: str, runs: Sequence[Readable], width: int, score: ScoreInfo) -> Group:
    histories = [run.history for run in runs]
    longest = max(histories, key=lambda history: history.total_steps)
    ended = max(len(history.matrix) for history in histories)
    farthest = [history for history in histories if len(history.matrix) == ended]
    others = [figures(runs[0].config.scenario, history) for history in farthest]
    curves = {kind: group_curve(kind, histories, width) for kind in KINDS}
    return Group(
        letter,
        title,
        runs[0].config.benchmark,
        runs[0].config.scenario,
        tuple(Member(run.name, run.config.seed, run.state, _progress(run)) for run in runs),
        _common_names([[task.name for task in history.tasks] for history in histories]),
        longest.starts,
        ended,
        {key: estimate(metrics.figure(key, history.matrix, score) for history in farthest) for key in AVERAGES}
        | {key: estimate(found[key] for found in others) for key in FIGURES},
        score,
        tuple(tuple(_cells(rows)) for rows in zip_longest(*(history.matrix for history in histories), fillvalue=())),
        {kind: curve for kind, curve in curves.items() if curve is not None},
        runs[0].config.method,
        tuple(_after_tasks([history.matrix for history in histories])),
        estimate(_mean(metrics.after_each_task(history.matrix)) for history in farthest),
        estimate(_mean(history.matrix[-1][:-1]) for history in farthest if ended > 1),
        estimate(history.step / history.elapsed if history.elapsed else None for history in histories),
        tuple(_seconds(histories, longest.starts)),
        tuple(history.matrix for history in histories),
        chance(runs[0].config, longest),
    )


def _mean(scores: Sequence[float]) -> float | None:
    return sum(scores) / len(scores) if scores else None


def _after_tasks(matrices: Sequence[Rows]) -> Iterator[Estimate]:
    for rows in zip_longest(*matrices):
        yield estimate(_mean(row) if row else None for row in rows) or Estimate(math.nan)


def _seconds(histories: Sequence[History], starts: Sequence[int]) -> Iterator[float]:
    for step in starts:
        known = [session_facts.seconds(history, step) for history in histories if history.curve.length >= step]
        if not known:
            return
        yield sum(known) / len(known)


def _progress(run: Readable) -> str:
    if run.state == "finished":
        return ""
    return text.progress(run.history) if run.history.tasks else "before the first step"


def _common_names(names: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The tasks' names, or numbers if the sessions have different tasks."""
    most = max(names, key=len)
    same = all(list(most[: len(some)]) == list(some) for some in names)
    return tuple(most) if same else tuple(str(number + 1) for number in range(len(most)))


def _cells(rows: Sequence[Sequence[float]]) -> Iterator[Estimate]:
    for values in zip_longest(*rows):
        yield estimate(values) or Estimate(math.nan)
