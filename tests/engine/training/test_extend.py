"""Extend: what was learned keeps its bits, what is new is as at a fresh start, and all else works as in any session."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.analysis.measure import analyse
from engine.catalog import methods as catalog
from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.entries import ModelInfo
from engine.catalog.models import MODELS
from engine.errors import BenchmarkError, ConfigError, SessionDamaged, SessionLocked, SessionMismatch, SessionTooYoung
from engine.models.flat import Layer, trained
from engine.record.events import TasksAdded
from engine.sessions import checkpoint
from engine.sessions.session import Session
from engine.settings.run import RunConfig
from engine.streams import digits
from engine.streams.class_names import class_names
from engine.streams.examples import ExampleStream, evaluation_subsets, grouped
from engine.training.build import load_stream
from engine.training.control import Control
from engine.training.extend import NotExtendable, extend, extended_config, more_tasks
from engine.training.fork import fork
from engine.training.runner import train
from engine.training.state import RunState
from engine.training.weights_out import trained_network
from tests import images, own_code, runs
from tests.conftest import CommandLine
from tests.engine.own_loop import loops

CPU = torch.device("cpu")
METHODS = list(catalog.METHODS)


def permuted(method: str = "si", **settings: Any) -> RunConfig:
    """Two tasks of ten classes, in four steps each."""
    return runs.tiny(method, benchmark="permuted-digits", **{"tasks": 2, "steps": 4, "scenario": "task"} | settings)


def finished(folder: Path, config: RunConfig, name: str = "parent") -> Session:
    return runs.finished(folder, config, name)


def extended(parent: Session, more: int = 1, name: str = "child", **changes: Any) -> Session:
    return extend(parent, extended_config(parent.config, more, changes), name)


def state_of(config: RunConfig) -> RunState:
    stream = load_stream(config, CPU)
    return RunState(config, stream, stream.problem(), CPU)


def loaded(session: Session, path: Path | None = None) -> RunState:
    """The run's state at its newest checkpoint, or another."""
    state = state_of(session.config)
    tensors, cursor = state.read(path or session.checkpoints()[0])
    state.load(tensors, cursor, ())
    return state


def parts(state: RunState, vector: Tensor) -> dict[str, Tensor]:
    """A vector with one entry for each parameter, by the network's tensors and in their shapes."""
    shapes = {name: parameter.shape for name, parameter in trained(state.model)}
    return {layer.name: _of(layer, vector).view(shapes[layer.name]) for layer in state.parameters.layers}


def _of(layer: Layer, vector: Tensor) -> Tensor:
    return vector[layer.start : layer.stop]


class Odd(nn.Module):
    """A network of somebody's own: its outputs are in the middle of the parameters, and in a buffer."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(64, 6)
        self.answers = nn.Parameter(torch.randn(6, outputs, 2) / 4)
        self.register_buffer("scale", torch.linspace(1, 1.5, 100)[:outputs].clone())
        self.second = nn.Linear(6, 6)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.second(self.first(inputs.flatten(1)).relu()).relu()
        found: Tensor = torch.einsum("nh,hot->no", hidden, self.answers) * self.scale
        return found


def odd(inputs: Sequence[int], outputs: int, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Odd(outputs)


@pytest.fixture(autouse=True)
def own_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)
    monkeypatch.setitem(MODELS, "odd", ModelInfo("odd", "", f"{__name__}:odd"))


CONV = {"model": "conv", "channels": [3, "pool"], "hidden": [6], "norm": "batch", "norm_statistics": "own"}
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "conv": CONV,
    "odd": {"model": "odd", "hidden": None},
    "shufflenet_v2_x0_5": {"model": "shufflenet_v2_x0_5", "hidden": None, "steps": 1, "batch_size": 8},
    "frozen head": {"freeze": ["head.*"]},
}


@pytest.mark.parametrize(
    ("network", "method", "scenario"),
    [
        *(("mlp", method, "task") for method in METHODS),
        *(("mlp", "si", scenario) for scenario in ("domain", "class")),
        *((network, "ewc", "task") for network in ("conv", "odd", "frozen head")),
        ("shufflenet_v2_x0_5", "none", "task"),
        ("odd", "si", "class"),
        ("odd", "lwf", "task"),
    ],
)
def test_old_entries_keep_their_bits_and_new_ones_are_as_at_a_fresh_start(
    tmp_path: Path, network: str, method: str, scenario: str
) -> None:
    settings = {"reset_optimizer": False, "scenario": scenario} | NETWORKS[network]
    parent = finished(tmp_path, permuted(method, **settings))
    before = loaded(parent)
    child = extended(parent, 2)
    now, fresh = loaded(child), state_of(child.config)
    assert now.problem.outputs == (10 if scenario == "domain" else 40)
    old, new, start = before.tensors(), now.tensors(), fresh.tensors()
    assert old.keys() == new.keys()
    each = before.per_parameter()
    assert {"theta", "optimizer/exp_avg"} < each
    theta = start["theta"]
    none = {"penalty/importance": torch.zeros_like(theta), "penalty/anchor": theta}
    for name in each & old.keys():
        found = parts(now, new[name])
        for layer, wanted in parts(before, old[name]).items():
            whole = found[layer]
            there = tuple(map(slice, wanted.shape))
            assert torch.equal(whole[there], wanted), (name, layer)
            added = torch.ones_like(whole, dtype=torch.bool)
            added[there] = False
            at_start = parts(now, none.get(name, start.get(name, theta)))[layer]
            assert torch.equal(whole[added], at_start[added]), (name, layer)
    for name in old.keys() - each:
        assert torch.equal(new[name][tuple(map(slice, old[name].shape))], old[name]), name
    batch = next(before.model and load_stream(parent.config, CPU).passes(0, 16, "test"))
    with torch.no_grad():
        ours, theirs = now.model.eval()(batch.inputs), before.model.eval()(batch.inputs)
    torch.testing.assert_close(ours[:, : theirs.shape[1]], theirs, rtol=1e-6, atol=1e-6)
    if network == "mlp":
        assert torch.equal(ours[:, : theirs.shape[1]], theirs)


@pytest.mark.parametrize("method", METHODS)
def test_where_tasks_share_the_outputs_nothing_shows_that_they_came_later(tmp_path: Path, method: str) -> None:
    """In the scenario domain, an extended run computes the bits of a run that knew all tasks from the start."""
    config = permuted(method, scenario="domain", reset_optimizer=False, normalize="auto")
    child = extended(finished(tmp_path, config), 2)
    train(child, Control())
    whole = finished(tmp_path, config.changed(tasks=4), "whole")
    for name, tensors in runs.tensors(whole).items():
        if name.startswith(("task-003", "task-004")):
            runs.assert_same_tensors(runs.tensors(child)[name], tensors)
    runs.assert_same_history(child.history(), whole.history())


def test_a_regression_with_more_tasks(tmp_path: Path) -> None:
    bits = {
        "benchmark": "slowly-changing-regression",
        "examples_per_task": 40,
        "hidden": [6],
        "steps": 4,
        "epochs": None,
    }
    config = runs.tiny("ewc", **bits, normalize_targets=True, tasks=2)
    child = extended(finished(tmp_path, config))
    history = train(child, Control())
    stream, before = load_stream(child.config, CPU), load_stream(config, CPU)
    assert torch.equal(stream.batch(1, 0).targets, before.batch(1, 0).targets), "scaled as before"
    assert (len(history.matrix), history.score.name) == (3, "rmse")


@pytest.mark.parametrize("scenario", ["task", "class"])
@pytest.mark.parametrize("method", ["si", "ewc", "mas", "lwf", "replay"])
def test_new_heads_learn_as_heads_that_waited(tmp_path: Path, method: str, scenario: str) -> None:
    """With a head of zeros at the start, a run that knew all tasks from the start computes the same."""
    plain = {"optimizer": "sgd", "lr": 0.05} if method == "lwf" else {}  # Adam would enlarge rounding
    config = permuted(method, scenario=scenario, init="glorot-zero-head", **plain)
    child = extended(finished(tmp_path, config), 1)
    history = train(child, Control())
    whole = finished(tmp_path, config.changed(tasks=3), "whole")
    torch.testing.assert_close(runs.newest(child)[0]["theta"], runs.newest(whole)[0]["theta"], rtol=1e-4, atol=1e-6)
    if method not in ("lwf", "replay"):
        torch.testing.assert_close(runs.importance(child), runs.importance(whole), rtol=1e-3, atol=1e-6)
    assert history.curve.losses().tolist() == pytest.approx(whole.history().curve.losses().tolist(), rel=1e-4)
    assert history.matrix[2] == pytest.approx(whole.history().matrix[2], abs=0.01)


def test_the_new_session_shares_the_past_and_the_parent_stays(tmp_path: Path) -> None:
    parent = finished(tmp_path, permuted())
    before = {path: path.read_bytes() for path in parent.path.rglob("*") if path.is_file()}
    child = extended(parent, 2, steps=6, strength=3.0)
    history = train(child, Control())
    assert {path: path.read_bytes() for path in parent.path.rglob("*") if path.is_file()} == before
    assert history.state == "finished"
    assert [task.steps for task in history.tasks] == [4, 4, 6, 6]
    assert history.matrix[:2] == parent.history().matrix
    assert [len(row) for row in history.matrix] == [1, 2, 3, 4]
    assert history.strengths[-1].strength == 3.0
    assert history.forked is not None
    assert (history.forked.parent, history.forked.task) == ("parent", 1)
    [added] = [event for event in child.events() if isinstance(event, TasksAdded)]
    assert (added.why, added.step, len(added.tasks)) == ("2 tasks added", 8, 4)
    assert history.started is not None
    assert len(history.started.test_examples) == len(history.started.subset_examples) == 4
    assert history.parameters == loaded(child).parameters.size == added.parameters
    summary = child.summary()
    assert len(summary["accuracy_matrix"]) == 4
    assert summary["hyperparameters"]["extended_at"] == [2]


def test_an_accuracy_on_an_old_task_is_the_same_before_the_first_new_step(tmp_path: Path) -> None:
    parent = finished(
        tmp_path, permuted(norm_statistics="own", **{k: v for k, v in CONV.items() if k != "norm_statistics"})
    )
    child = extended(parent)
    from engine.training.evaluation import Evaluator

    state, stream = loaded(child), load_stream(child.config, CPU)
    evaluator = Evaluator(state.model, stream, state.problem, state.statistics, 16, lambda: None)
    assert evaluator.scores() == parent.history().matrix[-1]
    assert evaluator.probe() == parent.history().probed[-1]


def test_extended_twice(tmp_path: Path) -> None:
    first = extended(finished(tmp_path, permuted()), 1, "first")
    train(first, Control())
    second = extended(first, 2, "second", steps=2)
    assert second.config.extended_at == (2, 3)
    history = train(second, Control())
    assert [task.steps for task in history.tasks] == [4, 4, 4, 2, 2]
    assert history.state == "finished"
    for task in range(5):  # each end is from another size of the network
        assert trained_network(second, at_task=task + 1, head=task + 1).state_dict()["head.bias"].shape == (10,)
    assert len(analyse(second, examples=20).tasks) == 5


def test_a_fork_of_an_extended_session_from_before_and_after(tmp_path: Path) -> None:
    child = extended(finished(tmp_path, permuted()), 2)
    train(child, Control())
    for task in range(3):
        other = fork(child, task, f"fork-{task}", {"method": "mas"})
        history = train(other, Control())
        assert (history.state, len(history.tasks)) == ("finished", 4)
        assert history.matrix[: task + 1] == child.history().matrix[: task + 1]


def test_a_fork_from_before_the_extension_that_changes_nothing_has_the_same_tasks(tmp_path: Path) -> None:
    child = extended(finished(tmp_path, permuted(scenario="domain")), 1)
    train(child, Control())
    same = fork(child, 0, "same", {})
    train(same, Control())
    runs.assert_same_tensors(runs.newest(same)[0], runs.newest(child)[0])


@pytest.mark.parametrize("method", ["si", "ewc"])
def test_stops_and_kills_after_an_extension_end_in_the_same_bits(tmp_path: Path, method: str) -> None:
    parent = finished(tmp_path, permuted(method))
    undisturbed = extended(parent, 2, "undisturbed")
    train(undisturbed, Control())
    for name, disturb in {
        "killed at once": lambda session: runs.killed(session, 1),
        "killed before a checkpoint": lambda session: runs.killed(session, 3),
        "killed after one": lambda session: runs.killed(session, 3, saves=[2]),
        "stopped in the first step": lambda session: train(session, runs.AtStep(1)),
        "stopped at a task's end": lambda session: train(session, runs.AtStep(4)),
        "stopped while reading": lambda session: train(session, runs.StopDuring("reading")),
    }.items():
        session = extended(parent, 2, name.replace(" ", "-").replace("'", ""))
        disturb(session)
        train(session, Control())
        runs.assert_same_run(session, undisturbed)


def test_a_kill_while_the_session_is_made_leaves_nothing(tmp_path: Path) -> None:
    """As seen by others: the folder appears with all its content, or not at all."""
    finished(tmp_path / "sessions", permuted())
    script = (
        "import os, signal; from pathlib import Path; from engine.sessions.session import Session\n"
        "from engine.training.extend import extend, extended_config\n"
        "import engine.training.fork as forks\n"
        "forks._share = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "parent = Session.open(Path('sessions'), 'parent')\n"
        "extend(parent, extended_config(parent.config, 1, {}), 'child')\n"
    )
    if os.name == "posix":
        ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == -9, ran.stderr
    assert not (tmp_path / "sessions" / "child").exists()
    child = extended(Session.open(tmp_path / "sessions", "parent"))
    assert train(child, Control()).state == "finished"


class StopAtTaskEnd(Control):
    def __init__(self) -> None:
        super().__init__()
        self.pause_at_task_end = True

    def pause(self) -> None:
        super().pause()
        self.stop()


def test_a_session_that_stopped_at_a_tasks_end(tmp_path: Path) -> None:
    parent = runs.create(tmp_path, permuted(tasks=3), "parent")
    assert train(parent, StopAtTaskEnd()).state == "stopped"
    assert (parent.history().step, len(parent.history().matrix)) == (4, 1)
    child = extended(parent)
    history = train(child, Control())
    assert (history.state, len(history.matrix)) == ("finished", 4)
    assert history.matrix[0] == parent.history().matrix[0]


def test_what_cannot_be_extended_now(tmp_path: Path) -> None:
    half = runs.create(tmp_path, permuted(), "half")
    with pytest.raises(SessionTooYoung, match=r"no task of session half has ended yet.*cl-tui resume half"):
        extended(half)
    train(half, runs.AtStep(6))
    with pytest.raises(NotExtendable, match=r"half stopped in the middle of task 2 of 2: 'cl-tui resume half"):
        extended(half)
    whole = finished(tmp_path, permuted(), "whole")
    with whole.locked(), pytest.raises(SessionLocked, match="is being trained by another process"):
        extended(whole)
    path = whole.task_checkpoint(1)
    assert path is not None
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    with pytest.raises(SessionDamaged, match=r"checkpoint .* is damaged"):
        extended(whole)
    path.unlink()
    with pytest.raises(SessionDamaged, match="no checkpoint from the end of task 2"):
        extended(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half", "whole"]


@pytest.mark.parametrize(
    ("settings", "more", "says"),
    [
        (
            {"benchmark": "split-digits"},
            1,
            "split-digits divides all of its 10 classes among its tasks, so none is left",
        ),
        ({"benchmark": "emnist", "tasks": 3}, 1, "emnist divides all of its 26 classes"),
        (
            {"benchmark": "cifar-transfer", "tasks": 6},
            1,
            "cifar-transfer has at most 6 tasks, and the session has them all",
        ),
        (
            {"benchmark": "cifar-transfer", "tasks": 5},
            2,
            "cifar-transfer has at most 6 tasks, only 1 more can be added",
        ),
        ({"benchmark": "rotated-mnist", "tasks": 30}, 7, "rotated-mnist has at most 36 tasks, only 6 more"),
    ],
)
def test_benchmarks_without_more_tasks_say_so(settings: dict[str, Any], more: int, says: str) -> None:
    hidden = {"hidden": None} if settings["benchmark"] == "cifar-transfer" else {}
    with pytest.raises(ConfigError, match=says):
        extended_config(runs.tiny("si", **settings, **hidden), more, {})


def three_tasks(config: RunConfig) -> ExampleStream:
    """The two tasks that the old sessions know, and the first once more."""
    first, second = [0, 8, 1, 7, 2], [3, 4, 9, 5, 6]
    return ExampleStream(config, grouped(digits.digits(), [first, second, first][: config.tasks]), (1, 8, 8))


@pytest.mark.parametrize("name", ["ewc-finished", "si-2-finished"])
def test_a_session_of_an_older_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    info = BENCHMARKS["split-digits"]._replace(by_task=(5, 5, 5), code=f"{__name__}:three_tasks")
    monkeypatch.setitem(BENCHMARKS, "split-digits", info)
    shutil.copytree(Path(__file__).parents[2] / "old_sessions" / name, tmp_path / name)
    parent = Session.open(tmp_path, name)
    history = train(extended(parent), Control())
    assert (history.state, len(history.tasks)) == ("finished", 3)
    assert history.matrix[:2] == parent.history().matrix


def test_what_a_program_of_somebodys_own_trains_goes_on_there(tmp_path: Path) -> None:
    config = loops.small("si")
    stream = loops.stream_of(config)
    model = loops.network(config, stream)
    with loops.protected(config, model, torch.optim.Adam(model.parameters(), lr=config.lr), tmp_path) as run:
        loops.own_loop(config, stream, model, run)
    session = Session.open(tmp_path, "own-si")
    with pytest.raises(ConfigError, match=r"a program of your own trains this session .*: continue there"):
        extended(session)
    with pytest.raises(ConfigError, match=r"so its network is in your program: save it there, with torch\.save"):
        trained_network(session)


def test_what_was_shared_cannot_change() -> None:
    for changes in ({"seed": 3}, {"hidden": [5]}, {"extended_at": [1]}, {"scenario": "domain"}):
        with pytest.raises(ConfigError, match="cannot change"):
            extended_config(permuted(), 1, changes)


@pytest.mark.parametrize("typed", ["+0", "0", "2", "-1", "", "+", "two", "+1.5", "+-1", "++1", "+99999"])
def test_only_a_number_with_a_plus_is_taken(typed: str) -> None:
    with pytest.raises(ConfigError, match=r"say how many tasks to add, with a plus: --tasks \+\d") as caught:
        more_tasks(typed)
    assert more_tasks(str(caught.value).rpartition(" ")[2]) > 0


@pytest.mark.parametrize("extended_at", [[2], [3], [1, 1], [2, 1]])
def test_stages_ascend(extended_at: list[int]) -> None:
    with pytest.raises(ConfigError, match="name ascending numbers below that of the tasks, 2"):
        permuted(extended_at=extended_at)


def test_evaluation_subsets_of_old_tasks_stay() -> None:
    stream = load_stream(permuted(tasks=8), CPU)
    three, eight = evaluation_subsets(stream.tasks[:3], 0), evaluation_subsets(stream.tasks, 0)
    later = evaluation_subsets(stream.tasks, 0, (3,))
    assert len(eight[0]) < len(three[0]), "they would otherwise shrink"
    assert all(map(torch.equal, later[:3], three))
    assert all(map(torch.equal, later[3:], eight[3:]))


def test_data_that_changed_since_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = extended(finished(tmp_path, permuted()))
    real = digits.digits()
    with monkeypatch.context() as patch:
        patch.setattr(digits, "digits", lambda: type(real)(real.train.subset(torch.arange(500)), real.test))
        with pytest.raises(SessionMismatch, match=r"the data of session child .* have changed"):
            train(child, Control())
    train(child, runs.AtStep(2))
    with monkeypatch.context() as patch:
        patch.setattr(digits, "digits", lambda: type(real)(real.train.subset(torch.arange(500)), real.test))
        with pytest.raises(SessionMismatch, match=r"the data of session child .* have changed"):
            train(child, Control())
    assert train(child, Control()).state == "finished"


def test_a_network_that_cannot_grow_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shrinking(inputs: Sequence[int], outputs: int, seed: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 60 - outputs), nn.Linear(60 - outputs, outputs))

    monkeypatch.setitem(MODELS, "shrinking", ModelInfo("shrinking", "", "tests.engine.training.test_extend:odd"))
    monkeypatch.setattr("tests.engine.training.test_extend.odd", shrinking)
    child = extended(finished(tmp_path, permuted("none", model="shrinking", hidden=None)))
    with pytest.raises(ConfigError, match=r"model shrinking cannot grow: with more outputs its 1.weight is 30×64"):
        train(child, Control())


def test_every_command_works_on_an_extended_session(cl_tui: CommandLine, sessions: Path, tmp_path: Path) -> None:
    finished(sessions, permuted(), "calm-otter")
    made = cl_tui("extend", "calm-otter", "--tasks", "+2", "--steps", "2", "--name", "longer", "--headless")
    assert made.exit_code == 0, made.err
    assert "task 4 of 4 learned" in made.out + made.err
    for arguments, says in (
        (("sessions", "show", "longer"), "2 tasks added"),
        (("sessions", "list"), "longer"),
        (("compare", "calm-otter", "longer", "--plain"), "longer"),
        (("analyse", "longer", "--examples", "50"), "after task 4 of 4"),
        (("fork", "longer", "--at-task", "1", "--headless", "--name", "other"), "task 4 of 4 learned"),
        (("extend", "longer", "--tasks", "+1", "--steps", "1", "--headless"), "task 5 of 5 learned"),
        (("sessions", "export", "longer", "--json", "x.json", "--csv", "t", "--html", "x.html"), "wrote"),
        (("sessions", "export", "longer", "--weights", "w", "--at-task", "1", "--head", "1"), "wrote"),
    ):
        answer = cl_tui(*arguments)
        assert answer.exit_code == 0, (arguments, answer.err)
        assert says in answer.out + answer.err, arguments
    found = json.loads((tmp_path / "x.json").read_text())
    assert (len(found["tasks"]), len(found["accuracy_matrix"]), len(found["test_examples"])) == (4, 4, 4)
    for arguments, says in (
        (("extend", "calm-otter"), "say how many tasks to add: --tasks +1"),
        (("extend", "nobody", "--tasks", "+1"), "no session nobody"),
        (("extend", "calm-otter", "--tasks", "2"), "with a plus: --tasks +2"),
        (("extend", "calm-otter", "--tasks", "+1", "--name", "longer", "--headless"), "longer already exists"),
        (("extend", "calm-otter", "--tasks", "+1", "--set", "seed=4", "--headless"), "seed cannot change"),
    ):
        answer = cl_tui(*arguments)
        assert answer.exit_code == 2
        assert says in answer.err


def test_the_checkpoint_of_a_session_that_was_never_so_small_does_not_fit(tmp_path: Path) -> None:
    child = extended(finished(tmp_path, permuted()))
    path = child.checkpoints()[0]
    tensors, cursor = checkpoint.read(path)
    checkpoint.write(path, {**tensors, "theta": tensors["theta"][:-1].clone()}, cursor)
    with pytest.raises(SessionMismatch, match="its theta is"):
        train(child, Control())


# Images


def animals(folder: Path, *names: str, **settings: Any) -> RunConfig:
    images.folder(folder, names)
    return runs.tiny("si", **{"benchmark": "images", "data_dir": str(folder), "tasks": None, "steps": 3} | settings)


def test_classes_that_no_task_has_yet(tmp_path: Path) -> None:
    config = animals(tmp_path / "a", *"abcdefg", classes_per_task=[2, 1], normalize="auto")
    child = extended(finished(tmp_path, config), 2)
    history = train(child, Control())
    assert [task.name for task in history.tasks] == ["a, b", "c", "d", "e"]
    assert history.state == "finished"
    again = extended(child, 1, "again")
    assert again.config.option("classes_per_task") == (2, 1, 1, 1, 1)
    with pytest.raises(ConfigError, match=r"--tasks \+3: .*a has 2 classes left; name another folder"):
        extended(child, 3, "more")


@pytest.mark.parametrize("settings", [{}, {"class_order": "random"}, {"class_order": ["d", "a"], "tasks": 2}])
def test_another_folder_of_classes(tmp_path: Path, settings: dict[str, Any]) -> None:
    """The old tasks stay as they are to the bit, and classes that were left out stay out."""
    config = animals(tmp_path / "a", "a", "b", "c", "d", normalize="auto", validation=0.25, **settings)
    parent = finished(tmp_path, config)
    images.folder(tmp_path / "b", ("x", "y", "z"), side=9)
    child = extend(parent, extended_config(parent.config, None, {}, str(tmp_path / "b")), "child")
    old, new = load_stream(config, CPU), load_stream(child.config, CPU)
    for task in range(2):
        assert torch.equal(old.batch(task, 0).inputs, new.batch(task, 0).inputs)
        assert torch.equal(old.batch(task, 0).targets, new.batch(task, 0).targets)
    history = train(child, Control())
    assert history.matrix[:2] == parent.history().matrix
    assert [task.classes for task in history.tasks] == [*(task.classes for task in parent.history().tasks), 3]
    assert history.tasks[2].name == "x, y, z"
    assert class_names(child.config)[2] == ["x", "y", "z"]
    assert class_names(child.config)[:2] == class_names(config)
    assert trained_network(child, head=3).state_dict()["head.bias"].shape == (3,)
    third = extended_config(child.config, 2, {}, str(images.folder(tmp_path / "c", ("k", "l"))))
    assert third.option("classes_per_task")[2:] == (3, 1, 1)
    assert train(extend(child, third, "third"), Control()).state == "finished"


def test_an_image_that_is_lost_is_noticed(tmp_path: Path) -> None:
    parent = finished(tmp_path, animals(tmp_path / "a", "a", "b"))
    images.folder(tmp_path / "b", ("x",))
    child = extend(parent, extended_config(parent.config, None, {}, str(tmp_path / "b")), "child")
    train(child, runs.AtStep(2))
    (tmp_path / "b" / "train" / "x" / "0.png").unlink()
    with pytest.raises(SessionMismatch, match=r"the data of session child .* have changed"):
        train(child, Control())


def test_another_folder_of_tasks(tmp_path: Path) -> None:
    images.tasks(tmp_path / "a", {"t1": ("a", "b"), "t2": ("c", "d"), "t3": ("e",)})
    config = runs.tiny("ewc", benchmark="images", data_dir=str(tmp_path / "a"), tasks=2, steps=2)
    parent = finished(tmp_path, config)
    assert [task.name for task in train(extended(parent, 1), Control()).tasks] == ["t1", "t2", "t3"]
    with pytest.raises(ConfigError, match=r"--tasks \+2: .*a has 1 folder for a task left; name another folder"):
        extended(parent, 2, "more")
    images.tasks(tmp_path / "b", {"t4": ("a", "x"), "t5": ("y", "z")})
    child = extend(parent, extended_config(parent.config, None, {}, str(tmp_path / "b")), "other")
    history = train(child, Control())
    assert [task.name for task in history.tasks] == ["t1", "t2", "t4", "t5"]
    assert history.state == "finished"


def test_folders_that_do_not_fit(tmp_path: Path) -> None:
    config = animals(tmp_path / "a", "a", "b", "c", "d")
    parent = finished(tmp_path, config)
    images.folder(tmp_path / "known", ("x", "b"))
    for folder, more, says in (
        ("known", None, r"the session knows b already: name a folder that has only what is new"),
        ("a", None, r"the session knows a, b, c, d already"),
        ("nowhere", None, "there is no such folder"),
        (None, None, "say how many tasks to add, --tasks \\+1, or name a folder"),
        (None, 1, r"has no classes left; name another folder with --data-dir"),
        ("new", 3, r"--tasks \+3: .*new has only 2 classes"),
    ):
        images.folder(tmp_path / "new", ("x", "y"))
        with pytest.raises(ConfigError, match=says):
            extended_config(parent.config, more, {}, folder and str(tmp_path / folder))
    grey = tmp_path / "grey"
    images.folder(grey, ("x",))
    for path in grey.rglob("*.png"):
        images.drawn(1, channels=1).save(path)
    child = extend(parent, extended_config(parent.config, None, {}, str(grey)), "child")
    with pytest.raises(BenchmarkError, match=r"has images of 1×6×6 and those of earlier tasks have 3×6×6"):
        train(child, Control())


def test_another_folder_at_the_command_line(cl_tui: CommandLine, sessions: Path, tmp_path: Path) -> None:
    images.folder(tmp_path / "photos", ("a", "b", "c", "d"))
    images.folder(tmp_path / "more", ("x", "y"))
    runs.finished(sessions, runs.tiny("si", benchmark="images", data_dir="photos", steps=2), "calm-otter")
    made = cl_tui("extend", "calm-otter", "--data-dir", "more", "--name", "longer", "--headless")
    assert made.exit_code == 0, made.err
    assert "task 3 of 3 learned" in made.out + made.err
    for arguments in (("sessions", "show", "longer", "--all"), ("compare", "calm-otter", "longer", "--plain")):
        assert cl_tui(*arguments).exit_code == 0
    again = cl_tui("run", "--config", "sessions/longer/config.toml", "--name", "again", "--headless")
    assert again.exit_code == 0, again.err


# Tasks and networks in files of somebody's own

MORE_TASKS = own_code.TASKS.replace("(0.0, 1.0)", "(0.0, 1.0, 2.0, 3.0)")


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_a_function_that_now_gives_more_tasks(tmp_path: Path, scenario: str) -> None:
    own_code.write(tmp_path)
    parent = finished(tmp_path, own_code.own(tmp_path, scenario=scenario))
    with pytest.raises(BenchmarkError, match="2 tasks"):
        extended(parent, 1)
    assert not (tmp_path / "child").exists()
    own_code.write(tmp_path, tasks=MORE_TASKS)
    child = extended(parent, 1)
    assert child.config.classes_by_task() == (2, 2, 2)
    history = train(child, Control())
    assert history.state == "finished"
    assert history.matrix[:2] == parent.history().matrix
    assert class_names(child.config) == [["0", "1"]] * 3
    outputs = 2 if scenario == "domain" else 6
    assert trained_network(child).state_dict()["2.bias"].shape == (outputs,)
    assert trained_network(child, at_task=1).state_dict()["2.bias"].shape == (outputs,)
    again = extended(child, 1, "again")
    assert train(again, Control()).state == "finished"


def test_a_function_that_now_gives_other_data_for_the_old_tasks(tmp_path: Path) -> None:
    own_code.write(tmp_path)
    parent = finished(tmp_path, own_code.own(tmp_path))
    own_code.write(tmp_path, tasks=MORE_TASKS.replace("24)", "25)"))
    with pytest.raises(SessionMismatch, match=r"the data of session child .* have changed"):
        train(extended(parent, 1), Control())


def test_code_of_a_stranger_is_not_run(cl_tui: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_code.write(tmp_path)
    finished(tmp_path / "sessions", own_code.own(tmp_path), "theirs")
    own_code.write(tmp_path, tasks=MORE_TASKS)
    monkeypatch.setattr("engine.settings.own_code._ALLOWED", set())
    monkeypatch.setenv("CL_TUI_CONFIG_DIR", str(tmp_path / "of a stranger"))
    for arguments in (
        ("extend", "theirs", "--tasks", "+1", "--headless"),
        ("sessions", "export", "theirs", "--weights", "w"),
    ):
        refused = cl_tui(*arguments)
        assert refused.exit_code == 2, refused.out
        assert "which nobody has typed or allowed here" in refused.err
    for arguments in (
        ("sessions", "export", "theirs", "--weights", "w", "--trust-code"),
        ("extend", "theirs", "--tasks", "+1", "--headless", "--trust-code", "--name", "ours"),
        ("sessions", "export", "ours", "--weights", "v", "--at-task", "1", "--head", "1"),
    ):
        answer = cl_tui(*arguments)
        assert answer.exit_code == 0, answer.err
