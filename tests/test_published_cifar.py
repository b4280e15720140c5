"""The preset si-cifar-transfer computes what the SI paper does: a few images of each class, trained by a plain loop."""

import math
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from engine.catalog.entries import Case
from engine.catalog.models import MODELS
from engine.catalog.presets import PRESETS
from engine.models.conv import conv
from engine.seeds import generator, number
from engine.settings.run import RunConfig, resolve
from engine.streams.torchvision_sets import CLASSES
from tests import runs
from tests.reference import si_cifar as reference
from tests.reference.method import flat

TASKS, SIZE, EPOCHS = 3, 6, 2
"""Two steps an epoch: each class has one image for training and one for testing."""


close = partial(torch.testing.assert_close, rtol=1e-7, atol=1e-9)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class has a colour of its own."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for name, classes in (("cifar10", CLASSES["CIFAR10"]), ("cifar100", CLASSES["CIFAR100"][:50])):
        for label in classes:
            colour = random.integers(60, 196, 3)
            for part in ("train", "test"):
                place = folder / name / part / label
                place.mkdir(parents=True)
                pixels = np.clip(colour + random.integers(-60, 60, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(place / "image.png")
    return folder


def network(seed: int) -> nn.Sequential:
    return conv((3, 32, 32), outputs=10 * TASKS, seed=seed, **MODELS["si-cifar"].arguments)


def network64(**arguments: Any) -> nn.Sequential:
    """In float64, so that rounding does not hide a wrong formula."""
    return nn.Sequential(OrderedDict([("cast", runs.ToDouble()), *conv(**arguments).double().named_children()]))


def weights(seed: int) -> list[Tensor]:
    return [t.detach().double() for t in network(seed).parameters()]


def orders(config: RunConfig) -> list[list[Tensor]]:
    return [
        [
            rows
            for epoch in range(EPOCHS)
            for rows in torch.randperm(10, generator=generator(config.seed, "order", task, epoch)).split(SIZE)
        ]
        for task in range(TASKS)
    ]


CASES = [case for case in PRESETS["si-cifar-transfer"].cases if case.choice.get("strength") != 0.1]
"""Of the two strengths, one is enough."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(dict(case.choice)))
def test_a_case_equals_a_plain_loop(
    case: Case, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses, penalties, Ω, weights and accuracies."""
    in_double = MODELS["si-cifar"]._replace(code="tests.test_published_cifar:network64")
    monkeypatch.setitem(MODELS, "si-cifar", in_double)
    short = {"tasks": TASKS, "epochs": EPOCHS, "batch_size": SIZE}
    here = {"data_dir": str(data_dir), "device": "cpu", "threads": 1}
    config = resolve({"preset": "si-cifar-transfer", **case.choice, **short, **here})
    config = config.changed(strength=1e4 * config.strength)  # which matters within these few steps
    session = runs.finished(tmp_path, config)

    net = reference.network(10 * TASKS).double()
    with torch.no_grad():
        for t, initial in zip(net.parameters(), weights(config.seed), strict=True):
            t.copy_(initial)
    expected = reference.train(
        net,
        reference.read_tasks(data_dir)[:TASKS],
        orders(config),
        draws=lambda step: number(config.seed, "draws") + step,
        c=config.strength,
        xi=1e-3,
        fresh=(lambda task: weights(number(config.seed, "network", task))) if config.reset_network else None,
    )
    history = session.history()
    assert history.curve.losses().tolist() == pytest.approx(expected.losses, rel=1e-5)
    assert history.matrix == tuple(map(tuple, expected.matrix))
    tensors, _ = runs.newest(session)
    close(tensors["theta"], flat(list(net.parameters())))
    if config.method == "si":
        assert max(expected.penalties) > 1e-3
        assert history.curve.penalties().tolist() == pytest.approx(expected.penalties, rel=1e-5)
        close(tensors["penalty/importance"], flat(expected.importance))


def test_the_initial_weights_are_those_of_keras() -> None:
    """Uniform within Glorot's bound, whose deviation is a √3th of it; biases, and the last layer, zero."""
    *layers, head = [layer for layer in network(0) if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert not head.weight.any()
    for layer in (*layers, head):
        assert layer.bias is not None
        assert not layer.bias.any()
    for layer, (before, after) in zip(
        layers, ((27, 288), (288, 288), (288, 576), (576, 576), (2304, 512)), strict=True
    ):
        bound = math.sqrt(6 / (before + after))
        assert layer.weight.detach().abs().max() == pytest.approx(bound, rel=0.02)
        assert layer.weight.detach().abs().max() <= bound
        assert layer.weight.detach().std() == pytest.approx(bound / math.sqrt(3), rel=0.03)
