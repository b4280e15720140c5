"""Sequences of tasks: real digits, MNIST where its files are, permutations."""

import os
import shutil
from itertools import combinations
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from engine.benchmarks import BENCHMARKS, files, prepare, torchvision_import
from engine.benchmarks.digits import digits, permuted_digits, split_digits
from engine.benchmarks.task import DataSet, Examples, split
from engine.config import resolve
from engine.errors import BenchmarkError

TEST_DATA = os.environ.get("CL_TUI_TEST_DATA")
MNIST = Path(TEST_DATA or "") / "MNIST" / "raw"
needs_mnist = pytest.mark.skipif(
    not (TEST_DATA and MNIST.is_dir()), reason="CL_TUI_TEST_DATA names no folder with MNIST/raw"
)


def everything(examples: Examples) -> tuple[Tensor, Tensor]:
    return examples.take(torch.arange(len(examples)))


def rows(inputs: Tensor) -> set[bytes]:
    return {row.numpy().tobytes() for row in inputs}


def test_split_digits_pairs_the_digits_that_resemble_each_other() -> None:
    tasks = split_digits(resolve({}))
    assert [task.name for task in tasks] == ["0 8", "1 7", "2 3", "4 9", "5 6"]
    assert [task.classes for task in tasks] == [2] * 5


@pytest.mark.parametrize("count", range(1, 11))
def test_any_number_of_tasks_shares_out_all_classes_and_all_examples(count: int) -> None:
    """No class in two tasks, sizes as even as can be, no example lost, labels from 0."""
    tasks = split_digits(resolve({"tasks": count}))
    assert len(tasks) == count
    names = [name for task in tasks for name in task.name.split()]
    assert sorted(names) == sorted(map(str, range(10)))
    sizes = [task.classes for task in tasks]
    assert max(sizes) - min(sizes) <= 1
    assert sum(len(task.train) + len(task.test) for task in tasks) == 1797
    for task in tasks:
        for part in (task.train, task.test):
            assert set(part.labels.tolist()) == set(range(task.classes))


def test_the_labels_of_a_task_follow_the_order_of_its_classes() -> None:
    """In task '4 9' a 4 is 0 and a 9 is 1: looked up in scikit-learn's own table."""
    bunch = load_digits()
    real = {
        row.numpy().tobytes(): int(label)
        for row, label in zip(torch.tensor(bunch.data / 16, dtype=torch.float32), bunch.target, strict=True)
    }
    for task in split_digits(resolve({})):
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
    first, second = split_digits(resolve({"seed": 0})), split_digits(resolve({"seed": 5}))
    torch.manual_seed(9)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.train.inputs, other.train.inputs)


def test_each_permuted_task_is_the_same_data_in_an_order_of_its_own() -> None:
    """The first keeps the order; the others are permutations, drawn from the seed, and all different."""
    tasks = permuted_digits(resolve({"benchmark": "permuted-digits", "tasks": 4}))
    assert [task.name for task in tasks] == ["order 1", "order 2", "order 3", "order 4"]
    plain = everything(tasks[0].train)[0]
    assert torch.equal(plain, digits().train.inputs)
    for task in tasks[1:]:
        assert task.train.order is not None
        assert sorted(task.train.order.tolist()) == list(range(64))
        inputs, labels = everything(task.train)
        assert torch.equal(inputs, plain[:, task.train.order])
        assert torch.equal(labels, tasks[0].train.labels)
        assert torch.equal(everything(task.test)[0], everything(tasks[0].test)[0][:, task.train.order])
        assert torch.equal(task.test.first(7)[0], everything(task.test)[0][:7])
    orders = [tuple(everything(task.train)[0].flatten().tolist()) for task in tasks]
    assert all(one != other for one, other in combinations(orders, 2))


def test_permutations_depend_on_the_seed_and_not_on_the_number_of_tasks() -> None:
    def orders(seed: int, tasks: int) -> list[Tensor]:
        made = permuted_digits(resolve({"benchmark": "permuted-digits", "tasks": tasks, "seed": seed}))
        return [task.train.order for task in made if task.train.order is not None]

    assert torch.equal(orders(0, 2)[0], orders(0, 5)[0])
    assert not torch.equal(orders(0, 2)[0], orders(1, 2)[0])


def test_permuted_tasks_share_their_memory() -> None:
    tasks = permuted_digits(resolve({"benchmark": "permuted-digits", "tasks": 100}))
    assert len({task.train.inputs.data_ptr() for task in tasks}) == 1


def test_uneven_classes_go_to_the_first_tasks() -> None:
    labels = torch.arange(7)
    data = DataSet(Examples(torch.eye(7), labels), Examples(torch.eye(7), labels))
    tasks = split(data, (6, 0, 5, 1, 4, 2, 3), 3)
    assert [task.name for task in tasks] == ["6 0 5", "1 4", "2 3"]
    assert [task.train.labels.tolist() for task in tasks] == [[1, 2, 0], [0, 1], [0, 1]]


def test_tasks_are_cut_from_the_classes_in_the_order_asked_for() -> None:
    chosen = split_digits(resolve({"class_order": [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "tasks": 3}))
    assert [task.name for task in chosen] == ["9 8 7 6", "5 4 3", "2 1 0"]
    drawn = [
        [task.name for task in split_digits(resolve({"class_order": "random", "seed": seed}))] for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    for names in drawn:
        assert sorted(" ".join(names).split()) == sorted(map(str, range(10)))


@pytest.mark.parametrize("benchmark", ["split-digits", "permuted-digits"])
def test_inputs_are_normalised_for_training_and_testing_alike(benchmark: str) -> None:
    make = {"split-digits": split_digits, "permuted-digits": permuted_digits}[benchmark]
    plain, normal = (make(resolve({"benchmark": benchmark, "normalize": value})) for value in (None, (0.25, 0.5)))
    for before, after in zip(plain, normal, strict=True):
        for one, other in ((before.train, after.train), (before.test, after.test)):
            assert torch.equal((everything(one)[0] - 0.25) / 0.5, everything(other)[0])
            assert torch.equal(one.labels, other.labels)


@pytest.mark.parametrize("info", BENCHMARKS.values(), ids=BENCHMARKS)
def test_what_a_benchmark_says_of_itself_fits_together(info: object) -> None:
    from engine.benchmarks import BenchmarkInfo

    assert isinstance(info, BenchmarkInfo)
    assert 1 <= info.default_tasks <= info.most_tasks
    assert len(set(info.classes)) == len(info.classes)
    assert BENCHMARKS[info.name] is info
    assert resolve({"benchmark": info.name, "tasks": info.most_tasks, "hidden": [10]}).tasks == info.most_tasks


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


@pytest.mark.parametrize("file", files.MNIST_FILES, ids=lambda file: file.name)
def test_a_missing_or_cut_file_is_named(file: files.DataFile, tmp_path: Path) -> None:
    raw = hollow_mnist(tmp_path)
    with open(raw / file.name, "r+b") as cut:
        cut.truncate(file.size // 2)
    message = one_sentence(tmp_path)
    assert str(raw / file.name) in message
    assert "cut or damaged" in message
    (raw / file.name).unlink()
    message = one_sentence(tmp_path)
    assert f"{raw / file.name} is missing" in message


def test_a_file_with_other_content_is_named(tmp_path: Path) -> None:
    raw = hollow_mnist(tmp_path)
    prepare("split-mnist", tmp_path)
    with pytest.raises(BenchmarkError, match="checksum") as caught:
        files.check_mnist(tmp_path)
    assert str(raw / files.MNIST_FILES[0].name) in str(caught.value)


@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("File not found or corrupted.\nmore")])
def test_without_files_and_network_one_sentence_says_what_to_do(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unreachable:
        @staticmethod
        def MNIST(*_: object, **__: object) -> None:
            raise error

    monkeypatch.setattr(torchvision_import, "torchvision_datasets", Unreachable)
    message = one_sentence(tmp_path / "data")
    assert str(tmp_path / "data") in message
    assert "--data-dir" in message
    assert str(error).splitlines()[0].rstrip(".") in message


def test_a_data_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "--data-dir" in one_sentence(tmp_path / "file" / "data")


def test_benchmarks_without_files_need_no_folder(tmp_path: Path) -> None:
    prepare("split-digits", tmp_path / "none")
    assert not (tmp_path / "none").exists()


@needs_mnist
def test_real_mnist_is_whole_and_splits_into_pairs() -> None:
    from engine.benchmarks.mnist import split_mnist

    prepare("split-mnist", Path(TEST_DATA or ""))
    tasks = split_mnist(resolve({"benchmark": "split-mnist", "data_dir": TEST_DATA}))
    assert [task.name for task in tasks] == ["0 1", "2 3", "4 5", "6 7", "8 9"]
    assert sum(len(task.train) for task in tasks) == 60_000
    assert sum(len(task.test) for task in tasks) == 10_000
    assert tasks[0].train.inputs.shape[1] == 784
    assert (tasks[0].train.inputs.min().item(), tasks[0].train.inputs.max().item()) == (0, 1)
    assert tasks[0].train.labels.bincount().tolist() == [5923, 6742]  # zeros and ones in the published set


@needs_mnist
def test_real_mnist_with_one_cut_file_is_refused(tmp_path: Path) -> None:
    shutil.copytree(MNIST, tmp_path / "MNIST" / "raw")
    cut = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    with open(cut, "r+b") as file:
        file.truncate(5000)
    assert str(cut) in one_sentence(tmp_path)


@needs_mnist
def test_a_changed_byte_of_mnist_is_noticed(tmp_path: Path) -> None:
    from engine.benchmarks.mnist import mnist

    shutil.copytree(MNIST, tmp_path / "MNIST" / "raw")
    changed = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    data = bytearray(changed.read_bytes())
    data[1000] ^= 1
    changed.write_bytes(data)
    with pytest.raises(BenchmarkError, match="wrong checksum"):
        mnist(tmp_path)


@needs_mnist
def test_mnist_is_what_torchvision_reads() -> None:
    from engine.benchmarks.mnist import mnist

    ours = mnist(Path(TEST_DATA or ""))
    for train, part in ((True, ours.train), (False, ours.test)):
        theirs = torchvision_import.torchvision_datasets().MNIST(TEST_DATA, train=train)
        assert torch.equal(part.inputs, theirs.data.flatten(1).float() / 255)
        assert torch.equal(part.labels, theirs.targets)
