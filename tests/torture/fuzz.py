"""Inputs that nobody meant, for everything that parses: the right answer or one sentence, never another exception."""

import contextlib
import functools
import io
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

import hypothesis
import safetensors.torch
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject
from rich.console import Console

from cl_tui.charts.style import Palette
from cl_tui.commands.cli import app, main
from cl_tui.panes import files as pane_files
from cl_tui.panes.base import Pane
from cl_tui.panes.header import header
from cl_tui.panes.view import View, Viewport
from cl_tui.reports import tables as report
from cl_tui.reports import text as words
from cl_tui.reports import timeline
from cl_tui.screens.panes import PANES
from engine.catalog.methods import METHODS
from engine.errors import ConfigError, EngineError, SessionDamaged, SessionError
from engine.record import watchdog
from engine.record.events import LAYER_PENALTIES, PATH, Event, RunFinished, Warned, decode, encode
from engine.record.history import History
from engine.sessions import checkpoint, log
from engine.sessions.listing import list_sessions, read_session, summary_of
from engine.sessions.session import Session
from engine.sessions.summary import checksum
from engine.settings.reading import from_toml, parse_assignments, read_settings
from engine.settings.run import known_settings, resolve
from engine.training.control import Control
from engine.training.runner import train
from tests import runs, screen_data
from tests.saved import lines
from tests.torture import damage
from tests.torture.children import together
from tests.torture.counts import Counts
from tests.torture.pictured import arranged, noted, pictured, told
from tests.torture.values import ANYTHING, NUMBERS, TEXTS, mutated

Target = Callable[[DataObject, Path], None]


def run(count: int, seed: int) -> Counts:
    """About ``count`` inputs, shared out among the targets."""
    return together(functools.partial(_some, -(-count // len(TARGETS)), seed), range(len(TARGETS)))


def _some(count: int, seed: int, number: int) -> Counts:
    try:
        return Counts(inputs_tried=tried(TARGETS[number], count, seed))
    except Exception as error:
        notes = " ".join(getattr(error, "__notes__", []))
        return Counts(tracebacks=(f"{TARGETS[number].__name__}: {type(error).__name__} {error} {notes}",))


def tried(target: Target, count: int, seed: int) -> int:
    """How many inputs were tried. Raises what the target raised."""
    done = 0

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def attempt(data: DataObject) -> None:
        nonlocal done
        done += 1
        with tempfile.TemporaryDirectory() as folder:
            target(data, Path(folder))

    attempt()
    return done


# Configurations


def config_toml(data: DataObject, folder: Path) -> None:
    settings = runs.tiny(data.draw(st.sampled_from(sorted(METHODS)))).to_toml()
    if data.draw(st.booleans()):
        written = data.draw(
            st.binary(max_size=300) | st.text(alphabet="[]{}=.\"'#\n0ael_", max_size=80).map(str.encode)
        )
    else:
        changed = settings.splitlines()
        for _ in range(data.draw(st.integers(1, 3))):
            line = data.draw(st.sampled_from(changed))
            value = json.dumps(data.draw(ANYTHING)).replace("null", "").replace("NaN", "nan").replace("Infinity", "inf")
            changed[changed.index(line)] = f"{line.partition('=')[0]}= {value}"
        written = "\n".join(changed).encode()
    path = folder / "config.toml"
    path.write_bytes(written)
    for read in (lambda: from_toml(written.decode(), "config.toml"), lambda: resolve(read_settings(path))):
        with contextlib.suppress(ConfigError, UnicodeDecodeError):
            config = read()
            assert from_toml(config.to_toml(), "config.toml") == config


def assignments(data: DataObject, folder: Path) -> None:
    keys = st.sampled_from([*known_settings(), "first_task.lr", "", "a b", "\x1b[m"])
    values = ANYTHING.map(lambda value: json.dumps(value)) | st.text(max_size=20)
    given = data.draw(st.lists(st.builds(lambda key, value: f"{key}={value}", keys, values) | st.text(), max_size=4))
    with contextlib.suppress(ConfigError):
        resolve(parse_assignments(given))


# Events

_RUN = tuple(screen_data.events(tasks=3, steps=4, bundle=2))
EVENTS: tuple[Event, ...] = (*_RUN[:-1], Warned(2, 12, 0.0, "drowned", "too strong"), _RUN[-1])
KINDS = {kind.event: kind for kind in get_args(Event)}


def event_lines(data: DataObject, folder: Path) -> None:
    document = json.loads(encode(data.draw(st.sampled_from(EVENTS))))
    line = data.draw(st.binary(max_size=200) | st.just(json.dumps(mutated(data, document)).encode()))
    with contextlib.suppress(ValueError):
        event = decode(line)
        assert repr(decode(encode(event))) == repr(event)
    with contextlib.suppress(ValueError):
        log.Lines(data.draw(st.sampled_from([1, 2, log.FORMAT]))).events(line, 0)


def _likely(data: DataObject, history: History) -> dict[str, Any]:
    """An event that may come next, as JSON has it."""
    task, tasks = min(history.task, max(len(history.tasks) - 1, 0)), [vars(info) for info in history.tasks]
    fractions = st.sampled_from([0.0, 1.0, 0.5, 1e-300])
    losses = data.draw(st.lists(NUMBERS | st.floats(), max_size=5))
    layer = st.fixed_dictionaries(
        {
            "name": TEXTS,
            "size": st.sampled_from([1, 7, 10**12]),
            "zeros": st.sampled_from([0, 1, 7, 10**15]),
            "mean": NUMBERS,
            "top": st.none() | fractions,
            "counts": st.lists(st.sampled_from([0, 0, 1, 10**15]), min_size=2, max_size=2),
        }
    )
    kind = data.draw(
        st.sampled_from([*KINDS, "steps", "steps", "task-started", "task-ended", "task-ended", *["scored"] * 3])
    )
    accuracy = history.started is None or history.started.score == "accuracy"
    scores = [data.draw(st.none() | (fractions if accuracy else st.floats(-1e30, 1e30))) for _ in range(task + 1)]
    name = data.draw(st.sampled_from([PATH, LAYER_PENALTIES, "gradient norm", "\x1b[m"]))
    values = data.draw(st.lists(NUMBERS | st.none(), min_size=3, max_size=3))
    return {
        "event": kind,
        "time": data.draw(st.sampled_from([0.0, 1e9, 1e11, 5e-324])),
        "tasks": [*tasks[:-1], {"name": "0 8", "steps": 3, "classes": 2}] if tasks else _tasks(data),
        "device": data.draw(TEXTS),
        "parameters": data.draw(st.sampled_from([0, 1, 10**15])),
        "versions": {"torch": data.draw(TEXTS)},
        "note": data.draw(TEXTS),
        "task": len(history.matrix) - (kind == "run-forked") if kind.startswith(("task", "run-f")) else task,
        "phase": task,
        "part": data.draw(st.sampled_from(["whole", "probe", "probe", "validation"])),
        "score": data.draw(st.sampled_from(["accuracy", "accuracy", "return"])),
        "name": name if kind == "measured" else data.draw(TEXTS),
        "values": scores if kind == "scored" else values,
        "labels": data.draw(st.sampled_from([[], ["a", "b", "\x1b[m"]])),
        "step": history.step + len(losses) * (kind == "steps"),
        "elapsed": data.draw(st.sampled_from([0.0, history.elapsed, history.elapsed + 0.5, 1e11])),
        "losses": losses,
        "penalties": data.draw(st.lists(NUMBERS, min_size=len(losses), max_size=len(losses)))
        if kind == "steps"
        else losses,
        **{key: data.draw(NUMBERS) for key in ("before", "strength")},
        **{key: data.draw(TEXTS) for key in ("why", "text", "parent", "checkpoint", "message", "kept")},
        "running": data.draw(st.booleans()),
        "low": data.draw(st.sampled_from([1e-60, 1e-10, 1.0])),
        "high": data.draw(st.sampled_from([1e40, 1e-9, 2.0])),
        "layers": data.draw(st.lists(layer, min_size=1, max_size=3)),
    }


def _tasks(data: DataObject) -> list[dict[str, Any]]:
    task = {
        "name": data.draw(TEXTS),
        "steps": data.draw(st.sampled_from([1, 3, 7, 10**12, None])),
        "chance": data.draw(st.sampled_from([None, 0.5, -1e30])),
        "classes": data.draw(st.sampled_from([1, 2, 10**12])),
        "epoch_steps": data.draw(st.sampled_from([0, 1, 10**15])),
    }
    return [task] * data.draw(st.sampled_from([1, 2, 3, 40]))


def _told(data: DataObject) -> list[Event]:
    """Events each of which the history accepts after the one before."""
    history, accepted = History(), []
    for number in range(data.draw(st.integers(0, 30))):
        likely = _likely(data, history) | ({"event": "run-started"} if number == 0 else {})
        document = mutated(data, likely, 1) if data.draw(st.integers(0, 9)) == 0 else likely
        with contextlib.suppress(ValueError, TypeError):
            event = decode(json.dumps(document))
            history = history.apply(event)
            accepted.append(event)
    return accepted


def whole_logs(data: DataObject, folder: Path) -> None:
    """A stranger's session, all checksums of which are right, on every screen and in every table."""
    methods = st.sampled_from(sorted(METHODS))
    events = _told(data)
    for name in (damage.NAME, damage.WHOLE):
        session = Session.create(folder, name, runs.tiny(data.draw(methods)))
        session.events_path.write_bytes(lines(events))
        if events and isinstance(events[-1], RunFinished) and data.draw(st.booleans()):
            session.write_summary(session.history())
    listed = read_session(folder, damage.NAME)
    assert listed.state != "damaged", listed.problem
    summary_of(folder, damage.NAME)
    _print(report.sessions_table(list_sessions(folder)))
    damage.drawn(folder, damage.NAME)
    damage.replayed(folder)
    with contextlib.suppress(EngineError):
        damage.compared(folder)
    history, config = listed.history, listed.config
    assert history is not None
    assert config is not None
    watchdog.warnings(history, config)
    timeline.timeline(history, config)
    words.latest_news(History(), history, config)
    _on_screen(data, View("calm-otter", config, history, "training"))


def _print(shown: Any) -> None:
    Console(file=io.StringIO(), width=80).print(shown)


ZOOMED = tuple(type(pane.__name__, (pane,), {"zoomed": True}) for pane in PANES)
IN_PLACE = tuple(type(pane.__name__, (pane,), {"zoomed": False}) for pane in PANES)


def _on_screen(data: DataObject, view: View) -> None:
    cursor = data.draw(st.none() | st.integers(1, max(view.history.step, 1)))
    seen = replace(view, viewport=Viewport(cursor if view.history.step else None))
    width, height = data.draw(st.sampled_from([(26, 4), (76, 18), (156, 40)]))
    header(seen, width + 4)
    for kind in data.draw(st.sampled_from([ZOOMED, IN_PLACE])):
        pane: Pane = kind()
        pane.view = seen
        pane.draw(seen, width, height, Palette())
        pane.subtitle(seen)
        pane.pannable(seen)
        rows = pane.data(seen)
        pane_files.csv_text(rows)
        pane_files.json_text(rows)


# The other files of a session


def summaries(data: DataObject, folder: Path) -> None:
    session = Session.create(folder, "run", runs.tiny())
    session.events_path.write_bytes(lines(EVENTS))
    session.write_summary(session.history())
    found = json.loads(session.summary_path.read_bytes())
    found.pop("checksum")
    found = mutated(data, found)
    found_sum = checksum(json.dumps(found).encode())
    with contextlib.suppress(AttributeError):  # another thing than a table
        found |= {"checksum": found_sum}
    session.summary_path.write_text(json.dumps(found))
    with contextlib.suppress(SessionDamaged):
        _print(report.results([session.summary()]))
    _print(report.sessions_table([summary_of(folder, "run")]))
    damage.drawn(folder, "run")


@functools.cache
def _saved() -> tuple[bytes, bytes]:
    """(config.toml, a checkpoint in the middle of the second task) of a real run."""
    with tempfile.TemporaryDirectory() as folder:
        session = runs.create(Path(folder), runs.tiny(threads=1))
        train(session, runs.AtStep(6))
        return session.events_path.read_bytes(), session.checkpoints()[0].read_bytes()


def checkpoint_headers(data: DataObject, folder: Path) -> None:
    _, whole = _saved()
    size = int.from_bytes(whole[:8], "little")
    header = mutated(data, json.loads(whole[8 : 8 + size]))
    text = data.draw(st.just(json.dumps(header).encode()) | st.binary(max_size=100))
    claimed = data.draw(st.just(len(text)) | st.sampled_from([0, 8, 2**31, 2**63, 2**64 - 1]))
    body = data.draw(st.just(whole[8 + size :]) | st.binary(max_size=50))
    path = folder / "step-00000006.safetensors"
    path.write_bytes(claimed.to_bytes(8, "little") + text + body)
    with contextlib.suppress(SessionDamaged):
        checkpoint.read(path)


def checkpoints(data: DataObject, folder: Path) -> None:
    """With a right checksum, but tensors and a cursor that fit nothing."""
    events, whole = _saved()
    session = Session.create(folder, "run", runs.tiny(threads=1))
    session.events_path.write_bytes(events)
    path = session.checkpoints_dir / "step-00000006.safetensors"
    path.write_bytes(whole)
    tensors, cursor = checkpoint.read(path)
    names = st.sampled_from(sorted(tensors))
    for _ in range(data.draw(st.integers(0, 2))):
        name = data.draw(names)
        match data.draw(st.sampled_from(["remove", "shape", "kind", "value"])):
            case "remove":
                tensors.pop(name, None)
            case "shape":
                tensors[name] = torch.zeros(data.draw(st.sampled_from([(), (0,), (3,), (610, 1)])))
            case "kind" if name in tensors:
                kinds = [torch.int64, torch.bool, torch.float64, torch.bfloat16, torch.complex64]
                tensors[name] = tensors[name].to(data.draw(st.sampled_from(kinds)))
            case "value" if name in tensors:
                tensors[name] = torch.full(tensors[name].shape, data.draw(st.sampled_from([math.nan, 1e30, -1.0])))
    document = mutated(data, vars(cursor), 2)
    with contextlib.suppress(TypeError, ValueError):
        text = json.dumps(document)
        digest = checkpoint._digest(tensors, text)
        path.write_bytes(safetensors.torch.save(tensors, {"cursor": text, "digest": digest}))
        with contextlib.suppress(EngineError):
            train(session, Control())
        assert not (session.path / "error.txt").exists(), (session.path / "error.txt").read_text()


# Command lines


def _options() -> Iterator[str]:
    """Every word that the command line knows."""
    from typer.main import get_command

    waiting: list[Any] = [get_command(app)]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        yield from [command.name or "", *(option for each in command.params for option in each.opts)]


def command_lines(data: DataObject, folder: Path) -> None:
    """Nothing is trained: no session can be made."""
    values = st.sampled_from(
        ["si", "run", "none", "0", "-1", "1e999", "nan", "", ".", "..", "/", "\x1b[31m", "a=b", "lr=1"]
    )
    known = st.sampled_from(sorted(set(_options()) - {"web", "--help", "--install-completion", "--show-completion"}))
    arguments = data.draw(st.lists(known | known | values | st.text(max_size=9), max_size=6))
    refused = SessionError("nothing is trained here")
    with (
        contextlib.chdir(folder),
        patch.object(sys, "argv", ["cl-tui", *(word.replace("\0", "") for word in arguments if word != "web")]),
        patch.object(Session, "made", side_effect=refused),
        patch.object(Session, "create", side_effect=refused),
        contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())),
        contextlib.redirect_stderr(io.TextIOWrapper(io.BytesIO())) as said,
    ):
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        said.flush()
        assert code in (0, 1, 2, 130)
        assert b"Traceback" not in said.buffer.getvalue()  # type: ignore[attr-defined]


TARGETS: tuple[Target, ...] = (
    config_toml,
    assignments,
    event_lines,
    whole_logs,
    summaries,
    checkpoint_headers,
    checkpoints,
    command_lines,
    pictured,
    told,
    noted,
    arranged,
)
