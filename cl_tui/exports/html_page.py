"""A session as a page for browsers and paper: a single file that needs no network and runs no script."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from cl_tui.exports import svg as drawings
from cl_tui.exports.html import Markup, element, joined
from cl_tui.reports import session_facts as facts
from cl_tui.reports import text as words
from engine.record import metrics
from engine.record.events import ImportanceMeasured
from engine.record.history import History
from engine.sessions.listing import Listed
from engine.settings.run import RunConfig

MOST_TASKS = 20
"""Most rows and columns of a matrix with numbers."""
DENSE = 12
"""Number of tasks or layers above which a table is set more tightly."""
MOST_HISTOGRAMS = 24

NOTHING_LOADED = "default-src 'none'; style-src 'unsafe-inline'"
"""What the browser may load and run besides the page's own style: nothing, regardless of a session's texts."""


def page(listed: Listed, path: Path) -> str:
    """The whole file. ``path``: the session's folder. The session must be readable."""
    config, history = listed.config, listed.history
    assert config is not None
    assert history is not None
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=NOTHING_LOADED),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=f"cl-tui {version('cl-tui')}"),
        element("title", f"{listed.name} · {facts.subtitle(config)}"),
        element("style", Markup(files("cl_tui.exports").joinpath("report.css").read_text(encoding="utf-8"))),
    ]
    body = [
        *_header(listed, config, history),
        *_matrix(history),
        *_accuracies(history),
        *_curves(config, history),
        *_importance(history.importance),
        *_steering(history),
        *_settings(config),
        *_environment(config, history),
        *_again(config, history, path),
        element("footer", f"Written by cl-tui {version('cl-tui')} from session {listed.name}."),
    ]
    html = element("html", element("head", *head), element("body", *body), lang="en")
    return f"<!DOCTYPE html>\n{html}\n"


def _section(title: str, *content: Markup, long: bool = False) -> Markup:
    """``long``: it may break across printed pages."""
    return element("section", element("h2", title), *content, class_="long" if long else None)


def _caption(text: str) -> Markup:
    return element("p", text, class_="caption")


def _header(listed: Listed, config: RunConfig, history: History) -> Iterable[Markup]:
    state = element("span", listed.state, class_=f"state {listed.state}")
    yield element("h1", listed.name, state)
    yield element("p", facts.subtitle(config), class_="subtitle")
    yield element("p", facts.result(listed))
    figures = [
        element("div", element("dt", name), element("dd", value)) for name, value in facts.figures(config, history)
    ]
    if figures:
        yield element("dl", *figures, class_="figures")
    for warning in facts.warnings(config, history):
        yield element("p", f"⚠ {warning[:1].upper()}{warning[1:]}.", class_="warning")


# Accuracy


def _matrix(history: History) -> Iterable[Markup]:
    if not history.matrix:
        return
    tasks, ended = len(history.tasks), len(history.matrix)
    columns, rows = facts.spread(tasks, MOST_TASKS), facts.spread(ended, MOST_TASKS)
    parts = [
        _caption(
            "Row: after training this task. Column: on the test set of that task. Read down a column: falling numbers, "
            "fading colours, are forgetting. · marks a task that has not been seen yet. Forgetting is a task's best "
            "accuracy before the last row, minus its accuracy in the last row, in points."
        )
    ]
    if len(columns) < tasks:
        parts.append(_caption(f"{len(columns)} of {tasks} tasks have numbers, evenly spaced; the picture shows all."))
    scale = [
        element("span", f"under {100 * words.LEVELS[0]:.0f} %", class_="h0"),
        *(element("span", f"{100 * low:.0f} %", class_=drawings.level(low)) for low in words.LEVELS),
    ]
    parts += [
        element("div", _table_of_accuracies(history, rows, columns), class_="wide"),
        element("div", *scale, class_="scale"),
    ]
    if len(columns) < tasks:
        parts.append(drawings.matrix_map(history.matrix))
    yield _section("Accuracy in %", *parts, long=tasks > DENSE)


def _table_of_accuracies(history: History, rows: Sequence[int], columns: Sequence[int]) -> Markup:
    names = facts.named(columns, history)
    named = all(len(name) <= 12 for name in names) and len(columns) <= DENSE
    heads = names if named else [str(task + 1) for task in columns]
    body = []
    for row, name in zip(rows, facts.named(rows, history), strict=True):
        accuracies = history.matrix[row]
        cells = (
            element("td", words.percent(accuracies[task]), class_=drawings.level(accuracies[task]))
            if task < len(accuracies)
            else element("td", "·", class_="unseen")
            for task in columns
        )
        body.append(element("tr", element("th", name), *cells))
    drops = metrics.forgetting_by_task(history.matrix)
    lost = (element("td", words.percent(drops[task]) if task < len(drops) else "") for task in columns)
    return element(
        "table",
        element("thead", element("tr", *(element("th", head) for head in ("after", *heads)))),
        element("tbody", *body),
        element("tfoot", element("tr", element("th", "forgetting"), *lost)) if drops else Markup(),
        class_="matrix dense" if len(columns) > DENSE else "matrix",
    )


def _accuracies(history: History) -> Iterable[Markup]:
    series = facts.accuracy_series(history)
    seen = sum(map(bool, series))
    if not seen:
        return
    told = words.probed_caption(history)
    if seen > drawings.MOST_LINES:
        told += f" {drawings.MOST_LINES} of {seen} tasks are coloured and named, evenly spaced; the others are grey."
    yield _section("Accuracy on each task over the steps", _caption(told), drawings.accuracies(history, series))


# Loss and penalty


def _curves(config: RunConfig, history: History) -> Iterable[Markup]:
    curve = history.curve
    if not curve.length:
        return
    told = "The shaded band goes from the smallest to the largest value of its steps; the line is their mean"
    told += ". On a logarithmic axis, a penalty of exactly 0 has no line."
    for name, values in (("loss", curve.losses()), ("penalty", curve.penalties())):
        if (step := facts.first_broken(values)) is not None:
            told += f" The {name} is not finite at step {step:,} (✕)."
    if history.strengths:
        told += " Dashed vertical lines mark changes of the strength."
    held = bool((curve.penalties() != 0).any())
    entries = [("loss", "loss on the current task alone"), ("penalty", "penalty")]
    legend = drawings.legend(*entries[: 1 + held])
    yield _section("Task loss and penalty", _caption(told), legend, drawings.curves(config, history))


# Importance


def _importance(measured: ImportanceMeasured | None) -> Iterable[Markup]:
    if measured is None or not measured.layers:
        return
    when = f"as it was during task {measured.task + 1}" if measured.running else f"after task {measured.task + 1}"
    told = (
        f"How much the weights matter to earlier tasks, {when}. Weights further right matter more; the axis is "
        f"logarithmic, and heights are the square root of the count. Weights whose Ω is exactly 0 are not drawn. "
        f"Top 1 %: the share of ΣΩ of the most important 1 % of the weights."
    )
    chosen = facts.largest([layer.size for layer in measured.layers], MOST_HISTOGRAMS)
    if len(chosen) < len(measured.layers):
        told += f" The {len(chosen)} largest of {len(measured.layers)} layers are drawn; the table has all."
    bins = facts.filled(measured)
    figures = (
        element(
            "figure",
            drawings.histogram(measured.layers[place], measured, bins),
            element("figcaption", measured.layers[place].name),
        )
        for place in chosen
    )
    yield _section(
        "Importance Ω by layer",
        _caption(told),
        element("div", *figures, class_="layers"),
        element("div", _table_of_layers(measured), class_="columns small" if len(chosen) > DENSE else "wide small"),
        long=len(measured.layers) > 6,
    )


def _table_of_layers(measured: ImportanceMeasured) -> Markup:
    figures = [facts.layer_figures(layer) for layer in measured.layers]
    rows = ([layer.name, *row.values()] for layer, row in zip(measured.layers, figures, strict=True))
    return _table(("layer", *figures[0]), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = True) -> Markup:
    """``numbers``: all columns but the first hold numbers."""

    def cells(tag: str, row: Sequence[str]) -> Markup:
        kinds = (None, *["number" if numbers else None] * (len(row) - 1))
        return element("tr", *(element(tag, text, class_=kind) for text, kind in zip(row, kinds, strict=True)))

    head = element("thead", cells("th", heads)) if heads else Markup()
    return element("table", head, element("tbody", *(cells("td", row) for row in rows)))


# Interventions, settings and environment


def _steering(history: History) -> Iterable[Markup]:
    entries = facts.steering(history)
    if entries:
        rows = ((f"step {step:,}", text) for step, text in entries)
        yield _section("Interventions", _table((), rows, numbers=False), long=True)


def _settings(config: RunConfig) -> Iterable[Markup]:
    differing = facts.differing(config)
    if differing:
        first = _table(("setting", "value", "default"), differing, numbers=False)
    else:
        first = _caption("All settings are the defaults of the benchmark and the method.")
    everything = element("div", _table((), facts.settings(config), numbers=False), class_="columns small")
    yield _section("Settings that differ from the defaults", first)
    yield _section("All settings", everything, long=True)


def _environment(config: RunConfig, history: History) -> Iterable[Markup]:
    entries = facts.environment(config, history)
    if entries:
        yield _section("Environment", element("div", _table((), entries, numbers=False), class_="small"))


def _again(config: RunConfig, history: History, path: Path) -> Iterable[Markup]:
    steered = history.strengths or history.plans or history.forked
    told = [_caption("This does not repeat the interventions.")] if steered else []
    words = facts.command(config, path / "config.toml").split(" ")
    line = (element("span", word, class_="option") if word.startswith("-") else word for word in words)
    spaced = joined(*(part for word in line for part in (" ", word)))
    yield _section("To train it again", *told, element("pre", Markup(spaced.strip())))
