"""Sequences of tasks: real digits, MNIST where its files are, permutations."""

import gzip
import hashlib
import os
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import torchvision_import
from engine.catalog.benchmarks import BENCHMARKS
from engine.errors import BenchmarkError
from engine.settings.run import resolve
from engine.streams import digits as digits_module
from engine.streams import files
from engine.streams.digits import digits, stream
from engine.streams.examples import DataSet, Examples, split
from engine.streams.files import prepare
from tests.conftest import TEST_DATA

MNIST = (TEST_DATA or Path()) / "MNIST" / "raw"
needs_mnist = pytest.mark.skipif(
    not (TEST_DATA and MNIST.is_dir()), reason="CL_TUI_TEST_DATA names no folder with MNIST/raw"
)


def table() -> tuple[Tensor, list[int]]:
    """The digits as their file has them: inputs of shape (1797, 64) and what each shows."""
    with np.load(Path(digits_module.__file__).with_name("digits.npz"), allow_pickle=False) as arrays:
        return torch.tensor(arrays["images"].reshape(-1, 64) / 16, dtype=torch.float32), arrays["labels"].tolist()


def test_the_digits_are_those_that_scikit_learn_has() -> None:
    """The digest is that of ``load_digits()`` in scikit-learn 1.9.1: its ``data`` and ``target`` as bytes."""
    with np.load(Path(digits_module.__file__).with_name("digits.npz"), allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    assert (images.shape, labels.shape) == ((1797, 8, 8), (1797,))
    assert images.dtype == labels.dtype == np.uint8
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    assert digest == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


def everything(examples: Examples) -> tuple[Tensor, Tensor]:
    return examples.take(torch.arange(len(examples)))


def rows(inputs: Tensor) -> set[bytes]:
    return {row.numpy().tobytes() for row in inputs}


def test_split_digits_pairs_the_digits_that_resemble_each_other() -> None:
    tasks = stream(resolve({})).tasks
    assert [task.name for task in tasks] == ["0 8", "1 7", "2 3", "4 9", "5 6"]
    assert [task.classes for task in tasks] == [2] * 5


@pytest.mark.parametrize("count", range(1, 11))
def test_any_number_of_tasks_shares_out_all_classes_and_all_examples(count: int) -> None:
    """No class in two tasks, sizes as even as can be, no example lost, labels from 0."""
    tasks = stream(resolve({"tasks": count})).tasks
    assert len(tasks) == count
    names = [name for task in tasks for name in task.name.split()]
    assert sorted(names) == sorted(map(str, range(10)))
    sizes = [task.classes for task in tasks]
    assert max(sizes) - min(sizes) <= 1
    assert sum(len(task.train) + len(task.test) for task in tasks) == 1797
    for task in tasks:
        for part in (task.train, task.test):
            assert set(part.targets.tolist()) == set(range(task.classes))


def test_the_labels_of_a_task_follow_the_order_of_its_classes() -> None:
    """In task '4 9' a 4 is 0 and a 9 is 1: looked up in the file."""
    real = {row.numpy().tobytes(): label for row, label in zip(*table(), strict=True)}
    for task in stream(resolve({})).tasks:
        inputs, labels = everything(task.test)
        classes = [int(name) for name in task.name.split()]
        assert [classes[label] for label in labels.tolist()] == [real[row.numpy().tobytes()] for row in inputs]


def test_no_digit_is_both_trained_and_tested_on() -> None:
    data = digits()
    assert (len(data.train), len(data.test)) == (1348, 449)
    assert not rows(data.train.inputs) & rows(data.test.inputs)
    assert data.train.inputs.min() == 0
    assert data.train.inputs.max() == 1
    assert data.train.inputs.dtype == torch.float32


def test_the_digits_are_split_the_same_way_each_time_and_for_each_seed() -> None:
    first, second = (stream(resolve({"seed": seed})).tasks for seed in (0, 5))
    torch.manual_seed(9)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.train.inputs, other.train.inputs)


def test_each_permuted_task_is_the_same_data_in_an_order_of_its_own() -> None:
    """The first keeps the order; the others are permutations, drawn from the seed, and all different."""
    tasks = stream(resolve({"benchmark": "permuted-digits", "tasks": 4})).tasks
    assert [task.name for task in tasks] == ["order 1", "order 2", "order 3", "order 4"]
    plain = everything(tasks[0].train)[0]
    assert torch.equal(plain, digits().train.inputs)
    for task in tasks[1:]:
        assert task.train.order is not None
        assert sorted(task.train.order.tolist()) == list(range(64))
        inputs, labels = everything(task.train)
        assert torch.equal(inputs, plain[:, task.train.order])
        assert torch.equal(labels, tasks[0].train.targets)
        assert torch.equal(everything(task.test)[0], everything(tasks[0].test)[0][:, task.train.order])
        assert torch.equal(task.test.slice(2, 7)[0], everything(task.test)[0][2:7])
    orders = [tuple(everything(task.train)[0].flatten().tolist()) for task in tasks]
    assert all(one != other for one, other in combinations(orders, 2))


def test_permutations_depend_on_the_seed_and_not_on_the_number_of_tasks() -> None:
    def orders(seed: int, tasks: int) -> list[Tensor]:
        made = stream(resolve({"benchmark": "permuted-digits", "tasks": tasks, "seed": seed}))
        return [task.train.order for task in made.tasks if task.train.order is not None]

    assert torch.equal(orders(0, 2)[0], orders(0, 5)[0])
    assert not torch.equal(orders(0, 2)[0], orders(1, 2)[0])


def test_permuted_tasks_share_their_memory() -> None:
    tasks = stream(resolve({"benchmark": "permuted-digits", "tasks": 100})).tasks
    assert len({task.train.inputs.data_ptr() for task in tasks}) == 1


def test_uneven_classes_go_to_the_first_tasks() -> None:
    labels = torch.arange(7)
    data = DataSet(Examples(torch.eye(7), labels), Examples(torch.eye(7), labels))
    tasks = split(data, (6, 0, 5, 1, 4, 2, 3), 3)
    assert [task.name for task in tasks] == ["6 0 5", "1 4", "2 3"]
    assert [task.train.targets.tolist() for task in tasks] == [[1, 2, 0], [0, 1], [0, 1]]


def test_tasks_are_cut_from_the_classes_in_the_order_asked_for() -> None:
    chosen = stream(resolve({"class_order": [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "tasks": 3})).tasks
    assert [task.name for task in chosen] == ["9 8 7 6", "5 4 3", "2 1 0"]
    drawn = [
        [task.name for task in stream(resolve({"class_order": "random", "seed": seed})).tasks] for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    for names in drawn:
        assert sorted(" ".join(names).split()) == sorted(map(str, range(10)))


@pytest.mark.parametrize("benchmark", ["split-digits", "permuted-digits"])
def test_inputs_are_normalised_for_training_and_testing_alike(benchmark: str) -> None:
    plain, normal = (
        stream(resolve({"benchmark": benchmark, "normalize": value})).tasks for value in (None, (0.25, 0.5))
    )
    for before, after in zip(plain, normal, strict=True):
        for one, other in ((before.train, after.train), (before.test, after.test)):
            assert torch.equal((everything(one)[0] - 0.25) / 0.5, everything(other)[0])
            assert torch.equal(one.targets, other.targets)


@pytest.mark.parametrize("info", BENCHMARKS.values(), ids=BENCHMARKS)
def test_what_a_benchmark_says_of_itself_fits_together(info: object) -> None:
    from engine.catalog.entries import BenchmarkInfo

    assert isinstance(info, BenchmarkInfo)
    assert 1 <= info.default_tasks <= info.most_tasks
    assert len(set(info.classes)) == len(info.classes)
    assert BENCHMARKS[info.name] is info
    if not info.from_data:
        small = {"model": "mlp", "hidden": [10]}
        assert resolve({"benchmark": info.name, "tasks": info.most_tasks, **small}).tasks == info.most_tasks


# MNIST's files


def hollow_mnist(data_dir: Path) -> Path:
    """Files of the right names and sizes, full of zeros."""
    raw = data_dir / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in files.MNIST_FILES:
        with open(raw / file.name, "wb") as made:
            made.truncate(file.size)
    return raw


def one_sentence(data_dir: Path) -> str:
    with pytest.raises(BenchmarkError) as caught:
        prepare("split-mnist", data_dir)
    assert "\n" not in str(caught.value)
    return str(caught.value)


NO_NETWORK = "<urlopen error [Errno -2] Name or service not known>"


RESOURCES = [(f"{file.name}.gz", "md5") for file in files.MNIST_FILES]
SIZES = {file.name: file.size for file in files.MNIST_FILES}


class Unreachable:
    """In the place of torchvision.datasets, as it fails without a network: after it has made its folder."""

    class MNIST:
        resources = RESOURCES
        root: str

        def download(self) -> None:
            (Path(self.root) / "MNIST" / "raw").mkdir(parents=True)
            tried = "\n".join(f"Tried https://mirror{number}/, got:\n{NO_NETWORK}" for number in (1, 2))
            raise RuntimeError(f"Error downloading {self.resources[0][0]}:\n{tried}\n")


class Reachable:
    """As it succeeds: what it leaves are files of the right sizes."""

    class MNIST:
        resources = RESOURCES
        root: str

        def download(self) -> None:
            raw = Path(self.root) / "MNIST" / "raw"
            raw.mkdir(parents=True)
            for name, _ in self.resources:
                (raw / name.removesuffix(".gz")).write_bytes(bytes(SIZES[name.removesuffix(".gz")]))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_import, "torchvision_datasets", lambda: Unreachable)


def everything_in(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("file", files.MNIST_FILES, ids=lambda file: file.name)
def test_a_missing_or_cut_file_is_named(file: files.DataFile, tmp_path: Path) -> None:
    raw = hollow_mnist(tmp_path)
    with open(raw / file.name, "r+b") as cut:
        cut.truncate(file.size // 2)
    before = everything_in(tmp_path)
    message = one_sentence(tmp_path)
    assert str(raw / file.name) in message
    assert "cut or damaged" in message
    assert everything_in(tmp_path) == before, "it is not written over"
    (raw / file.name).unlink()
    before = everything_in(tmp_path)
    message = one_sentence(tmp_path)
    assert f"{raw} lacks {file.name}, and the download failed: Error downloading {file.name}.gz: " in message
    assert everything_in(tmp_path) == before


@pytest.mark.usefixtures("no_network")
def test_no_message_about_data_tells_people_to_delete_any(tmp_path: Path) -> None:
    """They may have put them there by hand, and may not be able to download them again."""
    raw = hollow_mnist(tmp_path)
    messages = [one_sentence(tmp_path / "none")]
    with pytest.raises(BenchmarkError) as caught:
        dict(files.read(files.SETS["MNIST"], tmp_path))
    messages.append(str(caught.value))
    os.truncate(raw / files.MNIST_FILES[0].name, 10)
    messages.append(one_sentence(tmp_path))
    (raw / files.MNIST_FILES[1].name).unlink()
    messages.append(one_sentence(tmp_path))
    assert len(set(messages)) == 4
    for message in messages:
        assert not any(word in message for word in ("delete", "remove")), message
        assert "--data-dir" in message


def test_a_file_with_other_content_is_named(tmp_path: Path) -> None:
    raw = hollow_mnist(tmp_path)
    prepare("split-mnist", tmp_path)
    with pytest.raises(BenchmarkError, match="checksum") as caught:
        dict(files.read(files.SETS["MNIST"], tmp_path))
    assert str(raw / files.MNIST_FILES[0].name) in str(caught.value)


@pytest.mark.parametrize("within", ["", "MNIST", "MNIST/raw"])
@pytest.mark.usefixtures("no_network")
def test_without_files_and_network_one_sentence_tells_the_whole_cause_and_nothing_is_made(
    within: str, tmp_path: Path
) -> None:
    """torchvision's message has a line for each address that it tried."""
    message = one_sentence(tmp_path / "data" / within)
    assert f"MNIST is not in {tmp_path / 'data' / 'MNIST' / 'raw'}, and the download failed: " in message
    assert message.count(f"got: {NO_NETWORK}") == 2
    assert "https://mirror1/" in message
    assert "--data-dir" in message
    assert list(tmp_path.iterdir()) == []


def test_a_failure_without_an_address_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(torchvision_import, "torchvision_datasets", refuse)
    assert "the download failed: [Errno 28] No space left on device: 'x'; connect" in one_sentence(tmp_path)


@pytest.mark.parametrize("within", ["", "MNIST", "MNIST/raw"])
def test_what_is_missing_is_downloaded_and_what_is_there_left_alone(
    within: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision_import, "torchvision_datasets", lambda: Reachable)
    raw = tmp_path / "MNIST" / "raw"
    prepare("split-mnist", tmp_path / within)
    assert sorted(path.name for path in raw.iterdir()) == sorted(file.name for file in files.MNIST_FILES)
    (raw / files.MNIST_FILES[1].name).unlink()
    before = everything_in(raw)
    prepare("split-mnist", tmp_path / within)
    after = everything_in(raw)
    assert {path: after[path] for path in before} == before
    assert len(after) == 4


def test_a_data_folder_that_cannot_be_made_is_told_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision_import, "torchvision_datasets", lambda: pytest.fail("it is downloaded"))
    (tmp_path / "file").touch()
    message = one_sentence(tmp_path / "file" / "data")
    assert f"{tmp_path / 'file'} is not a folder: name another folder with --data-dir" in message


def test_benchmarks_without_files_need_no_folder(tmp_path: Path) -> None:
    prepare("split-digits", tmp_path / "none")
    assert not (tmp_path / "none").exists()


@needs_mnist
def test_real_mnist_is_whole_and_splits_into_pairs() -> None:
    from engine.streams import mnist

    prepare("split-mnist", MNIST.parents[1])
    tasks = mnist.stream(resolve({"benchmark": "split-mnist", "data_dir": str(TEST_DATA)})).tasks
    assert [task.name for task in tasks] == ["0 1", "2 3", "4 5", "6 7", "8 9"]
    assert sum(len(task.train) for task in tasks) == 60_000
    assert sum(len(task.test) for task in tasks) == 10_000
    assert tasks[0].train.inputs.shape[1] == 784
    assert (tasks[0].train.inputs.min().item(), tasks[0].train.inputs.max().item()) == (0, 1)
    assert tasks[0].train.targets.bincount().tolist() == [5923, 6742]  # zeros and ones in the published set


@needs_mnist
def test_real_mnist_with_one_cut_file_is_refused(tmp_path: Path) -> None:
    shutil.copytree(MNIST, tmp_path / "MNIST" / "raw")
    cut = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    with open(cut, "r+b") as file:
        file.truncate(5000)
    assert str(cut) in one_sentence(tmp_path)


@needs_mnist
def test_a_changed_byte_of_mnist_is_noticed(tmp_path: Path) -> None:
    from engine.streams.mnist import mnist

    shutil.copytree(MNIST, tmp_path / "MNIST" / "raw")
    changed = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    data = bytearray(changed.read_bytes())
    data[1000] ^= 1
    changed.write_bytes(data)
    with pytest.raises(BenchmarkError, match="wrong checksum"):
        mnist(tmp_path)


@needs_mnist
@pytest.mark.parametrize("given", ["", "MNIST", "MNIST/raw", "flat"])
def test_real_mnist_is_found_where_it_lies_packed_or_not(given: str, tmp_path: Path) -> None:
    """One file is packed, another is cut but has its packed form beside it, as torchvision leaves it."""
    from engine.streams.mnist import mnist

    raw = tmp_path / ("flat" if given == "flat" else "MNIST/raw")
    shutil.copytree(MNIST, raw)
    for name in ("t10k-labels-idx1-ubyte", "train-labels-idx1-ubyte"):
        with gzip.open(raw / f"{name}.gz", "wb") as packed:
            packed.write((raw / name).read_bytes())
    (raw / "t10k-labels-idx1-ubyte").unlink()
    os.truncate(raw / "train-labels-idx1-ubyte", 100)
    before = everything_in(tmp_path)
    prepare("split-mnist", tmp_path / given)
    found, expected = mnist(tmp_path / given), mnist(MNIST.parents[1])
    for one, other in ((found.train, expected.train), (found.test, expected.test)):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)
    assert everything_in(tmp_path) == before


@needs_mnist
def test_a_damaged_packed_file_is_named(tmp_path: Path) -> None:
    shutil.copytree(MNIST, tmp_path, dirs_exist_ok=True)
    plain = tmp_path / "t10k-labels-idx1-ubyte"
    packed = tmp_path / f"{plain.name}.gz"
    content = bytearray(gzip.compress(plain.read_bytes()))
    plain.unlink()
    packed.write_bytes(content[:-100])
    assert f"{packed} is cut or damaged: put an intact copy there" in one_sentence(tmp_path)
    content[1000] ^= 255
    packed.write_bytes(content)
    prepare("split-mnist", tmp_path)
    with pytest.raises(BenchmarkError, match="is cut or damaged: put an intact copy there") as caught:
        dict(files.read(files.SETS["MNIST"], tmp_path))
    assert str(packed) in str(caught.value)


@needs_mnist
def test_mnist_is_what_torchvision_reads() -> None:
    from engine.streams.mnist import mnist

    ours = mnist(MNIST.parents[1])
    for train, part in ((True, ours.train), (False, ours.test)):
        theirs = torchvision_import.torchvision_datasets().MNIST(str(TEST_DATA), train=train)
        assert torch.equal(part.inputs, theirs.data.flatten(1).float() / 255)
        assert torch.equal(part.targets, theirs.targets)


def test_torchvision_knows_the_files_by_the_same_names() -> None:
    known = torchvision_import.torchvision_datasets().MNIST.resources
    assert {name for name, _ in known} == {name for name, _ in RESOURCES}
