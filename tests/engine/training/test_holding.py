"""What Ω holds and what a task pulls, as pictures of the first layer and shares of the weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.models.flat import Layer
from engine.penalties.quadratic import Quadratic
from engine.record.events import (
    CONFLICT,
    DISTANCE,
    GRADIENT_NORM,
    HELD,
    HELD_OWN,
    PULLED,
    TIMES,
    TIMES_OF,
    WHOLE_NETWORK,
)
from engine.record.held import conflicts, held_by_task, pictures
from engine.sessions import checkpoint
from engine.training.build import load_stream
from engine.training.holding import FirstLayer, Holding, first_layer, holders
from engine.training.state import RunState, saved_penalty
from engine.training.step import TrainingStep
from tests import runs

CPU = torch.device("cpu")


@pytest.mark.parametrize("method", ["si", "ewc"])
def test_what_is_told_of_omega_is_what_the_checkpoints_hold(method: str, tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny(method, tasks=2, scenario="domain", threads=1))
    history = session.history()
    tensors, cursor = runs.newest(session)
    path = session.task_checkpoint(0)
    assert path is not None
    first, then = checkpoint.read(path)
    before, after = saved_penalty(first, then), saved_penalty(tensors, cursor)
    assert before is not None
    assert after is not None

    weights = 8 * 64
    for name, step, omega in (
        (HELD, 4, before.diagonal()),
        (HELD, 8, after.diagonal()),
        (HELD_OWN, 8, after.diagonal() - before.diagonal()),
    ):
        told, expected = history.packed[name].until(step)[-1].array(), omega[:weights].view(8, 64).clamp_min(0).sum(0)
        assert told is not None
        assert told.shape == (1, 8, 8)
        assert np.allclose(told.flatten() ** 0.5, expected.numpy() ** 0.5, atol=0.003 * float(expected.max()) ** 0.5)
    assert list(held_by_task(history)) == [0, 1]
    pulled = pictures(history, PULLED)
    assert pulled is not None
    assert pulled.shape == (1, 8, 8)

    moved = (tensors["theta"] - first["theta"]).abs()
    distance = history.measured[DISTANCE][-1].values[0]
    assert distance == pytest.approx(torch.linalg.vector_norm(moved).item(), rel=1e-4)
    omega = before.diagonal()
    assert [of.part for of in conflicts(history)] == ["fc1.weight", WHOLE_NETWORK]
    assert history.measured[CONFLICT][0].step > 4, "there is nothing to hold in the first task"
    for found, size in zip(conflicts(history), (weights, len(omega)), strict=True):
        order = omega[:size].argsort(descending=True)
        fewest = int((omega[order].double().cumsum(0) < omega[:size].double().sum() / 2).sum()) + 1
        assert found.weights == pytest.approx(fewest / size, rel=1e-4)
        assert found.change == pytest.approx((moved[order[:fewest]].sum() / moved[:size].sum()).item(), rel=1e-3)
    assert all(of.values[0] for of in history.measured[GRADIENT_NORM])
    assert {len(of.values) for of in history.measured[TIMES]} == {len(TIMES_OF)}


@pytest.mark.parametrize(
    ("method", "options"),
    [("si", {}), ("ewc", {}), ("ewc", {"accumulate": 3}), ("si", {"gradient": "total"}), ("mas", {"clip_norm": 0.1})],
)
def test_a_watched_step_tells_the_gradient_of_the_loss_alone(method: str, options: dict[str, object]) -> None:
    """And computes the same as one that nobody watches."""
    config = runs.tiny(method, threads=1, **options)
    stream = load_stream(config, CPU)
    after = []
    for watch in (True, False):
        state = RunState(config, stream, stream.problem(), CPU)
        state.begin_task()
        theta = state.parameters.values
        state.adopt(Quadratic(torch.full_like(theta, 1 / state.factor), theta + 0.1))
        batch = stream.batch(0, 0)
        loss = state.problem.loss(state.model(batch.inputs), batch)
        (expected,) = torch.autograd.grad(loss, [next(state.model.parameters())])
        first = first_layer(state.model, state.parameters.layers, stream.inputs)
        assert first is not None
        step = TrainingStep(config, state, stream, first.place)
        step.take(watch=watch)
        after.append(theta.clone())
        if step.watched is not None:
            assert torch.allclose(step.watched.gradient, expected.flatten(), atol=1e-6)
            assert min(step.watched.seconds) > 0
            assert step.watched.norm > torch.linalg.vector_norm(expected) / 2
    assert torch.equal(*after)


def test_the_fewest_weights_hold_half() -> None:
    found = holders(torch.tensor([0.0, -5.0, 1.0, 2.0, 2.5]))
    assert found.tolist() == [False, False, False, True, True]
    assert holders(torch.zeros(3)).sum() == 0
    assert holders(torch.full((4,), 2.0)).sum() == 4
    assert holders(torch.tensor([1e-30, 1e-38, 1e-38])).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("shape", "inputs", "pictured"),
    [
        ((5, 12), (3, 2, 2), (1, 2, 2)),
        ((5, 12), (12,), (1, 1, 12)),
        ((5, 12), (3, 4), (1, 3, 4)),
        ((5, 20_000), (2, 100, 100), (1, 64, 64)),
        ((5, 3, 4, 4), (3, 32, 32), (5, 4, 4)),
        ((300, 3, 4), (3, 100), (256, 1, 4)),
        ((50, 7), (12,), None),
        ((9,), (12,), None),
    ],
)
def test_the_pictures_of_a_first_layer(
    shape: tuple[int, ...], inputs: tuple[int, ...], pictured: tuple[int, ...] | None
) -> None:
    size = int(np.prod(shape))
    first = FirstLayer.of([Layer("one", 0, size)], [shape], inputs)
    if pictured is None:
        assert first is None
        assert Holding(first).held(0, 0, torch.ones(size), None, running=False) == []
    else:
        assert first is not None
        assert first.pictures(torch.rand(size)).shape == pictured
