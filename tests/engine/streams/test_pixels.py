"""Images as bytes: shared by tasks, in memory or mapped from a file, and normalised as batches."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.settings.run import resolve
from engine.streams import examples
from engine.streams.examples import DataSet, Examples, ExampleStream, content, permuted, split
from engine.streams.pixels import Pixels

SHAPE = (60, 3, 4, 5)


@pytest.fixture(params=["tensor", "map"])
def bytes_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], Tensor | np.ndarray]:
    """Random bytes, in memory or in a file."""

    def made(seed: int) -> Tensor | np.ndarray:
        values = np.random.default_rng(seed).integers(0, 256, SHAPE, dtype=np.uint8)
        if request.param == "tensor":
            return torch.from_numpy(values)
        path = tmp_path / f"{seed}.bin"
        values.tofile(path)
        return np.memmap(path, np.uint8, "r", shape=SHAPE)

    return made


Bytes = Callable[[int], Tensor | np.ndarray]


def plain(values: Tensor | np.ndarray) -> Tensor:
    return values if isinstance(values, Tensor) else torch.from_numpy(np.array(values))


def data(bytes_of: Bytes) -> DataSet:
    """Six classes, whose examples are mixed."""
    parts = [Examples(Pixels(bytes_of(seed)), (torch.arange(60) * 7) % 6) for seed in (0, 1)]
    return DataSet(*parts)


def stream(bytes_of: Bytes, **settings: object) -> ExampleStream:
    config = resolve({"batch_size": 8, "epochs": 2, **settings})
    return ExampleStream(config, split(data(bytes_of), range(6), 3), SHAPE[1:])


def test_bytes_become_floats_divided_by_255(bytes_of: Bytes) -> None:
    values, rows = bytes_of(0), torch.tensor([7, 3, 3, 59])
    found = Pixels(values).take(rows)
    assert found.dtype == torch.float32
    assert torch.equal(found, plain(values)[rows].float() / 255)


def test_each_channel_is_normalised_with_its_own_numbers(bytes_of: Bytes) -> None:
    values, rows = bytes_of(0), torch.arange(60)
    means, deviations = (0.1, 0.5, 0.9), (0.2, 0.25, 2.0)
    slow = torch.stack(
        [
            (plain(values)[:, channel].double() / 255 - means[channel]) / deviations[channel]
            for channel in range(SHAPE[1])
        ],
        dim=1,
    )
    found = Pixels(values, (means, deviations)).take(rows)
    torch.testing.assert_close(found, slow.float(), rtol=1e-6, atol=1e-6)
    alike = Pixels(values).normalized(([0.3], [0.4])).take(rows)
    torch.testing.assert_close(alike, (plain(values).float() / 255 - 0.3) / 0.4, rtol=1e-6, atol=1e-6)


def test_tasks_share_the_bytes_and_take_their_own_rows(bytes_of: Bytes) -> None:
    whole = data(bytes_of)
    for number, task in enumerate(split(whole, range(6), 3)):
        assert task.train.inputs is whole.train.inputs
        own = ((whole.train.targets // 2) == number).nonzero().squeeze(1)
        inputs, labels = task.train.take(torch.arange(len(task.train)))
        assert torch.equal(inputs, whole.train.take(own)[0])
        assert torch.equal(labels, whole.train.targets[own] % 2)
        assert torch.equal(inputs[2:5], task.train.slice(2, 5)[0])


def test_a_stream_of_bytes_gives_what_the_same_stream_of_floats_gives(bytes_of: Bytes) -> None:
    """In training, alone and accumulated, in a pass and drawn."""
    whole = data(bytes_of)
    floats = DataSet(
        *(Examples(plain(part.inputs.values).float() / 255, part.targets) for part in (whole.train, whole.test))  # type: ignore[union-attr]
    )
    config = resolve({"batch_size": 8, "epochs": 2})
    one, other = (ExampleStream(config, split(found, range(6), 3), SHAPE[1:]) for found in (whole, floats))
    for accumulates in (False, True):
        if accumulates:
            one.accumulate()
            other.accumulate()
        for step in range(one.phases[2].epoch):
            a, b = one.batch(2, step), other.batch(2, step)
            assert torch.equal(a.inputs, b.inputs)
            assert torch.equal(a.targets, b.targets)
    for part in ("train", "test", "probe"):
        pairs = zip(one.passes(1, 7, part), other.passes(1, 7, part), strict=True)
        assert all(torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) for a, b in pairs)
        a, b = one.drawn(1, 5, "path", part), other.drawn(1, 5, "path", part)
        assert torch.equal(a.inputs, b.inputs)


def test_permuted_tasks_permute_the_values_of_each_image(bytes_of: Bytes) -> None:
    whole = data(bytes_of)
    first, second = permuted(whole, 6, 2, seed=0)
    assert second.train.inputs is first.train.inputs
    rows = torch.arange(5)
    before, after = first.train.take(rows)[0].flatten(1), second.train.take(rows)[0].flatten(1)
    assert not torch.equal(before, after)
    assert second.train.order is not None
    assert torch.equal(before[:, second.train.order], after)


def test_the_digest_is_of_the_content_alone(bytes_of: Bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    values = bytes_of(0)
    digest = Pixels(values).digest
    assert Pixels(plain(values)).digest == digest
    monkeypatch.setattr("engine.streams.pixels.CHUNK", 100)
    assert Pixels(values).digest == digest
    changed = plain(values).clone()
    changed[59, 2, 3, 4] += 1
    assert Pixels(changed).digest != digest
    assert Pixels(plain(values).view(60, 3, 5, 4)).digest != digest


def test_the_digest_of_tasks_says_which_rows_are_theirs(bytes_of: Bytes) -> None:
    whole = data(bytes_of)
    one = content(split(whole, range(6), 3))
    assert one == content(split(data(bytes_of), range(6), 3))
    assert one != content(split(whole, (0, 2, 1, 3, 4, 5), 3))


def test_only_training_batches_are_augmented_and_repeat_what_was_drawn(bytes_of: Bytes) -> None:
    """Drawn from seed, task and step: a resume shows the same."""

    def noise(random: torch.Generator, values: Tensor) -> Tensor:
        assert values.dtype == torch.uint8
        drawn = torch.randint(0, 256, values.shape, generator=random, dtype=torch.uint8)
        return values ^ drawn.to(values.device)

    still, one, other = (stream(bytes_of) for _ in range(3))
    one.augment = other.augment = noise
    one.batch(0, 0)
    assert torch.equal(one.batch(1, 3).inputs, other.batch(1, 3).inputs)
    assert not torch.equal(one.batch(1, 3).inputs, still.batch(1, 3).inputs)
    assert torch.equal(one.batch(1, 3).targets, still.batch(1, 3).targets)
    different = one.batch(0, 0).inputs - still.batch(0, 0).inputs
    assert not torch.equal(different, one.batch(0, 1).inputs - still.batch(0, 1).inputs)
    for part in ("train", "test", "probe"):
        pairs = zip(one.passes(1, 7, part), still.passes(1, 7, part), strict=True)
        assert all(torch.equal(a.inputs, b.inputs) for a, b in pairs)
        assert torch.equal(one.drawn(1, 5, "path", part).inputs, still.drawn(1, 5, "path", part).inputs)


def test_what_tasks_share_moves_to_a_device_once(bytes_of: Bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[Pixels] = []
    to = Pixels.to

    def counted(pixels: Pixels, device: torch.device) -> Pixels:
        moved.append(pixels)
        return to(pixels, device)

    monkeypatch.setattr(Pixels, "to", counted)
    found = stream(bytes_of).to(torch.device("cpu"))
    assert len(moved) == 2  # training and test images
    assert len({id(task.train.inputs) for task in found.tasks}) == 1


def test_a_large_map_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's device "meta" stands for an accelerator: it has shapes, but no values."""
    path, device = tmp_path / "map", torch.device("meta")
    np.zeros(SHAPE, np.uint8).tofile(path)
    pixels = Pixels(np.memmap(path, np.uint8, "r", shape=SHAPE))
    small = pixels.to(device)
    assert isinstance(small.values, Tensor)
    assert small.home == small.device == device
    monkeypatch.setattr("engine.streams.pixels.MOST_WHOLE", 100)
    large = pixels.to(device)
    assert large.values is pixels.values
    assert (large.home, large.device) == (torch.device("cpu"), device)
    assert large.take(torch.tensor([1, 2])).device == device


def test_a_test_takes_fewer_examples_at_once_if_they_are_large(
    bytes_of: Bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "BATCH_BYTES", 4 * 60 * 7)
    found, sizes = stream(bytes_of), list[int]()

    class Net(torch.nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            sizes.append(len(inputs))
            return inputs.flatten(1)[:, :6]

    found.test(0, Net(), found.problem(), "test")
    assert sizes == [7, 7, 6]
