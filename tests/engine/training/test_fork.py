"""Fork: the past is shared to the bit, and from the task's end on only what was asked for differs."""

import re
from pathlib import Path

import pytest
import torch

from engine.errors import ConfigError, SessionDamaged, SessionExists, SessionTooYoung
from engine.sessions import checkpoint
from engine.sessions.session import Session
from engine.training.build import penalty_factor
from engine.training.control import Control
from engine.training.fork import fork, forkable, forked_config
from engine.training.runner import train
from tests import runs
from tests.conftest import CommandLine

METHODS_WITH_PENALTY = ["si", "ewc", "mas", "l2", "rwalk"]


def parent(folder: Path, method: str = "si", tasks: int = 3) -> Session:
    return runs.finished(folder, runs.tiny(method, tasks=tasks), "parent")


@pytest.mark.parametrize("method", METHODS_WITH_PENALTY)
def test_a_fork_that_changes_nothing_ends_in_the_same_bits(tmp_path: Path, method: str) -> None:
    whole = parent(tmp_path, method)
    same = fork(whole, 0, "same", {})
    assert train(same, Control()).state == "finished"
    runs.assert_same_run(same, whole)


def test_the_past_is_shared_and_says_whose_child_it_is(tmp_path: Path) -> None:
    whole = parent(tmp_path)
    child = fork(whole, 1, "child", {"strength": 1234.0})
    history = train(child, Control())
    assert history.forked is not None
    assert (history.forked.parent, history.forked.task) == ("parent", 1)
    assert child.summary()["forked"] == {"parent": "parent", "task": 1, "step": 6}
    past, earlier = history.forked.step, whole.history()
    assert history.matrix[:2] == earlier.matrix[:2]
    assert (history.curve.losses()[:past] == earlier.curve.losses()[:past]).all()
    assert history.strength(child.config) == 1234.0
    assert history.strengths[-1].step == past
    assert history.curve.penalties()[-1] != earlier.curve.penalties()[-1]
    assert [path.name[:8] for path in child.checkpoints() if path.name.startswith("task-")] == [
        "task-003",
        "task-002",
        "task-001",
    ]


def test_the_parent_is_left_as_it_was(tmp_path: Path) -> None:
    whole = parent(tmp_path)
    before = {path: path.read_bytes() for path in whole.path.rglob("*") if path.is_file()}
    train(fork(whole, 0, "child", {"method": "ewc"}), Control())
    assert {path: path.read_bytes() for path in whole.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("method", ["ewc", "mas"])
def test_another_method_keeps_the_pull_of_the_past(tmp_path: Path, method: str) -> None:
    """k'Ω' = kΩ at the fork, whatever the two methods' units are."""
    whole = parent(tmp_path, "si")
    child = fork(whole, 0, "child", {"method": method})
    then, _ = checkpoint.read(whole.task_checkpoint(0) or Path())
    now, cursor = checkpoint.read(child.task_checkpoint(0) or Path())
    old = penalty_factor(whole.config) * whole.config.strength * then["penalty/importance"]
    new = penalty_factor(child.config) * child.config.strength * now["penalty/importance"]
    torch.testing.assert_close(new, old)
    assert not any(name.startswith("method/") for name in now)
    history = train(child, Control())
    assert history.state == "finished"
    assert history.curve.penalties()[cursor.step + 1] > 0


@pytest.mark.parametrize("lost", ["importance", "anchor"])
def test_an_incomplete_penalty_is_damage(tmp_path: Path, lost: str) -> None:
    whole = parent(tmp_path)
    path = whole.task_checkpoint(0) or Path()
    tensors, cursor = checkpoint.read(path)
    checkpoint.write(
        path, tensors={name: tensors[name] for name in tensors if name != f"penalty/{lost}"}, cursor=cursor
    )
    with pytest.raises(SessionDamaged, match="its penalty is incomplete"):
        fork(whole, 0, "child", {"method": "ewc"})


def test_without_a_penalty_nothing_holds_the_past_any_more(tmp_path: Path) -> None:
    child = fork(parent(tmp_path), 0, "child", {"method": "none"})
    history = train(child, Control())
    assert history.state == "finished"
    assert not history.curve.penalties()[history.starts[1] :].any()


def test_the_tasks_to_come_may_be_trained_for_longer(tmp_path: Path) -> None:
    whole = parent(tmp_path)
    history = train(fork(whole, 0, "child", {"epochs": 5}), Control())
    steps = [task.steps for task in history.tasks]
    assert steps[0] == whole.history().tasks[0].steps
    assert steps[1] > whole.history().tasks[1].steps
    assert history.step == sum(steps) == history.curve.length


def test_a_fork_killed_and_resumed_ends_in_the_same_bits(tmp_path: Path) -> None:
    whole = parent(tmp_path)
    undisturbed = fork(whole, 0, "undisturbed", {"strength": 9.0, "epochs": 3})
    train(undisturbed, Control())
    disturbed = fork(whole, 0, "disturbed", {"strength": 9.0, "epochs": 3})
    runs.killed(disturbed, 2)
    runs.killed(disturbed, 4, saves=[3])
    train(disturbed, Control())
    runs.assert_same_run(disturbed, undisturbed)


def test_a_fork_of_a_fork(tmp_path: Path) -> None:
    child = fork(parent(tmp_path), 0, "child", {"strength": 5.0})
    train(child, Control())
    grandchild = fork(child, 1, "grandchild", {"strength": 7.0})
    history = train(grandchild, Control())
    assert [event.strength for event in history.strengths] == [5.0, 7.0]
    assert history.forked is not None
    assert history.forked.parent == "child"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 3}, "seed cannot change"),
        ({"hidden": [5]}, "hidden cannot change"),
        ({"mlp.hidden": [5]}, "hidden cannot change"),
        ({"init": "glorot"}, "init cannot change"),
        ({"xi": -1.0}, "xi"),
    ],
)
def test_what_the_past_was_made_with_cannot_change(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        fork(parent(tmp_path), 0, "child", changes)
    assert [path.name for path in tmp_path.iterdir()] == ["parent"]


def test_another_method_begins_with_its_own_defaults() -> None:
    config = forked_config(runs.tiny("si", xi=0.5, strength=3.0), {"method": "ewc"})
    assert config.option("xi") is None
    assert config.strength == runs.tiny("ewc").strength or config.strength != 3.0


def test_a_fork_needs_an_ended_task_with_another_after_it(tmp_path: Path) -> None:
    stopped = runs.create(tmp_path, runs.tiny("si", tasks=3), "stopped")
    train(stopped, runs.AtStep(6))
    with pytest.raises(SessionTooYoung, match="task 1 has ended"):
        fork(stopped, 1, "child", {})
    with pytest.raises(SessionTooYoung):
        fork(stopped, 7, "child", {})
    whole = parent(tmp_path)
    with pytest.raises(ConfigError, match="is the last: "):
        fork(whole, 2, "child", {})
    with pytest.raises(SessionExists):
        fork(whole, 0, "stopped", {})
    path = whole.task_checkpoint(0)
    assert path is not None
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(SessionDamaged):
        fork(whole, 0, "child", {})
    assert sorted(found.name for found in tmp_path.iterdir()) == ["parent", "stopped"]


def test_a_task_whose_checkpoint_was_not_kept(cl_tui: CommandLine, sessions: Path) -> None:
    """Said with what is possible, alike at the command line, on the page and in the form; analyse says what is left."""
    whole = runs.finished(sessions, runs.tiny("si", tasks=5, keep_checkpoints="last"), "calm-otter")
    refused = cl_tui("fork", "calm-otter", "--at-task", "2", "--headless")
    assert refused.exit_code == 2
    assert refused.err == (
        "cl-tui: session calm-otter cannot be forked at task 2: the checkpoint of that task was not kept "
        "(keep_checkpoints = last); forks are possible at task 4\n"
    )
    assert forkable(whole, whole.history()) == [3]
    shown = cl_tui("sessions", "show", "calm-otter").out
    assert re.search(r"fork it, at task 4 +cl-tui fork calm-otter --at-task 4", shown)
    child = cl_tui("fork", "calm-otter", "--at-task", "4", "--headless", "--name", "child")
    assert child.exit_code == 0, child.err
    again = cl_tui("fork", "child", "--at-task", "1", "--headless")
    assert "was not kept" in again.err
    found = cl_tui("analyse", "calm-otter", "--examples", "50")
    assert found.exit_code == 0, found.err
    assert "after task 5 of 5" in found.out
    why = "it needs the checkpoints of all ended tasks, and not all were kept (keep_checkpoints = last)"
    assert found.out.count(why) == 2
    last = whole.task_checkpoint(3)
    assert last is not None
    last.unlink()
    refused = cl_tui("fork", "calm-otter", "--at-task", "4", "--headless")
    assert refused.exit_code == 2
    assert refused.err.endswith("(keep_checkpoints = last); there is no task to fork at\n")


def test_a_missing_checkpoint_is_damage_where_all_are_kept(tmp_path: Path) -> None:
    whole = parent(tmp_path)
    path = whole.task_checkpoint(0)
    assert path is not None
    path.unlink()
    with pytest.raises(SessionDamaged, match="no checkpoint from the end of task 1"):
        fork(whole, 0, "child", {})
