"""``cl-tui sessions export``: a page, tables, JSON and TensorBoard, which say what the session says and run nothing."""

import csv
import json
import math
import os
import struct
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cl_tui.exports import export, html_page, svg, tensorboard
from cl_tui.reports import session_facts as facts
from engine.record.events import (
    Event,
    ImportanceMeasured,
    LayerHistogram,
    Measured,
    Noted,
    RunForked,
    RunStarted,
    Scored,
    StepsTaken,
    StrengthChanged,
    TaskInfo,
    TasksPlanned,
    TaskStarted,
    Warned,
)
from engine.record.history import History
from engine.sessions.listing import Listed, read_session
from engine.sessions.session import Session
from engine.settings.reading import from_toml
from engine.settings.run import RunConfig, resolve
from engine.text import visible
from tests import screen_data
from tests.conftest import CommandLine
from tests.runs import create, finished, tiny
from tests.saved import lines
from tests.told import ended, evaluated

HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x1b[31m\u202e\x00\ud800"
"""Text that would do something on a page or a terminal that takes it for more than text."""


def write(session: Session, *events: Event) -> Session:
    session.events_path.write_bytes(lines(events))
    return session


def listed_as(session: Session, *events: Event) -> Listed:
    write(session, *events)
    return read_session(session.path.parent, session.name)


@pytest.fixture
def told(tmp_path: Path) -> Listed:
    """A whole run of five tasks."""
    session = screen_data.session(tmp_path, steps=screen_data.STEPS)
    listed = listed_as(session, *screen_data.events())
    assert listed.history is not None
    session.write_summary(listed.history)
    return read_session(session.path.parent, session.name)


def known(listed: Listed) -> History:
    assert listed.history is not None
    return listed.history


def steered_events() -> Iterator[Event]:
    """Two tasks of which the first was ended early, another strength in the second, and a loss that breaks."""
    long, short = TaskInfo("0 8", 10, 2, 4), TaskInfo("0 8", 6, 2, 4)
    second = TaskInfo("=1+1", 5, 2)
    yield RunStarted(1000.0, (long, second), "cpu", 10, {"torch": "2"})
    yield TaskStarted(0, 0)
    yield StepsTaken(6, 0.6, (0.7, 0.6, 0.5, 0.4, 0.3, 0.1), (0.0,) * 6)
    yield TasksPlanned(6, 1002.0, (short, second), "task 1 ended at step 6 of 10")
    yield from ended(0, 6, 0.6, (0.875,))
    yield RunForked(1002.5, 6, "brave-fox", 0)
    yield TaskStarted(1, 6)
    yield StepsTaken(8, 0.8, (0.9, 0.8), (0.01, 0.02))
    yield StrengthChanged(8, 1003.0, 1.0, 10.0)
    yield from evaluated(1, 8, (0.5, 0.625))
    yield Noted(8, 1003.5, "paused for 3 s")
    yield Warned(1, 8, 1004.0, "drowned", "task 2 is barely learned: too strong; try a tenth")
    yield StepsTaken(10, 1.0, (math.inf, math.nan), (0.03, 1e300))


@pytest.fixture
def steered(tmp_path: Path) -> Listed:
    return listed_as(create(tmp_path / "sessions", tiny(), "calm-otter"), *steered_events())


# The page


class Page(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def page(listed: Listed) -> Page:
    return Page(html_page.page(listed, Path("sessions") / listed.name))


def test_the_page_tells_the_result(told: Listed) -> None:
    text = page(told).text
    assert "average accuracy 95.0 %" in text
    for words in ("Accuracy in %", "over the steps", "Task loss and penalty", "Importance Ω", "fc1.weight", "torch"):
        assert words in text, words
    assert "cl-tui run --method si" in text


def test_the_page_needs_no_network_and_runs_nothing(told: Listed) -> None:
    found = page(told)
    assert not found.tags & {"script", "link", "img", "iframe", "object", "use", "a", "foreignobject"}
    for tag, attributes in found.elements:
        assert not any(name.startswith("on") or name in ("href", "src", "style") for name in attributes), tag
    policy = next(each for _, each in found.elements if each.get("http-equiv") == "Content-Security-Policy")
    assert (policy["content"] or "").startswith("default-src 'none'")
    style = html_page.page(told, Path()).partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_escapes_and_shows_what_others_wrote(tmp_path: Path) -> None:
    """In text and in attributes: a layer's name is in a cell, under its histogram, and in its description."""
    name = HOSTILE.removesuffix("\ud800")  # no log can hold it
    listed = listed_as(
        create(tmp_path, tiny(), "calm-otter"),
        RunStarted(0.0, (TaskInfo(name, 2, 2),), "cpu", 10, {name: "1"}),
        ImportanceMeasured(0, 2, False, 1e-8, 1e2, (LayerHistogram(name, 10, 2, 0.5, (3, 5)),)),
    )
    found = page(listed)
    assert not found.tags & {"script", "img"}
    assert found.text.count(visible(name)) == 3
    described = [attributes.get("aria-label") for tag, attributes in found.elements if tag == "svg"]
    assert f"Histogram of the importance in {visible(name)}" in described


def test_a_spike_of_one_step_reaches_the_top_of_the_picture() -> None:
    steps = 100_000
    history = History().apply(RunStarted(0.0, (TaskInfo("0 8", steps, 2),), "cpu", 10, {}))
    losses = [1.0] * steps
    losses[70_000] = 50.0
    drawn = svg.curves(tiny(), history.apply(StepsTaken(steps, 1.0, tuple(losses), (0.0,) * steps)))
    area = next(mark.d for mark in drawn.marks if isinstance(mark, svg.Path) and mark.kind == "band loss")
    points = [tuple(map(float, point.lstrip(" M").split())) for point in _points(area)]
    top = [point for point in points if point[1] == svg.TOP]
    assert len(top) == 1
    frame = svg.Frame(steps, right=32)
    assert top[0][0] == pytest.approx(frame.x(70_000), abs=3)


def _points(path: str) -> list[str]:
    numbers = path.removeprefix("M").partition("Z")[0].split()
    return [" ".join(numbers[place : place + 2]) for place in range(0, len(numbers), 2)]


def test_steering_and_broken_losses_are_marked(steered: Listed) -> None:
    found = page(steered)
    classes = [attributes.get("class") for _, attributes in found.elements]
    assert classes.count("strength") == 1
    assert "broken" in classes
    for words in (
        "c 1 → 10",
        "The loss is not finite at step 9",
        "paused for 3 s",
        "forked from brave-fox",
        "ended at",
    ):
        assert words in found.text, words


def test_many_tasks_are_thinned_and_it_says_so(tmp_path: Path) -> None:
    session = screen_data.session(tmp_path)
    listed = listed_as(session, *screen_data.events(tasks=100, steps=20, bundle=10))
    found = page(listed)
    assert "20 of 100 tasks have numbers" in found.text
    assert "7 of 100 tasks are coloured" in found.text
    assert sum(tag == "td" and (each.get("class") or "").startswith("c") for tag, each in found.elements) == 20 * 21 / 2
    squares = next(html for html in html_page.page(listed, Path()).split("<svg") if 'class="map"' in html)
    assert squares.count("h1v1h-1z") == 100 * 101 / 2


# Sessions of which little is known


@pytest.mark.parametrize("kind", ["html", "json", "csv", "tensorboard"])
@pytest.mark.parametrize("known_events", [0, 1, 3, 4, 8, 11])
def test_any_beginning_of_a_run_can_be_exported(tmp_path: Path, kind: export.Kind, known_events: int) -> None:
    session = create(tmp_path, tiny(), "calm-otter")
    listed = listed_as(session, *list(steered_events())[:known_events])
    files = export.contents(kind, listed, session.path)
    assert all(content or known_events == 0 for content in files.values())


def test_a_torn_last_line_is_left_out(cl_tui: CommandLine, sessions: Path) -> None:
    session = finished(sessions, tiny(), "calm-otter")
    with open(session.events_path, "a") as file:
        file.write('{"event":"no')
    assert cl_tui("sessions", "export", "calm-otter").exit_code == 0


def test_a_damaged_session_is_told_in_one_sentence(cl_tui: CommandLine, sessions: Path, tmp_path: Path) -> None:
    session = create(sessions, tiny(), "calm-otter")
    session.events_path.write_text("nonsense\n")
    answer = cl_tui("sessions", "export", "calm-otter")
    assert (answer.exit_code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert "session calm-otter is damaged" in answer.err
    assert not (tmp_path / "calm-otter.html").exists()


# The command


def test_a_page_is_written_beside_unless_something_else_is_named(cl_tui: CommandLine, sessions: Path) -> None:
    finished(sessions, tiny(), "calm-otter")
    assert cl_tui("sessions", "export", "calm-otter").out == "wrote calm-otter.html\n"
    assert Path("calm-otter.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    answer = cl_tui(
        "sessions", "export", "calm-otter", "--json", "a.json", "--csv", "new/tables", "--tensorboard", "tb"
    )
    assert answer.exit_code == 0
    assert answer.out.splitlines()[0] == "wrote a.json"
    assert {path.name for path in Path("new/tables").iterdir()} == set(export.CSV_FILES)
    (run,) = Path("tb").iterdir()
    assert run.name == "calm-otter"
    assert "tfevents" in next(run.iterdir()).name


def test_nothing_is_replaced_unless_asked(cl_tui: CommandLine, sessions: Path) -> None:
    finished(sessions, tiny(), "calm-otter")
    Path("a.json").write_text("mine")
    line = ("sessions", "export", "calm-otter", "--html", "a.html", "--json", "a.json")
    answer = cl_tui(*line)
    assert (answer.exit_code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "a.json already exists" in answer.err
    assert "--force" in answer.err
    assert not Path("a.html").exists()
    assert Path("a.json").read_text() == "mine"
    assert cl_tui(*line, "--force").exit_code == 0
    assert json.loads(Path("a.json").read_text())["name"] == "calm-otter"


def test_an_export_on_the_standard_output(cl_tui: CommandLine, sessions: Path) -> None:
    finished(sessions, tiny(), "calm-otter")
    line = ("sessions", "export", "calm-otter")
    printed = cl_tui(*line, "--json", "-", "--csv", "tables")
    assert printed.exit_code == 0
    assert json.loads(printed.out)["name"] == "calm-otter"
    assert printed.err.startswith("wrote tables")
    assert cl_tui(*line, "--html", "-").out.startswith("<!DOCTYPE html>")
    assert "only one of --html, --film and --json" in cl_tui(*line, "--html", "-", "--json", "-").err
    assert "--csv -: it writes files into a folder, so name a folder" in cl_tui(*line, "--csv", "-").err
    assert not Path("-").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--html", "sessions"], "is a folder"),
        (["--csv", "file"], "--csv: file/curves.csv cannot be written"),
        (["--json", "file/x.json"], "cannot be written"),
        (["--json", "pipe", "--force"], "--json pipe is no file: name one"),
    ],
    ids=str,
)
def test_a_place_that_cannot_be_written(cl_tui: CommandLine, sessions: Path, options: list[str], words: str) -> None:
    create(sessions, tiny(), "calm-otter")
    Path("file").touch()
    os.mkfifo("pipe")
    answer = cl_tui("sessions", "export", "calm-otter", *options)
    assert (answer.exit_code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert words in answer.err
    assert Path("pipe").is_fifo()


def test_a_session_that_is_not_there(cl_tui: CommandLine) -> None:
    answer = cl_tui("sessions", "export", "nobody")
    assert (answer.exit_code, answer.err.count("\n")) == (2, 1)


# JSON


def test_a_quantity_and_a_score_that_no_export_knows_are_in_the_json(tmp_path: Path) -> None:
    session = screen_data.session(tmp_path)
    measured = Measured(50, 0, "gradient norm", (0.5, math.inf), ("fc1", "fc2"))
    validated = Scored(50, 0, "validation", (0.5,))
    found = json.loads(export.as_json(listed_as(session, *list(screen_data.events())[:3], measured, validated)))
    told = {"step": 50, "phase": 0, "name": "gradient norm", "values": [0.5, None], "labels": ["fc1", "fc2"]}
    assert found["measured"] == {"gradient norm": [told]}
    assert found["scores"] == {"validation": [{"step": 50, "phase": 0, "part": "validation", "values": [0.5]}]}


def test_json_tells_everything(told: Listed, tmp_path: Path) -> None:
    history, found = known(told), json.loads(export.as_json(told))
    summary = Session.open(tmp_path / "sessions", "calm-otter").summary()
    assert summary.items() <= found.items()
    assert found["curves"]["loss"] == history.curve.losses().tolist()
    assert found["curves"]["penalty"] == history.curve.penalties().tolist()
    assert found["curves"]["seconds"] == history.curve.seconds().tolist()
    assert [probe["accuracies"] for probe in found["probes"]] == [list(probe.row) for probe in history.probes]
    assert history.importance is not None
    assert found["importance"]["layers"][0]["counts"] == list(history.importance.layers[0].counts)
    assert len(found["importances"]) == 5
    assert found["tasks"][1] == {"name": "1 7", "steps": 1000, "classes": 2, "epoch_steps": 0, "chance": None}


def test_what_is_not_finite_is_null_in_json(steered: Listed) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found = json.loads(export.as_json(steered), parse_constant=refuse)
    assert found["curves"]["loss"][-2:] == [None, None]
    assert found["curves"]["penalty"][-1] == 1e300
    assert found["strengths"] == [{"step": 8, "time": 1003.0, "before": 1.0, "strength": 10.0}]
    assert found["forked"]["parent"] == "brave-fox"


# CSV


def tables(listed: Listed) -> dict[str, list[dict[str, str]]]:
    assert listed.config is not None
    files = {path.name: content for path, content in export.contents("csv", listed, Path()).items()}
    assert from_toml(files.pop("settings.toml").decode(), "settings.toml") == listed.config
    return {name: list(csv.DictReader(content.decode().splitlines())) for name, content in files.items()}


def test_csv_reads_back_equal(told: Listed) -> None:
    history, found = known(told), tables(told)
    curves = found["curves.csv"]
    assert [int(row["step"]) for row in curves] == list(range(1, 5001))
    assert [float(row["loss"]) for row in curves] == history.curve.losses().tolist()
    assert [float(row["penalty"]) for row in curves] == history.curve.penalties().tolist()
    assert [float(row["seconds"]) for row in curves] == history.curve.seconds().tolist()
    assert [int(row["task"]) for row in curves] == [task for task in range(1, 6) for _ in range(1000)]
    matrix = [[float(cell) for cell in list(row.values())[1:] if cell] for row in found["accuracies.csv"]]
    assert matrix == [list(row) for row in history.matrix]
    assert list(found["accuracies.csv"][0]) == [
        "after (whole test sets)",
        "1: 0 8",
        "2: 1 7",
        "3: 2 3",
        "4: 4 9",
        "5: 5 6",
    ]
    ends = [row for row in found["probes.csv"] if row["kind"] == "task end"]
    for where, rows in (("whole test set", history.matrix), ("evaluation subset", history.probed)):
        measured = [float(row["accuracy"]) for row in ends if row["measured on"] == where]
        assert measured == [accuracy for row in rows for accuracy in row]
    assert len(ends) == 30
    probes = [row for row in found["probes.csv"] if row["kind"] == "probe"]
    assert [row["measured on"] for row in probes] == ["evaluation subset"] * 15
    layers = found["importance.csv"]
    assert len(layers) == 15
    assert history.importance is not None
    assert [int(layers[-3][f"bin {k}"]) for k in range(1, 41)] == list(history.importance.layers[0].counts)


def test_csv_knows_epoch_strength_and_what_is_not_finite(steered: Listed) -> None:
    found = tables(steered)
    curves = found["curves.csv"]
    assert [row["task"] for row in curves] == ["1"] * 6 + ["2"] * 4
    assert [row["epoch"] for row in curves] == ["1"] * 4 + ["2"] * 2 + [""] * 4
    assert [float(row["strength"]) for row in curves] == [1.0] * 8 + [10.0] * 2
    assert float(curves[8]["loss"]) == math.inf
    assert math.isnan(float(curves[9]["loss"]))
    assert [row["what"] for row in found["steering.csv"]][-1] == "paused for 3 s"


def test_every_export_has_the_warnings(steered: Listed, tmp_path: Path) -> None:
    text = "task 2 is barely learned: too strong; try a tenth"
    (row,) = tables(steered)["warnings.csv"]
    assert row == {"step": "8", "task": "2", "warning": "drowned", "text": text}
    page = export.contents("html", steered, tmp_path)[Path()].decode()
    as_json = export.as_json(steered)
    assert f"T{text[1:]} (at step 8)." in page
    found = json.loads(as_json)
    assert found["warned"] == [{"task": 1, "step": 8, "time": 1004.0, "name": "drowned", "text": text}]
    assert f"{text} (at step 8)" in found["warnings"]


def test_a_spreadsheet_runs_no_text_as_a_formula(tmp_path: Path) -> None:
    layer = LayerHistogram('=HYPERLINK("http://x")', 10, 2, -0.5, (3, 5))
    session = create(tmp_path, tiny(), "calm-otter")
    task = TaskInfo("0 8", 2, 2)
    listed = listed_as(
        session,
        RunStarted(0.0, (task,), "cpu", 10, {}),
        ImportanceMeasured(0, 2, False, 1e-8, 1e2, (layer,)),
        Noted(2, 0.0, "@SUM(1)"),
    )
    found = tables(listed)
    assert found["importance.csv"][0]["layer"] == f"'{layer.name}"
    assert found["importance.csv"][0]["mean"] == "-0.5"
    assert found["steering.csv"][0]["what"] == "'@SUM(1)"


# TensorBoard, read by another way than it was written


def records(data: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file, both checksums of each compared."""
    place = 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        content = data[place + 12 : place + 12 + length]
        for start, part in ((place + 8, data[place : place + 8]), (place + 12 + length, content)):
            (stored,) = struct.unpack_from("<I", data, start)
            rotated = (stored - 0xA282EAD8) % 2**32
            assert (rotated >> 17 | rotated << 15) % 2**32 == castagnoli(part)
        yield content
        place += 16 + length


def castagnoli(data: bytes) -> int:
    """CRC-32C bit by bit, as a division of polynomials: highest power first, so every byte is reflected."""
    bits = [byte >> k & 1 for byte in data for k in range(8)] + [0] * 32
    bits = [bit ^ (place < 32) for place, bit in enumerate(bits)]
    remainder = 0
    for bit in bits:
        remainder = remainder << 1 | bit
        if remainder >> 32:
            remainder ^= 0x11EDC6F41
    return int(f"{remainder ^ 0xFFFFFFFF:032b}"[::-1], 2)


def fields(message: bytes) -> dict[int, Any]:
    """A protocol buffer's fields by number; of a repeated one the last."""
    found: dict[int, Any] = {}
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        key = varint()
        match key & 7:
            case 0:
                found[key >> 3] = varint()
            case 1:
                (found[key >> 3],) = struct.unpack_from("<d", message, place)
                place += 8
            case 2:
                length = varint()
                found[key >> 3] = message[place : place + length]
                place += length
            case 5:
                (found[key >> 3],) = struct.unpack_from("<f", message, place)
                place += 4
            case kind:
                raise AssertionError(f"wire type {kind}")
    return found


def written(listed: Listed) -> dict[str, list[tuple[int, float, Any]]]:
    """Step, time and value of each tag: a float, or a histogram's fields."""
    version, *events = records(*export.contents("tensorboard", listed, Path()).values())
    assert fields(version)[3] == b"brain.Event:2"
    found: dict[str, list[tuple[int, float, Any]]] = {}
    for event in map(fields, events):
        value = fields(fields(event[5])[1])
        content = value[2] if 2 in value else fields(value[5])
        found.setdefault(value[1].decode(), []).append((event[2], event[1], content))
    return found


def test_tensorboard_reads_back_equal(told: Listed) -> None:
    history, found = known(told), written(told)
    losses = [(step, value) for step, _, value in found["steps/loss"]]
    assert [step for step, _ in losses] == list(range(1, 5001))
    assert [value for _, value in losses] == pytest.approx(history.curve.losses().tolist(), rel=1e-6)
    averages = [value for _, _, value in found["accuracy on whole test set/average"]]
    assert averages == pytest.approx([sum(row) / len(row) for row in history.matrix])
    tag = "accuracy on whole test set/task 002 (1 7)"
    assert [step for step, _, _ in found[tag]] == [2000, 3000, 4000, 5000]
    assert found[tag][-1][2] == pytest.approx(history.matrix[-1][1])
    subset = found["accuracy on subset/task 002 (1 7)"]
    assert [step for step, _, _ in subset] == [1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000]


def test_tensorboard_has_the_histograms(told: Listed) -> None:
    history, found = known(told), written(told)
    assert history.importance is not None
    layer = history.importance.layers[0]
    step, _, histogram = found["importance/fc1.weight"][-1]
    counts = struct.unpack(f"<{len(layer.counts) + 1}d", histogram[7])
    edges = struct.unpack(f"<{len(layer.counts) + 1}d", histogram[6])
    assert step == 5000
    assert counts == (layer.zeros, *layer.counts)
    assert edges[0] == 0.0
    assert edges[-1] == pytest.approx(history.importance.high)
    assert list(edges) == sorted(edges)


def test_tensorboard_is_told_of_steering_and_skips_what_is_not_finite(steered: Listed) -> None:
    found = written(steered)
    assert [(step, value) for step, _, value in found["steps/strength"]] == [(0, 1.0), (8, 10.0)]
    assert [step for step, _, _ in found["steps/loss"]] == list(range(1, 9))
    assert found["steps/penalty"][-1][2] == pytest.approx(3.4028234e38)
    assert found["steps/loss"][0][1] == pytest.approx(1000.1)


def test_a_long_curve_is_thinned_for_tensorboard_without_losing_its_spike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "MOST_POINTS", 40)
    history = History().apply(RunStarted(0.0, (TaskInfo("0 8", 1000, 2),), "cpu", 10, {}))
    losses = [1.0 / (step + 1) for step in range(1000)]
    losses[777] = 50.0
    history = history.apply(StepsTaken(1000, 1.0, tuple(losses), (0.0,) * 1000))
    found = written(Listed("calm-otter", "interrupted", 0.0, tiny(), history))
    assert len(found["steps/loss"]) <= 40
    assert (778, 50.0) in [(step, value) for step, _, value in found["steps/loss"]]


# The line that trains the same again


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"method": "ewc", "gamma": 0.9, "strength": 1234567.25, "seed": 2**60},
        {"method": "mas", "half": True, "recompute": True, "leave_alone": ["*.bias", "head.*"], "data_dir": "a b'c"},
        {"method": "si", "optimizer": "sgd", "momentum": 0.5, "reset_optimizer": False, "hidden": [64, 32, 16]},
        {"class_order": [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "normalize": [0.1, 0.3], "steps": 77, "keep": "best"},
        {"first_task": {"lr": 0.1, "epochs": 3}, "init": "glorot", "class_order": "random"},
        {"preset": "vandeven-split-mnist", "scenario": "domain", "method": "si"},
        {"method": "rwalk", "alpha": 0.5, "score_every": 3, "epsilon": 1e-7},
        {"benchmark": "permuted-mnist", "method": "none", "tasks": 3, "device": "cpu", "threads": 3},
    ],
    ids=str,
)
def test_the_line_trains_the_same_again(
    settings: dict[str, Any], cl_tui: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed as it is shown, the command line makes the same configuration of it."""
    import shlex

    from cl_tui.commands import train

    config = resolve(settings)
    words = shlex.split(facts.command(config, Path("sessions/x/config.toml")))
    assert "--config" not in words
    made: list[RunConfig] = []
    monkeypatch.setattr(train, "require_terminal", lambda instead: None)
    monkeypatch.setattr("engine.streams.files.prepare", lambda name, folder: None)
    monkeypatch.setattr(train, "watch_training", lambda session, pace: made.append(session.config) or 0)
    answer = cl_tui(*words[1:])
    assert (answer.exit_code, answer.err) == (0, "")
    assert made == [config]


def test_settings_that_no_option_can_say_are_read_from_the_session() -> None:
    config = resolve({}).changed(epochs=None, steps=None)
    assert facts.command(config, Path("sessions/x/config.toml")) == "cl-tui run --config sessions/x/config.toml"


def test_settings_are_compared_with_what_is_usual() -> None:
    assert facts.differing(resolve({})) == []
    changed = facts.differing(resolve({"method": "ewc", "lr": 0.5, "gamma": 0.9}))
    assert [(key, value) for key, value, _ in changed] == [("lr", "0.5"), ("gamma", "0.9")]
    assert changed[1][2] == "—"
    assert dict(facts.settings(resolve({"lr": 0.5})))["lr"] == "0.5"


def test_the_settings_table_is_toml(told: Listed) -> None:
    settings = export.contents("csv", told, Path())[Path("settings.toml")]
    assert tomllib.loads(settings.decode())["method"] == "si"
