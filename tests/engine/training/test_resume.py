"""Resume is bit-exact at any step: an interrupted run ends in the same bits as one that nobody interrupted."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.catalog.benchmarks import BENCHMARKS
from engine.models.mlp import mlp
from engine.seeds import number
from engine.sessions.session import Session
from engine.settings.run import RunConfig
from engine.training.control import Control, Requests
from engine.training.fork import fork
from engine.training.runner import train
from tests import runs

STEPS = 8
"""Of ``runs.tiny``: two tasks, two epochs each, two steps an epoch."""
BY_CASE = runs.by_case(runs.CASES)
TURNS = [
    (method, {**options, "scenario": scenario, "optimizer": runs.OPTIMIZERS[(case + turn) % len(runs.OPTIMIZERS)]})
    for case, (method, options) in enumerate(runs.CASES)
    for turn, scenario in enumerate(runs.SCENARIOS)
]
"""Every case in every scenario and with every optimizer, though not with every pair of these."""


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of runs: what is synced to the disk is another test's concern."""
    monkeypatch.setattr("os.fsync", lambda file: None)


def resumed(session: Session, control: Control | None = None) -> Session:
    """As another process would: from what lies in the folder."""
    again = Session.open(session.path.parent, session.name)
    train(again, control or Control())
    return again


def stopped(folder: Path, config: RunConfig, control: Control, name: str = "stopped") -> Session:
    session = runs.create(folder, config, name)
    assert train(session, control).state == "stopped"
    return session


def assert_every_stop_is_harmless(folder: Path, config: RunConfig) -> None:
    whole = runs.finished(folder, config, "whole")
    steps = whole.history().total_steps
    assert whole.history().step == steps >= STEPS - 2
    for step in range(1, steps + 1):
        session = stopped(folder, config, runs.AtStep(step), f"stopped-{step}")
        assert session.history().step == step
        runs.assert_same_run(resumed(session), whole)


@runs.by_case(TURNS)
def test_resume_at_every_step_ends_in_the_same_bits(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Weights, optimizer state, what the method keeps, Ω, anchor, constant, accuracy matrix, all losses and probes."""
    assert_every_stop_is_harmless(tmp_path, runs.tiny(method, **options))


@runs.by_case(runs.SETTINGS)
def test_resume_at_every_step_whatever_the_settings_of_the_run(
    method: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """The best epoch so far, the first task's own schedule, steps instead of epochs, the order of the classes."""
    assert_every_stop_is_harmless(tmp_path, runs.tiny(method, **options))


@runs.by_case(
    [
        ("si", {"schedule": "plateau", "schedule_patience": 0, "schedule_factor": 0.5, "lr": 3.0, "epochs": 3}),
        ("ewc", {"schedule": "plateau", "schedule_patience": 0, "keep": "best", "lr": 0.3, "warmup": 3}),
        ("mas", {"schedule": "plateau", "schedule_patience": 0, "validation": 0.2, "lr": 3.0, "epochs": 3}),
        ("si", {"schedule": "cosine", "warmup": 2, "clip_norm": 0.5, "accumulate": 3, "weight_decay": 0.01}),
        ("mas", {"schedule": "step", "label_smoothing": 0.1, "optimizer": "sgd", "reset_optimizer": False}),
    ]
)
def test_training_options_resume_at_every_step(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    """What a plateau has seen, also of the epoch that was stopped."""
    assert_every_stop_is_harmless(tmp_path, runs.tiny(method, **options))
    told = Session.open(tmp_path, "whole").history().measured["learning rate"]
    assert len({one.values for one in told}) > 1, "the learning rate never changed"


def test_a_network_that_each_task_resets_is_resumed_with_the_same_weights(tmp_path: Path) -> None:
    assert_every_stop_is_harmless(tmp_path, runs.tiny("none", reset_network=True))
    fresh = mlp((1, 8, 8), (8,), outputs=10, seed=number(0, "network", 1), init="torch")
    theta = runs.newest(Session.open(tmp_path, "whole"))[0]["theta"]
    assert torch.equal(theta[-10:-5], fresh.head.bias[:5]), "the second task does not train the first one's outputs"


@pytest.mark.parametrize("schedule", ["none", "cosine", "plateau"])
def test_a_fork_to_another_schedule_trains_and_resumes(schedule: str, tmp_path: Path) -> None:
    options = {"schedule": "plateau", "schedule_patience": 0, "lr": 0.3}
    parent = runs.finished(tmp_path, runs.tiny("si", **options), "parent")
    whole, child = (fork(parent, 0, name, {"schedule": schedule}) for name in ("whole", "child"))
    train(whole, Control())
    train(child, runs.AtStep(3))
    runs.assert_same_run(resumed(child), whole)
    assert any(name.startswith("schedule/") for name in runs.newest(child)[0]) == (schedule == "plateau")


@pytest.mark.parametrize("optimizer", runs.OPTIMIZERS)
@pytest.mark.parametrize("method", ["si", "ewc"])
def test_an_optimizer_kept_over_tasks_is_resumed_too(method: str, optimizer: str, tmp_path: Path) -> None:
    assert_every_stop_is_harmless(tmp_path, runs.tiny(method, optimizer=optimizer, reset_optimizer=False))


def test_sgd_without_momentum_has_no_state_to_resume(tmp_path: Path) -> None:
    assert_every_stop_is_harmless(tmp_path, runs.tiny("si", optimizer="sgd", momentum=0.0, reset_optimizer=False))


def test_a_permuted_benchmark_resumes_with_the_same_orders(tmp_path: Path) -> None:
    config = runs.tiny("ewc", benchmark="permuted-digits", batch_size=700)
    assert BENCHMARKS[config.benchmark].scenario == "domain"
    assert_every_stop_is_harmless(tmp_path, config)


def test_the_validation_set_is_the_same_after_a_stop(tmp_path: Path) -> None:
    assert_every_stop_is_harmless(tmp_path, runs.tiny("ewc", keep="best", validation=0.2, lr=0.1))


@BY_CASE
def test_a_stop_after_every_single_step_changes_nothing(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Stop, go on for one step, stop again, to the end."""
    config = runs.tiny(method, **options)
    session = stopped(tmp_path, config, runs.AtStep(1))
    for step in range(2, STEPS + 1):
        session = resumed(session, runs.AtStep(1))
        assert session.history().step == step
        assert session.history().state == "stopped"
    runs.assert_same_run(resumed(session), runs.finished(tmp_path, config, "whole"))


def test_two_stops_at_the_same_step_are_harmless(tmp_path: Path) -> None:
    """The second one comes before training has gone on at all."""
    config = runs.tiny("si")
    session = stopped(tmp_path, config, runs.AtStep(3))
    early = Control()
    early.stop()
    resumed(session, early)
    resumed(session, runs.StopDuring("reading"))
    assert session.history().step == 3
    runs.assert_same_run(resumed(session), runs.finished(tmp_path, config, "whole"))


def test_a_stop_before_the_first_step_leaves_a_session_that_begins_anew(tmp_path: Path) -> None:
    config = runs.tiny("si")
    session = stopped(tmp_path, config, runs.StopDuring("reading"))
    assert session.checkpoints() == []
    runs.assert_same_run(resumed(session), runs.finished(tmp_path, config, "whole"))


@pytest.mark.parametrize("step", [1, 4, 5, 8])
def test_a_stop_while_paused_is_harmless(step: int, tmp_path: Path) -> None:
    class StopInThePause(runs.AtStep):
        def wait_while_paused(self) -> None:
            assert self.activity == "paused"
            self.stop()
            super().wait_while_paused()

    config = runs.tiny("si")
    session = stopped(tmp_path, config, StopInThePause(step, Control.pause))
    assert session.history().step == step
    runs.assert_same_run(resumed(session), runs.finished(tmp_path, config, "whole"))


@pytest.mark.parametrize("activity", ["measuring", "evaluating"])
@runs.by_case([*runs.CASES, *runs.SETTINGS])
def test_a_stop_while_a_task_is_ended_is_harmless(
    method: str, options: dict[str, Any], activity: str, tmp_path: Path
) -> None:
    """In the computation of Ω, or of the accuracies: resume does it again from the task's last step."""
    config = runs.tiny(method, **options)
    whole = runs.finished(tmp_path, config, "whole")
    ends = whole.history().starts[1:]
    moments = 0
    for checks in range(1, 10):
        session = runs.create(tmp_path, config, f"stopped-{checks}")
        if train(session, runs.StopDuring(activity, checks)).state == "finished":
            break
        moments += 1
        assert session.history().step in (0, *ends)
        runs.assert_same_run(resumed(session), whole)
    expected = {"evaluating": 6, "measuring": 2 if method in ("ewc", "mas") else 0}
    assert moments >= expected[activity], "the engine should ask whether to stop"


@pytest.mark.parametrize(
    ("save", "kill"), [(save, kill) for save in (1, 3, 4, 5) for kill in range(save + 1, STEPS + 1)]
)
def test_a_kill_loses_only_what_came_after_the_last_checkpoint(save: int, kill: int, tmp_path: Path) -> None:
    """The log holds more than the checkpoint knows, and half a line: all that is cut, and no step appears twice."""
    config = runs.tiny("si")
    session = runs.create(tmp_path, config, "killed")
    runs.killed(session, kill, [save])
    with open(session.events_path, "ab") as log:
        log.write(b'{"step":9,"elap')
    runs.assert_same_run(resumed(session), runs.finished(tmp_path, config, "whole"))


def test_a_kill_before_the_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    config = runs.tiny("ewc")
    session = runs.create(tmp_path, config, "killed")
    runs.killed(session, 2)
    assert session.checkpoints() == []
    assert session.history().step > 0
    runs.assert_same_run(resumed(session), runs.finished(tmp_path, config, "whole"))


def test_a_kill_between_the_last_event_and_the_summary_is_made_good(tmp_path: Path) -> None:
    config = runs.tiny("mas")
    whole = runs.finished(tmp_path, config, "whole")
    session = runs.finished(tmp_path, config, "killed")
    session.summary_path.unlink()
    runs.assert_same_run(resumed(session), whole)


def test_a_copied_folder_resumes_elsewhere(tmp_path: Path) -> None:
    """A session is its folder: nothing outside of it, and no absolute path, is needed."""
    config = runs.tiny("si")
    session = stopped(tmp_path / "here", config, runs.AtStep(6))
    shutil.copytree(session.path, tmp_path / "there" / "moved")
    shutil.rmtree(session.path)
    moved = Session.open(tmp_path / "there", "moved")
    runs.assert_same_run(resumed(moved), runs.finished(tmp_path, config, "whole"))


def test_saving_now_and_then_changes_no_number(tmp_path: Path) -> None:
    class Saving(Control):
        def take_requests(self) -> Requests:
            return Requests(save=True)

    config = runs.tiny("si")
    session = runs.create(tmp_path, config, "saving")
    assert train(session, Saving(pace=1e9)).state == "finished"
    runs.assert_same_run(session, runs.finished(tmp_path, config, "whole"))


def test_resume_tells_when_it_cannot_be_exact(tmp_path: Path) -> None:
    """Other threads add up in another order: the note says so, and says nothing on the same machine."""
    session = stopped(tmp_path, runs.tiny("si"), runs.AtStep(2))
    same = resumed(session, runs.AtStep(1)).history().resumed
    assert same is not None
    assert same.note == ""

    other = resumed(runs.with_settings(session, threads=2)).history().resumed
    assert other is not None
    assert other.note == "not bit-exact, because of changes: threads 1 → 2"
    assert other.step == 3


def test_elapsed_time_goes_on_from_where_it_stopped(tmp_path: Path) -> None:
    session = stopped(tmp_path, runs.tiny("si"), runs.AtStep(5))
    before = session.history().elapsed
    after = resumed(session).history().elapsed
    assert 0 < before < after
