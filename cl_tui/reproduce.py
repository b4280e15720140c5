"""A published table run again: which sessions it takes, and how what came out compares."""

import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import mean, stdev
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cl_tui.batch import Run, one_run
from engine.config import shown
from engine.presets import Case, Preset, settings_of, tolerance


@dataclass(frozen=True)
class Row:
    """One line of a published table beside what came out here. Accuracies are averages over all tasks after the last,
    as fractions."""

    preset: str
    case: str
    published: float | None
    tolerance: float | None
    accuracies: tuple[float, ...]
    """One a seed."""
    mean: float | None
    standard_error: float | None
    """None for fewer than two seeds."""
    difference: float | None
    within: bool | None
    """Whether the mean is as near to the published value as the tolerance asks; None where either is missing."""
    sessions: tuple[str, ...]


def plan(preset: Preset, seeds: int, settings: Mapping[str, Any], jobs: int) -> list[tuple[Case, list[Run]]]:
    """The runs of each case, one a seed; ``settings`` say where they compute. Raises ConfigError."""
    return [
        (
            case,
            [one_run({**settings, "preset": preset.name, **case.choice, "seed": seed}, jobs) for seed in range(seeds)],
        )
        for case in preset.cases
    ]


def compare(preset: Preset, case: Case, runs: Sequence[Run], summaries: Mapping[str, Mapping[str, Any]]) -> Row:
    """``summaries`` by session, of the runs that are finished."""
    done = [run.name for run in runs if run.name in summaries]
    accuracies = tuple(float(summaries[name]["average_accuracy"]) for name in done)
    average = mean(accuracies) if accuracies else None
    published = None if case.published is None else case.published / 100
    allowed = None if case.published is None else tolerance(case.published) / 100
    difference = None if average is None or published is None else average - published
    return Row(
        preset=preset.name,
        case=label(case),
        published=published,
        tolerance=allowed,
        accuracies=accuracies,
        mean=average,
        standard_error=stdev(accuracies) / math.sqrt(len(accuracies)) if len(accuracies) > 1 else None,
        difference=difference,
        within=None if difference is None or allowed is None else abs(difference) <= allowed,
        sessions=tuple(done),
    )


def label(case: Case) -> str:
    """
    >>> label(Case({"scenario": "task", "method": "si"}))
    'task, si'
    >>> label(Case({"method": "mas", "recompute": True}))
    'mas, recompute true'
    """
    return ", ".join(
        shown(of) if key in ("method", "scenario") else f"{key} {shown(of)}" for key, of in case.choice.items()
    )


HEADINGS = ("case", "published", "here", "difference", "within", "n")


def cells(row: Row) -> tuple[str, ...]:
    """In percent, under HEADINGS."""
    if row.mean is None:
        here = "—"
    elif row.standard_error is None:
        here = f"{100 * row.mean:.2f}"
    else:
        here = f"{100 * row.mean:.2f} ± {100 * row.standard_error:.2f}"
    return (
        row.case,
        "—" if row.published is None else f"{100 * row.published:.2f}",
        here,
        "—" if row.difference is None else f"{100 * row.difference:+.2f}",
        "—" if row.within is None else f"{'yes' if row.within else 'no'}, {100 * (row.tolerance or 0):g}",
        str(len(row.accuracies)),
    )


def table(preset: Preset, rows: Iterable[Row]) -> RenderableType:
    """For a terminal."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    made.add_column(HEADINGS[0])
    for heading in HEADINGS[1:]:
        made.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        made.add_row(*cells(row), style="bold" if row.within is False else None)
    return Group(Text(f"{preset.name}: {preset.title}", style="bold"), Text(preset.source, style="dim"), made)


def page(command: str, tables: Sequence[tuple[Preset, Sequence[Row]]]) -> str:
    """docs/reproductions.md: everything in it comes from here."""
    parts = [
        "# Published numbers, run again",
        f"This page is written by `{command}`; do not edit it. Average accuracy in % over all tasks after the last, "
        "mean ± standard error over n seeds (counted from 0); *within* tells whether the mean is as near to the "
        "published value as the tolerance asks: 1 point where that is above 90, 4 elsewhere, since seeds differ widely "
        "there.",
        f"cl-tui {version('cl-tui')}, torch {version('torch')}, {platform.system()} {platform.machine()}.",
    ]
    for preset, rows in tables:
        parts += [f"## {preset.name}", f"{preset.title}. {preset.source}.", _markdown([HEADINGS, *map(cells, rows)])]
        parts += ["Settings of all cases: " + _settings(preset.settings) + "."]
        own = [f"- {label(case)}: {_settings(case.settings)}" for case in preset.cases if case.settings]
        if own:
            parts.append("\n".join(["Settings of one case:", "", *own]))
        if preset.differs:
            parts.append(
                "\n".join(["In what the runs differ from the original:", "", *map("- {}".format, preset.differs)])
            )
    return "\n\n".join(parts) + "\n"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + " --- |" + " ---: |" * (len(rows[0]) - 1), *body])


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {f'({shown(of)})' if isinstance(of, dict) else shown(of)}" for key, of in settings.items())


# What there is


def presets_page(presets: Iterable[Preset]) -> RenderableType:
    return Group(*(part for preset in presets for part in _short(preset)))


def _short(preset: Preset) -> Iterable[RenderableType]:
    yield Text(f"{preset.name}: {preset.title}", style="bold")
    yield Text(f"  {preset.source}")
    yield Text(f"  {'; '.join(map(label, preset.cases))}")


def preset_page(preset: Preset) -> RenderableType:
    """One preset with every setting it makes, and its published numbers."""
    shared = Table.grid(padding=(0, 2))
    for key, value in preset.settings.items():
        shared.add_row(f"  {key}", shown(value))
    cases = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("case", "published", "its own settings"):
        cases.add_column(heading)
    for case in preset.cases:
        published = "—" if case.published is None else f"{case.published:.2f}"
        cases.add_row(label(case), published, _settings(case.settings) or "—")
    first = settings_of(preset)
    parts: list[RenderableType] = [
        Text(f"{preset.name}: {preset.title}", style="bold"),
        Text(f"{preset.source}\n"),
        shared,
        Text(),
        cases,
        Text(f"\nThe first case, {first['method']}, holds unless another is chosen by its settings."),
    ]
    parts += [Text(f"Differs: {difference}") for difference in preset.differs]
    return Group(*parts)
