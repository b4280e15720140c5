"""A session as a page for browsers and paper: a single file that needs no network and runs no script."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cl_tui.exports import svg
from cl_tui.reports import session_facts, text
from cl_tui.reports.scale import Scale
from engine.record import metrics
from engine.record.events import ImportanceMeasured
from engine.record.history import History
from engine.sessions.listing import Listed
from engine.settings.run import RunConfig
from engine.text import visible

MOST_TASKS = 20
"""Most rows and columns of a matrix with numbers."""
DENSE = 12
"""Number of tasks or layers above which a table is set more tightly."""
MOST_HISTOGRAMS = 24
WIDEST_NAME = 16
"""Longest name of a layer for which two tables stand side by side."""


def page(listed: Listed, path: Path) -> str:
    """The whole file. ``path``: the session's folder. The session must be readable."""
    config, history = listed.known()
    template = _templates().get_template("page.html")
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
        matrix=_matrix(history),
        scores=_scores(history),
        curves=_curves(config, history),
        importance=_importance(history.importance),
        steering=[(f"step {step:,}", what) for step, what in session_facts.steering(history)],
        differing=session_facts.differing(config),
        settings=session_facts.settings(config),
        environment=session_facts.environment(config, history),
        steered=history.strengths or history.plans or history.forked,
        command=session_facts.command(config, path / "config.toml").split(" "),
    )


def _templates() -> Environment:
    """All that comes from outside is escaped, and made visible where it would hide."""
    found = Environment(
        loader=PackageLoader("cl_tui.exports"),
        autoescape=True,
        finalize=_written,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return found


def _written(value: object) -> object:
    """Numbers with at most one decimal, as a drawing needs them; what already is markup stays.

    >>> _written(2.0), _written(0.25), _written("\\x1b")
    ('2', '0.2', '\\\\x1b')
    """
    if hasattr(value, "__html__"):
        return value
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else visible(str(value))


def _matrix(history: History) -> dict[str, Any] | None:
    if not history.matrix:
        return None
    tasks, ended = len(history.tasks), len(history.matrix)
    columns, rows = session_facts.spread(tasks, MOST_TASKS), session_facts.spread(ended, MOST_TASKS)
    names = session_facts.named(columns, history)
    named = all(len(name) <= 12 for name in names) and len(columns) <= DENSE
    score = history.score
    drops = metrics.forgetting_by_task(history.matrix, score)
    scale = Scale.of(score, (value for row in history.matrix for value in row))

    def chosen(values: Sequence[float]) -> list[float | None]:
        return [values[task] if task < len(values) else None for task in columns]

    return {
        "tasks": tasks,
        "heads": names if named else [task + 1 for task in columns],
        "rows": [
            (
                name,
                [
                    value if value is None else (scale.level(value), score.value(value))
                    for value in chosen(history.matrix[row])
                ],
            )
            for row, name in zip(rows, session_facts.named(rows, history), strict=True)
        ],
        "forgetting": [None if drop is None else score.value(drop) for drop in chosen(drops)] if drops else [],
        "scale": _legend(scale),
        "map": svg.matrix_map(history.matrix, scale) if len(columns) < tasks else None,
    }


def _legend(scale: Scale) -> list[str]:
    """What each colour means, from poor to perfect."""
    first, *others = (f"{name}{scale.score.mark}" for name in scale.names)
    return [f"{'under' if scale.score.higher else 'over'} {first[1:]}", *others]


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
