"""A session for use in other tools: a page, tables, one JSON file, or an event file of TensorBoard."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from cl_tui.reports import session_facts, text
from cl_tui.reports.output import STDOUT, print_as_it_is
from engine import strict_json
from engine.disk import write_whole
from engine.errors import EngineError, SessionDamaged
from engine.record.history import History
from engine.sessions.listing import Listed
from engine.sessions.summary import summary
from engine.settings.run import RunConfig

Kind = Literal["html", "json", "csv", "tensorboard"]
FORMAT = 1
"""Format version of the JSON file; it grows when a key is removed or changes its meaning."""


class ExportRefused(EngineError):
    """The export cannot be written there."""

    exit_code = 2


# Destinations


def targets(kind: Kind, path: Path, name: str, began: float) -> list[Path]:
    """The files that an export of session ``name``, begun at ``began``, writes.

    TensorBoard treats each folder with an event file as a run, so the file gets a folder with the session's name.
    """
    match kind:
        case "html" | "json":
            return [path]
        case "csv":
            return [path / file for file in CSV_FILES]
        case "tensorboard":
            return [path / name / f"events.out.tfevents.{began:.0f}.cl-tui"]


def check_free(kind: Kind, paths: Iterable[Path], force: bool) -> None:
    """Raises ExportRefused if something is in the way."""
    for path in paths:
        if path.is_dir():
            raise ExportRefused(f"--{kind} {path} is a folder: name a file")
        if path.exists() and not force:
            raise ExportRefused(f"--{kind}: {path} already exists: choose another path, or add --force to replace it")


def write(kind: Kind, files: Mapping[Path, bytes]) -> None:
    """Writes each file whole, and creates the folders it needs. Raises ExportRefused."""
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        except OSError as error:
            raise ExportRefused(f"--{kind}: {path} cannot be written: {error.strerror}; choose another path") from None


def contents(kind: Kind, listed: Listed, folder: Path) -> list[bytes]:
    """The files' contents, in the order of ``targets``. ``folder``: the session's. The session must be readable."""
    config, history = listed.config, listed.history
    assert config is not None
    assert history is not None
    match kind:
        case "html":
            from cl_tui.exports import html_page

            return [html_page.page(listed, folder).encode("utf-8", "replace")]
        case "json":
            return [as_json(listed)]
        case "csv":
            return [content(config, history).encode("utf-8", "replace") for content in CSV_FILES.values()]
        case "tensorboard":
            from cl_tui.exports import tensorboard

            return [tensorboard.event_file(config, history)]


# JSON


def as_json(listed: Listed) -> bytes:
    """Everything known about the session; a number that is not finite is null.

    The keys of summary.json, and ``format``, ``state``, ``tasks`` (name, steps, classes, epoch_steps), ``parameters``,
    ``device``, ``versions``, ``curves`` (value k of ``loss``, ``penalty`` and ``seconds`` is that of step k+1),
    ``strengths``, ``probes`` (during tasks, on the evaluation subsets), ``evaluations`` (``accuracies`` on whole test
    sets, ``probed`` on the subsets), ``probed_matrix`` (as ``accuracy_matrix``, on the subsets and without nulls),
    ``test_examples`` and ``subset_examples`` (of each task), ``importances`` (at the end of each task),
    ``importance`` (the newest), ``paths``, ``notes``, ``plans``, ``forked``, ``resumed``, ``failure``,
    ``warnings`` (as sentences) and ``warned`` (each when it was first given).
    """
    config, history = listed.config, listed.history
    assert config is not None
    assert history is not None
    began = history.started
    curve = history.curve
    known: dict[str, Any] = {
        "format": FORMAT,
        **summary(listed.name, config, history),
        "state": listed.state,
        "tasks": [asdict(task) for task in history.tasks],
        "parameters": history.parameters,
        "device": history.device,
        "began": began.time if began is not None else None,
        "test_examples": began.test_examples if began is not None else (),
        "subset_examples": began.subset_examples if began is not None else (),
        "probed_matrix": history.probed if history.measured_alike else (),
        "versions": began.versions if began is not None else {},
        "curves": {
            name: values().tolist() if curve.length else []
            for name, values in (("loss", curve.losses), ("penalty", curve.penalties), ("seconds", curve.seconds))
        },
        "warnings": session_facts.warnings(config, history),
    }
    penalties = {(measured.step, measured.phase): measured.values for measured in history.layer_penalties}
    known["probes"] = [
        {
            "task": probe.phase,
            "step": probe.step,
            "accuracies": probe.values,
            "penalties": penalties.get((probe.step, probe.phase), ()),
        }
        for probe in history.probes
    ]
    known["evaluations"] = [
        {
            "task": asked.phase,
            "step": asked.step,
            "accuracies": asked.whole.values,
            "probed": asked.probed if history.measured_alike else (),
        }
        for asked in history.evaluations
    ]
    for key in ("strengths", "importances", "paths", "notes", "plans"):
        known[key] = [_told(event) for event in getattr(history, key)]
    known["warned"] = [_told(event) for event in history.warnings]
    for key in ("importance", "forked", "resumed", "failure"):
        event = getattr(history, key)
        known[key] = None if event is None else _told(event)
    return strict_json.dumps(known).encode() + b"\n"


def _told(event: Any) -> dict[str, Any]:
    return {key: value for key, value in asdict(event).items() if key != "event"}


# CSV


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
    tasks = np.clip(np.searchsorted(history.starts, steps) - 1, 0, max(len(history.tasks) - 1, 0))
    epochs = [epoch or None for epoch in session_facts.epochs(history, steps).tolist()]
    columns = [values(first)[: last - first].tolist() for values in (curve.seconds, curve.losses, curve.penalties)]
    strengths = np.array([history.strength(config, 0), *(change.strength for change in changes)])
    strengths = strengths[np.searchsorted([change.step for change in changes], steps)]
    return zip(steps.tolist(), (tasks + 1).tolist(), epochs, *columns, strengths.tolist(), strict=True)


def _accuracies(config: RunConfig, history: History) -> str:
    """The matrix on whole test sets: row: after which task, column: on which task; empty for tasks not yet seen."""
    names = [f"{number}: {task.name}" for number, task in enumerate(history.tasks, start=1)]
    rows = ([number, *row, *[""] * (len(names) - len(row))] for number, row in enumerate(history.matrix, start=1))
    return table(["after (whole test sets)", *names], rows)


def _probes(config: RunConfig, history: History) -> str:
    """Every measured accuracy: on the evaluation subsets, and at the ends of tasks on whole test sets too."""
    whole, subset = text.WHOLE_TEST_SET, "evaluation subset"
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
        (step, kind, task + 1, on, accuracy, where)
        for step, kind, task, accuracies, where in sorted(found, key=lambda row: row[0])
        for on, accuracy in enumerate(accuracies, start=1)
    )
    return table(("step", "kind", "in task", "on task", "accuracy", "measured on"), rows)


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


def _steering(config: RunConfig, history: History) -> str:
    return table(("step", "what"), session_facts.steering(history))


def _warnings(config: RunConfig, history: History) -> str:
    rows = ((warned.step, warned.task + 1, warned.name, warned.text) for warned in history.warnings)
    return table(("step", "task", "warning", "text"), rows)


def _settings(config: RunConfig, history: History) -> str:
    return config.to_toml()


CSV_FILES = {
    "curves.csv": _curves,
    "accuracies.csv": _accuracies,
    "probes.csv": _probes,
    "importance.csv": _importances,
    "steering.csv": _steering,
    "warnings.csv": _warnings,
    "settings.toml": _settings,
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


def place(kind: Kind, path: Path, files: list[Path]) -> str:
    """Where an export was written, in words."""
    return str(files[0]) if len(files) == 1 else f"{path}: {', '.join(file.name for file in files)}"


def exports(listed: Listed, folder: Path, wanted: Mapping[Kind, Path], force: bool) -> Iterator[str]:
    """Writes each wanted kind and says where, or prints it; writes nothing if one of the places is taken.

    ``folder``: the session's. Raises SessionDamaged, or ExportRefused for a place that cannot be written.
    """
    if listed.history is None:
        raise SessionDamaged(listed.problem)
    printed = [kind for kind, path in wanted.items() if path == STDOUT]
    for kind in printed:
        if kind in ("csv", "tensorboard"):
            raise ExportRefused(f"--{kind} -: it writes files into a folder, so name a folder")
    if len(printed) > 1:
        raise ExportRefused("only one of --html and --json can be -, the standard output: name a file for the other")
    began = listed.history.started.time if listed.history.started is not None else 0.0
    files = {kind: targets(kind, path, listed.name, began) for kind, path in wanted.items()}
    for kind in printed:
        del files[kind]
    for kind, paths in files.items():
        check_free(kind, paths, force)
    for kind in printed:
        print_as_it_is(contents(kind, listed, folder)[0].decode())
    for kind, paths in files.items():
        write(kind, dict(zip(paths, contents(kind, listed, folder), strict=True)))
        yield place(kind, wanted[kind], paths)
