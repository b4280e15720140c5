"""What people look at is what the network sees, and what is told of it is what the network answers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.record.events import ANSWERS, WHOLE_ANSWERS, WHOLE_TARGETS
from engine.record.shown import EXAMPLES, MOST_BYTES, Shown, answers, forgotten
from engine.settings.run import RunConfig, resolve
from engine.streams.examples import DataSet, Examples, ExampleStream
from engine.streams.looked_at import LARGEST, MOST_NUMBERS
from engine.streams.pixels import Pixels
from engine.training.build import load_stream
from engine.training.looking import Looking
from engine.training.state import RunState
from tests import runs

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("benchmark", "scenario"),
    [
        *(("split-digits", scenario) for scenario in runs.SCENARIOS),
        ("permuted-digits", "domain"),
        ("slowly-changing-regression", "domain"),
    ],
)
def test_the_answers_are_those_of_the_network(benchmark: str, scenario: str, tmp_path: Path) -> None:
    """At the end, of the newest checkpoint's network; some times a task, at probes."""
    config = runs.tiny("none", benchmark=benchmark, scenario=scenario, threads=1)
    session = runs.finished(tmp_path, config)
    shown, history = Shown.read(session.path), session.history()
    assert shown is not None
    state = RunState(config, stream := load_stream(config, CPU), stream.problem(), CPU)
    state.load(*runs.newest(session), [])
    state.problem.begin(1)
    assert {of.phase for of in history.packed[ANSWERS]} == {0, 1}
    steps = [of.step for of in history.packed[ANSWERS]]
    assert set(steps) <= {*(probe.step for probe in history.probes), *history.starts}
    assert len(steps) >= 8
    found = answers(history, shown)
    assert len(found) == 2
    for of in found:
        batch = next(stream.passes(of.task, 10_000, "test"))
        places = torch.tensor(shown.tasks[of.task].places)
        outputs = state.model(batch.inputs)[places].detach()
        if not shown.names:
            assert np.allclose(of.given, outputs, atol=1e-6)
            continue
        competing = state.problem.competing(outputs, of.task)
        assert competing is not None
        shares = competing[0].softmax(1).numpy()
        assert of.right is not None
        assert of.sure is not None
        assert np.array_equal(of.given, shares.argmax(1))
        assert np.allclose(of.sure, shares.max(1), atol=0.002)
        assert np.allclose(of.right, shares[np.arange(len(shares)), of.target], atol=0.002)
        right = batch.targets[places].numpy()
        assert np.array_equal(of.target - (of.task * 5 if scenario == "class" else 0), right)


@pytest.mark.parametrize("scenario", runs.SCENARIOS)
def test_the_answers_on_whole_test_sets_are_those_that_were_scored(scenario: str, tmp_path: Path) -> None:
    config = runs.tiny("none", scenario=scenario, tasks=3, epochs=12, threads=1)
    history = runs.finished(tmp_path, config).history()
    assert history.started is not None
    sizes = history.started.test_examples
    ends = [of.array() for of in history.packed[WHOLE_ANSWERS]]
    parts = [np.split(of, np.cumsum(sizes)[:phase]) for phase, of in enumerate(ends) if of is not None]
    assert [[float((part == 0).mean()) for part in row] for row in parts] == [
        pytest.approx(list(row)) for row in history.matrix
    ]
    targets = [of.array() for of in history.packed[WHOLE_TARGETS]]
    assert [len(of) for of in targets if of is not None] == list(sizes)
    found = forgotten(history, 2)
    assert found
    for task in (0, 1):
        lost = (parts[task][task] == 0) & (parts[2][task] > 0)
        assert sum(of.count for of in found if of.task == task) == lost.sum()
        for of in found:
            if of.task == task:
                assert of.count == (lost & (targets[task] == of.target) & (parts[2][task] == of.answer + 1)).sum()
                assert of.learned == ((parts[task][task] == 0) & (targets[task] == of.target)).sum()


@pytest.mark.parametrize("normalize", [None, (0.3, 0.4)])
@pytest.mark.parametrize("benchmark", ["split-digits", "permuted-digits"])
def test_a_picture_is_what_the_network_sees_before_it_is_normalised(
    benchmark: str, normalize: tuple[float, float] | None
) -> None:
    stream = load_stream(runs.tiny(benchmark=benchmark, normalize=normalize), CPU)
    seen = stream.picture(1, EXAMPLES)
    assert seen is not None
    assert seen.pictures is not None
    assert seen.pictures.shape == (EXAMPLES, 1, 8, 8)
    assert torch.bincount(seen.targets).min() >= EXAMPLES // 10
    mean, deviation = normalize or (0.0, 1.0)
    whole = next(stream.passes(1, 10_000, "test"))
    probed = next(stream.passes(1, 10_000, "probe"))
    for part, places in ((whole, seen.places), (probed, seen.rows)):
        bytes_ = (part.inputs[places] * deviation + mean) * 255
        assert torch.allclose(seen.pictures.float(), bytes_, atol=0.51)
        assert torch.equal(part.targets[places], seen.targets)


def data(inputs: Pixels | Tensor) -> DataSet:
    labels = torch.arange(len(inputs)) % 2
    return DataSet(Examples(inputs, labels), Examples(inputs, labels))


def of_tasks(config: RunConfig, inputs: Pixels | Tensor, shape: tuple[int, ...]) -> ExampleStream:
    return ExampleStream.of_tasks(config, [(str(task), data(inputs)) for task in range(config.tasks)], shape)


def test_images_are_looked_at_as_bytes_and_made_smaller_until_all_fit() -> None:
    config = resolve({"benchmark": "split-cifar10", "tasks": 5, "normalize": "imagenet"})
    pixels = Pixels(torch.randint(256, (150, 3, 100, 50), dtype=torch.uint8))
    stream = of_tasks(config, pixels, (3, 100, 50))
    seen = stream.picture(0, EXAMPLES)
    assert seen.pictures is not None
    assert seen.pictures.shape == (EXAMPLES, 3, LARGEST, LARGEST // 2)
    shown = Looking(stream, stream.problem()).shown(together=False)
    assert shown is not None
    pictures = [task.pictures for task in shown.tasks if task.pictures is not None]
    assert sum(of.nbytes for of in pictures) <= MOST_BYTES
    assert {of.shape for of in pictures} == {(EXAMPLES, 64, 32, 3)}
    many = Looking(stream, stream.problem())
    many._pictured = many._pictured * 20
    many._phases = many._phases * 20
    smaller = many.shown(together=False)
    assert smaller is not None
    assert len(smaller.tasks) == 100
    assert sum(of.pictures.nbytes for of in smaller.tasks if of.pictures is not None) <= MOST_BYTES
    assert {len(of) for of in smaller.tasks} == {EXAMPLES}


@pytest.mark.parametrize(
    ("inputs", "pictured"),
    [
        (torch.rand(20, 7), False),
        (torch.randint(9, (20, 100)), False),
        (torch.randint(9, (20, 4, 4)), False),
        (torch.rand(20, 6, 4) * 8 - 4, True),
        (torch.rand(20, 4, 5, 5), False),
    ],
    ids=["a row", "words", "whole numbers", "an image of other brightness", "four channels"],
)
def test_what_is_no_picture_has_its_numbers(inputs: Tensor, pictured: bool) -> None:
    stream = of_tasks(runs.tiny(normalize=None), inputs, tuple(inputs.shape[1:]))
    seen = stream.picture(0, EXAMPLES)
    assert (seen.pictures is not None) is pictured
    assert (seen.numbers is None) is pictured
    if seen.numbers is not None:
        assert torch.equal(seen.numbers, inputs.flatten(1)[:, :MOST_NUMBERS].float())
    shown = Looking(stream, stream.problem()).shown(together=False)
    assert shown is not None
    again = Shown.unpacked(shown.packed())
    assert [len(of) for of in again.tasks] == [20, 20]
