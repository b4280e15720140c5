"""Inputs that nobody meant, for what a session keeps beside numbers: shown.npz, packed arrays, notes, preferences."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import tomli_w
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from cl_tui.app.app import ClTui
from cl_tui.charts.style import Palette
from cl_tui.exports import film_page, html_page
from cl_tui.host import preferences
from cl_tui.panes import files as pane_files
from cl_tui.panes.base import Pane
from cl_tui.panes.header import header
from cl_tui.panes.view import View, Viewport
from cl_tui.reports import card as result_card
from cl_tui.reports.filter import understood
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.panes import PANES
from engine.record.events import (
    ANSWERS,
    CONFLICT,
    HELD,
    HELD_OWN,
    MOST_PACKED,
    PULLED,
    SHOWN_FILE,
    TIMES,
    TIMES_OF,
    WHOLE_ANSWERS,
    WHOLE_NETWORK,
    WHOLE_TARGETS,
    Event,
    Measured,
    Packed,
    decode,
    encode,
)
from engine.record.history import History
from engine.record.shown import Shown, ShownTask
from engine.sessions.listing import Listed
from engine.sessions.notes import FILE, Notes, read_notes, write_notes
from engine.settings.run import RunConfig
from tests import runs, screen_data
from tests.torture.values import NUMBERS, TEXTS, mutated

PACKED = (ANSWERS, WHOLE_ANSWERS, WHOLE_TARGETS, HELD, HELD_OWN, PULLED)
TASKS, STEPS, COUNT = 3, 4, 5
KINDS = {"u1": "u1", "u2": "<u2", "f4": "<f4", "root": "u1"}


# What a session keeps


def _shown(data: DataObject) -> Shown:
    """Of the run that ``_events`` tells."""
    made = []
    pictured = data.draw(st.booleans())
    channels, side = data.draw(st.sampled_from([1, 3])), data.draw(st.sampled_from([1, 2, 8, 64]))
    regression = data.draw(st.integers(0, 4)) == 0
    for task in range(data.draw(st.sampled_from([TASKS, TASKS, 1, 4]))):
        pictures = np.full((COUNT, side, side, channels), 100 + task, "u1") if pictured else None
        numbers = None if pictured else np.array([[0.0, np.nan, 1e30]] * COUNT, "f4")
        names = () if regression else tuple(data.draw(st.lists(TEXTS, min_size=2, max_size=2)))
        targets = np.zeros((COUNT, 1), "f4") if regression else np.arange(COUNT, dtype="i4") % 2
        made.append(ShownTask(pictures, numbers, targets, names, np.arange(COUNT)))
    return Shown(tuple(made), data.draw(st.booleans()))


def _changed(data: DataObject, array: np.ndarray) -> np.ndarray:
    match data.draw(st.sampled_from(["kind", "shape", "value", "less", "none"])):
        case "kind":
            with np.errstate(invalid="ignore"):
                return array.astype(data.draw(st.sampled_from(["f8", "u1", "i8", "<u2", "f4", ">i4", "?"])))
        case "shape":
            shape = data.draw(st.sampled_from([(-1,), (-1, 1), (1, -1), (1, 1, -1, 1), (-1, 1, 1, 1)]))
            return array.reshape(shape)
        case "value":
            found = np.array(array)
            with np.errstate(invalid="ignore", over="ignore"):
                found.flat[: data.draw(st.integers(0, 9))] = np.array(
                    data.draw(st.sampled_from([0, 1, -1, 255, 2.0**40, np.nan, np.inf]))
                ).astype(found.dtype)
            return found
        case "less":
            return array[: data.draw(st.integers(0, 2))]
        case _:
            return array


def pictured(data: DataObject, folder: Path) -> None:
    """A stranger's shown.npz, beside a log that fits it or not, in every pane and on every page."""
    whole = _shown(data).packed()
    with np.load(io.BytesIO(whole)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for _ in range(data.draw(st.integers(0, 2))):
        name = data.draw(st.sampled_from(sorted(arrays)))
        arrays[name] = _changed(data, arrays[name])
    if data.draw(st.integers(0, 3)) == 0:
        names = json.dumps(mutated(data, [["a", "b"]] * TASKS)).encode()
        arrays["names"] = np.frombuffer(data.draw(st.just(names) | st.just(b"[" * 100_000) | st.binary()), "u1")
    if data.draw(st.integers(0, 5)) == 0:
        del arrays[data.draw(st.sampled_from(sorted(arrays)))]
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    written = bytearray(file.getvalue())
    for _ in range(data.draw(st.sampled_from([0, 0, 0, 1, 3]))):
        written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    (folder / SHOWN_FILE).write_bytes(written)
    shown = Shown.read(folder)
    if shown is not None:
        assert Shown.unpacked(shown.packed()).names == shown.names
        _seen(data, folder, _events(data, spoilt=False), shown)


# What a log tells


def told(data: DataObject, folder: Path) -> None:
    """A stranger's packed arrays, which fit what is shown or not."""
    _seen(data, folder, _events(data, spoilt=True), _shown(data))


def _packed(data: DataObject, step: int, phase: int, spoilt: bool) -> list[Event]:
    count = COUNT * (phase + 1)
    right: dict[str, np.ndarray] = {
        ANSWERS: np.stack([np.arange(count) % 2, np.full(count, 9), np.full(count, 200)]).astype("u1"),
        HELD: np.ones((1, 3, 3), "f4"),
        HELD_OWN: np.ones((1, 3, 3), "f4"),
        PULLED: np.ones((1, 3, 3), "f4"),
        WHOLE_ANSWERS: (np.arange(72 * (phase + 1)) % 3).astype("u1"),
        WHOLE_TARGETS: (np.arange(72) % 2).astype("u1"),
    }
    made: list[Event] = []
    for name, array in right.items():
        if spoilt and data.draw(st.booleans()):
            array = _changed(data, array)
            kind = array.dtype.str[1:] if array.dtype.str[1:] in ("u1", "u2", "f4") else "u1"
            array = array.astype(kind)
        if array.size and array.ndim <= 4:
            event = Packed.of(step, phase, name, array)
            if spoilt and data.draw(st.integers(0, 5)) == 0:
                event = _forged(data, event)
            made.append(event)
    values = data.draw(st.lists(NUMBERS.map(float), min_size=4, max_size=4)) if spoilt else [0.1, 0.2, 0.3, 0.4]
    made.append(Measured(step, phase, CONFLICT, tuple(values), ("fc1", "fc1", WHOLE_NETWORK, WHOLE_NETWORK)))
    made.append(Measured(step, phase, TIMES, tuple(values), TIMES_OF))
    return made


def _forged(data: DataObject, event: Packed) -> Packed:
    sizes = st.sampled_from([0, 1, 3, 2**16, 10**15])
    changed: dict[str, Any] = {
        "shape": tuple(data.draw(st.lists(sizes, min_size=1, max_size=4))),
        "kind": data.draw(st.sampled_from(sorted(KINDS))),
        "data": data.draw(st.sampled_from(["", "AAAA", "é", "\x00", event.data[:-4], event.data * 2])),
        "scale": data.draw(st.sampled_from([0.0, 1e38, 1.0])),
    }
    kept = data.draw(st.sets(st.sampled_from(sorted(changed)), min_size=1, max_size=2))
    return replace(event, **{key: changed[key] for key in kept})


def _events(data: DataObject, spoilt: bool) -> list[Event]:
    found: list[Event] = []
    score = data.draw(st.sampled_from(["accuracy", "accuracy", "r2"]))
    for event in screen_data.events(tasks=TASKS, steps=STEPS, bundle=2, score=score):
        if type(event).__name__ == "TaskEnded":
            found += _packed(data, event.step, event.task, spoilt)
        found.append(event)
        if type(event).__name__ == "StepsTaken" and event.step % STEPS:
            found += _packed(data, event.step, (event.step - 1) // STEPS, spoilt)
    # whatever is in a log was text before
    decoded = [decode(encode(event)) for event in found]
    return decoded[: data.draw(st.integers(3, len(decoded)))] if data.draw(st.booleans()) else decoded


# Everything that draws them


def _config(data: DataObject) -> RunConfig:
    scenario = data.draw(st.sampled_from(["task", "domain", "class"]))
    return runs.tiny(data.draw(st.sampled_from(["si", "none", "replay"])), scenario=scenario)


def _seen(data: DataObject, folder: Path, events: list[Event], shown: Shown) -> None:
    history, config = History(), _config(data)
    for event in events:
        history = history.apply(event)
        if isinstance(event, Packed):
            array = event.array()
            assert array is None or array.nbytes <= MOST_PACKED * 4
    view = View("calm-otter", config, history, "training", shown=shown, replaying=data.draw(st.booleans()))
    cursor = data.draw(st.none() | st.integers(1, max(history.step, 1)))
    view = replace(view, viewport=Viewport(cursor if history.step else None))
    width, height = data.draw(st.sampled_from([(26, 4), (76, 18), (156, 40), (236, 56)]))
    header(view, width + 4)
    for zoomed in (False, True):
        for kind in PANES:
            pane: Pane = type(kind.__name__, (kind,), {"zoomed": zoomed})()
            pane.view = view
            pane.draw(view, width, height, Palette())
            pane.subtitle(view)
            pane.pannable(view)
            rows = pane.data(view)
            pane_files.csv_text(rows)
            pane_files.json_text(rows)
    result_card.card("calm-otter", config, history, ())
    listed = Listed("calm-otter", "stopped", 0.0, config, history)
    (folder / SHOWN_FILE).write_bytes(shown.packed())
    json.dumps(film_page.film(config, history, shown), allow_nan=False)
    if data.draw(st.integers(0, 9)) == 0:
        film_page.page(listed, folder)
        html_page.page(listed, folder)


# What people write


def noted(data: DataObject, folder: Path) -> None:
    """notes.toml, and the filter that looks for what it says."""
    right = {"note": data.draw(TEXTS), "tags": ["a", "b"], "pinned": True}
    written = _toml(data, right)
    (folder / FILE).write_bytes(written)
    found = read_notes(folder)
    assert (found.problem == "") or found.note == ""
    listed = Listed("calm-otter", "stopped", 0.0, notes=found)
    words = ["tag:a", "acc>95", "lr>=1e-3", "-state:stopped", "pinned:yes", 'note:"a b', "age<2d", "hidden:8", "seed=0"]
    typed = data.draw(st.lists(st.sampled_from(words) | st.text(max_size=12), max_size=5).map(" ".join))
    understood(typed).accepts(listed)
    write_notes(folder, replace(found, problem="", note="again"))
    assert read_notes(folder) == Notes("again", found.tags, found.pinned)


def arranged(data: DataObject, folder: Path) -> None:
    """preferences.toml: the program starts with it, or says in a sentence why not."""
    right: dict[str, Any] = {
        "theme": data.draw(st.sampled_from(["nord", "mine", "", "\x1b[m", "x" * 500])),
        "home_columns": ["method", "state"],
        "layout_of": {"split-digits": "mine", "split-mnist": "three columns"},
        "layouts": {
            "mine": [{"share": 1.0, "panes": {"tasks": 1.0, "loss": 2.0}}, {"share": 2.0, "panes": {"log": 1.0}}]
        },
        "keys": {"space": "p", ".": "h", data.draw(TEXTS): data.draw(TEXTS)},
        "themes": {"mine": {"dark": False, "primary": "#56b4e9"}, data.draw(TEXTS): {}},
    }
    (folder / preferences.FILE).write_bytes(_toml(data, right))
    with patch.dict("os.environ", {"CL_TUI_CONFIG_DIR": str(folder)}):
        ClTui(HomeScreen(folder)).preferences.model_dump()
        assert preferences.load()[1] == ""


def _toml(data: DataObject, right: dict[str, Any]) -> bytes:
    changed = mutated(data, right)
    try:
        return tomli_w.dumps(changed).encode()
    except (TypeError, ValueError, AttributeError, RecursionError):
        return data.draw(st.binary(max_size=60))
