"""Shown examples, as a session keeps them, and what was answered for them."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.record.events import (
    ANSWERS,
    SHOWN_FILE,
    WHOLE_ANSWERS,
    WHOLE_TARGETS,
    Packed,
    RunStarted,
    TaskInfo,
    decode,
    encode,
)
from engine.record.history import History
from engine.record.series import Series
from engine.record.shown import Forgotten, Shown, ShownTask, answers, answers_of, forgotten, lost, turned_in


def shown(together: bool = False) -> Shown:
    """Two tasks of two classes, with three and two examples."""
    made = []
    for number, count in enumerate((3, 2)):
        pictures = np.arange(count * 4, dtype="u1").reshape(count, 2, 2, 1)
        names = ("a", "b") if number == 0 else ("c", "d\x1b")
        made.append(ShownTask(pictures, None, np.arange(count, dtype="i4") % 2, names, np.arange(count)))
    return Shown(tuple(made), together)


def told(step: int, phase: int, given: list[int]) -> Packed:
    rows = np.array([given, [255 * (number % 2) for number in given], [204] * len(given)], "u1")
    return Packed.of(step, phase, ANSWERS, rows)


def test_what_is_kept_is_read_again_and_its_names_are_safe(tmp_path: Path) -> None:
    given = shown(together=True)
    given.keep(tmp_path)
    read = Shown.read(tmp_path)
    assert read is not None
    assert read.together
    assert read.names == ("a", "b", "c", "d\\x1b")
    for before, after in zip(given.tasks, read.tasks, strict=True):
        assert before.pictures is not None
        assert np.array_equal(before.pictures, after.pictures)
        assert np.array_equal(before.targets, after.targets)
        assert after.numbers is None
        assert np.array_equal(before.places, after.places)


def test_what_says_the_same_is_not_written_again(tmp_path: Path) -> None:
    shown().keep(tmp_path)
    before = (tmp_path / SHOWN_FILE).stat()
    shown().keep(tmp_path)
    assert (tmp_path / SHOWN_FILE).stat().st_ino == before.st_ino


def broken(**changes: np.ndarray) -> bytes:
    file = io.BytesIO()
    whole = dict(np.load(io.BytesIO(shown().packed()))) | changes
    np.savez_compressed(file, **whole)  # type: ignore[arg-type]
    return file.getvalue()


def lying() -> bytes:
    """An array that claims far more numbers than follow."""
    file = io.BytesIO()
    np.save(file, np.zeros(1))
    claimed = file.getvalue().replace(b"(1,), }         ", b"(900000000,), } ")
    assert claimed != file.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as into:
        into.writestr("counts.npy", claimed)
    return archive.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        shown().packed()[:-30],
        lying(),
        broken(counts=np.array([3, 3])),
        broken(counts=np.array([-1, 6])),
        broken(pictures=np.zeros((5, 2, 2, 1))),
        broken(pictures=np.zeros((5, 2, 2, 2), "u1")),
        broken(targets=np.array([0, 1, 2, 0, 1])),
        broken(names=np.frombuffer(b"[1]", "u1")),
        broken(names=np.array(["a"])),
        broken(names=np.array([None])),
    ],
    ids=range(12),
)
def test_a_file_that_is_no_such_file_is_as_if_it_were_not_there(data: bytes, tmp_path: Path) -> None:
    (tmp_path / SHOWN_FILE).write_bytes(data)
    assert Shown.read(tmp_path) is None
    assert Shown.read(tmp_path / "elsewhere") is None


def test_an_array_is_read_from_a_line_as_it_was() -> None:
    numbers = np.array([[0.0, 1e-9, 0.25], [1.0, 4.0, 2.0]], "f4")
    for event, exact in ((Packed.of(3, 0, "x", numbers), True), (Packed.of(3, 0, "x", numbers, root=True), False)):
        again = decode(encode(event))
        assert isinstance(again, Packed)
        assert again == event
        array = again.array()
        assert array is not None
        assert np.array_equal(array, numbers) if exact else np.allclose(array, numbers, atol=0.02)


def test_what_a_strangers_line_says_too_much_is_not_unpacked() -> None:
    honest = Packed.of(3, 0, "x", np.zeros(1 << 20, "u1"))
    small = Packed(3, 0, "x", (4,), "u1", honest.data)
    assert small.array() is None
    assert Packed(3, 0, "x", (1 << 21,), "u1", honest.data).array() is None
    assert Packed(3, 0, "x", (4,), "u1", "no base64").array() is None
    assert Packed(3, 0, "x", (1 << 15, 1 << 15), "f4", "").array() is None


def test_answers_are_those_of_each_task_seen() -> None:
    history = History(packed={ANSWERS: Series([told(5, 0, [0, 1, 0]), told(9, 1, [1, 1, 0, 0, 0])])})
    first, second = answers(history, shown())
    assert first.wrong.tolist() == [True, False, False]
    assert second.wrong.tolist() == [False, True]
    assert first.sure is not None
    assert first.sure.tolist() == [0.8] * 3
    assert not answers(History(packed={ANSWERS: Series([told(5, 0, [0, 1])])}), shown())
    assert not answers(History(packed={ANSWERS: Series([told(5, 0, [0, 7, 0])])}), shown())


def test_in_the_class_scenario_answers_are_classes_of_any_task() -> None:
    history = History(packed={ANSWERS: Series([told(9, 1, [3, 1, 0, 2, 2])])})
    first, second = answers(history, shown(together=True))
    assert first.names[first.given[0]] == "d\x1b"
    assert (first.target.tolist(), second.target.tolist()) == ([0, 1, 0], [2, 3])
    assert second.wrong.tolist() == [False, True]


def test_lost_is_what_was_right_at_the_end_and_is_wrong_for_good() -> None:
    looks = [
        told(4, 0, [1, 1, 0]),
        told(5, 0, [0, 1, 1]),
        told(6, 1, [1, 0, 0, 0, 1]),
        told(7, 1, [0, 0, 1, 0, 1]),
        told(8, 1, [1, 0, 1, 0, 1]),
    ]
    history = History(matrix=((1.0,),), packed={ANSWERS: Series(looks)})
    (found,) = lost(history, shown())
    assert found.learned.tolist() == [True, True, False]
    assert found.lost.tolist() == [True, True, False]
    assert found.since.tolist() == [8, 6, 0]
    (earlier,) = lost(history, shown(), step=7)
    assert earlier.lost.tolist() == [False, True, False]


def test_what_was_forgotten_is_counted_by_class_and_answer() -> None:
    def packed(phase: int, name: str, numbers: list[int]) -> Packed:
        return Packed.of(phase + 1, phase, name, np.array(numbers, "u1"))

    tasks = (TaskInfo("0 1", 1, 2), TaskInfo("2 3", 1, 2))
    started = RunStarted(0.0, tasks, "cpu", 1, {}, test_examples=(5, 2))
    history = History(
        started=started,
        packed={
            WHOLE_ANSWERS: Series([packed(0, "x", [0, 0, 0, 1, 0]), packed(1, "x", [2, 0, 2, 1, 1, 0, 0])]),
            WHOLE_TARGETS: Series([packed(0, "x", [0, 0, 0, 1, 1]), packed(1, "x", [0, 1])]),
        },
    )
    assert forgotten(history, 1) == [Forgotten(0, 0, 1, 2, 3), Forgotten(0, 1, 0, 1, 1)]
    assert forgotten(history, 0) == []
    assert forgotten(replace(history, started=replace(started, test_examples=(4, 2))), 1) == []
    assert forgotten(replace(history, packed={}), 1) == []


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("targets", np.full(5, np.nan, "f4")),
        ("pictures", np.zeros((5, 0, 2, 1), "u1")),
        ("pictures", np.zeros((5, 1, 4000, 1), "u1")),
        ("places", np.zeros((5, 2), "i4")),
        ("counts", np.array([[3, 2]])),
        ("counts", np.array([6, -1])),
        ("names", np.frombuffer(b'[["cat", "dog"], []]', "u1")),
        ("names", np.frombuffer(b"[" * 100_000, "u1")),
    ],
)
def test_a_strangers_examples_fit_or_are_none(name: str, array: np.ndarray, tmp_path: Path) -> None:
    with np.load(io.BytesIO(shown().packed())) as archive:
        arrays = {key: archive[key] for key in archive.files}
    assert arrays.keys() >= {"pictures", "counts", "places", "targets", "names"}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays | {name: array})
    (tmp_path / "shown.npz").write_bytes(file.getvalue())
    assert Shown.read(tmp_path) is None


def test_a_damaged_byte_is_no_picture(tmp_path: Path) -> None:
    whole = shown().packed()
    for place in range(30, len(whole), 7):
        (tmp_path / "shown.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        Shown.read(tmp_path)


def test_answers_of_another_kind_are_none() -> None:
    """A class that is no whole number names nothing."""
    right = np.array([[1, 1, 0], [255, 255, 255], [255, 255, 255]])
    assert answers_of(Packed.of(4, 0, ANSWERS, right.astype("u1")), shown())
    for wrong in (right.astype("f4") * np.nan, right[:2].astype("u1"), right.astype("u1")[None]):
        assert answers_of(Packed.of(4, 0, ANSWERS, wrong), shown()) == []


def test_whole_answers_of_another_kind_count_nothing() -> None:
    def packed(phase: int, numbers: np.ndarray) -> Packed:
        return Packed.of(phase + 1, phase, "x", numbers)

    started = RunStarted(0.0, (TaskInfo("0 1", 1, 2),) * 2, "cpu", 1, {}, test_examples=(2, 2))
    wrong, right = np.full(4, np.nan, "f4"), np.array([0, 1, 2, 2], "u1")
    for told, classes in ((wrong, right), (right, wrong), (right[:, None], right), (right, right[:, None])):
        given = {
            WHOLE_ANSWERS: Series([packed(0, right[:2]), packed(1, told)]),
            WHOLE_TARGETS: Series([packed(0, classes)]),
        }
        history = History(started=started, packed=given)
        assert forgotten(history, 1) == []
        assert turned_in(history, 1, Forgotten(0, 0, 1, 1, 1)) == {}
