"""Folders of images: what is read, what is refused, and the cache."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.errors import BenchmarkError, ConfigError
from engine.streams.images import cache, layout, reading
from engine.streams.images.labelled import labelled
from engine.streams.images.layout import task_folders
from engine.streams.images.store import read_images
from engine.streams.pixels import Pixels
from engine.streams.progress import Progress
from engine.streams.titles import natural
from tests import images

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def entries() -> list[Path]:
    return [entry.path for entry in cache.entries()]


def test_a_flat_folder(tmp_path: Path) -> None:
    """Rows are in the order of tasks, parts, classes and paths, whatever the disk's order."""
    images.folder(tmp_path / "d", ["b", "a"], train=3, test=1)
    read = read_images(tmp_path / "d")
    (task,) = read.tasks
    assert (task.name, task.classes) == ("", ("a", "b"))
    assert (task.train, task.test) == ((range(3), range(3, 6)), (range(6, 7), range(7, 8)))
    assert (read.values.shape, read.values.dtype) == ((8, 3, 6, 6), np.uint8)
    for name, rows in zip(task.classes, task.train, strict=True):
        for number, row in enumerate(rows):
            saved = np.asarray(Image.open(tmp_path / "d" / "train" / name / f"{number}.png"))
            assert (read.values[row] == saved.transpose(2, 0, 1)).all()
    assert read.notes == (f"images in {tmp_path / 'd'}: 8 images, 6×6, in colour",)


def test_a_folder_for_each_task(tmp_path: Path) -> None:
    images.tasks(tmp_path, {"Task_10": ["x"], "Task_2": ["a", "b"]})
    (tmp_path / "notes").mkdir()
    shutil.move(tmp_path / "Task_2" / "test", tmp_path / "Task_2" / "val")
    read = read_images(tmp_path)
    assert [(task.name, task.classes) for task in read.tasks] == [("Task_2", ("a", "b")), ("Task_10", ("x",))]
    assert read.tasks[1].test == (range(16, 18),)


def test_images_may_lie_deeper(tmp_path: Path) -> None:
    images.folder(tmp_path, ["a", "b"], train=2, test=1)
    inner = tmp_path / "train" / "a" / "images"
    inner.mkdir()
    for file in list((tmp_path / "train" / "a").glob("*.png")):
        file.rename(inner / file.name)
    (tmp_path / "train" / "a" / "boxes.txt").write_text("0 0 1 1")
    (tmp_path / "train" / ".hidden").mkdir()
    read = read_images(tmp_path)
    assert read.tasks[0].train == (range(2), range(2, 4))
    assert read.notes[0].endswith("; skipped: train/a/boxes.txt".replace("/", os.sep))


def test_test_images_may_be_in_val_beside_an_unlabelled_test(tmp_path: Path) -> None:
    """Tiny-ImageNet has test/images, without labels, and val."""
    images.folder(tmp_path, ["a", "b"])
    (tmp_path / "test").rename(tmp_path / "val")
    (tmp_path / "test" / "images").mkdir(parents=True)
    assert task_folders(tmp_path)[0].test == "val"


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPEG", "png", "webp", "ppm", "bmp"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    images.folder(tmp_path, ["a", "b"], train=1, test=1)
    images.drawn(3).save(tmp_path / "train" / "a" / f"x.{suffix}")
    assert read_images(tmp_path).values.shape == (5, 3, 6, 6)


def test_grey_images_have_one_channel(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            images.drawn(3, channels=1).save(tmp_path / part / name / "x.png")
    images.drawn(3, channels=1).save(tmp_path / "train" / "a" / "y.pgm")
    assert read_images(tmp_path).values.shape == (5, 1, 6, 6)
    images.drawn(3).save(tmp_path / "train" / "a" / "z.png")
    read = read_images(tmp_path)
    assert read.values.shape == (6, 3, 6, 6)
    assert (read.values[0, 0] == read.values[0, 2]).all()


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def test_what_an_image_looks_like(tmp_path: Path) -> None:
    """16 bits, palettes, transparency and turned photographs, each against the pixels that a viewer shows."""
    grey = np.arange(0, 65536, 2048, dtype=np.uint16).reshape(4, 8)
    deep = saved(tmp_path / "16.png", Image.fromarray(grey))
    assert reading.header(deep) == (4, 8, True)
    assert (reading.pixels(deep, 4, 8, True)[0] == np.round(grey / 257)).all()

    colour = images.drawn(1)
    expected = np.asarray(colour.quantize(16).convert("RGB")).transpose(2, 0, 1)
    palette = saved(tmp_path / "p.png", colour.quantize(16))
    assert (reading.pixels(palette, 6, 6, False) == expected).all()

    for mode in ("RGBA", "LA"):
        clear = Image.new(mode, (2, 1), (0, 0) if mode == "LA" else (0, 0, 0, 0))
        clear.putpixel((1, 0), (50, 255) if mode == "LA" else (50, 50, 50, 255))
        drawn = reading.pixels(saved(tmp_path / f"{mode}.png", clear), 1, 2, mode == "LA")
        assert drawn[0].tolist() == [[255, 50]], "white paper shows where nothing is drawn"

    photograph = Image.fromarray(
        np.repeat(np.repeat(np.arange(6, dtype=np.uint8) * 40, 8).reshape(6, 8), 3).reshape(6, 8, 3)
    )
    exif = Image.Exif()
    exif[reading.ORIENTATION] = 6
    turned = saved(tmp_path / "turned.png", photograph, exif=exif)
    assert reading.header(turned) == (8, 6, False)
    assert (reading.pixels(turned, 8, 6, False)[0] == np.rot90(np.asarray(photograph)[..., 0], -1)).all()

    wide = saved(tmp_path / "wide.png", Image.fromarray(np.arange(200, dtype=np.uint8).reshape(1, 200).repeat(100, 0)))
    assert 90 < reading.pixels(wide, 2, 2, True).mean() < 110, "the middle is kept"
    cmyk = saved(tmp_path / "c.jpg", colour.convert("CMYK"))
    assert reading.pixels(cmyk, 6, 6, False).shape == (3, 6, 6)


def test_sizes(tmp_path: Path) -> None:
    """A common size is kept, other images become squares of 64, and --resize decides otherwise."""
    images.folder(tmp_path, ["a", "b"], side=10)
    assert read_images(tmp_path).values.shape[1:] == (3, 10, 10)
    assert read_images(tmp_path, 5).values.shape[1:] == (3, 5, 5)
    images.drawn(5, 20, 30).save(tmp_path / "train" / "a" / "odd.png")
    read = read_images(tmp_path)
    assert read.values.shape[1:] == (3, 64, 64)
    assert read.notes[0].endswith("13 images, of 2 sizes, in colour, resized to 64×64 (--resize changes that)")
    big = images.folder(tmp_path / "big", ["a", "b"], side=300, train=1, test=1)
    assert read_images(big).values.shape[1:] == (3, 64, 64)


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    images.folder(tmp_path, ["a", "b", "c"], train=2, test=1)
    train = tmp_path / "train" / "a"
    (train / "empty.jpg").touch()
    (train / "text.png").write_text("hello")
    whole = (train / "0.png").read_bytes()
    (train / "cut.png").write_bytes(whole[: len(whole) - 30])
    images.drawn(0, channels=1).save(train / "renamed.gif")
    (train / "renamed.gif").rename(train / "gif.jpg")
    Image.new("1", (10_000, 5_001)).save(train / "large.png")
    (train / "folder.jpg").mkdir()
    (tmp_path / "train" / "c" / "0.png").unlink()
    (tmp_path / "train" / "c" / "1.png").unlink()
    wrong = {"empty.jpg": "it is empty", "text.png": "no image", "cut.png": "", "gif.jpg": "no image"}
    wrong |= {"large.png": "50,010,000 pixels"}
    if os.name == "posix":
        (tmp_path / "outside.png").write_bytes(whole)
        outside = tmp_path.parent / "outside.png"
        outside.write_bytes(whole)
        (train / "link.png").symlink_to(outside)
        (train / "fine.png").symlink_to(train / "0.png")
        (train / "lost.png").symlink_to(train / "nowhere.png")
        os.mkfifo(train / "pipe.png")
        wrong |= {"link.png": "outside of the folder", "lost.png": "No such file", "pipe.png": "not a file"}
    with pytest.raises(BenchmarkError) as error:
        read_images(tmp_path)
    told = str(error.value)
    for name, why in wrong.items():
        assert f"{Path('train') / 'a' / name}: " in told
        assert why in told
    assert f"{Path('train') / 'c'} has no images" in told
    assert "fine.png" not in told
    assert "0.png" not in told
    assert not entries()


def test_many_bad_files_are_named_in_a_file(tmp_path: Path) -> None:
    images.folder(tmp_path, ["a", "b"])
    for number in range(100):
        (tmp_path / "train" / "a" / f"bad{number}.png").write_text("no")
    with pytest.raises(BenchmarkError, match=r"and 70 more, all of them in .*bad-files.txt"):
        read_images(tmp_path)
    assert len((tmp_path / "cache" / "bad-files.txt").read_text().splitlines()) == 100


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda at: shutil.rmtree(at / "test"), "train has no test or val beside it"),
        (lambda at: shutil.rmtree(at / "train"), "train is missing"),
        (lambda at: shutil.rmtree(at), "there is no such folder"),
        (lambda at: shutil.rmtree(at / "train" / "a"), "test has classes that train lacks: a"),
        (lambda at: [shutil.rmtree(at / "train" / name) for name in "ab"], "train has no folder for any class"),
        (lambda at: [shutil.rmtree(at / "test" / name) for name in "ab"], "test has no folder of any class in train"),
    ],
)
def test_folders_that_are_refused(tmp_path: Path, spoil: Callable[[Path], object], told: str) -> None:
    images.folder(tmp_path / "d", ["a", "b"])
    spoil(tmp_path / "d")
    with pytest.raises(ConfigError, match=told) as error:
        task_folders(tmp_path / "d")
    assert error.value.setting == "data_dir"


def test_all_incomplete_tasks_are_named(tmp_path: Path) -> None:
    images.tasks(tmp_path, {"t1": ["a"], "t2": ["b"], "t3": ["c"]})
    shutil.rmtree(tmp_path / "t1" / "test")
    shutil.rmtree(tmp_path / "t3" / "train")
    with pytest.raises(ConfigError, match="t1/train has no test or val beside it; t3/train is missing"):
        task_folders(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(ConfigError, match="it is not a folder"):
        task_folders(tmp_path / "f")
    with pytest.raises(ConfigError, match="no images as they are expected"):
        task_folders(tmp_path)


def test_a_class_without_test_images_is_told(tmp_path: Path) -> None:
    images.folder(tmp_path, ["a", "b"])
    shutil.rmtree(tmp_path / "test" / "b")
    read = read_images(tmp_path)
    assert read.tasks[0].test[1] == range(10, 10)
    assert read.notes[1].endswith("trained but not tested, because there are no test images: b")


def test_a_hundred_classes_with_one_image(tmp_path: Path) -> None:
    images.folder(tmp_path, [str(number) for number in range(100)], train=1, test=1)
    (task,) = read_images(tmp_path).tasks
    assert task.classes == tuple(map(str, range(100)))
    assert task.train == tuple(range(number, number + 1) for number in range(100))


@posix
def test_hostile_names(tmp_path: Path) -> None:
    """Names that a terminal would obey, and bytes that are no text."""
    images.folder(tmp_path, ["a", "b"], train=1, test=1)
    for part in ("train", "test"):
        os.rename(tmp_path / part / "a", tmp_path / part / "\x1b[31mred")
        os.rename(os.fsencode(tmp_path / part / "b"), os.fsencode(tmp_path / part) + b"/\xff")
    (task,) = read_images(tmp_path).tasks
    assert task.classes == ("\\x1b[31mred", "\\udcff")
    os.rename(os.fsencode(tmp_path / "train") + b"/\xff", tmp_path / "train" / "\\x1b[31mred")
    os.rename(os.fsencode(tmp_path / "test") + b"/\xff", tmp_path / "test" / "\\x1b[31mred")
    with pytest.raises(ConfigError, match="names look alike"):
        read_images(tmp_path)


@given(st.lists(st.text(max_size=8), max_size=8))
def test_any_names_can_be_sorted(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural) == sorted(backwards, key=natural)


@given(
    st.dictionaries(
        st.lists(st.sampled_from(["train", "test", "val", "t1", "a", "b", ".x", "images"]), max_size=4).map(tuple),
        st.sampled_from(["x.png", "x.JPG", "notes.txt", ".hidden.png", "bad.png", "empty.bmp"]),
        max_size=12,
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_is_read_or_refused_in_one_sentence(tmp_path: Path, tree: dict[tuple[str, ...], str]) -> None:
    shutil.rmtree(tmp_path / "tree", ignore_errors=True)
    for folders, name in tree.items():
        place = tmp_path.joinpath("tree", *folders)
        place.mkdir(parents=True, exist_ok=True)
        if name in ("x.png", "x.JPG", ".hidden.png"):
            images.drawn(1).save(place / name)
        else:
            (place / name).write_text("" if name == "empty.bmp" else "no image")
    refused = ""
    try:
        read = read_images(tmp_path / "tree")
    except (BenchmarkError, ConfigError) as error:
        refused = str(error)
    assert "\n" not in refused
    if not refused:
        assert all(any(task.test) for task in read.tasks)
        assert all(rows for task in read.tasks for rows in task.train)
        last = read.tasks[-1].test[-1]
        assert len(read.values) == last.stop


# The cache


def test_images_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = images.folder(tmp_path / "d")
    first = read_images(folder)
    with monkeypatch.context() as patched:
        patched.setattr(reading, "header", None)
        again = read_images(folder)
        moved = folder.rename(tmp_path / "moved")
        patched.chdir(tmp_path)
        after = read_images(Path("moved"))
    assert first.digest == again.digest == after.digest
    assert (first.values == again.values).all()
    assert (first.values == after.values).all()
    assert len(entries()) == 1
    os.utime(moved / "train" / "ant" / "0.png", ns=(1, 1))
    assert read_images(moved).digest == first.digest, "the content is the same"
    images.drawn(99).save(moved / "train" / "ant" / "0.png")
    assert read_images(moved).digest != first.digest
    assert len(entries()) == 3


def test_a_damaged_entry_is_made_again(tmp_path: Path) -> None:
    folder = images.folder(tmp_path / "d")
    digest = read_images(folder).digest
    (entry,) = cache.entries()
    for damage in (lambda: os.truncate(entry.pixels, 200), (entry.path / "about.json").unlink, entry.pixels.unlink):
        damage()
        assert not cache.entries()
        assert read_images(folder).digest == digest
    (entry.path / "about.json").write_text('{"size": ' + str(entry.size) + "}")
    assert read_images(folder).digest == digest
    entry.pixels.write_bytes(b"\0" * entry.size)
    assert read_images(folder).digest == digest
    assert entries() == [entry.path]


def test_the_least_recently_used_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [images.folder(tmp_path / name, side=8 + size) for size, name in enumerate("abcd")]
    kept = {}
    for number, folder in enumerate(folders[:3]):
        read_images(folder)
        kept[folder.name] = entries()[0] if number == 0 else (set(entries()) - set(kept.values())).pop()
        os.utime(kept[folder.name] / "about.json", (number, number))
    read_images(folders[0])  # used now
    sizes = sum(entry.size for entry in cache.entries())
    monkeypatch.setenv("CL_TUI_CACHE_GB", str(sizes / 1e9))
    read_images(folders[3])
    assert kept["b"] not in entries()
    assert {kept["a"]} <= set(entries())
    monkeypatch.setenv("CL_TUI_CACHE_GB", "0")
    values = read_images(folders[1]).values
    assert len(entries()) == 1
    assert values.shape[0] == 24
    monkeypatch.setenv("CL_TUI_CACHE_GB", "much")
    with pytest.raises(ConfigError, match="CL_TUI_CACHE_GB = much"):
        read_images(folders[2])


def test_a_stop_leaves_nothing(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    folder = images.folder(tmp_path / "d")
    told: list[str] = []

    def check() -> None:
        if told and told[-1].startswith("resizing"):
            raise Stop

    with pytest.raises(Stop):
        read_images(folder, progress=Progress(told.append, check))
    read_images(folder, progress=Progress(told.append))
    assert told[-2:] == ["resizing images: 0 of 24", "dividing the images into tasks"]
    assert sorted(path.name for path in cache.root().iterdir()) == sorted([entries()[0].name, "lock"])


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    folder = images.folder(tmp_path / "d")
    dead, own = cache.root() / f"{'a1' * 16}.part", cache.root() / "own.part"
    for left in (dead, own):
        left.mkdir(parents=True)
        (left / "pixels.npy").write_bytes(b"half")
    read_images(folder)
    assert not dead.exists()
    assert own.exists(), "only what it has written"


@posix
def test_a_killed_process_leaves_no_entry(tmp_path: Path) -> None:
    """It dies while it writes; the next one makes the entry."""
    folder = images.folder(tmp_path / "d")
    code = f"""
import os, signal
from pathlib import Path
from engine.streams.images import store
writes = 0
real = store._decoded
def decoded(*arguments):
    for number, image in enumerate(real(*arguments)):
        if number == 20:
            os.kill(os.getpid(), signal.SIGKILL)
        yield image
store._decoded = decoded
store.read_images(Path({str(folder)!r}))
"""
    ran = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": os.getcwd()})
    assert ran.returncode == -9
    assert not entries()
    assert list(cache.root().glob("*.part"))
    assert read_images(folder).values.shape[0] == 24
    assert not list(cache.root().glob("*.part"))


@posix
def test_two_processes_at_once(tmp_path: Path) -> None:
    folder = images.folder(tmp_path / "d", train=40)
    code = (
        "import sys; from pathlib import Path; from engine.streams.images.store import read_images; "
        f"print(read_images(Path({str(folder)!r})).digest)"
    )
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(3)
    ]
    digests = {process.communicate()[0] for process in running}
    assert digests == {f"{read_images(folder).digest}\n"}
    assert len(entries()) == 1


def test_where_the_cache_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = images.folder(tmp_path / "d")
    (tmp_path / "file").touch()
    monkeypatch.setenv("CL_TUI_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read = read_images(folder)
    assert read.values.shape == (24, 3, 6, 6)
    assert read.values[5].any()
    assert "they are read again by each run, because" in read.notes[0]
    if os.name == "posix":
        assert not list(tmp_path.glob("cl-tui-*"))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert read.digest == read_images(folder).digest


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = images.folder(tmp_path / "d")
    with monkeypatch.context() as patched:
        usage = shutil.disk_usage(tmp_path)._replace(free=10)
        patched.setattr("engine.streams.images.cache.shutil.disk_usage", lambda path: usage)
        with pytest.raises(BenchmarkError, match=r"No space left on device.*CL_TUI_CACHE_DIR"):
            read_images(folder)

    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("engine.streams.images.store.np.lib.format.write_array_header_1_0", fails)
        with pytest.raises(BenchmarkError, match="No space left on device"):
            read_images(folder)
    assert not entries()
    assert not list(cache.root().glob("*.part"))
    assert read_images(folder).values.shape[0] == 24


def test_too_many_classes_and_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.tasks(tmp_path, {"t1": ["a", "b"], "t2": ["c"]}, train=1, test=1)
    monkeypatch.setattr(layout, "MOST_CLASSES", 2)
    monkeypatch.setattr(layout, "MOST_TASKS", 1)
    with pytest.raises(ConfigError, match="2 tasks, more than 1; it has 3 classes, more than 2"):
        task_folders(tmp_path)


# As a data set


def test_labels_count_the_classes_of_all_tasks(tmp_path: Path) -> None:
    images.tasks(tmp_path, {"t1": ["b", "a"], "t2": ["a", "c", "d"]}, train=2, test=1)
    read = read_images(tmp_path)
    data = labelled(read)
    assert data.train.targets.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert data.test.targets.tolist() == [0, 1, 2, 3, 4]
    saved = np.asarray(Image.open(tmp_path / "t2" / "test" / "c" / "0.png")).transpose(2, 0, 1)
    taken, label = data.test.take(torch.tensor([3]))
    assert label.tolist() == [3]
    assert torch.equal(taken[0], torch.tensor(saved / 255, dtype=torch.float32))
    assert data.train.inputs is data.test.inputs
    assert isinstance(data.train.inputs, Pixels)
    assert data.train.inputs.digest == Pixels(torch.tensor(read.values)).digest == read.digest
