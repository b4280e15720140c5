"""What the watchdog says of regression, whose scores have a range of their own."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from engine.errors import NumericsError
from engine.record.watchdog import caution
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.training.control import Control
from engine.training.runner import train
from tests import runs


def chosen(method: str, **settings: Any) -> RunConfig:
    usual = {"benchmark": "slowly-changing-regression", "tasks": 2, "examples_per_task": 4000, "bits_flipped": 4}
    return resolve(usual | {"device": "cpu", "method": method} | settings)


def names(folder: Path, config: RunConfig) -> list[tuple[str, int]]:
    session = runs.create(folder, config)
    with contextlib.suppress(NumericsError):
        train(session, Control())
    return [(warned.name, warned.task) for warned in Session.open(folder, session.name).history().warnings]


@pytest.mark.parametrize("score", ["r2", "rmse"])
@pytest.mark.parametrize("method", ["none", "ewc", "si"])
def test_a_sound_run_is_left_in_peace(method: str, score: str, tmp_path: Path) -> None:
    """Whatever its targets' size is, and although each has a single number; that it forgets is said."""
    strength = {"none": 0.0, "ewc": 0.1, "si": 0.003}[method]
    assert names(tmp_path, chosen(method, score=score, strength=strength, seed=1)) == [("forgot", 0)]


@pytest.mark.parametrize("score", ["r2", "rmse"])
def test_what_goes_wrong_is_named(score: str, tmp_path: Path) -> None:
    for number, (config, name, task) in enumerate(
        [
            (chosen("none", score=score, lr=1e-7), "no-learning", 0),
            (chosen("none", score=score, lr=30.0, optimizer="sgd", momentum=0.0), "not-finite", 0),
            (chosen("l2", score=score, strength=1e6, seed=1, bits_flipped=15), "drowned", 1),
        ]
    ):
        assert (name, task) in names(tmp_path / str(number), config), (name, config)


def test_cautions() -> None:
    """A single number in a target is not a single class, and a mean far from 0 is no mistake of scale."""
    assert caution(chosen("si")) == ""
    assert caution(chosen("si", normalize=(50.0, 20.0))) == ""
    assert "keep best" in caution(chosen("si", keep="best"))
