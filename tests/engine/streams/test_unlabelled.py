"""A folder of unlabelled inputs: what is read from it, and what is refused."""

import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.analysis.measure import analyse
from engine.errors import BenchmarkError
from engine.streams.unlabelled import read_unlabelled
from engine.training.control import Control
from engine.training.runner import train
from tests import runs
from tests.conftest import CommandLine

SHAPE = (1, 8, 8)
DRAWN = np.random.default_rng(0)


def pixels(*shape: int) -> np.ndarray:
    return DRAWN.integers(0, 256, size=shape, dtype=np.uint8)


def refused(folder: Path) -> str:
    """The one sentence with which ``folder`` is refused."""
    with pytest.raises(BenchmarkError) as caught:
        read_unlabelled(folder, SHAPE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_of_the_right_size_are_read_pixel_by_pixel(tmp_path: Path) -> None:
    """In the order of their paths, in folders too, as values in 0–1."""
    first, second, third = (pixels(8, 8) for _ in range(3))
    Image.fromarray(second).save(tmp_path / "b.png")
    Image.fromarray(first).save(tmp_path / "a.bmp")
    (tmp_path / "more").mkdir()
    Image.fromarray(third).save(tmp_path / "more" / "c.PNG")
    (tmp_path / "notes.txt").write_text("no input")
    found = read_unlabelled(tmp_path, SHAPE)
    expected = torch.from_numpy(np.stack([first, second, third])).reshape(3, 64) / 255
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_images_become_grey_and_square(tmp_path: Path) -> None:
    """Of any size, with colours, or with a transparent ground."""
    Image.new("RGB", (31, 20), (255, 255, 255)).save(tmp_path / "white.png")
    Image.new("RGB", (5, 5), (255, 0, 0)).save(tmp_path / "red.png")
    Image.new("L", (64, 2), 51).save(tmp_path / "wide.jpg", quality=100)
    red, white, wide = read_unlabelled(tmp_path, SHAPE)
    assert white.eq(1).all()
    assert red.unique().tolist() == pytest.approx([0.299], abs=0.005)
    assert wide.mean().item() == pytest.approx(0.2, abs=0.01)


def test_images_get_the_shape_of_the_inputs(tmp_path: Path) -> None:
    """In colour, of any height and width; like a benchmark's own images they are cut, and otherwise stretched."""
    drawn = pixels(4, 6, 3)
    Image.fromarray(drawn).save(tmp_path / "a.webp", lossless=True)
    Image.fromarray(np.full((4, 6), 257 * 51, np.uint16)).save(tmp_path / "deep.png")
    colour, grey = read_unlabelled(tmp_path, (3, 4, 6)).view(2, 3, 4, 6)
    assert torch.equal(colour, torch.from_numpy(drawn.transpose(2, 0, 1).copy()) / 255)
    assert grey.unique().tolist() == pytest.approx([0.2])
    cut = read_unlabelled(tmp_path, (3, 4, 4), cut=True).view(2, 3, 4, 4)
    assert torch.equal(cut[0], colour[:, :, 1:5])
    assert not torch.equal(cut[0], read_unlabelled(tmp_path, (3, 4, 4)).view(2, 3, 4, 4)[0])


@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 3, 4, 6), (4, 6, 3), (2, 4, 6, 3)], ids=str)
def test_an_array_has_its_channels_first_or_last(shape: tuple[int, ...], tmp_path: Path) -> None:
    values = pixels(*shape)
    np.save(tmp_path / "a.npy", values)
    if shape[-1] == 3:
        values = np.moveaxis(values, -1, -3)
    found = read_unlabelled(tmp_path, (3, 4, 6)).view(-1, 3, 4, 6)
    assert torch.equal(found, torch.from_numpy(values.copy()).view(-1, 3, 4, 6) / 255)


@pytest.mark.parametrize("shape", [(64,), (1, 64), (5, 64), (8, 8), (5, 8, 8), (5, 1, 8, 8)], ids=str)
def test_an_array_holds_one_example_or_many(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Whole numbers count as 0–255, others as they are."""
    whole = pixels(*shape)
    np.save(tmp_path / "a.npy", whole)
    np.save(tmp_path / "b.npy", whole.astype(np.float64) / 200 - 0.25)
    found = read_unlabelled(tmp_path, SHAPE)
    assert found.dtype == torch.float32
    examples = whole.reshape(-1, 64)
    count = len(examples)
    assert found.shape == (2 * count, 64)
    assert torch.equal(found[:count], torch.from_numpy(examples) / 255)
    assert torch.equal(found[count:], torch.from_numpy(examples.astype(np.float64) / 200 - 0.25).float())


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64, np.uint16])
def test_every_kind_of_whole_number_counts_as_0_to_255(kind: type, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full(64, 255, dtype=kind))
    assert read_unlabelled(tmp_path, SHAPE).eq(1).all()


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.bool_])
def test_other_numbers_are_taken_as_they_are(kind: type, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(64, dtype=kind))
    assert read_unlabelled(tmp_path, SHAPE).eq(1).all()


def damaged_image(path: Path) -> None:
    Image.fromarray(pixels(200, 200)).save(path)
    path.write_bytes(path.read_bytes()[:500])


def damaged_array(path: Path) -> None:
    np.save(path, pixels(5, 64))
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("cut.png", damaged_image, ["64 values"]),
        ("cut.npy", damaged_array, ["64 values"]),
        ("empty.png", Path.touch, ["64 values"]),
        ("empty.npy", Path.touch, ["64 values"]),
        ("text.npy", lambda path: path.write_text("0 1 2"), ["64 values", "it is no .npy file"]),
        ("text.jpg", lambda path: path.write_text("no image"), ["64 values"]),
        ("short.npy", lambda path: np.save(path, pixels(5, 63)), ["64 values", "shape"]),
        ("no-rows.npy", lambda path: np.save(path, pixels(0, 64)), ["64 values"]),
        ("words.npy", lambda path: np.save(path, np.array(["a"] * 64)), ["64 values"]),
        ("complex.npy", lambda path: np.save(path, np.full(64, 1j)), ["64 values"]),
        ("dates.npy", lambda path: np.save(path, np.zeros(64, dtype="datetime64[s]")), ["64 values"]),
        ("objects.npy", lambda path: np.save(path, np.array([None] * 64), allow_pickle=True), ["64 values"]),
        ("nan.npy", lambda path: np.save(path, np.full(64, np.nan)), ["not finite"]),
        ("infinite.npy", lambda path: np.save(path, np.full((2, 64), -np.inf)), ["not finite"]),
        ("overflow.npy", lambda path: np.save(path, np.full(64, 1e300)), ["not finite"]),
        ("fields.npy", lambda path: np.save(path, np.zeros(64, dtype=[("a", "f4")])), ["64 values"]),
        ("folder.npy", Path.mkdir, []),
        ("folder.png", Path.mkdir, []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.filterwarnings("error")
def test_a_file_that_is_no_input_is_named(
    name: str, write: Callable[[Path], object], words: list[str], tmp_path: Path
) -> None:
    """And a good one beside it does not hide it."""
    Image.fromarray(pixels(8, 8)).save(tmp_path / "a.png")
    write(tmp_path / name)
    message = refused(tmp_path)
    assert str(tmp_path / name) in message
    for word in words:
        assert word in message


def claiming(shape: str, size: int) -> Callable[[Path], object]:
    """Writes an array of a header only, in a file of ``size`` bytes that are not there."""

    def write(path: Path) -> None:
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
        with open(path, "wb") as file:
            file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
            file.truncate(max(file.tell(), size))

    return write


def image_of(width: int, height: int) -> Callable[[Path], object]:
    """Writes a PNG that is black, and small where it is packed."""

    def write(path: Path) -> None:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        black = zlib.compress(b"\0" * (1 + width // 8) * min(height, 1000))
        head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", black) + chunk(b"IEND", b""))

    return write


def script(path: Path) -> None:
    """PostScript, which Pillow would have Ghostscript run."""
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n")


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("huge.npy", claiming("(1000000000000,)", 0), "64 values"),
        ("sparse.npy", claiming("(10000000000, 64)", 10**12), "the folder has more than 500,000,000"),
        ("endless.npy", claiming("(10**99,)", 0), "64 values"),
        ("wide.png", image_of(8000, 8000), "64,000,000 pixels"),
        ("bomb.png", image_of(60_000, 60_000), "pixels"),
        ("program.png", script, "64 values"),
        *([("pipe.png", os.mkfifo, "not a regular file")] if hasattr(os, "mkfifo") else []),
        ("zeros.npy", lambda path: path.symlink_to("/dev/zero"), "outside of the folder"),
        ("away.npy", lambda path: path.symlink_to(__file__), "outside of the folder"),
        ("nowhere.png", lambda path: path.symlink_to("nothing.png"), "64 values"),
        ("round.png", lambda path: path.symlink_to("round.png"), "64 values"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_claims_too_much_is_refused_in_little_memory(
    name: str, write: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    write(tmp_path / name)
    tracemalloc.start()
    message = refused(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(tmp_path / name) in message
    assert words in message
    assert peak < 10 << 20


def test_a_folder_of_too_many_files_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.streams.unlabelled.MOST_FILES", 3)
    for number in range(3):
        Image.fromarray(pixels(8, 8)).save(tmp_path / f"{number}.png")
    assert len(read_unlabelled(tmp_path, SHAPE)) == 3
    (tmp_path / "notes.txt").touch()
    assert "more than 3 files" in refused(tmp_path)


def test_files_that_are_too_large_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.streams.unlabelled.MOST_VALUES", 128)
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", pixels(64))
    assert str(tmp_path / "c.npy") in refused(tmp_path)


def test_a_link_within_the_folder_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", pixels(64))
    (tmp_path / "b.npy").symlink_to("a.npy")
    assert len(read_unlabelled(tmp_path, SHAPE)) == 2


@pytest.mark.parametrize("name", ["damaged.png", "damaged.bmp", "damaged.jpg", "damaged.npy"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_whatever_a_file_holds_it_is_read_or_named(name: str, data: st.DataObject, tmp_path: Path) -> None:
    """Some bytes of a good file changed, or its end cut off."""
    path = tmp_path / name
    whole = np.arange(128, dtype=np.uint8).reshape(2, 8, 8)
    if path.suffix == ".npy":
        np.save(path, whole)
    else:
        Image.fromarray(whole[0]).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
    message = ""
    try:
        found = read_unlabelled(tmp_path, SHAPE)
    except BenchmarkError as error:
        message = str(error)
    else:
        assert found.shape[1:] == (64,)
        assert torch.isfinite(found).all()
    assert not message or str(path) in message


def test_a_folder_that_is_missing_empty_or_a_file_is_named(tmp_path: Path) -> None:
    missing = refused(tmp_path / "none")
    assert str(tmp_path / "none") in missing
    assert "is not a folder" in missing
    empty = refused(tmp_path)
    assert str(tmp_path) in empty
    assert ".png" in empty
    assert ".npy" in empty
    (tmp_path / "notes.txt").touch()
    assert refused(tmp_path) == f"{empty}; skipped: notes.txt"
    assert "is not a folder" in refused(tmp_path / "notes.txt")


def test_an_image_for_a_network_whose_inputs_are_no_images_is_refused(tmp_path: Path) -> None:
    Image.fromarray(pixels(8, 8)).save(tmp_path / "a.png")
    with pytest.raises(BenchmarkError, match=r"a\.png.*5 values are no image"):
        read_unlabelled(tmp_path, (5,))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.linspace(0, 16, 64), ["0 to 16", "0 to 1 are expected"]),
        (np.linspace(0, 255, 64, dtype=np.float32), ["0 to 255", "0 to 1 are expected"]),
        (np.linspace(-0.42, 2.82, 64), ["-0.42 to 2.82"]),
        (np.linspace(-3, 0, 64), ["-3 to 0"]),
        (np.full(64, 65535, dtype=np.uint16), ["whole numbers from 0 to 255"]),
        (np.full(64, -1, dtype=np.int8), ["-1 to -1", "whole numbers from 0 to 255"]),
    ],
    ids=["digits", "pixels", "standardised", "negative", "16 bits", "signed"],
)
def test_inputs_of_another_scale_are_refused_with_the_range_seen_and_expected(
    values: np.ndarray, words: list[str], tmp_path: Path
) -> None:
    """Floats from 0 to 16 made Ω 193 times too large."""
    np.save(tmp_path / "a.npy", values)
    message = refused(tmp_path)
    assert str(tmp_path / "a.npy") in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "values", [np.arange(64, dtype=np.uint8) % 17, np.linspace(0, 1 / 255, 64)], ids=["0–16", "/255²"]
)
def test_arrays_that_are_faint_all_over_are_refused(values: np.ndarray, tmp_path: Path) -> None:
    """Whole numbers from 0 to 16 would count as 0–0.06. A blank one among others is none of that."""
    np.save(tmp_path / "a.npy", values)
    assert "but 0 to 1 is expected" in refused(tmp_path)
    np.save(tmp_path / "b.npy", np.ones(64))
    assert len(read_unlabelled(tmp_path, SHAPE)) == 2


def test_a_black_image_is_an_input(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    assert not read_unlabelled(tmp_path, SHAPE).any()


def test_what_was_read_in_which_range_and_what_was_skipped_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[-0.25] * 64, [1.5] * 64]))
    Image.new("L", (8, 8)).save(tmp_path / "b.png")
    (tmp_path / "raw").mkdir()
    for name in ("notes.txt", "raw/c.tiff", "d", "e", "f", "g"):
        (tmp_path / name).touch()
    told: list[str] = []
    read_unlabelled(tmp_path, SHAPE, told.append)
    assert told == [
        f"importance_data {tmp_path}: 3 inputs from 2 files, values from -0.25 to 1.5 (expected: 0 to 1); "
        "skipped: d, e, f, g, notes.txt and 1 more"
    ]


def test_a_run_says_what_it_read(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    np.save(folder / "a.npy", np.ones(64))
    (folder / "labels.csv").touch()
    finished = runs.finished(tmp_path, runs.tiny("mas", importance_data=str(folder)))
    (note,) = finished.history().notes
    assert note.text.endswith("1 input from 1 file, values from 1 to 1 (expected: 0 to 1); skipped: labels.csv")


def test_commands_without_a_screen_print_what_was_read(cl_tui: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    np.save(folder / "a.npy", np.ones(64))
    (folder / "labels.csv").touch()
    said = "1 input from 1 file, values from 1 to 1 (expected: 0 to 1); skipped: labels.csv"
    options = ("--method=mas", "--tasks=2", "--epochs=1", f"--importance-data={folder}")
    assert cl_tui("run", *options, "--headless", "--name=one").err.count(said) == 1
    assert cl_tui("batch", *options, "--name=two").err.count(said) == 1


def test_a_run_on_a_bad_folder_fails_with_the_same_sentence_before_it_trains(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "bad.png").touch()
    session = runs.create(tmp_path, runs.tiny("mas", importance_data=str(folder)))
    with pytest.raises(BenchmarkError) as caught:
        train(session, Control())
    assert str(caught.value) == refused(folder)
    assert session.history().step == 0


def test_the_test_inputs_as_a_folder_give_the_importance_of_the_test_inputs(tmp_path: Path) -> None:
    """Every task sees the whole folder: with one task that is importance_data = test."""
    from engine.streams.digits import stream

    config = runs.tiny("mas", tasks=1, importance_data="test")
    folder = tmp_path / "mine"
    folder.mkdir()
    np.save(folder / "all.npy", stream(config).tasks[0].test.inputs.numpy())
    mine = config.changed(importance_data=str(folder))
    ours, theirs = runs.finished(tmp_path, mine, "folder"), runs.finished(tmp_path, config, "test")
    assert torch.equal(runs.importance(ours), runs.importance(theirs))
    on_training_data = runs.finished(tmp_path, runs.tiny("mas", tasks=1), "train")
    assert not torch.equal(runs.importance(theirs), runs.importance(on_training_data))


def test_an_analysis_needs_the_folder_no_more(tmp_path: Path) -> None:
    """Its sessions may have come from elsewhere."""
    folder = tmp_path / "mine"
    folder.mkdir()
    np.save(folder / "all.npy", np.full((3, 64), 0.5))
    session = runs.finished(tmp_path, runs.tiny("mas", importance_data=str(folder)))
    (folder / "all.npy").unlink()
    assert analyse(session).all_tasks == 2
