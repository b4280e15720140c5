"""Tables of the user's own: which files, columns and rows are what, and what is wrong with them."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st

from cl_tui.batch.plan import run_name
from cl_tui.screens import form
from engine.errors import BenchmarkError, ConfigError, SessionMismatch
from engine.sessions.listing import summary_of
from engine.sessions.session import Session
from engine.sessions.summary import checksum
from engine.settings.run import RunConfig, resolve, validated
from engine.streams.class_names import class_names
from engine.streams.examples import ExampleStream
from engine.streams.table.files import Columns
from engine.streams.table.reading import read_table
from engine.streams.table.stream import stream
from engine.training.control import Control
from engine.training.extend import extend, extended_config
from engine.training.runner import train
from engine.training.weights_out import trained_network
from tests import runs


def chosen(path: Path, **given: Any) -> RunConfig:
    usual = {"benchmark": "table", "data_dir": str(path), "method": "none", "device": "cpu", "hidden": (5,)}
    return resolve(usual | {"normalize": (0.0, 1.0)} | given)


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rows_of(found: ExampleStream, task: int, part: str) -> list[tuple[list[float], Any]]:
    """Each example's inputs and target, in order."""
    (batch,) = found.passes(task, 1000, part)
    return sorted(zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True))


NORTH = "a,b,y\n1,10,0.5\n2,20,1.5\n"
SOUTH = "a,b,y\n3,30,2.5\n4,40,3.5\n"
TESTS = "a,b,y\n5,50,4.5\n6,60,5.5\n"


def one_file(folder: Path) -> Path:
    lines = [f"{name},{part},{row}" for name, part, row in (
        ("north", "train", "1,10,0.5"), ("north", "train", "2,20,1.5"), ("north", "test", "5,50,4.5"),
        ("north", "test", "6,60,5.5"), ("south", "train", "3,30,2.5"), ("south", "Train", "4,40,3.5"),
        ("south", "test", "5,50,4.5"), ("south", "test", "6,60,5.5"),
    )]  # fmt: skip
    return written(folder / "one.csv", "task,split,a,b,y\n" + "\n".join(lines))


def train_and_test(folder: Path) -> Path:
    with_task = [
        [f"{name},{line}" for line in text.splitlines()[1:]] for name, text in (("north", NORTH), ("south", SOUTH))
    ]
    tests = [f"{name},{line}" for name in ("north", "south") for line in TESTS.splitlines()[1:]]
    written(folder / "train.csv", "\n".join(["task,a,b,y", *with_task[0], "", *with_task[1]]))
    return written(folder / "test.csv", "\n".join(["task,a,b,y", *tests])).parent


def a_folder_each(folder: Path) -> Path:
    for name, text in (("01-north", NORTH), ("02 south", SOUTH)):
        written(folder / name / "train.csv", text)
        written(folder / name / "test.csv", "y,b,a\n4.5,50,5\n5.5,60,6\n")  # in another order
    written(folder / "readme.txt", "not a table")
    return folder


def other_delimiters(folder: Path) -> Path:
    for name, text, delimiter in (("1-north", NORTH, ";"), ("2-south", SOUTH, "\t")):
        for part, of in (("train", text), ("test", TESTS)):
            written(folder / name / f"{part}.csv", "\ufeff" + of.replace(",", delimiter).replace("\n", "\r\n"))
    return folder


def arrays(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, x, y in (("north", [[1, 10], [2, 20]], [0.5, 1.5]), ("south", [[3, 30], [4, 40]], [2.5, 3.5])):
        np.savez(folder / f"{name}.npz", x=x, y=y, x_test=[[5, 50], [6, 60]], y_test=[4.5, 5.5])
    return folder


def one_npz(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "all.npz", X_train=[[1.0, 10], [2, 20], [3, 30], [4, 40]], y_train=[[0.5], [1.5], [2.5], [3.5]],
        task_train=["north", "north", "south", "south"], x_test=[[5, 50], [6, 60]] * 2, y_test=[[4.5], [5.5]] * 2,
        task_test=["north", "north", "south", "south"],
    )  # fmt: skip
    return folder / "all.npz"


@pytest.mark.parametrize("made", [one_file, train_and_test, a_folder_each, other_delimiters, arrays, one_npz])
@pytest.mark.parametrize("normalize_targets", [False, True])
def test_the_same_tasks_in_any_layout(made: Callable[[Path], Path], normalize_targets: bool, tmp_path: Path) -> None:
    config = chosen(made(tmp_path / "data"), normalize_targets=normalize_targets)
    assert (config.tasks, config.problem, config.classes_by_task()) == (2, "regression", (1, 1))
    assert (config.option("example"), config.threads) == ((2,), 1)
    found = stream(config)
    assert [phase.name for phase in found.phases] == ["north", "south"]
    for number, own in enumerate((((1, 0.5), (2, 1.5)), ((3, 2.5), (4, 3.5)))):
        mean, deviation = (np.mean([y for _, y in own]), 0.5) if normalize_targets else (0.0, 1.0)
        for part, expected in (("train", own), ("test", ((5, 4.5), (6, 5.5)))):
            assert rows_of(found, number, part) == [([a, 10 * a], [(y - mean) / deviation]) for a, y in expected]


CLASSES = {
    "numbers": ("7", "3"),
    "text": ("tall", "a small one"),
}


@pytest.mark.parametrize("labels", CLASSES.values(), ids=CLASSES)
def test_whole_numbers_and_text_are_classes(labels: tuple[str, str], tmp_path: Path) -> None:
    """In the order of their values; in the domain scenario, a class that tasks share is the same output in each."""
    one, other = labels
    third = "9" if one == "7" else "wide"
    for name, own in (("1", (one, other)), ("2", (other, third))):
        written(tmp_path / f"{name}.csv", "a,label\n" + "".join(f"{n},{own[n % 2]}\n" for n in range(20)))
    config = chosen(tmp_path)
    assert (config.problem, config.classes_by_task(), config.option("normalize_targets")) == (
        "classification",
        (2, 2),
        False,
    )
    train = rows_of(stream(config), 0, "train")
    assert {(int(a) % 2, label) for (a,), label in train} == {(0, 1), (1, 0)}
    assert len(train) == 16
    domain = chosen(tmp_path, scenario="domain")
    assert domain.classes_by_task() == (3, 3)
    second = {(int(a) % 2, label) for (a,), label in rows_of(stream(domain), 1, "train")}
    assert second == {(0, 0), (1, 2)}
    assert [phase.class_names for phase in stream(config).phases] == [(other, one), tuple(sorted((other, third)))]
    assert [phase.class_names for phase in stream(domain).phases] == [tuple(sorted((one, other, third)))] * 2
    assert stream(domain).problem().outputs == 3
    assert class_names(config) == [[other, one], sorted((other, third))]
    assert class_names(domain) == [sorted((one, other, third))] * 2


def test_targets_are_named_and_their_kind_can_be_said(tmp_path: Path) -> None:
    text = "id,a,b,count,size\n" + "".join(f"x{n},{n},{n * n},{n % 4},{n / 2}\n" for n in range(12))
    path = written(tmp_path / "data.csv", text)
    several = chosen(path, targets=["count", "size"], ignore_columns=["id"])
    assert (several.problem, several.classes_by_task(), several.option("example")) == ("regression", (2,), (2,))
    counts = chosen(path, targets=["count"], ignore_columns=["id", "size"], target_kind="numbers", score="rmse")
    assert (counts.problem, counts.option("normalize_targets")) == ("regression", True)
    classes = chosen(path, targets=["count"], ignore_columns=["id", "size"])
    assert (classes.problem, classes.classes_by_task()) == ("classification", (4,))
    assert [told for told in stream(classes).notes if "inputs a, b; targets count, which are classes" in told]
    for settings, words in (
        ({"targets": ["count"], "ignore_columns": ["id"], "loss": "huber"}, ["loss", "for regression"]),
        ({"targets": ["size"], "ignore_columns": ["id"], "target_kind": "classes"}, ["not whole", "no classes"]),
        ({"targets": ["count", "size"], "ignore_columns": ["id"], "target_kind": "classes"}, ["several targets"]),
        ({"targets": ["id"], "target_kind": "numbers"}, ["'x0'", "no number"]),
        ({"ignore_columns": ["id"]}, ["id, a, b, count, size", "--targets"]),
        ({"targets": ["weight"]}, ["no column weight"]),
        ({"targets": ["count"], "ignore_columns": ["id"], "tasks": 3}, ["tasks = 3", "has 1"]),
        ({"targets": ["count"], "ignore_columns": ["id"], "scenario": "class", "target_kind": "numbers"}, ["scenario"]),
        ({"targets": "a,b", "ignore_columns": 3}, ["targets = 'a,b'"]),
        ({"targets": ["count"], "ignore_columns": ["id"], "tested_share": 1.0}, ["tested_share"]),
    ):
        with pytest.raises(ConfigError) as caught:
            chosen(path, **settings)
        assert all(word in str(caught.value) for word in words), str(caught.value)


def test_everything_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    written(tmp_path / "1.csv", "a,b,y\n1,,0.5\n2,nan,1.5\n3,x,2\n4,5\n\n6,7,1e39\n8,9,\n1_0,1,2\n1,2,3,4\n")
    written(tmp_path / "2.csv", "")
    written(tmp_path / "3.csv", "a,a,y\n1,2,3\n")
    written(tmp_path / "4.csv", "a,b,y\n")
    (tmp_path / "5.csv").write_bytes(b"a,b,y\n\xff\xfe,1,2\n")
    (tmp_path / "6.npz").write_bytes(b"PK no archive")
    np.savez(tmp_path / "7.npz", x=np.ones((3, 2)), y=np.ones(4))
    np.savez(tmp_path / "8.npz", x=[[1.0, np.inf], [1, 2]], y=[1.0, np.nan])
    np.savez(tmp_path / "9.npz", z=np.ones(3))
    np.savez(tmp_path / "91.npz", x=np.array([[{}]], dtype=object), y=[1.0])
    with pytest.raises(ConfigError) as caught:
        chosen(tmp_path)
    told = str(caught.value)
    for words in (
        "1.csv, line 2, column b: it is empty", "line 3, column b: 'nan' is not a number",
        "line 4, column b: 'x' is not a number", "1.csv, line 5: 2 values, but there are 3 columns",
        "line 7, column y: 1e39 is too large", "line 8, column y: it is empty",
        "line 9, column a: '1_0' is not a number", "line 10: 4 values", "2.csv is empty",
        "3.csv, line 1: two columns are called a",
        "4.csv has no rows", "5.csv is not in UTF-8", "6.npz is no npz file", "7.npz: y has 4 rows, but x has 3",
        "8.npz, x, row 0", "8.npz, y, row 1", "9.npz has the arrays z", "91.npz has Python objects",
    ):  # fmt: skip
        assert words in told, told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, ["there is no table", "--data-dir"]),
        ({"train.csv": NORTH}, ["no table called test"]),
        ({"1-a.csv": NORTH, "2-a.csv": NORTH}, ["several tables are of task a"]),
        ({"1.csv": NORTH, "2.csv": "a,c,y\n1,2,3.5\n2,3,4.5\n"}, ["2.csv lacks column b"]),
        ({"1.csv": NORTH, "2.csv": "a,b,c,y\n1,2,3,0.5\n"}, ["2.csv has column c, which 1.csv lacks"]),
        ({"1.csv": NORTH, "2.csv": "a,b,y\n1,2,tall\n2,3,small\n"}, ["2.csv has text as targets, and 1.csv numbers"]),
        ({"1.csv": "a,y\n1,0.5\n"}, ["task 1 has a single row"]),
        ({"1.csv": "split,a,y\ntrain,1,0.5\ntrain,2,0.6\n"}, ["task 1 has no rows for test"]),
        ({"1.csv": "split,a,y\ntrain,1,0.5\nrest,2,0.6\n"}, ["line 3, column split: 'rest' should be train, test"]),
        ({"1.csv": "split,a,y\ntrain,1,5\ntrain,2,6\ntest,2,7\n"}, ["task 1, test: it has class 7"]),
        ({"1.csv": "y\n0.5\n"}, ["no column of inputs"]),
        ({"train.csv": "task,a,y\nn,1,1.5\n", "test.csv": "task,a,y\ns,1,1.5\n"}, ["task n has no rows for test"]),
        ({"train.csv": "a,y\n1,5\n", "test.csv": "a,y\n1,6\n"}, ["the table, test: it has class 6"]),
        ({"1.csv": "a,y\n1,2.5\n2,tall\n"}, ["line 3, column y: 'tall' is not a number"]),
        ({"1.csv": "a,y\n1,\"2\n"}, ["1.csv, line 2"]),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_together(files: dict[str, str], words: list[str], tmp_path: Path) -> None:
    for name, text in files.items():
        written(tmp_path / name, text)
    with pytest.raises(ConfigError) as caught:
        chosen(tmp_path)
    assert all(word in str(caught.value) for word in words), str(caught.value)


ROWS = np.arange(12.0).reshape(4, 3)
WHOLE = np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            {"x": ROWS, "y": np.array([{}, 1, 0, 1], dtype=object)},
            "has Python objects (dtype object)",
        ),
        (
            {"x": ROWS, "y": np.zeros((4, 0))},
            "y should have shape (rows,) or (rows, numbers)",
        ),
        ({"x": ROWS, "y": np.zeros((4, 0), int)}, "y should have shape (rows,)"),
        ({"x": np.array(1.0), "y": np.array(1)}, "x should have numbers of shape (rows, …), and has float64 of ()"),
        ({"x": ROWS, "y": WHOLE, "task": WHOLE[:, None]}, "task should have shape (rows,), and has (4, 1)"),
        ({"x": ROWS, "y": np.array([0, 1, 0, 2**63], np.uint64)}, "y has a number above 9223372036854775807"),
    ],
)
def test_arrays_that_are_no_table(arrays: dict[str, Any], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "1.npz", **arrays)
    with pytest.raises(ConfigError) as caught:
        chosen(tmp_path)
    assert said in str(caught.value)
    assert "cannot be read" not in str(caught.value)


def test_a_member_that_is_no_array(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "1.npz", "w") as file:
        file.writestr("x.npy", "text")
    with pytest.raises(ConfigError, match="it should have x and y"):
        chosen(tmp_path)


def test_a_column_is_named_once(tmp_path: Path) -> None:
    written(tmp_path / "1.csv", "a,b,y\n1,2,3.5\n2,3,4.5\n")
    with pytest.raises(ConfigError, match="targets = y,y: a column is there twice"):
        chosen(tmp_path, targets=("y", "y"))


def test_thousands_of_columns_are_read_in_a_moment(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(20_000)]
    table = written(tmp_path / "1.csv", "\n".join([",".join([*names, "y"]), *[",".join(["1"] * 20_000 + ["0.5"])] * 3]))
    began = time.process_time()
    read_table(table, Columns((), (), "task", "split"), None)
    assert time.process_time() - began < 1.5


def test_no_such_folder() -> None:
    with pytest.raises(ConfigError, match="no-such: it cannot be read"):
        chosen(Path("no-such"))


def test_the_rows_tested_on_are_the_same_for_every_seed(tmp_path: Path) -> None:
    """A fifth of each class, and never trained on."""
    text = "a,y\n" + "".join(f"{n},{n % 10 == 0:d}\n" for n in range(100))
    path = written(tmp_path / "one.csv", text)
    one, other = (stream(chosen(path, seed=seed)) for seed in (0, 1))
    assert rows_of(one, 0, "test") == rows_of(other, 0, "test")
    assert [label for _, label in rows_of(one, 0, "test")].count(1) == 2
    both = [int(a) for part in ("train", "test") for (a,), _ in rows_of(one, 0, part)]
    assert sorted(both) == list(range(100))
    assert one.count(0, "test") == 20
    assert stream(chosen(path, tested_share=0.5)).count(0, "test") == 50


def test_normalize_auto_keeps_what_large_numbers_say(tmp_path: Path) -> None:
    """Each column by its own mean and deviation, in double precision: seconds since 1970 differ, too."""
    text = "time,flat,y\n" + "".join(f"{1.7e9 + n},3,{n / 7}\n" for n in range(50))
    found = stream(chosen(written(tmp_path / "one.csv", text), normalize="auto", tested_share=0.5))
    inputs = torch.cat([next(found.passes(0, 50, part)).inputs for part in ("train", "test")])
    assert inputs.dtype == torch.float32
    assert inputs[:, 0].unique().numel() == 50
    assert not inputs[:, 1].any()


@pytest.mark.parametrize("method", ["none", "ewc", "mas"])
@pytest.mark.parametrize("numbers", [False, True])
def test_images_in_arrays_keep_their_shape(method: str, numbers: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (12, 1, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "shapes.npz", x=images, y=random.normal(size=(12, 2)) if numbers else np.arange(12) % 3)
    config = chosen(tmp_path, method=method, model="conv", channels=[4], hidden=[8], epochs=1, normalize="auto")
    assert (config.option("example"), config.classes_by_task()) == ((1, 8, 8), (2,) if numbers else (3,))
    assert runs.finished(tmp_path / "sessions", config).finished


def test_a_changed_table_does_not_go_on(tmp_path: Path) -> None:
    text = "a,b,y\n" + "".join(f"{n},{n * n},{n / 3}\n" for n in range(40))
    path = written(tmp_path / "one.csv", text)
    config = chosen(path, method="ewc", strength=1.0, epochs=4, batch_size=8)
    whole = runs.finished(tmp_path, config, "whole")
    session = runs.create(tmp_path, config, "stopped")
    assert train(session, runs.AtStep(7)).state == "stopped"
    written(path, text.replace("3,9,1.0", "3,9,1.5"))
    with pytest.raises(SessionMismatch):
        train(Session.open(tmp_path, "stopped"), Control())
    written(path, text.replace("a,b,y", "a,y,b"))
    assert Session.open(tmp_path, "stopped").config == config, "a session opens whatever its data are"
    written(path, text.replace("a,b,y", "a,b,y,c").replace("\n", ",1\n").replace("c,1", "c"))
    with pytest.raises(BenchmarkError, match="another table than this run has"):
        train(Session.open(tmp_path, "stopped"), Control())
    written(path, text)
    again = Session.open(tmp_path, "stopped")
    assert train(again, Control()).state == "finished"
    runs.assert_same_run(again, whole)


def animals(folder: Path, *labels: str) -> Path:
    rows = (f"{n},{labels[n % len(labels)]}\n" for n in range(40))
    return written(folder / "animals.csv", "a,label\n" + "".join(rows))


def test_a_session_keeps_what_the_classes_are_called(tmp_path: Path) -> None:
    """One that was made before sessions did counts them, and continues all the same."""
    config = chosen(animals(tmp_path, "dog", "cat\u202e1"), epochs=2, batch_size=8)
    session = runs.create(tmp_path, config, "stopped")
    assert train(session, runs.AtStep(3)).state == "stopped"
    assert [output["classes"] for output in json.loads(trained_network(session).about["outputs"])] == [
        ["cat\\u202e1", "dog"]
    ]
    before = validated(config.plain() | {"task_labels": []})
    assert run_name(before) == run_name(config)
    old = runs.create(tmp_path, before, "old")
    format_line, _, settings = old.config_path.read_text().split("\n", 2)
    settings = settings.replace("task_labels = []\n", "")
    assert "task_labels" not in settings
    old.config_path.write_text(f'{format_line}\nchecksum = "{checksum(settings.encode())}"\n{settings}')
    old = Session.open(tmp_path, "old")
    assert class_names(old.config) == [["0", "1"]]
    assert train(old, Control()).state == "finished"
    assert train(Session.open(tmp_path, "stopped"), Control()).state == "finished"
    assert class_names(summary_of(tmp_path, "old").config or config) == [["0", "1"]]
    runs.assert_same_history(session.history(), old.history())


def test_a_table_with_other_labels_does_not_go_on(tmp_path: Path) -> None:
    session = runs.create(tmp_path, chosen(animals(tmp_path, "dog", "cat")), "animals")
    animals(tmp_path, "dog", "bat")
    with pytest.raises(BenchmarkError, match="task labels was cat, dog, is bat, dog"):
        train(session, Control())


@pytest.mark.parametrize("labels", [("x." * 600, "y"), tuple(f"{n}" + "é" * 700 for n in range(40))])
def test_labels_too_long_for_a_small_file_are_not_kept(labels: tuple[str, ...], tmp_path: Path) -> None:
    config = chosen(animals(tmp_path, *labels * 2))
    session = runs.create(tmp_path, config, "long")
    assert Session.open(tmp_path, "long").config == config == session.config
    assert class_names(config) == [[str(n) for n in range(len(labels))]]


cells = st.text(alphabet="0123456789.,;\t\n\"'-+eE abyné\x00\r|", max_size=60)


@of_hypothesis(max_examples=60)
@given(st.lists(cells | st.binary(max_size=40), min_size=1, max_size=3), st.sampled_from([".csv", ".tsv", ".npz"]))
def test_whatever_is_in_files_gives_a_table_or_one_sentence(contents: list[str | bytes], suffix: str) -> None:
    # hypothesis would share one tmp_path among its examples
    with TemporaryDirectory() as folder:
        for number, content in enumerate(contents):
            raw = content if isinstance(content, bytes) else ("a,y\n" * (number == 0) + content).encode()
            (Path(folder) / f"{number}{suffix}").write_bytes(raw)
        with suppress(ConfigError):
            table = read_table(Path(folder), Columns((), (), "task", "split"), None)
            assert all(len(rows) for task in table.tasks for rows in task.parts.values())


def test_a_form_writes_the_line_of_a_table(tmp_path: Path) -> None:
    """Without what makes no difference; what a session knows of its data is enough for that."""
    path = written(tmp_path / "one.csv", "a,b,y\n" + "".join(f"{n},{n * n},{n / 3}\n" for n in range(40)))
    all_fields = form.fields()
    values = {"benchmark": "table", "data_dir": str(path), "targets": "y", "lr": "0.001", "epochs": "3"}
    line = " ".join(form.wanted(all_fields, values).arguments)
    assert line == f"--benchmark table --targets y --epochs 3 --data-dir {path}"
    told = form.problems(all_fields, values | {"targets": "z"})
    assert "has no column z: it has a, b, y" in told["targets"]
    assert set(told) == {"targets"}
    known = chosen(path)
    path.unlink()
    assert resolve({key: value for key, value in known.plain().items() if value is not None}) == known


@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_a_table_that_has_grown_gives_more_tasks(scenario: str, tmp_path: Path) -> None:
    """The earlier tasks' rows stay as they are learned, also if they are normalised with those of all tasks."""

    def add(name: str, slope: float) -> None:
        rows = "".join(f"{n},{n % 7},{n * slope + n % 3}\n" for n in range(40))
        written(tmp_path / "data" / f"{name}.csv", "a,b,y\n" + rows)

    add("1-north", 1.5)
    add("2-south", -2.5)
    config = chosen(tmp_path / "data", method="ewc", strength=1.0, epochs=2, scenario=scenario, normalize="auto")
    parent = runs.finished(tmp_path, config, "parent")
    with pytest.raises(ConfigError, match=r"has 2 tasks, and the session knows 2 of them: add a file"):
        extended_config(parent.config, 1, {})
    before = [rows_of(stream(config), task, part) for task in range(2) for part in ("train", "test")]
    add("3-east", 100.5)
    child = extend(parent, extended_config(parent.config, 1, {}), "child")
    assert train(child, Control()).state == "finished"
    history = child.history()
    assert [info.name for info in history.tasks] == ["north", "south", "east"]
    assert history.matrix[:2] == parent.history().matrix
    grown = stream(child.config)
    assert [rows_of(grown, task, part) for task in range(2) for part in ("train", "test")] == before
    add("2-south", 3.5)
    with pytest.raises(SessionMismatch):
        train(extend(parent, extended_config(parent.config, 1, {}), "other"), Control())


def test_classes_that_earlier_tasks_lack(tmp_path: Path) -> None:
    for name, own in (("1", "ab"), ("2", "ba")):
        written(tmp_path / "data" / f"{name}.csv", "a,label\n" + "".join(f"{n},{own[n % 2]}\n" for n in range(20)))
    parents = [chosen(tmp_path / "data", scenario=scenario) for scenario in ("task", "domain")]
    written(tmp_path / "data" / "3.csv", "a,label\n" + "".join(f"{n},{'bc'[n % 2]}\n" for n in range(20)))
    assert extended_config(parents[0], 1, {}).classes_by_task() == (2, 2, 2)
    with pytest.raises(ConfigError, match="classes that the earlier ones lack"):
        extended_config(parents[1], 1, {})
