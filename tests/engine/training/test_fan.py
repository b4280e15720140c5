"""The fan: futures come true, and a run that has looked at them is as if it had not, to the bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.catalog.entries import ModelInfo
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.models.mlp import MLPOptions
from engine.errors import ConfigError
from engine.sessions.session import Session
from engine.training import fan
from engine.training.control import Control
from engine.training.extend import extend, extended_config
from engine.training.futures import Ahead, Future, Futures
from engine.training.runner import train
from tests import runs
from tests.golden.digests import digests

STRENGTHS = (0.5, 0.0, 50.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)
    monkeypatch.setitem(
        MODELS, "normed", ModelInfo("normed", "", "tests.engine.training.test_state:normed", options=MLPOptions)
    )


class Looks(runs.AtStep):
    """Looks ahead after ``step`` steps; ``then`` is called when the engine has answered."""

    def __init__(self, step: int, steps: int = 5, then: Callable[[Control], None] = Control.stay) -> None:
        super().__init__(step, lambda control: control.look_ahead(Ahead(STRENGTHS, steps)))
        self._then = then
        self.found = Futures()

    def look_ahead(self, ahead: Ahead) -> None:
        self._draws = torch.get_rng_state()
        super().look_ahead(ahead)

    def wait_while_ahead(self, answered: Ahead) -> None:
        assert torch.equal(torch.get_rng_state(), self._draws)
        self.found = self.futures
        self._then(self)


def look(session: Session, step: int, **how: Any) -> Futures:
    control = Looks(step, **how)
    assert train(session, control).state == "finished"
    assert control.futures == Futures()
    return control.found


VARIANTS: list[runs.Case] = [
    *((method, {"model": "normed"}) for method in METHODS),
    ("si", {"keep": "best", "lr": 0.1, "reset_optimizer": False, "optimizer": "sgd", "momentum": 0.9}),
    ("ewc", {"schedule": "plateau", "schedule_factor": 0.5, "schedule_patience": 0, "scenario": "domain"}),
    ("rwalk", {"score_every": 2, "scenario": "class"}),
    ("none", {"reset_network": True}),
    ("mas", {"model": "normed", "norm_statistics": "own"}),
    ("lwf", {"model": "normed", "accumulate": 2, "clip_norm": 0.1}),
]


@runs.by_case(VARIANTS)
def test_after_a_look_ahead_the_run_is_as_if_nothing_had_happened(
    method: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """Early in a task, at its last steps (where futures end it), and at the last step of all; everything that is
    computed and told, without the clock."""
    config = runs.tiny(method, threads=1, **options)
    finished = runs.finished(tmp_path, config, "whole")
    whole, last = digests(finished), finished.history().step
    for step in (2, 4, last):
        session = runs.create(tmp_path, config, f"looked-{step}")
        found = look(session, step)
        assert [future.strength for future in found.known] == list(STRENGTHS)
        assert all(future.done and not future.broken for future in found.known)
        assert {len(future.losses) for future in found.known} == {min(5, last - step)}
        assert digests(session) == whole, step


def test_a_network_that_grew_looks_ahead(tmp_path: Path) -> None:
    settings = {"benchmark": "permuted-digits", "scenario": "class", "threads": 1}
    parent = runs.finished(tmp_path, runs.tiny("si", **settings), "parent")
    config = extended_config(parent.config, 1, {})
    children = [extend(parent, config, name) for name in ("one", "other")]
    train(children[0], Control())
    look(children[1], 1)
    runs.assert_same_tensors(runs.newest(children[0])[0], runs.newest(children[1])[0])


@pytest.mark.parametrize("method", ["si", "ewc", "mas", "l2", "rwalk"])
def test_a_future_comes_true(method: str, tmp_path: Path) -> None:
    """Through the end of the first task: losses, penalties and scores are those of the run with that strength."""
    session = runs.create(tmp_path, runs.tiny(method, model="normed", threads=1))
    found = look(session, 2, steps=6, then=lambda control: control.choose(50.0))
    future = found.of(50.0, 6)
    assert isinstance(future, Future)
    history = session.history()
    assert [change.strength for change in history.strengths] == [50.0]
    assert (history.strengths[0].step, found.step, found.task) == (2, 2, 0)
    assert list(future.losses) == history.curve.losses()[2:].tolist()
    assert list(future.penalties) == history.curve.penalties()[2:].tolist()
    assert future.probed[0] == 2
    assert future.probed[-1] == 8
    assert future.rows[-1] == history.probed[-1]
    weak, strong = found.of(0.0, 6), found.of(50.0, 6)
    assert weak is not None
    assert strong is not None
    assert weak.losses != strong.losses


class Leaves(Looks):
    """Does something within a future, at the given check."""

    def __init__(self, checks: int, action: Callable[[Control], None]) -> None:
        super().__init__(3)
        self._checks, self._do = checks, action

    @property
    def asked(self) -> bool:
        if self.futures.seconds is not None:
            self._checks -= 1
            if self._checks == 0:
                self._do(self)
        return super().asked


@pytest.mark.parametrize("checks", [1, 3, 7])
def test_a_stop_within_a_future_loses_nothing(checks: int, tmp_path: Path) -> None:
    config = runs.tiny("si", threads=1)
    session = runs.create(tmp_path, config)
    control = Leaves(checks, Control.stop)
    assert train(session, control).state == "stopped"
    assert session.history().step == runs.newest(session)[1].step == 3
    train(session, Control())
    runs.assert_same_run(session, runs.finished(tmp_path, config, "whole"))


def test_a_request_within_a_future_is_handled_and_the_future_is_trained_again(tmp_path: Path) -> None:
    config = runs.tiny("si", threads=1)
    session = runs.create(tmp_path, config)
    rounds: list[Futures] = []

    def then(control: Control) -> None:
        rounds.append(control.futures)
        if len(rounds) == 2:
            control.stay()

    control = Leaves(7, Control.save)
    control._then = then
    assert train(session, control).state == "finished"
    assert [len(found.known) for found in rounds] == [1, 3]
    assert session.history().saved_step is not None
    runs.assert_same_run(session, runs.finished(tmp_path, config, "whole"))


def test_a_look_ahead_that_takes_long_waits_for_consent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan, "LONG_SECONDS", 0.0)
    rounds: list[Futures] = []

    def then(control: Control) -> None:
        rounds.append(control.futures)
        if len(rounds) == 1:
            control.look_ahead(Ahead(STRENGTHS, 5, agreed=True))
        else:
            control.stay()

    look(runs.create(tmp_path, runs.tiny("si")), 2, then=then)
    assert [(found.waiting, len(found.known)) for found in rounds] == [(True, 0), (False, 3)]
    assert rounds[0].seconds is not None
    assert rounds[0].seconds > 0


def test_a_future_that_breaks_ends_alone(tmp_path: Path) -> None:
    """An absurd strength: the loss of that future is not finite, and the run goes on."""
    config = runs.tiny("l2", optimizer="sgd", momentum=0.0, lr=1.0, threads=1, epochs=20, strength=1e-3)
    session = runs.create(tmp_path, config)

    class Absurd(Looks):
        def look_ahead(self, ahead: Ahead) -> None:
            super().look_ahead(Ahead((0.0, 1e30), 12))

    control = Absurd(42)
    assert train(session, control).state == "finished"
    kept, broken = control.found.known
    assert not kept.broken
    assert "became" in broken.broken
    assert digests(session) == digests(runs.finished(tmp_path, config, "whole"))


def test_an_impossible_strength_is_refused() -> None:
    with pytest.raises(ConfigError, match="strength"):
        Control().look_ahead(Ahead((1.0, -1.0), 5))
