"""A session as a page for browsers and paper: a single file that needs no network and runs no script."""

import math
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cl_tui.charts.colour_scale import ColourScale
from cl_tui.exports import held, svg
from cl_tui.exports.templates_of import templates
from cl_tui.reports import session_facts, text
from cl_tui.reports.class_facts import TOLD, class_facts, share_text, shown_confusion, worst
from cl_tui.reports.scale import scale_of
from engine.record import metrics
from engine.record.events import ImportanceMeasured
from engine.record.figures import OWN, matrices
from engine.record.history import History
from engine.sessions.listing import Listed
from engine.settings.run import RunConfig

MOST_TASKS = 20
"""Most rows and columns of a matrix with numbers."""
MOST_CLASSES = 60
"""Most classes in a table."""
DENSE = 12
"""Number of tasks or layers above which a table is set more tightly."""
MOST_HISTOGRAMS = 24
WIDEST_NAME = 16
"""Longest name of a layer for which two tables stand side by side."""


def page(listed: Listed, path: Path) -> str:
    """The whole file. ``path``: the session's folder. The session must be readable."""
    config, history = listed.known()
    template = templates().get_template("page.html")
    return template.render(
        version=version("cl-tui"),
        dense=DENSE,
        name=listed.name,
        state=listed.state,
        subtitle=session_facts.subtitle(config),
        result=session_facts.result(listed),
        figures=session_facts.figures(config, history),
        warnings=session_facts.warnings(config, history),
        score=history.score,
        shades=svg.shades(),
        matrix=_matrix(config, history),
        judged=_judged(config, history),
        classes=_classes(config, history),
        confusion=_confusion(config, history),
        scores=_scores(history),
        curves=_curves(config, history),
        importance=_importance(history.importance),
        held=held.section(config, history),
        steering=[(f"step {step:,}", what) for step, what in session_facts.steering(history)],
        differing=session_facts.differing(config),
        settings=session_facts.settings(config),
        environment=session_facts.environment(config, history),
        steered=history.strengths or history.plans or history.forked,
        command=session_facts.command(config, path / "config.toml").split(" "),
    )


def _matrix(config: RunConfig, history: History) -> dict[str, Any] | None:
    if not history.matrix:
        return None
    tasks, ended = len(history.tasks), len(history.matrix)
    columns, rows = session_facts.spread(tasks, MOST_TASKS), session_facts.spread(ended, MOST_TASKS)
    names = session_facts.named(columns, history)
    named = all(len(name) <= 12 for name in names) and len(columns) <= DENSE
    score = history.score
    drops = metrics.forgetting_by_task(history.matrix, score)
    scale = scale_of(config, history)

    def chosen(values: Sequence[float]) -> list[float | None]:
        return [values[task] if task < len(values) else None for task in columns]

    def cell(row: int, task: int, value: float | None) -> tuple[str, str] | None:
        """Its CSS class, and what it says."""
        return None if value is None else ("later" if task > row else svg.shade_of(value, scale), score.value(value))

    full = history.full_matrix
    return {
        "tasks": tasks,
        "heads": names if named else [task + 1 for task in columns],
        "rows": [
            (name, [cell(row, task, value) for task, value in zip(columns, chosen(full[row]), strict=True)])
            for row, name in zip(rows, session_facts.named(rows, history), strict=True)
        ],
        "later": any(history.later),
        "forgetting": [None if drop is None else score.value(drop) for drop in chosen(drops)] if drops else [],
        "scale": _legend(scale),
        "map": svg.matrix_map(history.matrix, scale) if len(columns) < tasks else None,
    }


def _judged(config: RunConfig, history: History) -> list[dict[str, Any]]:
    """The matrices if the network knew more, or less, of the task than it does in its scenario."""
    return [
        {"told": TOLD[way], "way": way} | (_matrix(config, replace(history, matrix=matrix, later=())) or {})
        for way, matrix in matrices(config.scenario, history).items()
        if way != OWN[config.scenario]
    ]


def _classes(config: RunConfig, history: History) -> dict[str, Any] | None:
    facts = class_facts(config, history)
    if not facts:
        return None
    shown = worst(facts, MOST_CLASSES)
    rows = [
        (
            *(of.name, of.task + 1),
            *("—" if value is None else text.percent(value) for value in (of.learned, of.now)),
            ", ".join(f"{name} {text.percent(share)} %" for name, share in of.taken_for),
        )
        for of in shown
    ]
    return {"heads": ("class", "task", "learned", "now", "taken for"), "rows": rows, "all": len(facts)}


def _confusion(config: RunConfig, history: History) -> dict[str, Any] | None:
    found = shown_confusion(config, history)
    if found is None:
        return None
    shares = [[None if math.isnan(share) else share for share in row] for row in found.shares().tolist()]
    rows = [
        (name, [(svg.share_level(share), share_text(share), column == right) for column, share in enumerate(row)])
        for name, row, right in zip(found.classes.names, shares, found.right, strict=True)
    ]
    numbers = len(rows) <= MOST_TASKS
    return {
        "told": TOLD.get(found.way),
        "heads": found.answers,
        "rows": rows if numbers else [],
        "map": None if numbers else svg.confusion_map(shares),
    }


def _legend(scale: ColourScale) -> list[str]:
    """The score of each shade, from the worst to the best."""
    step = (scale.best - scale.worst) / (svg.SHADES - 1)
    return [f"{scale.score.tick(scale.worst + shade * step)}{scale.score.mark}" for shade in range(svg.SHADES)]


def _scores(history: History) -> dict[str, Any] | None:
    series = session_facts.score_series(history)
    if not any(series):
        return None
    return {
        "caption": text.probed_caption(history),
        "seen": sum(map(bool, series)),
        "coloured": svg.MOST_LINES,
        "picture": svg.scores(history, series),
    }


def _curves(config: RunConfig, history: History) -> dict[str, Any] | None:
    curve = history.curve
    if not curve.length:
        return None
    legend = [("loss", "loss on the current task alone"), ("penalty", "penalty")]
    return {
        "broken": [(name, f"{step:,}") for name, step in session_facts.first_broken(curve).items()],
        "steered": bool(history.strengths),
        "legend": legend if (curve.penalties() != 0).any() else legend[:1],
        "picture": svg.curves(config, history),
    }


def _importance(measured: ImportanceMeasured | None) -> dict[str, Any] | None:
    if measured is None or not measured.layers:
        return None
    chosen = session_facts.largest([layer.size for layer in measured.layers], MOST_HISTOGRAMS)
    figures = [session_facts.layer_figures(layer) for layer in measured.layers]
    bins = session_facts.filled(measured)
    return {
        "running": measured.running,
        "task": measured.task + 1,
        "layers": len(measured.layers),
        "drawn": [(measured.layers[k].name, svg.histogram(measured.layers[k], measured, bins)) for k in chosen],
        "side_by_side": len(chosen) > DENSE and max(len(layer.name) for layer in measured.layers) <= WIDEST_NAME,
        "heads": ["layer", *figures[0]],
        "rows": [[layer.name, *row.values()] for layer, row in zip(measured.layers, figures, strict=True)],
    }
