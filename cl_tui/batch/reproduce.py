"""A published table, repeated: which sessions it takes, and how the results compare with the published values."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cl_tui.batch.plan import Run, one_run
from cl_tui.reports.layout import table_of
from cl_tui.reports.statistics import UNKNOWN, Estimate, estimate, with_error
from cl_tui.reports.verdict import MOST_SEEDS, Verdict, judge, margin
from engine.catalog.entries import Case, Preset
from engine.catalog.methods import METHODS
from engine.catalog.presets import settings_of
from engine.record import metrics
from engine.settings.text import shown


@dataclass(frozen=True)
class Row:
    """One line of a published table and our result. Accuracies: fractions, means over all tasks."""

    preset: str
    case: str
    source: str
    published: Estimate | None
    runs: tuple[Run, ...]
    """Those that are finished, one per seed."""
    accuracies: tuple[float, ...]
    by_task: Mapping[str, tuple[Sequence[Estimate], Sequence[Estimate | None]]]
    """For each task what was published, and our result."""

    @property
    def here(self) -> Estimate | None:
        return estimate(self.accuracies)

    @cached_property
    def judged(self) -> Verdict | None:
        """None if there is no published value, or no run."""
        return judge(self.here, self.published) if self.here and self.published else None

    def as_dict(self) -> dict[str, Any]:
        """``half_width``: half the width of the difference's 95 % confidence interval; ``margin``: the smallest
        difference that matters; ``seeds_to_tell``: see ``Verdict.seeds``."""
        published, here, judged = self.published, self.here, self.judged
        return {
            "preset": self.preset,
            "case": self.case,
            "published": published and published.mean,
            "published_error": published and published.error,
            "published_runs": published and published.count,
            "accuracies": self.accuracies,
            "seeds": [run.config.seed for run in self.runs],
            "mean": here and here.mean,
            "standard_error": here and here.error,
            "difference": judged and judged.difference,
            "half_width": judged and judged.half_width,
            "margin": published and margin(published),
            "verdict": judged and judged.word,
            "seeds_to_tell": judged and judged.seeds,
            "by_task": {
                name: {side: [of and of.mean for of in values] for side, values in zip(SIDES, both, strict=True)}
                for name, both in self.by_task.items()
            },
            "source": self.source,
            "sessions": [run.name for run in self.runs],
        }


def plan(preset: Preset, seeds: int, settings: Mapping[str, Any], jobs: int) -> list[tuple[Case, list[Run]]]:
    """The runs of each case, one per seed; ``settings`` say where they compute. Raises ConfigError."""
    shared = {**settings, "preset": preset.name}
    return [
        (case, [one_run({**shared, **case.choice, "seed": seed}, jobs) for seed in range(seeds)])
        for case in preset.cases
    ]


def row_of(preset: Preset, case: Case, runs: Sequence[Run], summaries: Mapping[str, Mapping[str, Any]]) -> Row:
    """``summaries`` of the finished runs, by session."""
    done = tuple(run for run in runs if run.name in summaries)
    accuracies = tuple(_score(run, summaries[run.name]) for run in done)
    matrices = [_matrix(summaries[run.name]) for run in done] if case.by_task else []
    by_task = {
        name: (
            [_in_percent(*of) if isinstance(of, tuple) else _in_percent(of) for of in values],
            list(map(estimate, zip(*map(metrics.BY_TASK[name], matrices), strict=True))) or [None] * len(values),
        )
        for name, values in case.by_task.items()
    }
    return Row(preset.name, label(case), case.source, _published(case), done, accuracies, by_task)


def _score(run: Run, summary: Mapping[str, Any]) -> float:
    """The mean over all tasks after the last one; right after each, if each has a network of its own."""
    if run.config.reset_network:
        found = metrics.after_each_task(_matrix(summary))
        return sum(found) / len(found)
    return float(summary["average_accuracy"])


def _matrix(summary: Mapping[str, Any]) -> list[list[float]]:
    return [row[:task] for task, row in enumerate(summary["accuracy_matrix"], start=1)]


def _in_percent(mean: float, error: float | None = None) -> Estimate:
    return Estimate(mean / 100, error and error / 100)


def _published(case: Case) -> Estimate | None:
    if case.published is None:
        return None
    return Estimate(case.published / 100, None if case.error is None else case.error / 100, case.runs)


def label(case: Case) -> str:
    """The case with its strength, from the case's choice or its other settings.

    >>> label(Case({"scenario": "task", "method": "si"}, {"strength": 50.0}))
    'task, si, c = 50'
    >>> label(Case({"method": "mas", "recompute": True}, {"strength": 1.0}))
    'mas, recompute true, λ = 1'
    """
    parts = [
        shown(of) if key in ("method", "scenario") else f"{key} {shown(of)}"
        for key, of in case.choice.items()
        if key != "strength" and of is not None
    ]
    strength = {**case.choice, **case.settings}.get("strength")
    if strength is not None:
        parts.append(f"{METHODS[str(case.choice['method'])].symbol} = {shown(strength)}")
    return ", ".join(parts)


SIDES = ("published", "here")
HEADINGS = ("case", "published", "here", "n", "difference", "margin", "verdict")


def cells(row: Row) -> tuple[str, ...]:
    """The row's cells in percent and points, in the order of HEADINGS."""
    judged, published = row.judged, row.published
    difference = Estimate(judged.difference, judged.half_width) if judged else None
    return (
        row.case,
        with_error(published, digits=2),
        with_error(row.here, digits=2),
        str(len(row.accuracies)),
        with_error(difference, digits=2, sign="+"),
        f"{100 * margin(published):.2f}" if published else UNKNOWN,
        _spoken(row, judged) if judged else UNKNOWN,
    )


def _spoken(row: Row, judged: Verdict) -> str:
    if judged.word != "too few runs to tell":
        return judged.word
    if judged.seeds is not None:
        return f"{judged.word}; about {judged.seeds} seeds would"
    if all(known is None or known.error is None for known in (row.here, row.published)):
        return f"{judged.word}; run several seeds to see how many would"
    return f"{judged.word}; even {MOST_SEEDS:,} seeds would not"


def each_seed(row: Row) -> str:
    """The result of every run, in percent, in the order of the seeds."""
    return " ".join(f"{100 * accuracy:.2f}" for accuracy in row.accuracies)


def each_task(rows: Iterable[Row], digits: int) -> list[tuple[str, ...]]:
    """A line of cells for each case and each side, under its headings; nothing if nothing was published by task."""
    found = [
        (row.case, name, side, *(with_error(of, digits=digits) for of in values))
        for row in rows
        for name, both in row.by_task.items()
        for side, values in zip(SIDES, both, strict=True)
        if any(values)
    ]
    numbers = [f"task {number}" for number in range(1, max(map(len, found), default=3) - 2)]
    return [("case", "", "", *numbers), *found] if found else []


def table(preset: Preset, rows: Sequence[Row], width: int) -> RenderableType:
    """For a terminal. If a row is too long for ``width`` columns, its case and verdict stand above its numbers."""
    found = [cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *found, strict=True)]
    made = []
    for line, row in zip((HEADINGS, *found), (None, *rows), strict=True):
        numbers = "  ".join(f"{cell:>{room}}" for cell, room in zip(line[1:-1], widths[1:-1], strict=True))
        if sum(widths) + 2 * len(widths) <= width:
            told = f"{line[0]:<{widths[0]}}  {numbers}  {line[-1]}"
        else:
            told = f"{line[0]}: {line[-1]}\n  {numbers}" if row else f"  {numbers}"
        striking = row is None or (row.judged is not None and row.judged.word == "differs")
        made.append(Text(told, style="bold" if striking else ""))
    seeds = Table.grid(padding=(0, 2))
    for row in rows:
        if row.accuracies:
            seeds.add_row(row.case, each_seed(row))
    return Group(
        Text(f"{preset.name}: {preset.title}", style="bold"),
        Text(preset.source, style="dim"),
        *made,
        Text("\nAverage accuracy of each seed", style="bold"),
        seeds,
        *_each_task_printed(rows),
    )


def _each_task_printed(rows: Iterable[Row]) -> list[RenderableType]:
    if not (lines := each_task(rows, digits=1)):
        return []
    made = table_of(*lines[0], numbers_from=3)
    for line in lines[1:]:
        made.add_row(*line)
    return [Text("\nEach task", style="bold"), made]


HOW_TO_READ = (
    "Numbers are the average accuracy in % over all tasks after the last one, or, where every task is learned from "
    "scratch (reset_network), right after each: mean ± standard error over n seeds, "
    "starting with seed 0. A published value without ± was published without an error and is treated as exact. "
    "*Difference* is our value minus the published one, in points, ± half the width of its 95 % confidence interval "
    "(from both standard errors, with Welch's degrees of freedom). The *margin* is the smallest difference that "
    "matters: one point, or the standard deviation of single published runs if that is larger. The verdict is "
    "*agrees* if the whole interval is smaller than the margin, *differs* if the whole interval is larger, and *too "
    "few runs to tell* otherwise. With the number of seeds that it then names, the chance of a verdict is 80 %, if the "
    "difference and the scatter stay as they are now."
)


def page(command: str, tables: Sequence[tuple[Preset, Sequence[Row]]]) -> str:
    """docs/reproductions.md, completely."""
    parts = [
        "# Published results, repeated",
        f"`{command}` writes this page; do not edit it. {HOW_TO_READ}",
        f"cl-tui {version('cl-tui')}, torch {version('torch')}, {platform.system()} {platform.machine()}.",
    ]
    for preset, rows in tables:
        parts += [f"## {preset.name}", f"{preset.title}. {preset.source}.", _markdown([HEADINGS, *map(cells, rows)])]
        seeds = (f"{row.case}: {each_seed(row)}" for row in rows if row.accuracies)
        parts.append(_listed("Average accuracy of each seed:", seeds))
        if lines := each_task(rows, digits=2):
            parts += ["Each task:", _markdown(lines)]
        parts.append(f"Settings shared by all cases: {_settings(preset.settings)}.")
        own = [
            f"{label(case)}: {'. '.join(filter(None, (_settings(case.settings), case.source)))}"
            for case in preset.cases
            if case.settings or case.source
        ]
        if own:
            parts.append(_listed("Settings and sources of single cases:", own))
        if preset.differs:
            parts.append(_listed("How the runs differ from the original:", preset.differs))
    return "\n\n".join(parts) + "\n"


def _listed(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, "", *(f"- {line}" for line in lines)])


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + " --- |" + " ---: |" * (len(rows[0]) - 2) + " --- |", *body])


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {_setting(of)}" for key, of in settings.items())


def _setting(value: object) -> str:
    return f"({shown(value)})" if isinstance(value, dict) else "none" if value is None else shown(value)


# Lists of presets


def presets_page(presets: Iterable[Preset]) -> RenderableType:
    parts: list[Text] = []
    for preset in presets:
        parts += [Text(f"{preset.name}: {preset.title}", style="bold"), Text(f"  {preset.source}")]
        parts.append(Text(f"  {'; '.join(map(label, preset.cases))}"))
    return Group(*parts)


def preset_page(preset: Preset) -> RenderableType:
    """One preset with all its settings and its published values."""
    shared = Table.grid(padding=(0, 2))
    for key, value in preset.settings.items():
        shared.add_row(f"  {key}", shown(value))
    cases = table_of("case", "published", "its own settings")
    for case in preset.cases:
        cases.add_row(label(case), with_error(_published(case), digits=2), _settings(case.settings) or UNKNOWN)
    first = settings_of(preset)
    parts: list[RenderableType] = [
        Text(f"{preset.name}: {preset.title}", style="bold"),
        Text(f"{preset.source}\n"),
        shared,
        Text(),
        cases,
        *_each_task_printed(row_of(preset, case, (), {}) for case in preset.cases),
        Text(f"\nThe first case, {first['method']}, is the default; choose another by its settings, such as --method."),
    ]
    for source in dict.fromkeys(case.source for case in preset.cases if case.source):
        named = "; ".join(label(case) for case in preset.cases if case.source == source)
        parts.append(Text(f"{named}: {source}"))
    parts += [Text(f"Differs: {difference}") for difference in preset.differs]
    return Group(*parts)
