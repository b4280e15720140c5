"""The data sets that torchvision knows: small files in their own formats, downloads, and folders of images."""

import gzip
import hashlib
import pickle
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from PIL import Image

from engine import torchvision_import
from engine.errors import BenchmarkError, ConfigError, SessionMismatch
from engine.settings.consistent import shape_of
from engine.settings.run import resolve
from engine.streams import download, files, mnist, torchvision_sets
from engine.streams.examples import ExampleStream
from engine.streams.files import SETS, DataFile, prepare
from engine.streams.normalize import statistics
from engine.streams.pixels import Pixels
from engine.streams.torchvision_sets import CLASSES, PlainUnpickler, data_set
from engine.training.build import load_stream
from tests import runs

EACH = 3
"""Training images of a class; a test set has one of each."""


def picture(label: int, number: int, channels: int = 1, side: int = 28) -> np.ndarray:
    """Random bytes, shape (channels, side, side)."""
    return np.random.default_rng(1000 * label + number).integers(0, 256, (channels, side, side), dtype=np.uint8)


def labelled(classes: int, part: str, channels: int = 1, side: int = 28) -> tuple[np.ndarray, np.ndarray]:
    numbers = range(EACH) if part == "train" else range(EACH, EACH + 1)
    pairs = [(label, number) for number in numbers for label in range(classes)]
    return np.stack([picture(*pair, channels, side) for pair in pairs]), np.array([label for label, _ in pairs])


# idx


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def idx_files(name: str, classes: int, first: int = 0) -> dict[str, bytes]:
    """Content by name, as torchvision's class has it."""
    found = {}
    for part, file in (("train", "train"), ("test", "t10k")):
        images, labels = labelled(classes, part)
        names = [f"{file}-images-idx3-ubyte", f"{file}-labels-idx1-ubyte"]
        if name == "EMNIST":
            images = images.transpose(0, 1, 3, 2)
            names = [f"emnist-letters-{part}-{what}-ubyte" for what in ("images-idx3", "labels-idx1")]
        found[names[0]] = idx(images[:, 0])
        found[names[1]] = idx((labels + first).astype(np.uint8))
    return found


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def known(monkeypatch: pytest.MonkeyPatch, name: str, content: dict[str, bytes], **of: Any) -> None:
    """Makes these files the published ones."""
    made = tuple(
        DataFile(
            file,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest() if name == "MNIST" else "",
            md5=md5(data) if name.startswith("CIFAR") else "",
            packed_md5=md5(gzip.compress(data, mtime=0)) if name in ("FashionMNIST", "KMNIST") else "",
        )
        for file, data in content.items()
    )
    monkeypatch.setitem(SETS, name, replace(SETS[name], files=made))


def write(data_dir: Path, name: str, content: dict[str, bytes], packed: bool = False) -> Path:
    place = data_dir.joinpath(*SETS[name].within)
    place.mkdir(parents=True)
    for file, data in content.items():
        if packed:
            (place / f"{file}.gz").write_bytes(gzip.compress(data, mtime=0))
        else:
            (place / file).write_bytes(data)
    return place


IDX = [("fashion-mnist", "FashionMNIST", 10), ("kmnist", "KMNIST", 10), ("emnist", "EMNIST", 26)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("benchmark", "name", "classes"), IDX)
def test_files_like_those_of_mnist_are_read(
    benchmark: str, name: str, classes: int, packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = idx_files(name, classes, first=int(name == "EMNIST"))
    known(monkeypatch, name, content)
    write(tmp_path, name, content, packed)
    prepare(benchmark, tmp_path)
    config = resolve({"benchmark": benchmark, "data_dir": str(tmp_path), "normalize": None})
    found = load_stream(config, torch.device("cpu"))
    assert found.inputs == (1, 28, 28)
    assert len(found.phases) == config.tasks
    for part in ("train", "test"):
        images, labels = labelled(classes, part)
        shown = [(batch.inputs, batch.targets) for phase in (1,) for batch in found.passes(phase, 100, part)]
        own = [place for place, label in enumerate(labels) if label in (2, 3)]
        assert torch.equal(shown[0][0], torch.from_numpy(images[own]).float() / 255)
        assert shown[0][1].tolist() == [int(labels[place]) - 2 for place in own]


def test_a_packed_file_with_another_checksum_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = idx_files("KMNIST", 10)
    known(monkeypatch, "KMNIST", content)
    place = write(tmp_path, "KMNIST", content, packed=True)
    changed = bytearray(content["train-labels-idx1-ubyte"])
    changed[-1] ^= 1
    (place / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(changed), mtime=0))
    prepare("kmnist", tmp_path)
    with pytest.raises(BenchmarkError, match=r"train-labels-idx1-ubyte.gz is cut or damaged: put an intact copy"):
        data_set("KMNIST", tmp_path)


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[:10],
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"\0\0\x0d" + data[3:],
        lambda data: data[:4] + b"\xff" * 12 + data[16:],
        lambda data: data[:3] + b"\x00" + data[4:],
    ],
)
def test_a_damaged_head_is_refused(harm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no checksum is published of the unpacked file."""
    content = idx_files("EMNIST", 26, first=1)
    content["emnist-letters-train-images-idx3-ubyte"] = harm(content["emnist-letters-train-images-idx3-ubyte"])
    write(tmp_path, "EMNIST", content)
    with pytest.raises(BenchmarkError, match=r"emnist-letters-train-images-idx3-ubyte.*damaged|EMNIST is damaged"):
        build("emnist", tmp_path)


def test_fashion_mnist_is_not_looked_for_among_the_files_of_mnist(tmp_path: Path) -> None:
    """They have the same names."""
    assert files._place(SETS["FashionMNIST"], tmp_path / "MNIST" / "raw").parts[-2:] == ("FashionMNIST", "raw")
    assert files._place(SETS["FashionMNIST"], tmp_path / "FashionMNIST") == tmp_path / "FashionMNIST" / "raw"


# CIFAR


def pickled(entries: dict[str, Any]) -> bytes:
    """As Python 2 pickled them, with numpy of its time: strings are bytes, in protocol 2."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<i", len(value)) + value

    def array(values: np.ndarray) -> bytes:
        shape = b"(" + b"".join(b"J" + struct.pack("<i", size) for size in values.shape) + b"t"
        kind = (
            b"cnumpy\ndtype\n("
            + text(b"u1")
            + b"K\x00K\x01tR(K\x03"
            + text(b"|")
            + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        )
        return (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t"
            + text(b"b")
            + b"tR(K\x01"
            + shape
            + kind
            + b"I00\n"
            + text(values.tobytes())
            + b"tb"
        )

    def of(value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            return array(value)
        if isinstance(value, list):
            return b"](" + b"".join(map(of, value)) + b"e"
        return text(value) if isinstance(value, bytes) else b"J" + struct.pack("<i", value)

    return b"\x80\x02}(" + b"".join(text(key.encode()) + of(value) for key, value in entries.items()) + b"u."


def cifar_files(name: str, classes: int) -> dict[str, bytes]:
    key = "labels" if name == "CIFAR10" else "fine_labels"
    found = {}
    for part, file in (("train", "data_batch_1" if name == "CIFAR10" else "train"), ("test", "test_batch")):
        images, labels = labelled(classes, part, 3, 32)
        entries = {"data": images.reshape(len(images), -1), key: labels.tolist(), "filenames": [b"a.png"]}
        found[file if name == "CIFAR10" or part == "train" else "test"] = pickled(entries)
    return found


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, classes in (("CIFAR10", 10), ("CIFAR100", 100)):
        content = cifar_files(name, classes)
        known(monkeypatch, name, content)
        write(tmp_path, name, content)
    return tmp_path


def build(benchmark: str, data_dir: Path, **settings: object) -> ExampleStream:
    prepare(benchmark, data_dir)
    found = load_stream(resolve({"benchmark": benchmark, "data_dir": str(data_dir), **settings}), torch.device("cpu"))
    assert isinstance(found, ExampleStream)
    return found


@pytest.mark.parametrize(
    ("benchmark", "first"), [("split-cifar10", "airplane, automobile"), ("split-cifar100", "apple … bottle")]
)
def test_cifar_in_tasks(benchmark: str, first: str, cifar: Path) -> None:
    found = build(benchmark, cifar)
    assert found.phases[0].name == first
    assert found.inputs == (3, 32, 32)
    for phase, task in enumerate(found.tasks):
        batch = next(found.passes(phase, 1000))
        expected = [
            picture(task.classes * phase + label, number, 3, 32)
            for number in range(EACH)
            for label in range(task.classes)
        ]
        assert torch.equal(batch.inputs, torch.from_numpy(np.stack(expected)).float() / 255)
        assert batch.targets.tolist() == list(range(task.classes)) * EACH


def test_cifar_transfer_learns_cifar_10_and_then_tens_of_cifar_100(cifar: Path) -> None:
    found = build("cifar-transfer", cifar)
    assert [phase.name for phase in found.phases][:2] == ["airplane … truck", "apple … bottle"]
    assert [phase.classes for phase in found.phases] == [10] * 6
    for phase in range(1, 6):
        batch = next(found.passes(phase, 1000, "test"))
        expected = [picture(10 * (phase - 1) + label, EACH, 3, 32) for label in range(10)]
        assert torch.equal(batch.inputs, torch.from_numpy(np.stack(expected)).float() / 255)
    assert found.problem().outputs == 60
    for tasks in (2, 6):
        alike = build("cifar-transfer", cifar, normalize="auto", tasks=tasks)
        every = torch.cat([next(alike.passes(phase, 1000)).inputs for phase in range(tasks)])
        assert every.mean((0, 2, 3)).tolist() == pytest.approx([0.0] * 3, abs=1e-5)
    assert len({id(task.train.inputs) for task in found.tasks}) == 2
    assert len(build("cifar-transfer", cifar, tasks=3).phases) == 3
    with pytest.raises(ConfigError, match="class_order"):
        resolve({"benchmark": "cifar-transfer", "class_order": "random"})


def test_cifar_trains_and_resumes(cifar: Path, tmp_path: Path) -> None:
    chosen = {"benchmark": "cifar-transfer", "data_dir": str(cifar), "tasks": 2, "epochs": 1, "batch_size": 15}
    chosen |= {"model": "mlp", "hidden": [8]}
    config = resolve(chosen | {"normalize": "auto", "augment": ["flip"], "validation": 0.3, "device": "cpu"})
    whole = runs.finished(tmp_path, config, "whole")
    part = runs.create(tmp_path, config, "part")
    for _ in range(2):
        runs.train(part, runs.AtStep(1))
    runs.train(part, runs.Control())
    runs.assert_same_run(part, whole)
    assert "normalize auto" in " ".join(note.text for note in whole.history().notes)


def test_nothing_is_unpickled_unless_its_checksum_fits(cifar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cifar / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(path.read_bytes().replace(b"a.png", b"b.png"))
    monkeypatch.setattr(torchvision_sets, "PlainUnpickler", lambda *_, **__: pytest.fail("it is unpickled"))
    with pytest.raises(BenchmarkError, match="data_batch_1 is damaged or does not belong to CIFAR10"):
        data_set("CIFAR10", cifar)


def test_even_then_only_arrays_are_made() -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return print, ("harm",)

    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.print"):
        PlainUnpickler(BytesIO(pickle.dumps({"data": Harm()}))).load()
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)
    found = PlainUnpickler(BytesIO(pickled({"data": values, "labels": [1]})), encoding="latin1").load()
    assert (found["data"] == values).all()
    assert found["labels"] == [1]


def test_torchvision_knows_the_same_checksums() -> None:
    datasets = torchvision_import.torchvision_datasets()
    for name in ("CIFAR10", "CIFAR100"):
        kind = getattr(datasets, name)
        assert {file.name: file.md5 for file in SETS[name].files} == dict([*kind.train_list, *kind.test_list])
        assert SETS[name].within == (kind.base_folder,)
    for name in ("FashionMNIST", "KMNIST"):
        assert [(f"{file.name}.gz", file.packed_md5) for file in SETS[name].files] == getattr(datasets, name).resources
    letters = datasets.EMNIST.classes_split_dict["letters"][1:]
    assert letters == list("abcdefghijklmnopqrstuvwxyz")


# Downloads


def published(monkeypatch: pytest.MonkeyPatch, **kinds: Any) -> None:
    monkeypatch.setattr(torchvision_import, "torchvision_datasets", lambda: SimpleNamespace(**kinds))


def test_a_missing_set_is_downloaded_and_stays_packed_where_only_that_can_be_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = idx_files("FashionMNIST", 10)
    known(monkeypatch, "FashionMNIST", content)

    class FashionMNIST:
        resources = tuple((f"{name}.gz", "md5") for name in content)
        root: str

        def __init__(self) -> None:
            pytest.fail("it would read the files, too")

        def download(self) -> None:
            raw = Path(self.root, "FashionMNIST", "raw")
            raw.mkdir(parents=True)
            for name, _ in self.resources:
                (raw / name).write_bytes(gzip.compress(content[name.removesuffix(".gz")], mtime=0))

    published(monkeypatch, FashionMNIST=FashionMNIST)
    prepare("fashion-mnist", tmp_path)
    raw = tmp_path / "FashionMNIST" / "raw"
    assert sorted(path.name for path in raw.iterdir()) == sorted(f"{name}.gz" for name in content)
    (raw / "t10k-labels-idx1-ubyte.gz").unlink()
    prepare("fashion-mnist", tmp_path)
    assert len(data_set("FashionMNIST", tmp_path).test) == 10


def test_cifar_is_downloaded_without_unpickling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = cifar_files("CIFAR10", 10)
    known(monkeypatch, "CIFAR10", content)

    class CIFAR10:
        root: str

        def download(self) -> None:
            write(Path(self.root), "CIFAR10", content)

    published(monkeypatch, CIFAR10=CIFAR10)
    prepare("split-cifar10", tmp_path)
    assert len(data_set("CIFAR10", tmp_path).train) == 10 * EACH


def test_only_the_letters_are_taken_from_emnists_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = idx_files("EMNIST", 26, first=1)

    def download_url(url: str, root: str, filename: str, checksum: str) -> None:
        assert (url, checksum) == ("https://emnist", "its md5")
        with zipfile.ZipFile(Path(root, filename), "w") as archive:
            archive.writestr("gzip/emnist-digits-train-images-idx3-ubyte.gz", b"others")
            for name, data in content.items():
                archive.writestr(f"gzip/{name}.gz", gzip.compress(data))

    kind = SimpleNamespace(url="https://emnist", md5="its md5")
    published(monkeypatch, EMNIST=kind, utils=SimpleNamespace(download_url=download_url))
    prepare("emnist", tmp_path)
    assert sorted(path.name for path in (tmp_path / "EMNIST" / "raw").iterdir()) == sorted(content)
    assert len(data_set("EMNIST", tmp_path).train) == 26 * EACH


@pytest.mark.parametrize(
    "error", [RuntimeError("File not found or corrupted."), OSError("no network"), zipfile.BadZipFile("cut")]
)
@pytest.mark.parametrize("benchmark", ["emnist", "kmnist", "split-cifar100"])
def test_a_failed_download_is_one_sentence_and_leaves_nothing(
    benchmark: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[Path]:
        raise error

    monkeypatch.setattr(download, "_fetched", fail)
    monkeypatch.setattr(download, "_letters", fail)
    with pytest.raises(BenchmarkError, match="the download failed: ") as caught:
        prepare(benchmark, tmp_path)
    said = str(caught.value)
    assert "\n" not in said
    assert str(error).rstrip(".") in said
    assert f"{benchmark.removeprefix('split-')}/train/CLASS" in said
    assert list(tmp_path.iterdir()) == []


# Folders of images


def folders(place: Path, names: Sequence[str], channels: int, side: int, tests: bool = True) -> None:
    for part, numbers in (("train", range(EACH)), ("test", range(EACH, EACH + 1))):
        for label, name in enumerate(names):
            (place / part / name).mkdir(parents=True)
            for number in numbers if part == "train" or tests else ():
                values = picture(label, number, channels, side)
                values = values[0] if channels == 1 else values.transpose(1, 2, 0)
                Image.fromarray(values).save(place / part / name / f"{number}.png")


def test_a_folder_of_images_takes_the_place_of_the_files(tmp_path: Path) -> None:
    folders(tmp_path / "cifar10", CLASSES["CIFAR10"], 3, 32)
    found = build("split-cifar10", tmp_path)
    assert [phase.name for phase in found.phases] == [
        "airplane, automobile",
        "bird, cat",
        "deer, dog",
        "frog, horse",
        "ship, truck",
    ]
    batch = next(found.passes(1, 100, "test"))
    expected = np.stack([picture(label, EACH, 3, 32) for label in (2, 3)])
    assert torch.equal(batch.inputs, torch.from_numpy(expected).float() / 255)
    assert len({id(task.train.inputs) for task in found.tasks}) == 1


def test_cifar_transfer_needs_only_the_first_half_of_cifar_100(tmp_path: Path) -> None:
    folders(tmp_path / "cifar10", CLASSES["CIFAR10"], 3, 32)
    folders(tmp_path / "cifar100", CLASSES["CIFAR100"][:50], 3, 32)
    found = build("cifar-transfer", tmp_path)
    assert [len(task.train) for task in found.tasks] == [10 * EACH] * 6
    with pytest.raises(
        BenchmarkError, match="no training images of 50 of the 100 classes that are needed: mouse … worm"
    ):
        build("split-cifar100", tmp_path)


def test_grey_images_in_folders(tmp_path: Path) -> None:
    names = ["bag", "boot", "coat", "dress", "pullover", "sandal", "shirt", "sneaker", "top", "trousers"]
    folders(tmp_path / "fashion-mnist", names, 1, 28)
    found = build("fashion-mnist", tmp_path)
    assert found.inputs == (1, 28, 28)
    assert sum(len(task.train) for task in found.tasks) == 10 * EACH


@pytest.mark.parametrize(
    ("names", "channels", "said"),
    [
        (["a", *CLASSES["CIFAR10"][1:]], 3, "has classes that are not in CIFAR10: a"),
        (CLASSES["CIFAR10"][1:], 3, "no training images of 1 of the 10 classes that are needed: airplane"),
        (CLASSES["CIFAR10"], 1, "has images in grey, but CIFAR10 has them in colour"),
    ],
)
def test_a_folder_that_is_not_the_set_is_refused(
    names: Sequence[str], channels: int, said: str, tmp_path: Path
) -> None:
    folders(tmp_path / "cifar10", names, channels, 32)
    with pytest.raises(BenchmarkError, match=said):
        build("split-cifar10", tmp_path)


def test_a_resume_refuses_an_image_that_has_changed(tmp_path: Path) -> None:
    folders(tmp_path / "data" / "cifar10", CLASSES["CIFAR10"], 3, 32)
    chosen = {
        "benchmark": "split-cifar10",
        "data_dir": str(tmp_path / "data"),
        "model": "mlp",
        "hidden": [8],
        "steps": 2,
    }
    session = runs.create(tmp_path, resolve({**chosen, "device": "cpu"}))
    runs.train(session, runs.AtStep(1))
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "data" / "cifar10" / "train" / "cat" / "0.png")
    with pytest.raises(SessionMismatch, match=r"the data of session run \(split-cifar10\) have changed"):
        runs.train(session, runs.Control())


def test_an_empty_folder_of_that_name_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    assert files.images_folder(SETS["MNIST"], tmp_path) is None


# MNIST, padded and turned


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    content = idx_files("MNIST", 10)
    known(monkeypatch, "MNIST", content)
    write(tmp_path, "MNIST", content)
    return tmp_path


@pytest.mark.parametrize("benchmark", ["split-mnist", "permuted-mnist", "rotated-mnist"])
def test_mnist_can_be_padded(benchmark: str, small_mnist: Path) -> None:
    config = resolve({"benchmark": benchmark, "pad": 32, "tasks": 2})
    assert shape_of(config) == (1, 32, 32)
    found, plain = build(benchmark, small_mnist, pad=32), build(benchmark, small_mnist)
    inputs, inner = (next(of.passes(0, 1000)).inputs for of in (found, plain))
    assert inputs.shape[1:] == (1, 32, 32)
    assert torch.equal(inputs[:, :, 2:30, 2:30], inner)
    assert inputs.sum().item() == pytest.approx(inner.sum().item())
    with pytest.raises(ConfigError, match="pad"):
        resolve({"benchmark": benchmark, "pad": 20})


def test_padding_is_normalised_like_black_pixels(small_mnist: Path) -> None:
    inputs = next(build("split-mnist", small_mnist, pad=32, normalize=(0.1, 0.2)).passes(0, 10)).inputs
    assert inputs[0, 0, 0, 0].item() == pytest.approx(-0.5)


def test_rotated_mnist_turns_by_an_angle_more_in_each_task(small_mnist: Path) -> None:
    found = build("rotated-mnist", small_mnist, turn=90.0, tasks=5)
    assert [phase.name for phase in found.phases] == ["0°", "90°", "180°", "270°", "360°"]
    assert [phase.classes for phase in found.phases] == [10] * 5
    first = next(found.passes(0, 1000)).inputs
    for quarter in range(1, 5):
        turned = next(found.passes(quarter, 1000)).inputs
        assert torch.equal(turned, first.rot90(quarter, (2, 3)))
    assert found.problem().outputs == 10
    angle = next(build("rotated-mnist", small_mnist, tasks=2).passes(1, 1000)).inputs
    slow = np.asarray(Image.fromarray((first[0, 0] * 255).byte().numpy()).rotate(30, Image.Resampling.BILINEAR))
    assert np.abs((angle[0, 0] * 255).numpy() - slow)[4:24, 4:24].max() <= 2


def test_the_digest_of_turned_images_is_of_the_images_and_the_angle(small_mnist: Path) -> None:
    """Interpolation may round differently on another machine, where the session should still resume."""
    part = data_set("MNIST", small_mnist).train
    one, same, other = (mnist.turned(part, degrees).inputs for degrees in (30, 30, 31))
    assert isinstance(one, Pixels)
    assert isinstance(same, Pixels)
    assert isinstance(other, Pixels)
    assert one.digest == same.digest != other.digest


# Normalisation


def test_auto_is_the_mean_and_deviation_of_the_training_images(cifar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = build("split-cifar10", cifar, normalize="auto")
    every = torch.cat([next(found.passes(phase, 1000)).inputs for phase in range(5)])
    assert every.mean((0, 2, 3)).tolist() == pytest.approx([0.0] * 3, abs=1e-5)
    assert every.std((0, 2, 3), correction=0).tolist() == pytest.approx([1.0] * 3, abs=1e-5)
    [note] = found.notes
    assert note.startswith("normalize auto: mean 0.")
    monkeypatch.setattr("engine.streams.normalize.STATISTICS_BYTES", 12 * 3072)
    some = build("split-cifar10", cifar, normalize="auto")
    assert 0 < abs(next(some.passes(0, 1000)).inputs - next(found.passes(0, 1000)).inputs).max() < 0.1


def test_auto_of_floats_and_of_a_constant() -> None:
    digits = load_stream(resolve({"normalize": "auto"}), torch.device("cpu"))
    every = torch.cat([next(digits.passes(phase, 1000)).inputs for phase in range(5)])
    assert every.mean().item() == pytest.approx(0, abs=1e-4)
    assert every.std(correction=0).item() == pytest.approx(1, abs=1e-4)
    assert statistics([(Pixels(torch.full((4, 1, 2, 2), 51, dtype=torch.uint8)), None)]) == ([0.2], [1.0])


def test_auto_gives_every_image_the_same_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only some are looked at, too."""
    monkeypatch.setattr("engine.streams.normalize.STATISTICS_BYTES", 80)
    parts = [(Pixels(torch.full((count, 1, 2, 2), of, dtype=torch.uint8)), None) for count, of in ((60, 0), (20, 255))]
    assert statistics(parts)[0] == [0.25]


def test_imagenets_numbers_and_ones_own(cifar: Path) -> None:
    plain = next(build("split-cifar10", cifar).passes(0, 1000)).inputs
    own = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    for given, means, deviations in (
        ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        (own, own[:3], own[3:]),
        ((0.5, 0.25), (0.5,) * 3, (0.25,) * 3),
    ):
        found = next(build("split-cifar10", cifar, normalize=given).passes(0, 1000)).inputs
        expected = (plain - torch.tensor(means).view(3, 1, 1)) / torch.tensor(deviations).view(3, 1, 1)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


# Tiny-ImageNet


def tiny_archive(path: Path, strange: str = "") -> None:
    """Two classes; the images of the test set have no labels."""
    names = ("n01443537", "n01629819")
    with zipfile.ZipFile(path, "w") as archive:

        def put(name: str, label: int, number: int) -> None:
            image = BytesIO()
            Image.fromarray(picture(label, number, 3, 64).transpose(1, 2, 0)).save(image, "JPEG")
            archive.writestr(f"tiny-imagenet-200/{name}", image.getvalue())

        lines = []
        for label, name in enumerate(names):
            for number in range(EACH):
                put(f"train/{name}/images/{name}_{number}.JPEG", label, number)
            put(f"val/images/val_{label}.JPEG", label, EACH)
            lines.append(f"val_{label}.JPEG\t{name}\t0\t0\t62\t62\n")
        put("test/images/test_0.JPEG", 0, 9)
        archive.writestr("tiny-imagenet-200/val/val_annotations.txt", "".join(lines))
        archive.writestr("tiny-imagenet-200/train/n01443537/n01443537_boxes.txt", "")
        if strange:
            archive.writestr(strange, b"x")


@pytest.fixture
def tiny_download(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is put into the archive besides."""
    strange: list[str] = []

    def download_url(url: str, root: str, filename: str, checksum: str) -> None:
        assert (url, checksum) == (download.TINY_IMAGENET, download.TINY_IMAGENET_MD5)
        tiny_archive(Path(root, filename), *strange)

    published(monkeypatch, utils=SimpleNamespace(download_url=download_url))
    return strange


def test_tiny_imagenet_is_downloaded_into_a_folder_for_each_class(tiny_download: list[str], tmp_path: Path) -> None:
    prepare("tiny-imagenet", tmp_path)
    place = tmp_path / "tiny-imagenet"
    found = {str(path.relative_to(place)) for path in place.rglob("*.JPEG")}
    names = ("n01443537", "n01629819")
    assert {name for name in found if name.startswith("test")} == {
        f"test/{n}/val_{i}.JPEG" for i, n in enumerate(names)
    }
    assert len(found) == 2 * EACH + 2
    stream = build("tiny-imagenet", tmp_path, tasks=1, normalize="auto")
    assert stream.inputs == (3, 64, 64)
    assert (len(stream.tasks[0].train), len(stream.tasks[0].test)) == (2 * EACH, 2)
    assert not list(tmp_path.glob("*.part"))


def test_nothing_is_downloaded_into_a_folder_with_other_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torchvision_import, "torchvision_datasets")
    mine = tmp_path / "tiny-imagenet" / "tiny-imagenet-200" / "wnids.txt"
    mine.parent.mkdir(parents=True)
    mine.touch()
    with pytest.raises(BenchmarkError, match="tiny-imagenet has neither train/CLASS nor folders"):
        prepare("tiny-imagenet", tmp_path)
    assert mine.exists()


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny-imagenet").mkdir()

    def refused(folder: Path) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(ConfigError, match="tiny-imagenet cannot be read: Permission denied"):
        resolve({"benchmark": "tiny-imagenet", "data_dir": str(tmp_path)})


@pytest.mark.parametrize(
    "strange", ["tiny-imagenet-200/train/../../evil/images/x.JPEG", "tiny-imagenet-200/val/images/y.JPEG"]
)
def test_a_strange_archive_leaves_nothing(strange: str, tiny_download: list[str], tmp_path: Path) -> None:
    tiny_download.append(strange)
    with pytest.raises(BenchmarkError, match=r"Tiny-ImageNet is not in .*, and the download failed: "):
        prepare("tiny-imagenet", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_folders_of_tiny_imagenet_say_its_tasks(tmp_path: Path) -> None:
    for task, names in (("Task_1", ("ant", "bee")), ("Task_2", ("cat", "dog", "eel"))):
        folders(tmp_path / "tiny-imagenet" / task, names, 3, 64)
    found = build("tiny-imagenet", tmp_path)
    assert [(phase.name, phase.classes) for phase in found.phases] == [("Task_1", 2), ("Task_2", 3)]


def test_a_run_that_was_planned_before_the_download_has_numbers_for_classes(tmp_path: Path) -> None:
    config = resolve({"benchmark": "tiny-imagenet", "data_dir": str(tmp_path)})
    assert (config.tasks, config.option("classes_per_task")) == (10, (20,) * 10)
    assert config.model == "vgg"
    folders(tmp_path / "tiny-imagenet", [f"n{number:08}" for number in range(200)], 3, 8)
    found = load_stream(config, torch.device("cpu"))
    assert [phase.classes for phase in found.phases] == [20] * 10
    assert found.phases[0].name == "n00000000 … n00000019"
