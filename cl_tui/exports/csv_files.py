"""A session as tables for spreadsheets and data frames."""

import csv
import io
from collections.abc import Callable, Iterable

from cl_tui.reports import session_facts, text
from engine.record.classes import classes, confusion, ways
from engine.record.figures import matrices
from engine.record.history import History
from engine.settings.run import RunConfig

STEP_COLUMNS = ("step", "task", "epoch", "seconds", "loss", "penalty", "strength")


def _curves(config: RunConfig, history: History) -> str:
    """One row per step; the epoch is empty if it was not recorded, and seconds count training without pauses."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(STEP_COLUMNS)
    writer.writerows(step_rows(config, history, 0, history.curve.length))
    return text.getvalue()


def step_rows(config: RunConfig, history: History, first: int, last: int) -> Iterable[tuple[float | None, ...]]:
    """A row per step after ``first``, up to ``last``, with STEP_COLUMNS; the epoch is None if it was not recorded."""
    if last <= first:
        return ()
    import numpy as np

    curve, changes = history.curve, history.strengths
    steps = np.arange(first + 1, last + 1)
    tasks = np.clip(np.searchsorted(history.starts, steps) - 1, 0, len(history.tasks) - 1)
    each = np.array([task.epoch_steps for task in history.tasks])[tasks]
    passed = (steps - 1 - np.array(history.starts)[tasks]) // np.maximum(each, 1)
    epochs = [epoch or None for epoch in np.where(each > 0, passed + 1, 0).tolist()]
    columns = [values(first)[: last - first].tolist() for values in (curve.seconds, curve.losses, curve.penalties)]
    strengths = np.array([history.strength(config, 0), *(change.strength for change in changes)])
    strengths = strengths[np.searchsorted([change.step for change in changes], steps)]
    return zip(steps.tolist(), (tasks + 1).tolist(), epochs, *columns, strengths.tolist(), strict=True)


def _matrix(config: RunConfig, history: History) -> str:
    """The matrix on whole test sets: row: after which task, column: on which task, later ones too if they were tested;
    empty for tasks that were not."""
    names = [f"{number}: {task.name}" for number, task in enumerate(history.tasks, start=1)]
    rows = ([number, *row, *[""] * (len(names) - len(row))] for number, row in enumerate(history.full_matrix, start=1))
    return table(["after (whole test sets)", *names], rows)


def _judged(config: RunConfig, history: History) -> str:
    """At each task's end, on whole test sets, if the network is told the task and if it is not."""
    rows = (
        (after, way, on, accuracy)
        for way, matrix in matrices(config.scenario, history).items()
        for after, row in enumerate(matrix, start=1)
        for on, accuracy in enumerate(row, start=1)
    )
    return table(("after task", "judged", "on task", history.score.title), rows)


def _classes(config: RunConfig, history: History) -> str:
    """At each task's end, judged as the scenario judges."""
    rows = (
        (told.phase + 1, told.step, task + 1, name, "" if accuracy is None else accuracy)
        for told in classes(history)
        for task, name, accuracy in zip(told.tasks, told.names, told.accuracies, strict=True)
    )
    return table(("after task", "step", "task", "class", "accuracy"), rows)


def _confusions(config: RunConfig, history: History) -> str:
    """How many test examples of each class got which answer, if any did."""
    rows = (
        (phase + 1, way or "both", found.classes.tasks[row] + 1, found.classes.names[row], answers[column], count)
        for way in ways(history)
        for phase in range(len(history.matrix))
        if (found := confusion(history, way, phase)) is not None
        for answers in [found.answers]
        for row, counts in enumerate(found.counts.tolist())
        for column, count in enumerate(counts)
        if count > 0
    )
    return table(("after task", "judged", "task", "class", "answer", "examples"), rows)


def _probes(config: RunConfig, history: History) -> str:
    """Every measured score: on the evaluation subsets, and at the ends of tasks on whole test sets too."""
    whole, subset = text.GIVEN if history.given else text.WHOLE_TEST_SET, "evaluation subset"
    found = [
        (probe.step, "probe", probe.phase, probe.row, text.measured_on(probe, history)) for probe in history.probes
    ]
    for asked in history.evaluations:
        found.append((asked.step, "evaluation", asked.phase, asked.whole.row, whole))
        found.append((asked.step, "evaluation", asked.phase, asked.probed if history.measured_alike else (), subset))
    for task, (row, probed) in enumerate(zip(history.matrix, history.probed, strict=True)):
        found.append((history.starts[task + 1], "task end", task, row, whole))
        found.append((history.starts[task + 1], "task end", task, probed if history.measured_alike else (), subset))
    rows = (
        (step, kind, task + 1, on, score, where)
        for step, kind, task, scores, where in sorted(found, key=lambda row: row[0])
        for on, score in enumerate(scores, start=1)
    )
    name = history.score.title if history.score.fraction else history.score.heading
    return table(("step", "kind", "in task", "on task", name, "measured on"), rows)


def _importances(config: RunConfig, history: History) -> str:
    """A row per layer at the end of each task, and for the newest measurement during a task."""
    measured = list(history.importances)
    if history.importance is not None and history.importance.running:
        measured.append(history.importance)
    bins = max((len(layer.counts) for each in measured for layer in each.layers), default=0)
    heads = ("task", "step", "running", "layer", "weights", "zeros", "mean", "top 1 %", "low", "high")
    rows = (
        (
            *(each.task + 1, each.step, int(each.running), layer.name, layer.size, layer.zeros, layer.mean),
            *("" if layer.top is None else layer.top, each.low, each.high, *layer.counts),
        )
        for each in measured
        for layer in each.layers
    )
    return table([*heads, *(f"bin {number}" for number in range(1, bins + 1))], rows)


def _warnings(config: RunConfig, history: History) -> str:
    rows = ((warned.step, warned.task + 1, warned.name, warned.text) for warned in history.warnings)
    return table(("step", "task", "warning", "text"), rows)


CSV_FILES: dict[str, Callable[[RunConfig, History], str]] = {
    "curves.csv": _curves,
    "accuracies.csv": _matrix,
    "judged.csv": _judged,
    "classes.csv": _classes,
    "confusions.csv": _confusions,
    "probes.csv": _probes,
    "importance.csv": _importances,
    "steering.csv": lambda config, history: table(("step", "what"), session_facts.steering(history)),
    "warnings.csv": _warnings,
    "settings.toml": lambda config, history: config.to_toml(),
}
"""What each file holds; accuracies are fractions, tasks counted from 1."""


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Numbers are exact. Text that a spreadsheet would run as a formula is marked as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_harmless, heads))
    writer.writerows([*map(_harmless, row)] for row in rows)
    return text.getvalue()


def _harmless(cell: object) -> object:
    """
    >>> _harmless("=1+1"), _harmless(-1.0), _harmless("1: 0 8")
    ("'=1+1", -1.0, '1: 0 8')
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple("=+-@＝＋－＠\t\r")) else cell
