"""Tasks that a user's function gives: what it may give, and what is wrong in one sentence before training starts."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import ConfigError, EngineError
from engine.settings.run import validated
from engine.streams.examples import ExampleStream
from engine.streams.own import parts
from engine.streams.own.parts import Fault, read_part
from engine.streams.own.stream import stream
from engine.streams.pixels import Pixels
from tests import own_code

HEAD = """
import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset, DataLoader

x = torch.arange(24.0).view(12, 2)
y = torch.arange(12) % 2
pair = (x, y)
"""


def given(folder: Path, code: str, **settings: Any) -> ExampleStream:
    own_code.write(folder, tasks=HEAD + dedent(code))
    return stream(own_code.own(folder, **settings))


def read(value: object, most: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    part = read_part(value, most, lambda count: None)
    inputs = part.inputs.take(torch.arange(len(part.inputs))) if isinstance(part.inputs, Pixels) else part.inputs
    return inputs.view(-1, *part.shape), part.targets


def image(value: int) -> Any:
    from PIL import Image

    return Image.fromarray(np.full((4, 5, 3), value, dtype=np.uint8))


class Items(torch.utils.data.Dataset[Any]):
    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> Any:
        return self.items[number]


class Endless(torch.utils.data.IterableDataset[Any]):
    def __iter__(self) -> Any:
        while True:
            yield torch.zeros(3), 1


X, Y = torch.arange(12.0).view(4, 3), torch.tensor([5, 7, 5, -2])
ROWS = list(zip(X, Y.tolist(), strict=True))


@pytest.mark.parametrize(
    "value",
    [
        (X, Y),
        [X.numpy(), Y.numpy()],
        (X.double().numpy(), Y.numpy().astype(np.int16)),
        (X.numpy().astype(">f4"), Y.to(torch.uint8).to(torch.int8)),
        {"input": X, "target": Y},
        {"image": X.numpy(), "label": Y.tolist(), "file": ["a", "b", "c", "d"]},
        {"features": X.tolist(), "y": Y},
        torch.utils.data.TensorDataset(X, Y),
        Items(ROWS),
        Items([{"pixel_values": x.numpy(), "labels": np.int64(y)} for x, y in ROWS]),
        torch.utils.data.Subset(torch.utils.data.TensorDataset(X, Y), range(4)),
        torch.utils.data.ConcatDataset([Items(ROWS[:1]), Items(ROWS[1:])]),
        ROWS,
        iter(ROWS),
        ((x.tolist(), torch.tensor(y)) for x, y in ROWS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_all_forms_of_data_are_the_same(value: object) -> None:
    inputs, targets = read(value)
    assert torch.equal(inputs, X)
    assert torch.equal(targets, Y)
    assert (inputs.dtype, targets.dtype) == (torch.float32, torch.int64)


def test_a_pair_of_tensors_is_not_copied() -> None:
    part = read_part((X, Y), None, lambda count: None)
    assert isinstance(part.inputs, torch.Tensor)
    assert part.inputs.data_ptr() == X.data_ptr()
    array = X.numpy()
    part = read_part((array, Y), None, lambda count: None)
    assert isinstance(part.inputs, torch.Tensor)
    assert part.inputs.data_ptr() == array.ctypes.data


def test_a_memory_map_of_images_stays_on_the_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.full((6, 3, 4, 4), 51, dtype=np.uint8))
    values = np.load(tmp_path / "images.npy", mmap_mode="r")
    part = read_part((values, np.arange(6)), None, lambda count: None)
    assert isinstance(part.inputs, Pixels)
    assert part.inputs.values is values


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (torch.full((4, 3, 4, 5), 51, dtype=torch.uint8), (3, 4, 5)),
        (np.full((4, 4, 5, 3), 51, dtype=np.uint8), (3, 4, 5)),
        (np.full((4, 4, 5), 51, dtype=np.uint8), (1, 4, 5)),
        (np.full((4, 5), 51, dtype=np.uint8), (5,)),
        (np.full(4, 51, dtype=np.uint8), (1,)),
        (np.full((4, 2, 3, 4, 5), 51, dtype=np.uint8), (2, 3, 4, 5)),
        ([image(51)] * 4, (3, 4, 5)),
    ],
)
def test_bytes_are_pixels(value: object, shape: tuple[int, ...]) -> None:
    inputs, _ = read({"img": value, "label": [0, 1, 2, 3]})
    assert inputs.shape == (4, *shape)
    assert torch.allclose(inputs, torch.tensor(0.2))


def test_whole_numbers_stay_and_floats_as_targets_are_numbers() -> None:
    inputs, targets = read((torch.arange(6).view(3, 2), np.array([[1.5, 2], [0, 1], [3, 4]])))
    assert inputs.dtype == torch.int64
    assert targets.tolist() == [[1.5, 2], [0, 1], [3, 4]]
    _, targets = read((X, torch.tensor([True, False, True, True])))
    assert targets.tolist() == [1, 0, 1, 1]


def test_an_endless_stream_gives_what_the_steps_take(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, _ = read(Endless(), 7)
    assert len(inputs) == 7
    monkeypatch.setattr(parts, "MOST_ENDLESS", 50)
    with pytest.raises(Fault, match="it has not ended after 50 examples: let it end; of training data, --steps N"):
        read(Endless())
    assert len(read(ROWS * 12 + ROWS[:2])[0]) == 50  # not more than 50


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (3, "it is int: give a Dataset, a pair of arrays (inputs, targets), or a dict with both"),
        ((X, Y, Y), "it has 3 arrays instead of two"),
        ((X, Y[:2]), "there are 4 inputs but 2 targets"),
        ((X[:0], Y[:0]), "there is no example"),
        ([], "there is no example"),
        (iter([]), "there is no example"),
        ({"input": X, "sort": Y}, "no column has the targets: they should be called target, targets, y, label"),
        ({"Input": X, "y": Y}, "there are 'Input', 'y'"),
        (torch.utils.data.DataLoader(Items(ROWS)), "it is a DataLoader: give its dataset"),
        ([*ROWS, (torch.zeros(2), 0)], "the input of example 5 is 2, that of the first 3"),
        ([*ROWS, (torch.zeros(3), 0.5)], "the target of example 5 is a float32, that of the first a int64"),
        ([(X[0], 0, 1)], "example 1 is 3 things, not a pair (input, target)"),
        (Items([X[0]]), "example 1 is Tensor, not a pair"),
        ([("text", 0)], "an example has the text 'text': give numbers"),
        ((X, np.array(["a", "b", "c", "d"])), "targets are str32: give numbers, and number the classes"),
        ((torch.full((4, 3), float("nan")), Y), "the input of example 1 is not finite"),
        ((X, torch.tensor([1.0, 2.0, float("inf"), 3.0])), "the target of example 3 is not finite"),
        ((X, torch.zeros(4, 3, dtype=torch.int64)), "a target is 3 whole numbers: give one class for each example"),
        ((X.to(torch.complex64), Y), "inputs are complex numbers"),
        ((X, torch.zeros(4, 0)), "a target has the shape 0, which is empty"),
        ((X, torch.zeros(4, 0, dtype=torch.int64)), "a target has the shape 0, which is empty"),
        ((torch.tensor(1.0), torch.tensor(1)), "inputs or targets are a single number"),
        ((X.to_sparse(), Y), "inputs are no plain tensor"),
        ((X.to("meta"), Y), "inputs are no plain tensor"),
        ((X, np.array([0, 1, 2, 2**63], dtype=np.uint64)), "targets have a number above 9223372036854775807"),
        ((torch.zeros(4, 0), Y), "an input has the shape 0, which is empty"),
    ],
)
def test_what_is_wrong_with_a_part(value: object, says: str) -> None:
    with pytest.raises(Fault) as caught:
        read(value)
    assert says in str(caught.value)


# Tasks


def test_labels_may_be_any_whole_numbers(tmp_path: Path) -> None:
    made = given(
        tmp_path,
        "def tasks():\n    return [((x, 10 * y - 3), pair_of(0)) for _ in 'ab']\n"
        "def pair_of(n): return x, torch.tensor([-3, 7] * 6)\n",
    )
    assert made.problem().outputs == 4
    assert made.batch(0, 0).targets.unique().tolist() == [0, 1]
    assert made.says["task_labels"] == ["-3", "7", "-3", "7"]
    assert [phase.class_names for phase in made.phases] == [("-3", "7")] * 2
    assert "task 1 (classes -3, 7; 12 train, 12 test)" in made.notes[0]


def test_tasks_are_named_after_their_classes_or_by_the_user(tmp_path: Path) -> None:
    made = given(tmp_path, "def tasks():\n    for k in (0, 2):\n        yield (x, y + k), (x, y + k)\n")
    assert [phase.name for phase in made.phases] == ["0, 1", "2, 3"]
    made = given(
        tmp_path,
        "def tasks():\n    for k in (0, 2):\n        yield {'name': f'left \\x1b {k}', 'train': pair, 'test': pair}\n",
    )
    assert [phase.name for phase in made.phases] == ["left \\x1b 0", "left \\x1b 2"]


def test_in_the_domain_scenario_a_shared_label_is_the_same_output(tmp_path: Path) -> None:
    code = """
    def tasks():
        yield (x, y), (x, y)              # 0, 1
        yield (x, y + 1), (x, y + 1)      # 1, 2
    """
    made = given(tmp_path, code, scenario="domain")
    assert made.problem().outputs == 3
    assert [made.tasks[task].train.targets.unique().tolist() for task in (0, 1)] == [[0, 1], [1, 2]]
    made = given(tmp_path, code, scenario="task")
    assert [made.tasks[task].train.targets.unique().tolist() for task in (0, 1)] == [[0, 1], [0, 1]]
    made = given(tmp_path, code, scenario="class")
    assert made.problem().outputs == 4
    assert "a class that several tasks have counts as several: 1" in made.notes[1]


def test_what_the_function_may_ask_for(tmp_path: Path) -> None:
    code = """
    def tasks(data_dir, seed):
        assert data_dir == "somewhere"
        return [((x + seed, y), pair)]
    """
    made = given(tmp_path, code, seed=7, data_dir="somewhere")
    assert made.tasks[0].train.inputs[0, 0].item() == 7.0  # type: ignore[index]
    assert given(tmp_path, code, seed=7, data_dir="somewhere").digest == made.digest
    assert given(tmp_path, code, seed=8, data_dir="somewhere").digest != made.digest


def test_draws_depend_on_the_seed_alone(tmp_path: Path) -> None:
    code = """
    import random
    def tasks():
        yield (torch.randn(12, 2) + random.random(), y), (torch.from_numpy(np.random.rand(12, 2)), y)
    """
    before = torch.get_rng_state()
    first = given(tmp_path, code)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(3)
    assert given(tmp_path, code).digest == first.digest
    assert given(tmp_path, code, seed=1).digest != first.digest


def test_only_the_tasks_that_are_needed_are_read(tmp_path: Path) -> None:
    code = """
    def tasks():
        while True:
            yield pair, pair
    """
    assert len(given(tmp_path, code, tasks=3).phases) == 3
    with pytest.raises(EngineError, match="gives more than 1,000 tasks: say --tasks N"):
        given(tmp_path, code)
    with pytest.raises(EngineError, match="gives only 1 task, but 3 are asked for"):
        given(tmp_path, "def tasks(): return [(pair, pair)]", tasks=3)


def test_a_validation_set_of_the_users_own_or_a_share(tmp_path: Path) -> None:
    code = "def tasks(): return [{'train': pair, 'test': pair, 'validation': (x[:4], y[:4])}]"
    made = given(tmp_path, code)
    assert made.count(0, "validation") == 4
    assert made.says["own_validation"] is True
    with pytest.raises(ConfigError, match="the tasks have their own validation sets"):
        given(tmp_path, code, validation=0.5)
    made = given(tmp_path, "def tasks(): return [(pair, pair)]", validation=0.5)
    assert (made.count(0, "train"), made.count(0, "validation")) == (6, 6)


def test_images_are_augmented_and_normalised(tmp_path: Path) -> None:
    code = "def tasks(): return [((torch.randint(0, 255, (12, 3, 8, 8)).byte(), y),) * 2]"
    made = given(tmp_path, code, augment=["flip"], normalize="auto")
    assert made.inputs == (3, 8, 8)
    assert made.augment is not None
    assert "normalize auto: mean" in made.notes[0]


def test_the_facts_make_a_complete_configuration(tmp_path: Path) -> None:
    made = given(tmp_path, "def tasks(): return [((x, x), (x, x))] * 2", scenario="domain")
    config = validated(own_code.own(tmp_path, scenario="domain").plain() | dict(made.says))
    assert (config.problem, config.tasks, config.classes_by_task()) == ("regression", 2, (2, 2))


@pytest.mark.parametrize(
    ("code", "settings", "says"),
    [
        ("def tasks(): return pair", {}, "task 1 is a Tensor: give a pair (train, test), or a dict with 'train'"),
        ("def tasks(): return 3", {}, "tasks gives an int: it should return a list of tasks, or yield them"),
        ("def tasks(): return []", {}, "gives no task"),
        ("def tasks():\n    yield pair, pair\n    raise OSError('gone')", {}, "line 11: task 2: OSError: gone"),
        ("def tasks(): return [(pair, pair, pair)]", {}, "task 1 is a tuple of 3: give a pair"),
        ("def tasks(): return [{'train': pair}]", {}, "task 1 has 'train': a dict has 'train', 'test', and perhaps"),
        ("def tasks(): return [{'train': pair, 'test': pair, 'name': 3}]", {}, "task 1: its name should be a text"),
        (
            "def tasks(): return [((x, y), (x[:, :1], y)), ((x[:, :1], y), pair)]",
            {},
            "task 1, test: an input is 1, but in task 1 it is 2; task 2, train: an input is 1, but in task 1 it is 2",
        ),
        (
            "def tasks(): return [((x, y), (x.byte(), y))]",
            {},
            "task 1, test: inputs are bytes, but in task 1 they are float32",
        ),
        (
            "def tasks(): return [((x, y), (x, y.float()))]",
            {},
            "task 1, test: targets are numbers (floats), but in task 1 they are classes (whole numbers)",
        ),
        ("def tasks(): return [((x, x), (x, x[:, :1]))]", {}, "a target has 1 numbers, but 2 in its training data"),
        (
            "def tasks(): return [((x, y), (x, y + 5))]",
            {},
            "task 1, test: it has classes 5, 6, which its training data",
        ),
        (
            "def tasks(): return [((x, y), 3), (4, (x, y[:3]))]",
            {},
            "task 1, test: it is int: give a Dataset, a pair of arrays (inputs, targets), or a dict with both; "
            "task 2, train: it is int",
        ),
        ("def tasks(): return [(pair, pair)]", {"augment": ["flip"]}, "augment changes images of bytes (uint8)"),
        ("def tasks(): return [((x.long(), y),) * 2]", {"normalize": "auto"}, "normalize is for numbers that measure"),
        ("def tasks(): return [((x.long(), y),) * 2]", {"model": "mlp"}, "which only a network of your own can take"),
        ("def tasks(): return [(pair, pair)]", {"model": "conv"}, "it needs images, of channels × height × width"),
        ("def tasks(): return [(pair, pair)]", {"class_order": "random"}, "the function says which classes each task"),
        ("def tasks(): return [(pair, pair)]", {"loss": "huber"}, "it is for regression, but the targets are whole"),
        (
            "def tasks(): return [((x, x),) * 2]",
            {"scenario": "class"},
            "targets of regression are numbers, not",
        ),
        (
            "def tasks(folder): return []",
            {},
            "line 9: tasks needs folder, which a run does not give: it gives",
        ),
    ],
)
def test_what_is_wrong_with_tasks(code: str, settings: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        given(tmp_path, code, **settings)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
