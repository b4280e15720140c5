"""What ``cl-tui sessions show`` prints: a session on one page, for terminals and files."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cl_tui.charts.bars import bars
from cl_tui.charts.colour_scale import ColourScale
from cl_tui.charts.printed import MOST_TICKS, above, blank, logarithmic, printed
from cl_tui.charts.ticks import round_values
from cl_tui.reports import session_facts, text
from cl_tui.reports.class_facts import TOLD
from cl_tui.reports.class_tables import class_sections
from cl_tui.reports.layout import pairs, section, table_of, thinned
from cl_tui.reports.scale import axis, scale_of
from engine.record import metrics
from engine.record.events import ImportanceMeasured
from engine.record.figures import OWN, matrices
from engine.record.history import History, Rows
from engine.record.series import Curve
from engine.sessions.listing import Listed
from engine.settings.run import RunConfig

PAPER_WIDTH = 80
"""Width of a page that is printed into a file or a pipe."""
WIDEST = 120
"""Most columns of a chart."""
SCORE_HEIGHT, CURVE_HEIGHT = 14, 16
LARGEST = 1e300
"""Largest value in a chart: plotext multiplies."""
MOST_LINES = 6
"""Most tasks in one chart."""
MOST_ROWS = 20
"""Most rows of a matrix, and most layers of a table."""
MOST_EVENTS = 20
CELL = 7
"""Width of a score in the matrix."""
FEWEST_BINS, MOST_BINS = 16, 40
"""Fewest and most columns of a histogram."""
WIDEST_NAME = 24
"""Most columns of a layer's or task's name; a longer one is wrapped or cut."""
LEVELS = ("bold red", "red", "yellow", "cyan", "green", "bold green")
"""Colours of scores, from the worst to the best."""
STATES = {"finished": "green", "running": "cyan", "stopped": "yellow", "interrupted": "red", "failed": "red"}
COLORS = ("cyan", "magenta", "yellow", "green", "blue", "red")


def session_page(listed: Listed, sessions_dir: Path, width: int, everything: bool = False) -> RenderableType:
    """The page of a readable session, ``width`` columns wide. ``everything``: with settings at their defaults too."""
    config, history = listed.known()
    parts: list[RenderableType] = [
        Text.assemble((listed.name, "bold"), "  ", (listed.state, f"bold {STATES[listed.state]}")),
        Text(session_facts.subtitle(config)),
        Text(session_facts.result(listed)),
    ]
    warnings = [*session_facts.warnings(config, history), *session_facts.set_aside(sessions_dir / listed.name)]
    parts += [Text(f"⚠ {warning}", style="yellow") for warning in warnings]
    parts += _settings(config, everything)
    parts += _matrix(config, history, width)
    parts += _judged(config, history, width)
    parts += class_sections(config, history, width)
    parts += _scores(history, width)
    if history.curve.length:
        changes = [change.step for change in history.strengths]
        parts += section(
            "Task loss and penalty",
            curve_chart(history.curve, history.starts[1:-1], min(width, WIDEST) - 3, changes, history.total_steps),
            *_told(history),
        )
    if history.importance is not None and history.importance.layers:
        parts += _importance(history.importance, width)
    parts += _steering(history)
    if environment := session_facts.environment(config, history):
        parts += section("Environment", pairs(environment))
    parts += _next(listed, sessions_dir, width)
    return Group(*parts)


# Settings


def _settings(config: RunConfig, everything: bool) -> list[RenderableType]:
    if everything:
        return section("Settings", pairs(session_facts.settings(config)))
    differing = session_facts.differing(config)
    if not differing:
        return section("Settings", Text("all at their defaults; --all shows them", style="dim"))
    table = table_of("setting", "value", "default", overflow="fold")
    for row in differing:
        table.add_row(*row)
    return section("Settings that differ from the defaults (--all shows all)", table)


# Scores


def _matrix(config: RunConfig, history: History, width: int) -> list[RenderableType]:
    if not history.matrix:
        return []
    tasks, ended, score = len(history.tasks), len(history.matrix), history.score
    rows, columns, table = _table(history, scale_of(config, history), history.full_matrix, width)
    drops = metrics.forgetting_by_task(history.matrix, score)
    if drops:
        lost = (Text(score.value(drops[task]) if task < len(drops) else "") for task in columns)
        table.add_row(Text("forgetting", style="bold"), *lost)
    averages = Text(", ".join(f"{name} {value}" for name, value in session_facts.averages(config, history)))
    title = f"{score.capital}{score.measured_in}, after (row) on (column); forgetting: {text.forgetting_is(score)}"
    told = [Text(text.LATER, style="dim")] if any(history.later) else []
    return section(title, table, *thinned(len(rows), ended, len(columns), tasks), averages, *told)


def _table(history: History, scale: ColourScale, matrix: Rows, width: int) -> tuple[list[int], list[int], Table]:
    """The rows and columns that fit, and a table of them."""
    cell = CELL if scale.score.fraction else CELL + 1
    label = min(max(map(len, ["forgetting", *session_facts.named(range(len(matrix)), history)])), WIDEST_NAME) + 2
    columns = session_facts.spread(len(history.tasks), min(max((width - 2 - label) // cell, 2), MOST_ROWS))
    rows = session_facts.spread(len(matrix), MOST_ROWS)
    table = table_of("after", no_wrap=True, max_width=WIDEST_NAME)
    for task in columns:
        table.add_column(f"on {task + 1}", justify="right", no_wrap=True, min_width=cell - 2)
    for row, name in zip(rows, session_facts.named(rows, history), strict=True):
        table.add_row(name, *(_score(scale, matrix[row], task, task > row) for task in columns))
    return rows, columns, table


def _score(scale: ColourScale, row: Sequence[float], task: int, later: bool) -> Text:
    """``later``: on a task that had not begun."""
    if task >= len(row):
        return Text("·", style="dim")
    told, share = scale.score.value(row[task]), scale.fraction(row[task])
    if later or math.isnan(share):
        return Text(told, style="dim")
    return Text(told, style=LEVELS[min(int(share * len(LEVELS)), len(LEVELS) - 1)])


def _judged(config: RunConfig, history: History, width: int) -> list[RenderableType]:
    """The accuracies if the network knew more, or less, of the task than it does in its scenario."""
    parts: list[RenderableType] = []
    for way, matrix in matrices(config.scenario, history).items():
        if way != OWN[config.scenario]:
            rows, columns, table = _table(history, scale_of(config, replace(history, matrix=matrix)), matrix, width)
            missing = thinned(len(rows), len(matrix), len(columns), len(history.tasks))
            told = f"{history.score.capital}{history.score.measured_in} if {TOLD[way]} ({way}), after (row) on (column)"
            parts += section(told, table, *missing)
    return parts


def _scores(history: History, width: int) -> list[RenderableType]:
    series = session_facts.score_series(history)
    seen = [task for task, points in enumerate(series) if points]
    if not seen:
        return []
    chosen = [seen[place] for place in session_facts.spread(len(seen), MOST_LINES)]
    title = (
        f"{history.score.capital}{history.score.measured_in} on each task over the steps, on {text.probed_on(history)}"
    )
    if len(chosen) < len(seen):
        title += f" ({len(chosen)} of {len(seen)} tasks, evenly spaced)"
    return section(title, _score_chart(history, {task: series[task] for task in chosen}, min(width, WIDEST) - 3))


def _score_chart(history: History, series: dict[int, list[session_facts.Point]], width: int) -> Text:
    """A line per task, with its number at its ends."""
    score = history.score
    unit = 100 if score.fraction else 1
    figure = blank(width, SCORE_HEIGHT)
    for color, points in zip(COLORS, series.values(), strict=False):
        steps, values = [step for step, _ in points], [unit * value for _, value in points]
        figure.plot(steps, values, color=color, marker="braille")
    for color, (task, points) in zip(COLORS, series.items(), strict=False):
        ends = [(points[-1], "right")]
        if points[-1][0] - points[0][0] > history.total_steps / 10:
            ends.append((points[0], "left"))
        for (step, value), side in ends:
            figure.text(str(task + 1), step, unit * value, color=color, alignment=side)
    figure.xlim(0, history.total_steps)
    few = len(history.tasks) <= MOST_TICKS
    ticks = history.starts if few else round_values(0, history.total_steps, 5)
    figure.xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    found = [unit * value for points in series.values() for _, value in points]
    low, high = min(90.0, *found), max(100.0, *found)  # plotext draws a line beyond its axis cell by cell
    if not score.fraction:
        low, high = axis(score, score.worst(found), score.best(found))
    figure.ylim(low, high)
    values = round_values(low, high, 5)
    figure.yticks(values, [f"{value:g}" if score.fraction else score.tick(value) for value in values])
    figure.xlabel("step")
    return printed(figure)


# Loss and penalty


def curve_chart(
    curve: Curve, borders: Sequence[int], width: int = 76, changes: Sequence[int] = (), steps: int = 0
) -> Text:
    """Task loss and penalty as bands between each column's lowest and highest value. Vertical lines mark the
    ``borders`` of tasks and, in another colour, ``changes`` of the strength. ``steps``: the whole run's, if it is not
    over."""
    import numpy as np

    from cl_tui.charts.braille import fitting_axis

    figure = blank(width, CURVE_HEIGHT)
    shown = (np.where(np.abs(values) > LARGEST, np.nan, values) for values in (curve.losses(), curve.penalties()))
    loss, penalty = (session_facts.band(values, width) for values in shown)
    values = np.array([*loss[1], *penalty[1]])
    axis = fitting_axis(values, values)
    if axis.log:
        loss, penalty = above(*loss, axis.low), above(*penalty, axis.low)
        powers = [math.log10(value) for value in (*loss[1], *penalty[1])]
        logarithmic(figure, math.ceil(min(powers)), math.floor(max(powers)), text.quantity)
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


def _told(history: History) -> Iterable[RenderableType]:
    """What the chart alone does not show."""
    if history.strengths:
        steps = ", ".join(f"{change.step:,}" for change in history.strengths[-MOST_TICKS:])
        yield Text(f"vertical lines: task borders, and changes of the strength after step {steps}", style="dim")
    for name, step in session_facts.first_broken(history.curve).items():
        yield Text(f"the {name} is not finite at step {step:,}", style="red")


# Importance


def _importance(measured: ImportanceMeasured, width: int) -> list[RenderableType]:
    """A row per layer; with fewer figures if there is little room."""
    chosen = [
        measured.layers[place] for place in session_facts.largest([layer.size for layer in measured.layers], MOST_ROWS)
    ]
    rows = [session_facts.layer_figures(layer) for layer in chosen]
    widths = {heading: max(len(cell) for cell in (heading, *(row[heading] for row in rows))) + 2 for heading in rows[0]}
    name = min(max(len(layer.name) for layer in chosen), WIDEST_NAME)
    room = width - 4 - name - sum(widths.values())
    for heading in ("mean Ω", "weights"):
        if room < FEWEST_BINS:
            room += widths.pop(heading)
    bins, span = min(max(room, FEWEST_BINS), MOST_BINS), session_facts.filled(measured)
    low, high = session_facts.edges(measured, span)
    table = table_of("layer", max_width=name, overflow="fold")
    table.add_column(f"Ω {low} … {high}", no_wrap=True, min_width=bins)
    for heading in widths:
        table.add_column(heading, justify="right", no_wrap=True)
    ends = (0, len(chosen[0].counts)), (span.start, span.stop)
    charts = bars([layer.counts for layer in chosen], *ends, bins, 1)
    for layer, row, (chart,) in zip(chosen, rows, charts, strict=True):
        table.add_row(text.short_name(layer.name, name), chart, *(row[heading] for heading in widths))
    shown: list[RenderableType] = [table]
    if len(chosen) < len(measured.layers):
        shown.append(Text(f"the {len(chosen)} largest of {len(measured.layers)} layers", style="dim"))
    when = f"during task {measured.task + 1}" if measured.running else f"after task {measured.task + 1}"
    return section(f"Importance Ω by layer, {when}; top 1 %: share of ΣΩ of the most important 1 %", *shown)


# Interventions, environment, next commands


def _steering(history: History) -> list[RenderableType]:
    entries = session_facts.steering(history)
    if not entries:
        return []
    more = f" (the last {MOST_EVENTS} of {len(entries)})" if len(entries) > MOST_EVENTS else ""
    return section(
        f"Interventions and notes{more}", pairs((f"step {step:,}", what) for step, what in entries[-MOST_EVENTS:])
    )


def _next(listed: Listed, sessions_dir: Path, width: int) -> list[RenderableType]:
    lines = session_facts.next_lines(listed, sessions_dir)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold", style="cyan")
    room = width - 4 - max(len(purpose) for _, purpose in lines)
    for line, purpose in lines:
        grid.add_row(purpose, continued(line, room))
    return section("Next", grid)


def continued(line: str, width: int) -> str:
    """Breaks a command line between its options, as a shell accepts it.

    >>> print(continued("cl-tui run --method si --seed 3", 24))
    cl-tui run --method si \\
      --seed 3
    """
    lines = [""]
    for option in line.replace(" --", "\n--").split("\n"):
        joined = f"{lines[-1]} {option}" if lines[-1].strip() else f"{lines[-1]}{option}"
        if len(joined) > width - 2 and lines[-1].strip():
            lines.append(f"  {option}")
        else:
            lines[-1] = joined
    return " \\\n".join(lines)
