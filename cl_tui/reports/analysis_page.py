"""What ``cl-tui analyse`` prints about one session: four parts, each a table and, if it helps, a chart."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cl_tui.charts.printed import blank, printed
from cl_tui.reports import session_facts, text
from cl_tui.reports.layout import numbers, section, table_of
from cl_tui.reports.statistics import UNKNOWN
from engine.analysis.figures import (
    MOST_SATURATED,
    Analysis,
    Correlation,
    LayerAgreement,
    LayerMovement,
    Number,
    TaskCorrelation,
    mean,
)
from engine.record.score import ScoreInfo, score_info
from engine.settings.run import RunConfig

CHART_WIDTH = 76
CHART_HEIGHT = 15
MOST_LINES = 5
"""Most layers in one chart."""
MOST_ROWS = 20
"""Most layers in one table."""
WIDEST_NAME = 24
"""Most columns of a layer's name."""
COLUMN = 7
"""Width of a column of the correlation matrix, padding included."""


@contextlib.contextmanager
def told_on(console: Console, name: str) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal what is being done; elsewhere nothing."""
    with console.status("") as status:
        yield lambda doing: status.update(Text(f"{name}: {doing}"))


def analysis_page(found: Analysis, config: RunConfig, width: int) -> RenderableType:
    """``width``: available columns."""
    parts: list[RenderableType] = [*_header(found, config)]
    parts += section("Do the tasks use the same weights?", *_correlation_part(found, width))
    parts += section("Do the importances agree?", *_agreement_part(found))
    parts += section("How is Ω distributed?", *_importance_part(found))
    parts += section("Which layers moved, and what did it cost?", *_forgetting_part(found))
    return Group(*parts)


def _header(found: Analysis, config: RunConfig) -> Iterable[RenderableType]:
    yield Text(found.session, style="bold")
    yield Text(session_facts.subtitle(config))
    ended = f"after task {len(found.tasks)} of {found.all_tasks}, at step {found.step:,}"
    yield Text(f"{ended}; measured on at most {found.examples:,} examples per task")
    if found.left_alone:
        yield Text(f"unpenalised, so not included in the figures about Ω: {', '.join(found.left_alone)}")


# Correlation between the tasks


def _correlation_part(found: Analysis, width: int) -> Iterable[RenderableType]:
    if found.correlation is None:
        yield _left_out(found, "correlation")
        return
    correlation = found.correlation
    parts = "whole network without the heads" if correlation.heads else "whole network"
    yield Text(f"{correlation.quantity}: Pearson correlation between the tasks, {parts}")
    if correlation.heads:
        yield Text("(each task has its own head, so there is nothing to correlate)")
    tasks = len(found.tasks)
    if tasks * COLUMN + 4 <= width - 2:
        yield correlation_table(correlation.whole)
    else:
        yield Text(f"the matrix of {tasks} tasks is too wide to show; --json FILE writes it")
    yield Text("\nby layer, over the pairs of tasks")
    rows = []
    layers, note = _largest(correlation.layers, lambda layer: layer.size)
    for layer in (correlation.whole, *layers):
        pairs = [value for number, row in enumerate(layer.matrix) for value in row[:number] if value is not None]
        ends = (min(pairs, default=None), max(pairs, default=None))
        rows.append((_name(layer), f"{layer.size:,}", *map(_hundredths, (layer.mean, *ends))))
    yield numbers(("layer", "weights", "mean", "lowest", "highest"), rows)
    yield from note
    if tasks > 2 and any(layer.mean is not None for layer in _charted(correlation)):
        yield Text("\nmean correlation with the earlier tasks")
        yield correlation_chart(correlation)


def correlation_table(correlation: TaskCorrelation) -> Table:
    """The matrix below its diagonal."""
    table = table_of("task", no_wrap=True)
    for number in range(1, len(correlation.matrix) + 1):
        table.add_column(str(number), justify="right", min_width=COLUMN - 2)
    for number, row in enumerate(correlation.matrix, start=1):
        table.add_row(str(number), *map(_hundredths, row[:number]))
    return table


def correlation_chart(correlation: Correlation) -> Text:
    """One line per weight matrix, or per layer if there is none, evenly spread if there are many: each task's mean
    correlation with the tasks before it, from the second task on."""
    figure = blank(CHART_WIDTH, CHART_HEIGHT)
    tasks = len(correlation.whole.matrix)
    for number, layer in enumerate(_charted(correlation)):
        points = [(task + 1, mean(layer.matrix[task][:task])) for task in range(1, tasks)]
        places = [task for task, value in points if value is not None]
        values = [value for _, value in points if value is not None]
        color = ("cyan", "magenta", "yellow", "green", "blue")[number]
        figure.plot(places, values, marker="braille", color="gray")
        figure.scatter(places, values, marker=str(number + 1), label=_name(layer), color=color)
    if tasks <= 20:
        figure.xticks(list(range(2, tasks + 1)))
    figure.xlabel("task")
    return printed(figure)


def _charted(correlation: Correlation) -> list[TaskCorrelation]:
    layers = [layer for layer in correlation.layers if layer.layer.endswith("weight")] or correlation.layers
    return [layers[place] for place in session_facts.spread(len(layers), MOST_LINES)]


# Agreement


def _agreement_part(found: Analysis) -> Iterable[RenderableType]:
    yield Text("Ω of the session, exact Fisher diagonal F, MAS's Ω (M), at the same weights")
    own = "agreement" not in found.left_out
    if not own:
        yield Text(f"Ω left out: {found.left_out['agreement']}")
    pairs = ("Ω, F", "Ω, M", "F, M") if own else ("F, M",)
    headings = ("layer", *(f"{pair}\n{kind}" for pair in pairs for kind in ("Pearson", "Spearman")))
    layers, note = _largest(found.agreement.layers, lambda layer: layer.size)
    yield numbers(headings, ((_name(of), *_agreement_cells(of, own)) for of in (found.agreement.whole, *layers)))
    yield from note


def _agreement_cells(layer: LayerAgreement, own: bool) -> Iterable[str]:
    for pair in (layer.omega_fisher, layer.omega_mas, layer.fisher_mas) if own else (layer.fisher_mas,):
        yield from map(_hundredths, (pair.pearson, pair.spearman) if pair else (None, None))


def _importance_part(found: Analysis) -> Iterable[RenderableType]:
    if found.importance is None:
        yield _left_out(found, "importance")
        return
    if found.importance.clamp is not None:
        yield Text(f"saturated: at the upper bound of Ω, {found.importance.clamp:g}")
    else:
        yield Text(f"saturated: at least {MOST_SATURATED:g} times the layer's largest Ω")
    layers, note = _largest(
        found.importance.layers, lambda layer: layer.of_total or 0.0, "with the largest shares of ΣΩ"
    )
    yield numbers(
        ("layer", "weights", "zero", "saturated", "top 1 % hold", "share of ΣΩ"),
        (
            (_name(of), f"{of.size:,}", *map(_percent, (of.zero, of.saturated, of.top, of.of_total)))
            for of in (found.importance.whole, *layers)
        ),
    )
    yield from note


# Movement and forgetting


def _forgetting_part(found: Analysis) -> Iterable[RenderableType]:
    if found.forgetting is None:
        yield _left_out(found, "forgetting")
        return
    count = len(found.forgetting.tasks)
    over = f"mean over the first {count} tasks" if count > 1 else "of the first task"
    yield Text(f"since the task's end, {over}")
    yield Text("regained: the gain if only this layer gets back the weights that it had then")
    score = score_info(found.score, found.unit)
    unit = " points" if score.fraction else score.mark
    headings = (
        *("layer", "moved\nRMS", "moved\nrelative"),
        *("loss regained\nmeasured", "loss regained\nfirst order", f"{score.title}\nregained{unit and f',{unit}'}"),
    )
    layers, note = _largest(found.forgetting.layers, lambda layer: abs(layer.loss), "that regain or lose the most loss")
    yield numbers(headings, (_movement(score, of) for of in (found.forgetting.whole, *layers)))
    yield from note
    yield Text("\nloss regained, measured")
    yield cost_chart(layers)


def _movement(score: ScoreInfo, of: LayerMovement) -> Iterable[str]:
    losses = map(text.quantity, (of.loss, of.first_order))
    return (_name(of), text.quantity(of.rms), _percent(of.relative), *losses, score.value(of.accuracy))


def cost_chart(layers: Sequence[LayerMovement]) -> Text:
    """One bar per layer: how much of the loss returns when only this layer is put back, averaged over the tasks."""
    upwards = list(reversed(layers))  # plotext's first bar is the lowest
    figure = blank(CHART_WIDTH, len(layers) + 3)
    names, losses = [_name(layer) for layer in upwards], [layer.loss for layer in upwards]
    figure.bar(names, losses, orientation="horizontal", marker="sd", width=0.2, color="cyan")
    return printed(figure)


# Layers


class Layer(Protocol):
    @property
    def layer(self) -> str: ...


_Layer = TypeVar("_Layer", bound=Layer)


def _largest(
    layers: Sequence[_Layer], size: Callable[[_Layer], float], which: str = "with the most weights"
) -> tuple[list[_Layer], list[Text]]:
    """The layers that a table has room for, in the network's order, and a line that says which, unless all are."""
    chosen = session_facts.largest([size(layer) for layer in layers], MOST_ROWS)
    note = Text(f"the {MOST_ROWS} of {len(layers)} layers {which}; --json FILE writes all", style="dim")
    return [layers[place] for place in chosen], [note] if len(layers) > MOST_ROWS else []


def _name(of: Layer) -> str:
    return text.short_name(of.layer, WIDEST_NAME)


# Cells


def _left_out(found: Analysis, part: str) -> Text:
    return Text(f"left out: {found.left_out[part]}")


def _hundredths(value: Number) -> str:
    """
    >>> _hundredths(0.123), _hundredths(-0.001), _hundredths(None)
    ('0.12', '0.00', '—')
    """
    return UNKNOWN if value is None else f"{round(value, 2) + 0.0:.2f}"


def _percent(fraction: Number) -> str:
    """
    >>> _percent(0.1234), _percent(0.0001), _percent(0.0), _percent(None)
    ('12.3 %', '<0.1 %', '0 %', '—')
    """
    if fraction is None:
        return UNKNOWN
    if fraction == 0:
        return "0 %"
    return "<0.1 %" if fraction < 0.0005 else f"{100 * fraction:.1f} %"
