"""Scores on every phase, and the fast probe."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cl_tui.panes.as_of import AccuracyTable
from engine.models.statistics import Statistics
from engine.problems.classification import Classification, Scenario
from engine.record.metrics import stability
from engine.settings.run import resolve
from engine.streams.examples import Examples, ExampleStream, Task
from engine.training.evaluation import PATH_EXAMPLES, Evaluator
from tests import runs


class Given(nn.Module):
    """A 'network' whose logits are its inputs."""

    def forward(self, inputs: Tensor) -> Tensor:
        assert not self.training, "scores are measured in eval mode"
        assert not torch.is_grad_enabled()
        return inputs


@pytest.mark.parametrize("training", [True, False])
def test_the_phases_so_far_are_measured_in_eval_mode(training: bool) -> None:
    """The network's mode is as before afterwards; only whole test sets ask whether to stop."""
    right, wrong = ([Examples(torch.eye(2), torch.tensor(labels))] * 2 for labels in ([0, 1], [1, 0]))
    stream = ExampleStream(resolve({}), [Task("", 2, *right), Task("", 2, *wrong)], (2,))
    problem, net = Classification("domain", [2, 2]), Given().train(training)
    checks: list[None] = []
    statistics = Statistics(net, len(stream.phases), "shared")
    evaluator = Evaluator(net, stream, problem, statistics, 16, lambda: checks.append(None))
    assert evaluator.scores() == evaluator.probe() == (1.0,)
    problem.begin(1)
    assert evaluator.scores() == evaluator.probe() == (1.0, 0.0)
    assert evaluator.newest_choice() == 0.0
    assert evaluator.path_loss() == pytest.approx(np.log(1 + np.e))
    assert net.training == training
    assert len(checks) == 3


@pytest.mark.parametrize("scenario", ["task", "domain"])
def test_a_network_that_stands_still_has_no_dips(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing moves after the first task: every dip is exactly 0, the best is what there is now, and min-ACC and the
    worst case are those of the last row. Probes look at a part of each test set here."""
    monkeypatch.setattr("engine.streams.examples.PROBE_EXAMPLES", 400)
    history = runs.finished(
        tmp_path,
        resolve(
            {
                "method": "none",
                "benchmark": "permuted-digits",
                "scenario": scenario,
                "tasks": 4,
                "hidden": (20,),
                "epochs": 1,
                "lr": 1e-12,
                "first_task": {"lr": 0.01, "epochs": 1},
                "device": "cpu",
            }
        ),
    ).history()
    assert history.started is not None
    assert history.started.subset_examples == (100,) * 4
    found = stability(AccuracyTable().looks(history))
    below = np.tril(np.ones((4, 4), dtype=bool), -1)
    assert (found.dips[below] == 0).all()
    assert found.best == list(history.newest_probed) == list(history.probed[-1])
    assert found.minimum == pytest.approx(sum(history.probed[-1][:-1]) / 3)
    assert found.worst_case == pytest.approx(sum(history.probed[-1]) / 4)
    assert history.probed[-1] != history.matrix[-1], "the subsets are the whole test sets: nothing was tested"
    for whole, probed in zip(history.matrix[-1], history.probed[-1], strict=True):
        assert probed == pytest.approx(whole, abs=0.15)


def test_the_loss_of_the_path_check_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large inputs are not all shown to the network at once."""
    random = torch.Generator().manual_seed(0)
    examples = Examples(torch.randn(50, 3, generator=random), torch.randint(3, (50,), generator=random))
    stream = ExampleStream(resolve({}), [Task("", 3, examples, examples)], (3,))
    net = nn.Identity()
    statistics = Statistics(net, 1, "shared")
    evaluator = Evaluator(net, stream, Classification("task", [3]), statistics, 16, lambda: None)
    whole = evaluator.path_loss()
    monkeypatch.setattr("engine.streams.examples.BATCH_BYTES", 7 * 3 * 4)
    assert len(list(stream.sampled(0, 1000, "path"))) == 8
    assert evaluator.path_loss() == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize(("convolutional", "sizes"), [(True, [32, 32, 16]), (False, [80])])
def test_a_convolutional_network_is_shown_no_more_examples_than_in_a_step(
    convolutional: bool, sizes: list[int]
) -> None:
    """Its layers need far more memory than its inputs: a test would need more of it than the training."""
    first: nn.Module = nn.Conv2d(1, 2, 3, padding=1) if convolutional else nn.Identity()
    net = nn.Sequential(first, nn.Flatten(), nn.LazyLinear(10))
    examples = Examples(torch.rand(80, 1, 8, 8), torch.zeros(80, dtype=torch.int64))
    config = resolve({"batch_size": 5, "steps": 1})
    stream = ExampleStream(config, [Task("", 10, examples, examples)], (1, 8, 8))
    problem, seen = stream.problem(), list[int]()
    batch = stream.drawn(0, PATH_EXAMPLES, "path")
    expected = problem.loss(net(batch.inputs), batch).item()
    net.register_forward_pre_hook(lambda net, given: seen.append(len(given[0])))
    stream.test(0, net, problem, "test")
    assert seen == sizes
    found = Evaluator(net, stream, problem, Statistics(net, 1, "shared"), 5, lambda: None).path_loss()
    assert seen == 2 * sizes
    assert found == pytest.approx(expected, rel=1e-5)
