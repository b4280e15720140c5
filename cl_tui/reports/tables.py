"""Tables of runs and of sessions."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from cl_tui.reports import text
from cl_tui.reports.layout import indented, table_of
from cl_tui.reports.output import PIPE_WIDTH
from cl_tui.reports.statistics import estimate, with_error
from engine.catalog.own import without_folder
from engine.record.one_class import numbered
from engine.record.score import ACCURACY, ScoreInfo, score_info
from engine.sessions.listing import Listed
from engine.streams.images.cache import Entry
from engine.text import visible

SHORTEST_NAME = 12
"""Fewest columns for a session's name in a narrow terminal."""


def results(summaries: Iterable[Mapping[str, Any]], width: int = PIPE_WIDTH) -> RenderableType:
    """A table for each benchmark, scenario and score, with a row for each method and strength: mean ± standard error
    over the seeds.
    """
    tables: dict[tuple[str, str, ScoreInfo], dict[tuple[str, float], list[Mapping[str, Any]]]] = {}
    for found in summaries:
        score = score_info(found.get("score", ACCURACY.name), found.get("unit", ""))
        rows = tables.setdefault((found["benchmark"], found["scenario"], score), {})
        rows.setdefault((found["method"], found["hyperparameters"]["strength"]), []).append(found)
    return Group(*(part for (title, rows) in tables.items() for part in _results(*title, rows, width)))


def _results(
    benchmark: str,
    scenario: str,
    score: ScoreInfo,
    rows: Mapping[tuple[str, float], Sequence[Mapping[str, Any]]],
    width: int,
) -> Iterable[RenderableType]:
    headings = (RESULTS[0], score.heading, *RESULTS[1:])
    yield Text(f"{benchmark} · {scenario}", style="bold")
    cells = []
    for (method, strength), runs in rows.items():
        figures = (with_error(estimate(run[key] for run in runs), score=score) for key in text.AVERAGES)
        rates = [run["steps_per_second"] for run in runs if run["steps_per_second"] is not None]
        rate = text.rate(mean(rates)) if rates else "—"
        cells.append((text.method_and_strength(method, strength), *figures, rate, str(len(runs))))
        for one_class in dict.fromkeys(tuple(run.get("one_class_tasks", ())) for run in runs):
            if one_class:
                alike = [run for run in runs if tuple(run.get("one_class_tasks", ())) == one_class]
                others = [run["without_one_class_tasks"] for run in alike]
                figures = (with_error(estimate(run[key] for run in others)) for key in text.AVERAGES)
                cells.append((f"  without {numbered(one_class)} of one class", *figures, "", ""))
    figures_width = [max(map(len, column)) for column in list(zip(*cells, strict=True))[1:]]
    names_width = max(len(text.method_and_strength(*row)) for row in rows)
    if names_width + sum(figures_width) + 2 * len(headings) > width:
        for method, *found in cells:
            told = [f"{heading} {figure}" for heading, figure in zip(headings[1:], found, strict=True) if figure]
            yield Text(f"  {method}: {', '.join(told)}")
        return
    table = table_of()
    table.add_column(headings[0], min_width=names_width)
    for heading, least in zip(headings[1:], figures_width, strict=True):  # headings wrap in narrow tables
        table.add_column(heading, justify="right", min_width=least)
    for row in cells:
        table.add_row(*row, style=None if row[-1] else "dim")
    yield indented(table)
    if unit := score.changes_in:
        yield indented(Text(f"forgetting and backward transfer{unit}", style="dim"))


RESULTS = ("method", "forgetting", "backward transfer", "steps/s", "n")
"""The headings beside that of the score."""


def sessions_table(sessions: Sequence[Listed], width: int = PIPE_WIDTH) -> RenderableType:
    """A row per session; names are shortened in the middle if ``width`` is too small for them."""
    now = time.time()
    others = any(listed.history and not listed.history.score.fraction for listed in sessions)
    rows = [(listed.name, *_session_cells(listed, others), ago(now - listed.changed)) for listed in sessions]
    headings = ("session", "state", "method", "benchmark", "seed", "score" if others else "acc. %", "when")
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    room = max(SHORTEST_NAME, width - sum(widths[1:]) - len(widths))
    table = table_of(gap=1)
    for heading in headings:
        number = heading in ("seed", "score", "acc. %", "when")
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for name, *cells in rows:
        table.add_row(text.shortened(name, room), *cells)
    if not any(map(text.with_one_class, sessions)):
        return table
    note = f"{text.ONE_CLASS} with tasks of one class: 'cl-tui sessions show' has the average without them"
    return Group(table, Text(note, style="dim"))


def _session_cells(listed: Listed, others: bool) -> Iterable[str]:
    """State, method, benchmark, seed, score. ``others``: whether some scores are no accuracies."""
    config, history = listed.config, listed.history
    if config is None or history is None:
        return [listed.state, "", "", "", ""]
    share = f" {100 * history.step // history.total_steps} %" if history.total_steps else ""
    if history.open:
        share = f" {text.share_done(history)}"
    return [
        listed.state if listed.state == "finished" else listed.state + share,
        text.method_and_strength(config.method, history.strength(config)),
        without_folder(config.benchmark),
        str(config.seed),
        text.marked(mean(history.accuracies), listed, others) if history.accuracies else "—",
    ]


def cache_table(entries: Sequence[Entry], folder: Path, limit: int) -> RenderableType:
    """A row for each kept copy of a folder's images."""
    now = time.time()
    table = table_of("folder", "images")
    for heading in ("GB", "used"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in entries:
        size, used = f"{entry.size / 1e9:.3g}", ago(max(0.0, now - entry.used))
        table.add_row(Text(entry.source), Text(entry.images), size, used)
    total = sum(entry.size for entry in entries) / 1e9
    return Group(table, Text(f"{total:.3g} of at most {limit / 1e9:.3g} GB in {visible(str(folder))}", style="dim"))


def ago(seconds: float) -> str:
    """
    >>> ago(30), ago(200), ago(7200), ago(200_000)
    ('now', '3 min ago', '2 h ago', '2 days ago')
    """
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min ago"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h ago"
    return f"{seconds / 86400:.0f} days ago"
