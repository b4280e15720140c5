"""A session for use in other tools: a page, tables, one JSON file, or an event file of TensorBoard."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, cast

from cl_tui.exports import held
from cl_tui.exports.csv_files import CSV_FILES
from cl_tui.reports import session_facts
from cl_tui.reports.output import STDOUT, print_as_it_is
from engine import strict_json
from engine.disk import write_whole
from engine.errors import EngineError
from engine.record.events import LAYER_PENALTIES, PATH, PROBE, Scored
from engine.sessions.listing import Listed
from engine.sessions.summary import summary

Kind = Literal["html", "json", "csv", "tensorboard", "film"]
Made = Literal["weights", "onnx", "png", "svg", "gif", "cast"]
"""The trained network, and pictures of the screens. Only commands may load PyTorch and screens, so they give what makes
the file."""
MADE: tuple[Made, ...] = ("weights", "onnx", "png", "svg", "gif", "cast")
FORMAT = 1
"""Format version of the JSON file; it grows when a key is removed or changes its meaning."""


class ExportRefused(EngineError):
    """The export cannot be written there."""

    exit_code = 2


def contents(kind: Kind, listed: Listed, folder: Path) -> dict[Path, bytes]:
    """What each file holds, by its path below the one that the user names; ``folder``: the session's, readable.
    TensorBoard takes each folder with an event file for a run, so the file gets a folder with the session's name."""
    config, history = listed.known()
    match kind:
        case "html":
            from cl_tui.exports import html_page

            return {Path(): html_page.page(listed, folder).encode("utf-8", "replace")}
        case "film":
            from cl_tui.exports import film_page

            return {Path(): film_page.page(listed, folder).encode("utf-8", "replace")}
        case "json":
            return {Path(): as_json(listed)}
        case "csv":
            return {
                Path(name): content(config, history).encode("utf-8", "replace") for name, content in CSV_FILES.items()
            }
        case "tensorboard":
            from cl_tui.exports import tensorboard

            began = history.started.time if history.started is not None else 0.0
            path = Path(listed.name) / f"events.out.tfevents.{began:.0f}.cl-tui"
            return {path: tensorboard.event_file(config, history)}


_NAMED = (PROBE, PATH, LAYER_PENALTIES)
"""Scores and quantities that have keys of their own."""


def as_json(listed: Listed) -> bytes:
    """Everything known about the session; a number that is not finite is null.

    The keys of summary.json, and ``format``, ``state``, ``tasks`` (name, steps, classes, epoch_steps), ``parameters``,
    ``device``, ``versions``, ``curves`` (value k of ``loss``, ``penalty`` and ``seconds`` is that of step k+1),
    ``strengths``, ``probes`` (during tasks, on the evaluation subsets), ``evaluations`` (``accuracies`` on whole test
    sets, ``probed`` on the subsets), ``probed_matrix`` (as ``accuracy_matrix``, on the subsets and without nulls),
    ``test_examples`` and ``subset_examples`` (of each task), ``importances`` (at the end of each task),
    ``importance`` (the newest), ``scores`` (on other data, by part), ``measured`` (other quantities, by name),
    ``consolidations`` (in the middle of tasks), ``paths``, ``notes``, ``plans``, ``forked``, ``resumed``, ``failure``,
    ``confusions`` (at the end of each task), ``images`` (of the first layer: ``held``, ``added`` and ``pulled``),
    ``warnings`` (as sentences) and ``warned`` (each when it was first given).
    """
    config, history = listed.known()
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
        _looked(probe) | {"penalties": penalties.get((probe.step, probe.phase), ())} for probe in history.probes
    ]
    known["evaluations"] = [
        _looked(asked.whole) | {"probed": asked.probed if history.measured_alike else ()}
        for asked in history.evaluations
    ]
    for key in ("scores", "measured"):
        others = {name: told for name, told in getattr(history, key).items() if name not in _NAMED}
        known[key] = {name: [_told(event) for event in told] for name, told in others.items()}
    for key in ("strengths", "importances", "consolidations", "paths", "notes", "plans"):
        known[key] = [_told(event) for event in getattr(history, key)]
    known["confusions"], known["images"] = held.confusions(history), held.held(history)
    known["warned"] = [_told(event) for event in history.warnings]
    for key in ("importance", "forked", "resumed", "failure"):
        event = getattr(history, key)
        known[key] = None if event is None else _told(event)
    return strict_json.dumps(known).encode() + b"\n"


def _looked(told: Scored) -> dict[str, Any]:
    return {"task": told.phase, "step": told.step, "accuracies": told.values}


def _told(event: Any) -> dict[str, Any]:
    return {key: value for key, value in asdict(event).items() if key != "event"}


def _check_place(kind: str, path: Path, force: bool) -> None:
    """Raises ExportRefused if a file there would replace another thing."""
    if path.is_dir():
        raise ExportRefused(f"--{kind} {path} is a folder: name a file")
    if path.exists() and not path.is_file():  # a device; a file would take its place
        raise ExportRefused(f"--{kind} {path} is no file: name one")
    if path.exists() and not force:
        raise ExportRefused(f"--{kind}: {path} already exists: choose another path, or add --force to replace it")


def exports(
    listed: Listed,
    folder: Path,
    places: Mapping[Kind | Made, Path],
    force: bool,
    make: Callable[[Made], bytes] | None = None,
) -> Iterator[str]:
    """Writes each kind to its place and says where, or prints it; writes nothing if a place is taken.

    ``folder``: the session's; ``make`` makes a file of what only a command can make. Raises SessionDamaged, or
    ExportRefused for a place that cannot be written.
    """
    printed = [kind for kind, path in places.items() if path == STDOUT]
    for kind in printed:
        if kind in ("csv", "tensorboard"):
            raise ExportRefused(f"--{kind} -: it writes files into a folder, so name a folder")
        if kind in MADE:
            raise ExportRefused(f"--{kind} -: it writes a file that is not text, so name a file")
    if len(printed) > 1:
        raise ExportRefused(
            "only one of --html, --film and --json can be -, the standard output: name files for the others"
        )
    made: dict[Kind | Made, dict[Path, bytes]] = {}
    for kind in places:
        if kind in MADE:
            assert make is not None
            _check_place(kind, places[kind], force)  # a film takes long
            made[kind] = {Path(): make(kind)}
        else:
            made[kind] = contents(cast(Kind, kind), listed, folder)
    for_stdout = [made.pop(kind)[Path()].decode() for kind in printed]
    for kind, files in made.items():
        for path in (places[kind] / file for file in files):
            _check_place(kind, path, force)
    for printable in for_stdout:
        print_as_it_is(printable)
    for kind, files in made.items():
        for file, content in files.items():
            path = places[kind] / file
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content)
            except OSError as error:
                told = f"{path} cannot be written: {error.strerror}; choose another path"
                raise ExportRefused(f"--{kind}: {told}") from None
        names = ", ".join(file.name for file in files)
        yield f"{places[kind]}: {names}" if len(files) > 1 else str(places[kind] / next(iter(files)))
