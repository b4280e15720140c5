"""A protection that was stopped continues as if it had not been, if the program restores what is the program's."""

import copy
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import Adam

import cl_tui
from engine.errors import (
    ConfigError,
    EngineError,
    SessionDamaged,
    SessionExists,
    SessionLocked,
    SessionMismatch,
    SessionNotFound,
)
from engine.own_loop.run import ProtectedRun
from engine.sessions.listing import newest_unfinished
from engine.sessions.session import Session
from tests.engine.own_loop.loops import vector
from tests.engine.own_loop.test_forms import STEPS, batches, net

METHODS = ("none", "l2", "si", "ewc", "mas", "rwalk")
NAMES = ("one", "two", "three")


class Stop(BaseException):
    """The program is killed here."""


class Program:
    """Somebody's training program, with all that it would save beside what protect gives it."""

    def __init__(self, method: str, folder: Path) -> None:
        self.method = method
        self.folder = folder
        self.model = net()
        self.optimizer = Adam(self.model.parameters(), lr=0.02)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 5, 0.7)

    def protect(self, **more: Any) -> ProtectedRun:
        return cl_tui.protect(
            self.model,
            self.optimizer,
            method=self.method,
            session=f"own-{self.method}",
            sessions_dir=self.folder,
            **more,
        )

    def saved(self) -> dict[str, Any]:
        parts = {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}
        return copy.deepcopy({name: part.state_dict() for name, part in parts.items()})

    def load(self, saved: dict[str, Any]) -> None:
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scheduler.load_state_dict(saved["scheduler"])

    def train(self, run: ProtectedRun, until: int = 10**6) -> None:
        for name, task in zip(NAMES, batches(), strict=True):
            if name in run.ended:
                continue
            with run.task(name):
                for inputs, labels in task[run.task_steps :]:
                    if run.steps == until:
                        raise Stop
                    run.step(cross_entropy(self.model(inputs), labels))
                    self.scheduler.step()
            pair = tuple(torch.cat(parts) for parts in zip(*task, strict=True))
            run.end_task(inputs=pair, scores={name: 0.5})


def told(folder: Path, name: str) -> Any:
    history = Session.open(folder, name).history()
    curve = history.curve
    return (
        history.matrix,
        history.tasks,
        curve.losses().tolist(),
        curve.penalties().tolist(),
        [vars(of) for of in history.importances],
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Program]:
    """Uninterrupted."""
    found = {}
    for method in METHODS:
        program = Program(method, tmp_path_factory.mktemp(method))
        with program.protect() as run:
            program.train(run)
        found[method] = program
    return found


@pytest.mark.parametrize(
    ("method", "at"), [*((method, STEPS + 5) for method in METHODS), ("si", 3), ("si", STEPS), ("ewc", STEPS)]
)
def test_a_saved_state_continues_to_the_bit(method: str, at: int, whole: dict[str, Program], tmp_path: Path) -> None:
    first = Program(method, tmp_path)
    with first.protect() as run:
        with pytest.raises(Stop):
            first.train(run, until=at)
        saved = first.saved()
        torch.save(run.state_dict(), tmp_path / "run.pt")
        inputs, labels = batches()[0][0]
        run.step(cross_entropy(first.model(inputs), labels))  # goes on for a while, and nobody saves that

    second = Program(method, tmp_path)
    second.load(saved)
    with second.protect(resume=True) as run:
        run.load_state_dict(torch.load(tmp_path / "run.pt", weights_only=True))
        assert (run.steps, run.ended) == (at, NAMES[: at // STEPS])
        second.train(run)
    expected = whole[method]
    assert torch.equal(vector(second.model), vector(expected.model))
    assert second.optimizer.state_dict()["state"][0]["exp_avg"].equal(
        expected.optimizer.state_dict()["state"][0]["exp_avg"]
    )
    assert told(tmp_path, f"own-{method}") == told(expected.folder, f"own-{method}")
    assert Session.open(tmp_path, f"own-{method}").history().state == "finished"


@pytest.mark.parametrize("at", [STEPS, STEPS + 3])
def test_the_session_s_own_checkpoint_serves_whoever_has_its_weights(
    at: int, whole: dict[str, Program], tmp_path: Path
) -> None:
    """At a task's end there always is one; elsewhere where run.save() was called."""
    first = Program("si", tmp_path)
    with first.protect() as run:
        with pytest.raises(Stop):
            first.train(run, until=at)
        saved = first.saved()
        run.save()
        inputs, labels = batches()[0][0]
        run.step(cross_entropy(first.model(inputs), labels))
    second = Program("si", tmp_path)
    second.load(saved)
    with second.protect(resume=True) as run:
        assert run.steps == at
        second.train(run)
    assert torch.equal(vector(second.model), vector(whole["si"].model))
    assert told(tmp_path, "own-si") == told(whole["si"].folder, "own-si")


def test_other_weights_are_refused_with_what_to_do_and_nothing_is_changed(tmp_path: Path) -> None:
    program = Program("si", tmp_path)
    with program.protect() as run:
        program.train(run)
    log = Session.open(tmp_path, "own-si").events_path.read_bytes()
    other = Program("si", tmp_path)
    expected = pytest.raises(SessionMismatch, match=r"steps 8, 16, 24.*load the weights.*run.load_state_dict")
    with other.protect(resume=True) as run, expected:
        run.task("four")
    assert Session.open(tmp_path, "own-si").events_path.read_bytes() == log
    assert Session.open(tmp_path, "own-si").finished


def test_a_finished_session_continues_with_another_task(tmp_path: Path) -> None:
    program = Program("si", tmp_path)
    with program.protect() as run:
        program.train(run)
    with program.protect(resume=True) as run:
        assert run.ended == NAMES
    assert Session.open(tmp_path, "own-si").finished
    with program.protect(resume=True) as run:
        program.train(run)
        with run.task("four"):
            for inputs, labels in batches()[0]:
                run.step(cross_entropy(program.model(inputs), labels))
        run.end_task()
    session = Session.open(tmp_path, "own-si")
    assert session.finished
    assert [task.name for task in session.history().tasks] == [*NAMES, "four"]
    assert session.config.tasks == 4


def test_a_session_that_exists_is_refused_unless_it_is_to_be_resumed(tmp_path: Path) -> None:
    program = Program("si", tmp_path)
    with program.protect() as run:
        program.train(run)
        with pytest.raises(SessionLocked):
            Program("si", tmp_path).protect(resume=True)
    with pytest.raises(SessionExists, match=r"choose another session=…, or continue it with resume=True"):
        program.protect()
    with pytest.raises(ConfigError, match=r"strength = 3.*session own-si has 1.*run.set_strength"):
        program.protect(resume=True, strength=3.0)
    program.method = "l2"
    with pytest.raises(ConfigError, match="method = l2: session own-si has si"):
        cl_tui.protect(
            program.model, program.optimizer, method="l2", session="own-si", sessions_dir=tmp_path, resume=True
        )
    with pytest.raises(ConfigError, match="say which"):
        cl_tui.protect(program.model, program.optimizer, resume=True)
    other = nn.Linear(2, 2)
    with (
        pytest.raises(EngineError),
        cl_tui.protect(other, Adam(other.parameters()), session="own-si", sessions_dir=tmp_path, resume=True) as run,
    ):
        run.task("four")


def test_resume_begins_a_session_that_is_not_there_or_was_never_saved(tmp_path: Path) -> None:
    program = Program("si", tmp_path)
    with program.protect(resume=True) as run:
        run.task("one")
        run.step(cross_entropy(program.model(batches()[0][0][0]), batches()[0][0][1]))
        run._closed = True  # killed
        run._opened.close()
    again = Program("si", tmp_path)
    with again.protect(resume=True) as run:
        again.train(run)
    assert Session.open(tmp_path, "own-si").history().step == 3 * STEPS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: [], "no state of a protection"),
        (lambda state: state | {"session": "other"}, "is of session other"),
        (lambda state: state | {"layers": []}, "another network"),
        (lambda state: state | {"cursor": {}}, "damaged"),
        (lambda state: state | {"tensors": {}}, "another network or method"),
        (lambda state: state | {"tensors": {key: of * float("nan") for key, of in state["tensors"].items()}}, "finite"),
    ],
)
def test_a_state_that_is_none_is_refused(change: Any, said: str, tmp_path: Path) -> None:
    program = Program("si", tmp_path)
    with program.protect() as run:
        program.train(run)
        state = run.state_dict()
        with pytest.raises(EngineError, match="directly after protect"):
            run.load_state_dict(state)
    with program.protect(resume=True) as run, pytest.raises(EngineError, match=re.escape(said)):
        run.load_state_dict(change(state))


def test_a_state_from_before_the_first_task_serves_and_the_plan_is_made_again(tmp_path: Path) -> None:
    program = Program("si", tmp_path)
    with program.protect() as run:
        state = run.state_dict()
    with program.protect(resume=True, tasks=NAMES) as run:
        run.load_state_dict(state)
        program.train(run)
    assert Session.open(tmp_path, "own-si").finished
    with program.protect(resume=True, score="r2") as run, pytest.raises(ConfigError, match=r"score = r2.*has accuracy"):
        run.task("four")


def test_resume_of_the_command_line_leaves_such_a_session_to_its_program(tmp_path: Path) -> None:
    program = Program("si", tmp_path)
    with program.protect() as run:
        run.task("one")
        run.step(cross_entropy(program.model(batches()[0][0][0]), batches()[0][0][1]))
    with pytest.raises(SessionNotFound):
        newest_unfinished(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"strength": math.nan},
        {"strength": -1.0},
        {"task": -1},
        {"task": 2},
        {"task_step": 9},
        {"step": -1},
        {"step": 10**12},
        {"log_length": -1},
        {"log_length": 0},
        {"elapsed": math.nan},
        {"constant": math.inf},
    ],
)
def test_a_state_that_does_not_fit_the_log_changes_nothing(change: dict[str, Any], tmp_path: Path) -> None:
    program = Program("si", tmp_path)
    with program.protect() as run:
        with pytest.raises(Stop):
            program.train(run, until=STEPS + 2)
        state = run.state_dict()
    log = run.session.events_path.read_bytes()
    for key, value in change.items():
        (state if key in state else state["cursor"])[key] = value
    with (
        program.protect(resume=True) as run,
        pytest.raises((SessionMismatch, SessionDamaged), match=r"is damaged|does not fit the saved state"),
    ):
        run.load_state_dict(state)
    assert run.session.events_path.read_bytes() == log


def test_a_session_whose_checkpoints_are_gone_keeps_its_log(tmp_path: Path) -> None:
    program = Program("si", tmp_path)
    with program.protect() as run:
        program.train(run)
    log = run.session.events_path.read_bytes()
    for path in run.session.checkpoints():
        path.unlink()
    with program.protect(resume=True) as run, pytest.raises(SessionDamaged, match="its checkpoints are gone"):
        run.task("four")
    assert run.session.finished
    assert run.session.events_path.read_bytes() == log
