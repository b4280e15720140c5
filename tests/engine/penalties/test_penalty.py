"""The training knows of a penalty only what penalty.py says: one that is not diagonal and has no anchor works."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.methods.base import Learned
from engine.methods.l2 import EqualImportance
from engine.models.flat import FlatParameters, Layer
from engine.penalties.penalty import Penalty, Pull
from engine.seeds import generator
from engine.training.build import build_model, load_stream
from tests import runs
from tests.textbook import slow_optimizer

STRENGTH = 3.0


@dataclass(frozen=True)
class Sum(Penalty):
    """(v·(θ−θ*))²: it holds one direction of the weights, in which each pulls at all others."""

    direction: Tensor
    start: Tensor
    constant = 0.0

    def bind(self, k: float) -> "SumPull":
        return SumPull(self, k)

    def diagonal(self) -> Tensor:
        return self.direction**2

    def by_layer(self, theta: Tensor, layers: Sequence[Layer]) -> tuple[float, ...]:
        return tuple(0.0 for _ in layers)

    def scaled(self, factor: float) -> "Sum":
        return Sum(self.direction * factor**0.5, self.start)

    def masked(self, keep: Tensor) -> "Sum":
        return Sum(self.direction * keep, self.start)


class SumPull(Pull):
    def __init__(self, penalty: Sum, k: float) -> None:
        self._penalty, self._k = penalty, k

    def write(self, theta: Tensor, out: Tensor) -> Tensor:
        along = torch.dot(self._penalty.direction, theta - self._penalty.start)
        out.copy_(2 * self._k * along * self._penalty.direction)
        return self._k * along**2

    def value(self, written: float) -> float:
        return written


def direction(like: Tensor) -> Tensor:
    return torch.randn(like.shape, generator=generator(0, "direction")).to(like) / 10


@pytest.mark.parametrize("optimizer", runs.OPTIMIZERS)
def test_a_penalty_that_is_not_diagonal_is_trained_with(
    optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second task's weights and penalties are those of a loop that adds the penalty to the loss for autograd."""

    def consolidate(method: EqualImportance, learned: Learned, penalty: Penalty | None) -> Sum:
        return Sum(direction(learned.theta), learned.theta.clone())

    monkeypatch.setattr(EqualImportance, "consolidate", consolidate)
    config = runs.tiny("l2", strength=STRENGTH, optimizer=optimizer, leave_alone=("fc1.bias",))
    session = runs.finished(tmp_path, config)
    first, last = (runs.tensors(session)[name] for name in sorted(runs.tensors(session)))
    assert {name for name in last if name.startswith("penalty/")} == {"penalty/direction", "penalty/start"}

    stream = load_stream(config, torch.device("cpu"))
    problem = stream.problem()
    model = build_model(config, stream.inputs, problem.outputs, torch.device("cpu"))
    parameters = FlatParameters(model)
    parameters.values.copy_(first["theta"])
    problem.begin(1)
    v = direction(first["theta"]) * parameters.matching_none(config.leave_alone)
    weights = list(model.parameters())
    optimize, penalties = slow_optimizer(config, weights), []
    for step in range(stream.phases[1].steps):
        batch = stream.batch(1, step)
        optimize.zero_grad()
        moved = torch.cat([weight.flatten() for weight in weights]) - first["theta"]
        penalty = STRENGTH * torch.dot(v, moved) ** 2
        (problem.loss(model(batch.inputs), batch) + penalty).backward()
        optimize.step()
        penalties.append(penalty.item())
    torch.testing.assert_close(last["theta"], torch.cat([weight.detach().flatten() for weight in weights]))
    told = session.history().curve.penalties()
    assert told[-len(penalties) :].tolist() == pytest.approx(penalties, rel=1e-3, abs=1e-6)
    assert told[-1] > 0
