"""What holds for any method with any options in any scenario: whole short runs, drawn at random."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalog.methods import METHODS
from engine.models.flat import FlatParameters
from engine.models.mlp import mlp
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.training.control import Control
from engine.training.runner import train
from tests import runs

VARIANTS = [(method, options) for method, options in (*runs.CASES, *runs.COMBINED) if METHODS[method].symbol]


@pytest.fixture(autouse=True, scope="module")
def blobs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        runs.register_blobs(patch)
        patch.setattr("os.fsync", lambda file: None)
        yield


how_it_runs = st.fixed_dictionaries(
    {
        "benchmark": st.just("blobs"),
        "scenario": st.sampled_from(runs.SCENARIOS),
        "optimizer": st.sampled_from(runs.OPTIMIZERS),
        "reset_optimizer": st.booleans(),
        "tasks": st.integers(2, 4),
        "hidden": st.lists(st.integers(1, 7), max_size=3),
        "seed": st.integers(0, 2**63 - 1),
        "batch_size": st.integers(4, 70),
        "keep": st.sampled_from(["last", "best"]),
        "init": st.sampled_from(["torch", "glorot", "glorot-zero-head"]),
        "threads": st.just(1),
        "device": st.just("cpu"),
    },
    optional={
        "class_order": st.just("random") | st.permutations(range(7)),
        "normalize": st.tuples(st.floats(-2, 2), st.floats(0.5, 3)),
        "first_task": st.fixed_dictionaries(
            {}, optional={"lr": st.floats(1e-4, 0.1), "batch_size": st.integers(4, 30), "epochs": st.integers(1, 3)}
        ),
    },
)
how_long = st.fixed_dictionaries({"epochs": st.integers(1, 2)}) | st.fixed_dictionaries({"steps": st.integers(1, 9)})
configurations = st.builds(
    lambda run, long, variant, patterns: resolve(
        run
        | long
        | {"method": variant[0]}
        | variant[1]
        | {"leave_alone": [pattern for pattern in patterns if run["hidden"] or not pattern.startswith("fc")]}
    ),
    how_it_runs,
    how_long,
    st.sampled_from(VARIANTS),
    st.lists(st.sampled_from(["*.bias", "head.*", "fc1.*", "*.weight", "fc?.weight"]), max_size=2),
)


def ran(config: RunConfig, folder: str, name: str) -> Session:
    return runs.finished(Path(folder), config, name)


def changed(config: RunConfig, **settings: Any) -> RunConfig:
    return resolve(config.plain() | settings)


@settings(max_examples=30)
@given(configurations)
def test_importances_are_not_negative_and_zero_where_parameters_are_left_alone(config: RunConfig) -> None:
    """After every task; and the penalty of every step is finite and not negative."""
    with TemporaryDirectory() as folder:
        session = ran(config, folder, "run")
        history = session.history()
        ends = runs.tensors(session)
        outputs = {"domain": history.tasks[0].classes}.get(config.scenario, 7)
        held = FlatParameters(mlp((5,), config.option("hidden"), outputs, seed=0)).matching_none(config.leave_alone)
        assert len(ends) == config.tasks
        for tensors in ends.values():
            importance = tensors["penalty/importance"]
            assert torch.isfinite(importance).all()
            assert (importance >= 0).all()
            assert not importance[held == 0].any()
            if config.option("clamp") is not None:
                assert importance.max() <= config.option("clamp") * (1 + 1e-6)
        assert (history.curve.penalties() >= 0).all()
        assert history.step == history.total_steps


@settings(max_examples=30)
@given(configurations)
def test_strength_0_equals_none(config: RunConfig) -> None:
    """To the bit, whatever the method measures meanwhile."""
    options = {key for info in METHODS.values() for key in info.options.kept} | {"leave_alone", "method", "strength"}
    plain = resolve({key: value for key, value in config.plain().items() if key not in options} | {"method": "none"})
    with TemporaryDirectory() as folder:
        zero, none = ran(changed(config, strength=0.0), folder, "zero"), ran(plain, folder, "none")
        ours, theirs = runs.newest(zero)[0], runs.newest(none)[0]
        runs.assert_same_tensors({name: ours[name] for name in theirs}, theirs)
        assert zero.history().matrix == none.history().matrix
        assert zero.history().curve.losses().tolist() == none.history().curve.losses().tolist()
        assert not zero.history().curve.penalties().any()


@settings(max_examples=20)
@given(configurations, st.data())
def test_a_stop_anywhere_changes_nothing(config: RunConfig, data: st.DataObject) -> None:
    """Resume is exact with any options together, not only with each alone."""
    with TemporaryDirectory() as folder:
        whole = ran(config, folder, "whole")
        session = runs.create(Path(folder), config, "stopped")
        at = data.draw(st.integers(1, whole.history().total_steps))
        train(session, runs.AtStep(at))
        assert session.history().step == at
        again = Session.open(Path(folder), "stopped")
        assert train(again, Control()).state == "finished"
        runs.assert_same_run(again, whole)
