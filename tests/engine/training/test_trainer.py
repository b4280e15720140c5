"""What happens when training goes wrong: what is said, and what is kept."""

import json
from pathlib import Path

import pytest
import torch

from engine.catalog.methods import METHODS
from engine.errors import BenchmarkError, ConfigError, EngineError, NumericsError
from engine.sessions.listing import list_sessions
from engine.training.build import find_device
from engine.training.control import Control
from engine.training.runner import EngineThread, train
from tests import runs
from tests.waiting import PATIENCE_SECONDS


def test_a_loss_that_is_not_finite_is_told_with_its_step_and_task(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si", **runs.ABSURD))
    with pytest.raises(NumericsError) as caught:
        train(session, Control())
    for line in session.events_path.read_text(encoding="utf-8").splitlines():
        json.loads(line, parse_constant=pytest.fail)
    losses = session.history().curve.losses()
    first = int((~torch.isfinite(torch.tensor(losses))).nonzero()[0]) + 1
    task = 1 if first <= 40 else 2
    assert f"at step {first}, in task {task}" in str(caught.value)
    assert "--lr" in str(caught.value)
    failure = session.history().failure
    assert failure is not None
    assert failure.message == str(caught.value)


def test_the_checkpoint_before_the_failure_is_kept_and_named(tmp_path: Path) -> None:
    """Weights that are not finite are never saved."""
    session = runs.create(tmp_path, runs.tiny("si", **runs.ABSURD))
    train(session, runs.AtStep(1))
    with pytest.raises(NumericsError):
        train(session, Control())
    tensors, cursor = runs.newest(session)
    assert cursor.step == 1
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    history = session.history()
    assert history.state == "failed"
    assert history.failure is not None
    assert history.failure.kept == "the checkpoint at step 1"


def test_a_failure_before_any_checkpoint_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si", **runs.ABSURD, tasks=1))
    with pytest.raises(NumericsError):
        train(session, Control())
    failure = session.history().failure
    assert failure is not None
    assert failure.kept == "no checkpoint yet"
    assert session.checkpoints() == []


@pytest.mark.parametrize("lr", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize("optimizer", runs.OPTIMIZERS)
@pytest.mark.parametrize("method", METHODS)
def test_whatever_the_learning_rate_a_run_ends_or_says_that_numbers_blew_up(
    method: str, optimizer: str, lr: float, tmp_path: Path
) -> None:
    """And all that was ever saved is finite."""
    session = runs.create(tmp_path, runs.tiny(method, optimizer=optimizer, lr=lr, tasks=3))
    said = None
    try:
        train(session, Control())
    except NumericsError as error:
        said = str(error)
    assert said is None or "\n" not in said
    assert session.history().state == ("finished" if said is None else "failed")
    for tensors in runs.tensors(session).values():
        assert torch.isfinite(tensors["theta"]).all()


@pytest.mark.parametrize("settings", [{"strength": 1e15}, {"xi": 1e6}, {"xi": 1e-30}, {"strength": 1e-300}], ids=repr)
def test_extreme_settings_of_si_end_or_say_that_numbers_blew_up(settings: dict[str, float], tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si", **settings))
    said = None
    try:
        train(session, Control())
    except NumericsError as error:
        said = str(error)
    assert said is None or ("task 2" in said and "--strength" in said)
    assert session.history().state == ("finished" if said is None else "failed")


def test_an_importance_that_is_not_finite_is_a_numerics_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def infinite(model: torch.nn.Module, *_: object) -> torch.Tensor:
        return torch.full((sum(parameter.numel() for parameter in model.parameters()),), float("inf"))

    monkeypatch.setattr("engine.methods.mas.sensitivity", infinite)
    session = runs.create(tmp_path, runs.tiny("mas"))
    with pytest.raises(NumericsError, match="task 1"):
        train(session, Control())
    assert session.checkpoints() == []


def test_an_unexpected_error_becomes_one_sentence_and_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback is kept where the message says."""

    def broken(*_: object, **__: object) -> torch.Tensor:
        raise ZeroDivisionError("a mistake\nin two lines")

    monkeypatch.setattr("engine.problems.classification.cross_entropy", broken)
    session = runs.create(tmp_path, runs.tiny("si"))
    with pytest.raises(EngineError) as caught:
        train(session, Control())
    trace = session.path / "error.txt"
    assert str(caught.value) == f"ZeroDivisionError: a mistake; the details are in {trace}"
    assert "Traceback" in trace.read_text()
    assert "broken" in trace.read_text()
    assert session.history().state == "failed"
    monkeypatch.undo()
    assert train(session, Control()).state == "finished"


def test_an_error_whose_details_cannot_be_written_is_still_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> torch.Tensor:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr("engine.problems.classification.cross_entropy", broken)
    session = runs.create(tmp_path, runs.tiny("si"))
    (session.path / "error.txt").mkdir()
    thread = EngineThread(session)
    thread.start()
    assert thread.join(PATIENCE_SECONDS)
    assert "ZeroDivisionError: a mistake" in str(thread.error)
    assert thread.history.state == "failed"


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_too_little_memory_says_what_to_lower(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> torch.Tensor:
        raise error

    monkeypatch.setattr("engine.problems.classification.cross_entropy", broken)
    with pytest.raises(EngineError, match="out of memory: use a smaller network or --batch-size"):
        train(runs.create(tmp_path, runs.tiny("si")), Control())


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ConfigError, match=f"device {device} is not available here"):
        train(runs.create(tmp_path, runs.tiny("si", device=device)), Control())
    assert find_device("auto") == torch.device("cpu")


def test_convolutions_on_a_gpu_are_told_to_repeat_their_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resume, on which all depends, must add up as the run did."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with torch.backends.cudnn.flags(benchmark=True, deterministic=False):
        assert find_device("auto") == torch.device("cuda")
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.benchmark


def test_a_failure_on_the_way_to_the_checkpoint_does_not_say_that_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed where the data are missing: the weights are still there, and the message must not deny it."""

    def missing(*_: object) -> None:
        raise BenchmarkError("the data are missing")

    session = runs.create(tmp_path, runs.tiny("si"))
    train(session, runs.AtStep(3))
    monkeypatch.setattr("engine.streams.digits.stream", missing)
    thread = EngineThread(session)
    thread.start()
    assert thread.join(PATIENCE_SECONDS)
    assert isinstance(thread.error, BenchmarkError)
    assert thread.history.failure is not None
    assert thread.history.failure.kept == "the checkpoint at step 3"
    monkeypatch.undo()
    (listed,) = list_sessions(tmp_path)
    assert listed.state == "stopped"
    assert train(session, Control()).state == "finished"
