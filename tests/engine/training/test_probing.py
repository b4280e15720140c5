"""How often a network is tested while it trains."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from engine.problems.problem import Problem
from engine.record.events import LAYER_PENALTIES, PATH, PROBE, Measured, Scored
from engine.streams.examples import ExampleStream
from engine.training.probing import HISTOGRAMS_PER_TASK, PROBES_PER_TASK, SHARE, Probing
from tests import runs

PLACES = st.sampled_from([PROBES_PER_TASK, HISTOGRAMS_PER_TASK])
CONV, MLP = nn.Sequential(nn.Conv2d(1, 1, 1)), nn.Sequential(nn.Linear(1, 1))


@example(2, PROBES_PER_TASK, 1, 1)
@given(st.integers(1, 3000), PLACES, st.integers(1, 3000), st.integers(1, 300))
def test_tests_of_a_convolutional_network_see_a_share_of_what_it_trains_on(
    steps: int, places: int, examples: int, batch: int
) -> None:
    probing, trained = Probing.of(CONV, steps, places, examples, steps * batch), steps * batch
    tested = [step for step in range(probing.every, steps + 1, probing.every) if probing.tests(step)]
    assert len(tested) <= 1 or len(tested) * examples <= SHARE * trained
    assert len({after - before for before, after in pairwise(tested)}) <= 1
    if SHARE * trained >= 2 * places * examples:
        assert len(tested) == steps // probing.every


@given(st.integers(1, 3000), PLACES, st.integers(0, 3000))
def test_any_other_network_is_tested_at_each_place(steps: int, places: int, examples: int) -> None:
    probing = Probing.of(MLP, steps, places, examples, steps)
    assert all(probing.tests(step) for step in range(probing.every, steps + 1, probing.every))


@pytest.mark.parametrize(("settings", "probes", "paths"), [({"model": "conv", "channels": [2]}, 1, 3), ({}, 20, 9)])
def test_a_run_has_all_its_penalties_and_as_many_tests_as_it_may(
    settings: dict[str, Any], probes: int, paths: int, tmp_path: Path
) -> None:
    """Each task ends with a probe, and the path-integral check is there at its beginning and end in any case."""
    session = runs.finished(tmp_path, runs.tiny("si", **{"hidden": [8], "steps": 40, "batch_size": 4, **settings}))
    told = list(session.events())
    for task in range(2):
        probed = [
            event.step for event in told if isinstance(event, Scored) and (event.part, event.phase) == (PROBE, task)
        ]
        assert len(probed) == probes + 1
        assert probed[-1] == 40 * (task + 1)
        assert probes > 1 or probed[0] == 40 * task + 20
        named = [event.name for event in told if isinstance(event, Measured) and event.phase == task]
        assert (named.count(PATH), named.count(LAYER_PENALTIES)) == (paths, 20 * task)


def test_what_whole_test_sets_gave_is_not_measured_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tested: list[tuple[int, str]] = []
    test = ExampleStream.test

    def counted(self: ExampleStream, phase: int, net: nn.Module, problem: Problem, part: str, *others: Any) -> float:
        tested.append((phase, part))
        return test(self, phase, net, problem, part, *others)

    monkeypatch.setattr(ExampleStream, "test", counted)
    session = runs.finished(tmp_path, runs.tiny("none", model="conv", channels=[2], forward=False))
    assert tested.count((0, "test")) == 2
    assert tested.count((0, "probe")) == len(session.history().probes)
    for evaluation in session.history().evaluations:
        assert evaluation.probe is not None
        assert evaluation.probe.row == evaluation.whole.row
