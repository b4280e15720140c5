"""Printed output: tables of runs, sessions and methods, and pages that describe one of them."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cl_tui.charts.printed import MOST_TICKS, above, blank, logarithmic, printed
from cl_tui.charts.ticks import round_values
from cl_tui.reports import session_facts as facts
from cl_tui.reports import text as words
from cl_tui.reports.statistics import estimate, with_error
from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.entries import BenchmarkInfo, MethodInfo
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.options import Setting
from engine.record.one_class import numbered
from engine.record.series import Curve
from engine.sessions.listing import Listed
from engine.settings.run import default_strength
from engine.settings.text import shown

PIPE_WIDTH = 200
"""Columns if the output is not a terminal, so that no name is cut."""
SHORTEST_NAME = 12
"""Fewest columns for a session's name in a narrow terminal."""
CHART_SIZE = (76, 16)
LARGEST = 1e300
"""Largest value in a chart: plotext multiplies."""


def console(stderr: bool = False) -> Console:
    """Prints text unchanged: names and settings are never read as markup."""
    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made


STDOUT = Path("-")
"""The name of standard output where an option expects a file."""


def print_as_it_is(text: str) -> None:
    """Prints without wrapping or colours, for other programs."""
    console().out(text, end="", highlight=False)


# Results of a batch


def results(summaries: Iterable[Mapping[str, Any]], width: int = PIPE_WIDTH) -> RenderableType:
    """One table per benchmark and scenario, one row per method and strength: mean ± standard error over the seeds.
    ``width``: available columns."""
    tables: dict[tuple[str, str], dict[tuple[str, float], list[Mapping[str, Any]]]] = {}
    for found in summaries:
        rows = tables.setdefault((found["benchmark"], found["scenario"]), {})
        rows.setdefault((found["method"], found["hyperparameters"]["strength"]), []).append(found)
    return Group(*(part for (title, rows) in tables.items() for part in _results(*title, rows, width)))


def _results(
    benchmark: str, scenario: str, rows: Mapping[tuple[str, float], Sequence[Mapping[str, Any]]], width: int
) -> Iterable[RenderableType]:
    yield Text(f"{benchmark} · {scenario}", style="bold")
    cells = []
    for (method, strength), runs in rows.items():
        figures = (with_error(estimate(run[key] for run in runs)) for key in words.AVERAGES)
        cells.append((method_and_strength(method, strength), *figures, _mean_rate(runs), str(len(runs))))
        for one_class in dict.fromkeys(tuple(run.get("one_class_tasks", ())) for run in runs):
            if one_class:
                alike = [run for run in runs if tuple(run.get("one_class_tasks", ())) == one_class]
                others = [run["without_one_class_tasks"] for run in alike]
                figures = (with_error(estimate(run[key] for run in others)) for key in words.AVERAGES)
                cells.append((f"  without {numbered(one_class)} of one class", *figures, "", ""))
    figures_width = [max(map(len, column)) for column in list(zip(*cells, strict=True))[1:]]
    names_width = max(len(method_and_strength(*row)) for row in rows)
    if names_width + sum(figures_width) + 2 * len(RESULTS) > width:
        for method, *found in cells:
            told = [f"{heading} {figure}" for heading, figure in zip(RESULTS[1:], found, strict=True) if figure]
            yield Text(f"  {method}: {', '.join(told)}")
        return
    table = _table()
    table.add_column(RESULTS[0], min_width=names_width)
    for heading, least in zip(RESULTS[1:], figures_width, strict=True):  # headings wrap in narrow tables
        table.add_column(heading, justify="right", min_width=least)
    for row in cells:
        table.add_row(*row, style=None if row[-1] else "dim")
    yield _indented(table)
    yield _indented(Text("forgetting and backward transfer in points", style="dim"))


RESULTS = ("method", "accuracy %", "forgetting", "backward transfer", "steps/s", "n")


def _mean_rate(runs: Sequence[Mapping[str, Any]]) -> str:
    known = [run["steps_per_second"] for run in runs if run["steps_per_second"] is not None]
    return f"{mean(known):,.0f}" if known else "—"


# Sessions


def sessions_table(sessions: Sequence[Listed], width: int = PIPE_WIDTH) -> RenderableType:
    """A row per session; names are shortened in the middle if ``width`` is too small for them."""
    now = time.time()
    rows = [(listed.name, *_session_cells(listed), ago(now - listed.changed)) for listed in sessions]
    headings = ("session", "state", "method", "benchmark", "seed", "acc. %", "when")
    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    room = max(SHORTEST_NAME, width - sum(widths[1:]) - len(widths))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for heading in headings:
        number = heading in ("seed", "acc. %", "when")
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for name, *cells in rows:
        table.add_row(words.shortened(name, room), *cells)
    if not any(map(words.with_one_class, sessions)):
        return table
    note = f"{words.ONE_CLASS} with tasks of one class: 'cl-tui sessions show' has the average without them"
    return Group(table, Text(note, style="dim"))


def _session_cells(listed: Listed) -> Iterable[str]:
    """State, method, benchmark, seed, accuracy."""
    config, history = listed.config, listed.history
    if config is None or history is None:
        return [listed.state, "", "", "", ""]
    share = f" {100 * history.step // history.total_steps} %" if history.total_steps else ""
    return [
        listed.state if listed.state == "finished" else listed.state + share,
        method_and_strength(config.method, history.strength(config)),
        config.benchmark,
        str(config.seed),
        words.marked(mean(history.accuracies), listed) if history.accuracies else "—",
    ]


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


def _section(title: str, content: RenderableType) -> list[RenderableType]:
    return [Text(f"\n{title}", style="bold"), _indented(content)]


def _indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, 2), expand=False)


# Curves


def curve_chart(
    curve: Curve, borders: Sequence[int], width: int = CHART_SIZE[0], changes: Sequence[int] = (), steps: int = 0
) -> Text:
    """Task loss and penalty as a text chart; each is a band between its lowest and highest value per column.

    Vertical lines mark the ``borders`` of tasks and, in another colour, the ``changes`` of the strength. ``steps``:
    those of the whole run, if it is not over.
    """
    import numpy as np

    from cl_tui.charts.braille import fitting_axis

    figure = blank(width, CHART_SIZE[1])
    shown = (np.where(np.abs(values) > LARGEST, np.nan, values) for values in (curve.losses(), curve.penalties()))
    loss, penalty = (facts.band(values, width) for values in shown)
    values = np.array([*loss[1], *penalty[1]])
    axis = fitting_axis(values, values)
    if axis.log:
        loss, penalty = above(*loss, axis.low), above(*penalty, axis.low)
        powers = [math.log10(value) for value in (*loss[1], *penalty[1])]
        logarithmic(figure, math.ceil(min(powers)), math.floor(max(powers)), words.quantity)
    for band, label, color in ((loss, "loss", "cyan"), (penalty, "penalty", "magenta")):
        if band[0] and any(band[1]):
            figure.plot(*band, label=label, color=color, marker="braille")
    for border in borders if len(borders) <= width // 4 else ():
        figure.vline(border, "gray")
    for change in changes:
        figure.vline(change, "yellow")
    last = max(steps, curve.length, 2)  # an axis of one step has no length
    figure.xlim(1, last)
    ticks = [1, *borders, last] if len(borders) <= MOST_TICKS else round_values(1, last, 5)
    figure.xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    figure.xlabel("step")
    return printed(figure)


# Methods, benchmarks, models


def methods_page() -> RenderableType:
    return Group(*(part for method in METHODS.values() for part in _method(method)))


def _method(method: MethodInfo) -> Iterable[RenderableType]:
    yield Text(f"{method.name}: {method.title}", style="bold")
    yield _indented(Text(method.formula))
    yield _indented(Text(method.source))
    if method.symbol:
        named = [f"strength ({method.symbol})", *(option.name for option in method.options.kept.values())]
        yield _indented(Text(f"options: {', '.join(named)}"))


def method_page(method: MethodInfo) -> RenderableType:
    """One method: formula, source, options with their symbols, defaults, and differences in other libraries."""
    parts: list[RenderableType] = [
        Text(f"{method.name}: {method.title}", style="bold"),
        _indented(Text(method.formula)),
        _indented(Text(method.source)),
    ]
    if method.symbol:
        parts += _section("Options", _options(method))
        own = _by_benchmark(method)
        table = _table("default on", f"strength ({method.symbol})", *(option.name for option in own.values()))
        for benchmark in BENCHMARKS.values():
            here = benchmark.method_defaults.get(method.name, {})
            values = [default_strength(method.name, benchmark), *(here.get(key, of.default) for key, of in own.items())]
            table.add_row(benchmark.name, *map(shown, values))
        parts += _section("Defaults that depend on the benchmark", table)
    if method.elsewhere:
        parts += _section("Elsewhere", Group(*map(Text, method.elsewhere)))
    return Group(*parts)


def _by_benchmark(method: MethodInfo) -> dict[str, Setting]:
    """The options whose defaults depend on the benchmark."""
    given = {key for benchmark in BENCHMARKS.values() for key in benchmark.method_defaults.get(method.name, {})}
    return {key: option for key, option in method.options.kept.items() if key in given}


def _options(method: MethodInfo) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_row(f"strength ({method.symbol})", "", "the penalty's factor")
    own = _by_benchmark(method)
    for key, option in method.options.kept.items():
        default = "" if option.default is None or key in own else shown(option.default)
        grid.add_row(option.name, default, option.meaning)
    grid.add_row("leave_alone", "", "unpenalised parameters, by name pattern: *.bias, head.*")
    return grid


def benchmarks_page() -> RenderableType:
    return Group(*(part for benchmark in BENCHMARKS.values() for part in _benchmark(benchmark)))


def _benchmark(benchmark: BenchmarkInfo) -> Iterable[RenderableType]:
    yield Text(f"{benchmark.name}: {benchmark.title}", style="bold")
    grid = Table.grid(padding=(0, 2))
    grid.add_row("source", benchmark.source)
    grid.add_row("tasks", f"{benchmark.default_tasks}, at most {benchmark.most_tasks}")
    grid.add_row("scenario", benchmark.scenario)
    grid.add_row("defaults", ", ".join(f"{key} {shown(value)}" for key, value in benchmark.defaults.items()))
    strengths = (f"{METHODS[name].symbol} of {name} {shown(value)}" for name, value in benchmark.strengths.items())
    options = (f"{key} {shown(value)}" for given in benchmark.method_defaults.values() for key, value in given.items())
    grid.add_row("strengths", ", ".join([*strengths, *options]))
    yield _indented(grid)


def models_table() -> Table:
    table = _table("model", "title")
    for model in MODELS.values():
        table.add_row(model.name, model.title)
    return table


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))


def method_and_strength(method: str, strength: float) -> str:
    """
    >>> method_and_strength("ewc", 1000.0), method_and_strength("none", 0.0)
    ('ewc λ 1000', 'none')
    """
    symbol = METHODS[method].symbol
    return f"{method} {symbol} {shown(strength)}" if symbol else method
