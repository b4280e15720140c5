"""Sessions that go on elsewhere: on another device, with other threads, with their data in another folder."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cl_tui.batch import plan as batch
from engine.catalog.benchmarks import BENCHMARKS
from engine.errors import ConfigError
from engine.sessions import checkpoint
from engine.sessions.session import Session
from engine.settings.run import PLACE, RunConfig, moved
from engine.training.runner import train
from tests import saved, screen_data
from tests.conftest import QUICK, CommandLine
from tests.runs import AtStep, assert_same_run, create, finished, newest, tiny, with_settings

MISSING = "mps" if torch.cuda.is_available() else "cuda"
"""A device that this machine does not have."""
ADVICE = (
    f"device {MISSING} is not available here (torch {torch.__version__}): "
    "use --device auto to train on what is available"
)


def made_elsewhere(folder: Path, config: RunConfig, name: str = "from-the-cluster") -> Session:
    """A session that stopped after five steps on a machine with a device that is not here."""
    session = create(folder, config, name)
    train(session, AtStep(5))
    tensors, cursor = newest(session)
    path = session.checkpoints()[0]
    path.unlink()
    session.write_checkpoint(
        partial(checkpoint.write, tensors=tensors, cursor=replace(cursor, device=MISSING)), cursor.step
    )
    return with_settings(session, device=MISSING)


def test_every_setting_of_a_place_is_one_and_decides_no_number() -> None:
    assert RunConfig.kept.keys() >= PLACE
    config = tiny()
    elsewhere = moved(config, {"device": MISSING, "compile": True, "threads": 7, "data_dir": "there", "code_dir": "x"})
    assert {key for key in RunConfig.kept if getattr(elsewhere, key) != getattr(config, key)} == PLACE
    assert batch.run_name(elsewhere) == batch.run_name(config)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_session_of_a_missing_device_is_resumed_on_what_is_there(
    device: str, cl_tui: CommandLine, sessions: Path, tmp_path: Path
) -> None:
    """To the same bits, since it was this machine in truth. The session has moved: what was typed is stored."""
    session = made_elsewhere(sessions, tiny())
    refused = cl_tui("resume", "--headless")
    assert (refused.exit_code, refused.err.splitlines()[0]) == (2, f"cl-tui: {ADVICE}")
    answer = cl_tui("resume", "--headless", "--device", device, "--threads", "2")
    assert answer.exit_code == 0, answer.err
    resumed = session.history().resumed
    assert resumed is not None
    assert resumed.note.startswith(f"not bit-exact, because of changes: device {MISSING} → ")
    assert resumed.note.endswith(", threads 1 → 2")
    assert resumed.note in answer.err
    session = Session.open(sessions, session.name)
    assert (session.config.device, session.config.threads) == (device, 2)
    if device == "cpu":
        assert_same_run(session, with_settings(finished(tmp_path / "whole", tiny(), session.name), threads=2))


def test_the_next_resume_there_needs_nothing_typed(sessions: Path) -> None:
    session = made_elsewhere(sessions, tiny())
    for step, place in ((2, {"device": "cpu", "threads": 2, "data_dir": "here"}), (1, {})):
        again = Session.open(sessions, session.name)
        again.config = moved(again.config, place)
        history = train(again, AtStep(step))
        assert history.state == "stopped"
        assert history.resumed is not None
        assert bool(history.resumed.note) == bool(place)


def test_a_place_that_cannot_be_used_is_not_stored(sessions: Path) -> None:
    session = create(sessions, tiny(), "calm-otter")
    train(session, AtStep(3))
    session.config = moved(session.config, {"device": MISSING})
    with pytest.raises(ConfigError, match="not available here"):
        train(session, AtStep(1))
    assert Session.open(sessions, "calm-otter").config.device == "cpu"


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["--device", "abacus"], "device = 'abacus' cannot be used"),
        (["--threads", "0"], "threads = 0 cannot be used"),
        (["--importance-data", "there"], "only the path of a folder of inputs can change"),
    ],
)
def test_what_is_typed_for_a_resume_is_checked(typed: list[str], why: str, cl_tui: CommandLine, sessions: Path) -> None:
    session = create(sessions, tiny(), "calm-otter")
    answer = cl_tui("resume", "--headless", *typed)
    assert (answer.exit_code, why in answer.err) == (2, True), answer.err
    assert session.history().state == "loading"


def test_a_folder_of_inputs_that_has_moved_is_named_again(cl_tui: CommandLine, sessions: Path, tmp_path: Path) -> None:
    """Also with another folder's content it does not go on."""
    for name, value in (("mine", 0.5), ("others", 0.25)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "inputs.npy", np.full((4, 64), value, np.float32))
    session = create(sessions, tiny("mas", importance_data=str(tmp_path / "mine")), "calm-otter")
    train(session, AtStep(3))
    shutil.move(tmp_path / "mine", tmp_path / "moved")
    assert "is not a folder" in cl_tui("resume", "--headless").err
    other = cl_tui("resume", "--headless", "--importance-data", str(tmp_path / "others"))
    assert (other.exit_code, "have changed since it began" in other.err) == (1, True), other.err
    assert cl_tui("resume", "--headless", "--importance-data", str(tmp_path / "moved")).exit_code == 0
    for wrong in ("train", "test"):
        with pytest.raises(ConfigError, match="only the path of a folder"):
            moved(session.config, {"importance_data": wrong})


def test_a_batch_takes_device_and_threads_as_typed(cl_tui: CommandLine, sessions: Path) -> None:
    (run,) = batch.plan({}, {"tasks": 2, "epochs": 1}, {}, jobs=1)
    made_elsewhere(sessions, run.config.changed(threads=2), run.name)
    refused = cl_tui("batch", *QUICK)
    assert (refused.exit_code, ADVICE in refused.err) == (1, True), refused.err
    answer = cl_tui("batch", *QUICK, "--device", "cpu")
    assert answer.exit_code == 0, answer.err
    resumed = Session.open(sessions, run.name).history().resumed
    assert resumed is not None
    assert resumed.note == f"not bit-exact, because of changes: device {MISSING} → cpu", "threads stay"
    assert f"{run.name}: {resumed.note}" in answer.err


def test_a_batch_looks_for_data_where_it_is_told_to(tmp_path: Path) -> None:
    """In the folder that was typed, else in the session's own; what is finished needs none."""
    settings = {"benchmark": "split-mnist"}
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    (run,) = batch.plan({}, settings | {"data_dir": old}, {}, jobs=1)
    session = Session.create(tmp_path / "sessions", run.name, run.config)

    def needed(**typed: Any) -> list[tuple[str, Path]]:
        return batch.data_needed(batch.plan({}, settings | typed, {}, jobs=1), tmp_path / "sessions")

    assert needed() == [("split-mnist", Path(old))]
    assert needed(data_dir=new) == [("split-mnist", Path(new))]
    assert needed(seed=1) == [("split-mnist", Path("data"))]
    saved.tell(session, *screen_data.events())
    session.write_summary(session.history())
    assert needed(data_dir=new) == []


def test_a_fork_takes_the_device_as_typed_and_is_not_made_where_it_cannot_be_trained(
    cl_tui: CommandLine, sessions: Path
) -> None:
    with_settings(finished(sessions, tiny(), "parent"), device=MISSING)
    line = ["fork", "parent", "--at-task", "1", "--name", "child", "--headless"]
    refused = cl_tui(*line)
    assert (refused.exit_code, ADVICE in refused.err) == (2, True), refused.err
    assert not (sessions / "child").exists()
    answer = cl_tui(*line, "--device", "cpu", "--threads", "2")
    assert answer.exit_code == 0, answer.err
    assert (Session.open(sessions, "child").config.device, Session.open(sessions, "child").config.threads) == ("cpu", 2)


def test_an_analysis_runs_on_what_is_there(cl_tui: CommandLine, sessions: Path) -> None:
    with_settings(finished(sessions, tiny(), "calm-otter"), device=MISSING)
    assert cl_tui("analyse", "calm-otter", "--examples", "10").exit_code == 0
    refused = cl_tui("analyse", "calm-otter", "--examples", "10", "--device", MISSING)
    assert (refused.exit_code, ADVICE in refused.err) == (2, True), refused.err


def test_real_mnist_that_has_moved_is_found_again(cl_tui: CommandLine, sessions: Path, mnist: Path) -> None:
    assert BENCHMARKS["split-mnist"].files
    config = tiny(benchmark="split-mnist", data_dir="gone", steps=3, batch_size=10)
    create(sessions, config, "calm-otter")
    assert cl_tui("resume", "--headless", "--data-dir", str(mnist)).exit_code == 0
    assert Session.open(sessions, "calm-otter").config.data_dir == str(mnist)
