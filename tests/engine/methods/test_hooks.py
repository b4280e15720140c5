"""A method may choose the examples of a step, weigh its loss and add to it, and change what the optimizer gets."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.batch import Batch
from engine.methods.base import StepLoss
from engine.methods.l2 import EqualImportance
from engine.methods.si import SynapticIntelligence
from engine.models.flat import FlatParameters
from engine.problems.problem import Problem
from engine.training.build import build_model, load_stream
from tests import runs
from tests.textbook import slow_optimizer

STRENGTH = 0.1
LIMIT = 0.02


def twice_the_first(method: EqualImportance, batch: Batch, step: int) -> Batch:
    return Batch(torch.cat([batch.inputs, batch.inputs[:3]]), torch.cat([batch.targets, batch.targets[:3]]), batch.task)


def weighed(method: EqualImportance, outputs: Tensor, batch: Batch, problem: Problem) -> StepLoss:
    own = problem.loss(outputs, batch)
    return StepLoss(0.5 * own + 0.01 * outputs.square().mean(), own, 0.02 * outputs.square().mean())


def clipped(method: EqualImportance, gradient: Tensor, theta: Tensor) -> None:
    gradient.clamp_(-LIMIT, LIMIT)


@pytest.mark.parametrize("optimizer", runs.OPTIMIZERS)
def test_a_step_with_all_hooks_equals_a_loop_by_autograd(
    optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second task's weights, losses and penalties: the first task's penalty, and what the method adds."""
    monkeypatch.setattr(EqualImportance, "batch", twice_the_first)
    monkeypatch.setattr(EqualImportance, "loss", weighed)
    monkeypatch.setattr(EqualImportance, "direct", clipped)
    monkeypatch.setattr(EqualImportance, "directs", True)
    config = runs.tiny("l2", strength=STRENGTH, optimizer=optimizer)
    session = runs.finished(tmp_path, config)
    first, last = (runs.tensors(session)[name] for name in sorted(runs.tensors(session)))

    stream = load_stream(config, torch.device("cpu"))
    problem = stream.problem()
    model = build_model(config, stream.inputs, problem.outputs, torch.device("cpu"))
    FlatParameters(model).values.copy_(first["theta"])
    problem.begin(1)
    weights = list(model.parameters())
    optimize, losses, added = slow_optimizer(config, weights), list[float](), list[float]()
    for step in range(stream.phases[1].steps):
        batch = stream.batch(1, step)
        optimize.zero_grad()
        inputs, targets = [*batch.inputs, *batch.inputs[:3]], [*batch.targets, *batch.targets[:3]]
        outputs = model(torch.stack(inputs))
        own = problem.loss(outputs, Batch(torch.stack(inputs), torch.stack(targets), 1))
        loss = 0.5 * own + 0.01 * (outputs**2).mean()
        moved = torch.cat([weight.flatten() for weight in weights]) - first["theta"]
        penalty = STRENGTH * torch.dot(moved, moved)
        added.append(penalty.item() + 0.02 * (outputs**2).mean().item())
        (loss + penalty).backward()
        torch.nn.utils.clip_grad_value_(weights, LIMIT)
        optimize.step()
        losses.append(own.item())
    torch.testing.assert_close(last["theta"], torch.cat([weight.detach().flatten() for weight in weights]))
    assert session.history().curve.losses()[-len(losses) :].tolist() == pytest.approx(losses, rel=1e-4)
    assert session.history().curve.penalties()[-len(losses) :].tolist() == pytest.approx(added, rel=1e-4)


def test_a_method_that_directs_still_sees_the_gradient_of_the_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without a penalty: the weights stand still, and what si sees is not what it left for the optimizer."""
    seen: list[tuple[float, float]] = []

    def after_step(method: SynapticIntelligence, gradient: Tensor, change: Tensor) -> None:
        seen.append((gradient.abs().max().item(), change.abs().max().item()))

    monkeypatch.setattr(SynapticIntelligence, "after_step", after_step)
    monkeypatch.setattr(SynapticIntelligence, "direct", lambda method, gradient, theta: gradient.zero_())
    monkeypatch.setattr(SynapticIntelligence, "directs", True)
    session = runs.finished(tmp_path, runs.tiny("si", optimizer="sgd"))
    assert len(seen) == session.history().step
    assert all(gradient > 0 and change == 0 for gradient, change in seen)
