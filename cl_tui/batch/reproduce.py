"""A published table, repeated: which sessions it takes, and how the results compare with the published values."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cl_tui.batch.plan import Run, one_run
from cl_tui.reports import verdict
from cl_tui.reports.layout import table_of
from cl_tui.reports.statistics import UNKNOWN, Estimate, estimate, with_error
from engine.catalog.methods import METHODS
from engine.catalog.presets import Case, Preset, settings_of
from engine.settings.text import shown


@dataclass(frozen=True)
class Row:
    """One line of a published table and our result. Accuracies are averages over all tasks after the last one, as
    fractions."""

    preset: str
    case: str
    published: float | None
    published_error: float | None
    """Its standard error; None if it was published without an error."""
    published_runs: int | None
    accuracies: tuple[float, ...]
    """One per seed."""
    seeds: tuple[int, ...]
    """The seeds of the accuracies."""
    mean: float | None
    standard_error: float | None
    """None for fewer than two seeds."""
    difference: float | None
    half_width: float | None
    """Half the width of the difference's 95 % confidence interval."""
    margin: float | None
    """The smallest difference that matters."""
    verdict: verdict.Word | None
    """None if there is no published value, or no run."""
    seeds_to_tell: int | None
    """If there are too few runs: how many would tell; see ``verdict.seeds_to_tell``."""
    source: str
    sessions: tuple[str, ...]


def plan(preset: Preset, seeds: int, settings: Mapping[str, Any], jobs: int) -> list[tuple[Case, list[Run]]]:
    """The runs of each case, one per seed; ``settings`` say where they compute. Raises ConfigError."""
    return [
        (
            case,
            [one_run({**settings, "preset": preset.name, **case.choice, "seed": seed}, jobs) for seed in range(seeds)],
        )
        for case in preset.cases
    ]


def row_of(preset: Preset, case: Case, runs: Sequence[Run], summaries: Mapping[str, Mapping[str, Any]]) -> Row:
    """``summaries`` of the finished runs, by session."""
    done = [run for run in runs if run.name in summaries]
    accuracies = tuple(float(summaries[run.name]["average_accuracy"]) for run in done)
    here = estimate(accuracies)
    published = _published(case)
    judged = verdict.judge(here, published) if here and published else None
    return Row(
        preset=preset.name,
        case=label(case),
        published=published.mean if published else None,
        published_error=published.error if published else None,
        published_runs=case.runs,
        accuracies=accuracies,
        seeds=tuple(run.config.seed for run in done),
        mean=here.mean if here else None,
        standard_error=here.error if here else None,
        difference=judged.difference if judged else None,
        half_width=judged.half_width if judged else None,
        margin=verdict.margin(published) if published else None,
        verdict=judged.word if judged else None,
        seeds_to_tell=judged.seeds if judged else None,
        source=case.source,
        sessions=tuple(run.name for run in done),
    )


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
        if key != "strength"
    ]
    strength = {**case.choice, **case.settings}.get("strength")
    if strength is not None:
        parts.append(f"{METHODS[str(case.choice['method'])].symbol} = {shown(strength)}")
    return ", ".join(parts)


HEADINGS = ("case", "published", "here", "n", "difference", "margin", "verdict")


def cells(row: Row) -> tuple[str, ...]:
    """The row's cells in percent and points, in the order of HEADINGS."""
    return (
        row.case,
        _with_error(row.published, row.published_error),
        _with_error(row.mean, row.standard_error),
        str(len(row.accuracies)),
        _with_error(row.difference, row.half_width, "+"),
        UNKNOWN if row.margin is None else f"{100 * row.margin:.2f}",
        UNKNOWN if row.verdict is None else _spoken(row),
    )


def _with_error(value: float | None, error: float | None, sign: str = "") -> str:
    """
    >>> _with_error(0.9, 0.01), _with_error(0.01, None, "+"), _with_error(None, None)
    ('90.00 ± 1.00', '+1.00', '—')
    """
    return with_error(None if value is None else Estimate(value, error), digits=2, sign=sign)


def _spoken(row: Row) -> str:
    if row.verdict != "too few runs to tell":
        return str(row.verdict)
    if row.seeds_to_tell is not None:
        return f"{row.verdict}; about {row.seeds_to_tell} seeds would"
    if row.standard_error is None and row.published_error is None:
        return f"{row.verdict}; run several seeds to see how many would"
    return f"{row.verdict}; even {verdict.MOST_SEEDS:,} seeds would not"


def each_seed(row: Row) -> str:
    """The result of every run, in percent, in the order of the seeds."""
    return " ".join(f"{100 * accuracy:.2f}" for accuracy in row.accuracies)


def table(preset: Preset, rows: Sequence[Row], width: int) -> RenderableType:
    """The table for a terminal. If ``width`` columns are too few for one line per row, the case and its verdict stand
    above its numbers."""
    found = [cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *found, strict=True)]
    lines = [HEADINGS, *found]
    if sum(widths) + 2 * len(widths) <= width:
        texts = [
            f"{case:<{widths[0]}}  {_numbers(line, widths)}  {said}" for line in lines for case, *_, said in [line]
        ]
    else:
        texts = [f"{case}: {said}\n  {_numbers(line, widths)}" for line in lines for case, *_, said in [line]]
        texts[0] = f"  {_numbers(HEADINGS, widths)}"
    made = [Text(texts[0], style="bold")]
    for row, text in zip(rows, texts[1:], strict=True):
        made.append(Text(text, style="bold" if row.verdict == "differs" else ""))
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
    )


def _numbers(line: Sequence[str], widths: Sequence[int]) -> str:
    """All but the case and the verdict, each to the right of its column."""
    return "  ".join(f"{cell:>{width}}" for cell, width in zip(line[1:-1], widths[1:-1], strict=True))


HOW_TO_READ = (
    "Numbers are the average accuracy in % over all tasks after the last one: mean ± standard error over n seeds, "
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
        done = [row for row in rows if row.accuracies]
        parts += [_listed("Average accuracy of each seed:", (f"{row.case}: {each_seed(row)}" for row in done))]
        parts += ["Settings shared by all cases: " + _settings(preset.settings) + "."]
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
    return ", ".join(f"{key} {f'({shown(of)})' if isinstance(of, dict) else shown(of)}" for key, of in settings.items())


# Lists of presets


def presets_page(presets: Iterable[Preset]) -> RenderableType:
    return Group(*(part for preset in presets for part in _short(preset)))


def _short(preset: Preset) -> Iterable[RenderableType]:
    yield Text(f"{preset.name}: {preset.title}", style="bold")
    yield Text(f"  {preset.source}")
    yield Text(f"  {'; '.join(map(label, preset.cases))}")


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
        Text(f"\nThe first case, {first['method']}, is the default; choose another by its settings, such as --method."),
    ]
    for source in dict.fromkeys(case.source for case in preset.cases if case.source):
        named = "; ".join(label(case) for case in preset.cases if case.source == source)
        parts.append(Text(f"{named}: {source}"))
    parts += [Text(f"Differs: {difference}") for difference in preset.differs]
    return Group(*parts)
