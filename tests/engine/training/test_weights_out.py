"""Exported weights, loaded in plain PyTorch without this project, give the accuracies that the log has."""

import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.catalog.entries import ModelInfo
from engine.catalog.models import MODELS
from engine.errors import ConfigError, EngineError, SessionDamaged, SessionTooYoung
from engine.sessions import checkpoint
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.streams.class_names import class_names
from engine.training.build import load_stream
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.runner import train
from engine.training.weights_out import onnx_file, trained_network, weights_file
from tests import runs
from tests.conftest import CommandLine

QUICK: dict[str, Any] = {"tasks": 3, "epochs": 3, "batch_size": 100}


def plain_mlp(outputs: int) -> nn.Module:
    return nn.Sequential(
        OrderedDict(flatten=nn.Flatten(), fc1=nn.Linear(64, 8), relu1=nn.ReLU(), head=nn.Linear(8, outputs))
    )


def plain_conv(outputs: int) -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 4, 3, padding=1),
            norm1=nn.BatchNorm2d(4),
            conv1_relu=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(64, 8),
            fc1_relu=nn.ReLU(),
            head=nn.Linear(8, outputs),
        )
    )


class Tied(nn.Module):
    """Two layers that share one weight, and one that is used twice."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(64, 64), nn.Linear(64, 64)
        self.second.weight = self.first.weight
        self.head = nn.Linear(64, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.head(self.second(self.first(inputs.flatten(1)).relu()).relu())
        return found


def tied(inputs: Sequence[int], outputs: int, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Tied(outputs)


def exported(folder: Path, session: Session, **which: int) -> Path:
    path = folder / "out.safetensors"
    path.write_bytes(weights_file(trained_network(session, **which)))
    return path


def about(path: Path) -> dict[str, str]:
    with safetensors.safe_open(path, "pt") as file:
        return dict(file.metadata())


def accuracy(net: nn.Module, config: RunConfig, task: int, first: int, count: int, offset: int = 0) -> float:
    """On a task's whole test set, in plain PyTorch: of the competing outputs ``first`` to ``first + count``; a label
    is the class's place among them, less ``offset``."""
    [batch] = load_stream(config, torch.device("cpu")).passes(task, 10_000, "test")
    with torch.no_grad():
        answers = net.eval()(batch.inputs)[:, first : first + count].argmax(1)
    return (answers == batch.targets + offset).double().mean().item()


@pytest.mark.parametrize("at_task", [1, 2, 3])
def test_weights_of_an_mlp_give_the_accuracies_of_the_log(tmp_path: Path, at_task: int) -> None:
    session = runs.finished(tmp_path, runs.tiny("si", **QUICK))
    path = exported(tmp_path, session, at_task=at_task)
    net = plain_mlp(10)
    net.load_state_dict(load_file(path))
    outputs = json.loads(about(path)["outputs"])
    assert [of["classes"] for of in outputs] == [["0", "8", "1", "7"], ["2", "3", "4"], ["9", "5", "6"]]
    assert about(path)["task"] == str(at_task)
    found = [accuracy(net, session.config, of["task"] - 1, of["first"], len(of["classes"])) for of in outputs[:at_task]]
    assert found == pytest.approx(session.history().matrix[at_task - 1])


@pytest.mark.parametrize("scenario", ["domain", "class"])
def test_outputs_that_tasks_share(tmp_path: Path, scenario: str) -> None:
    config = runs.tiny("ewc", scenario=scenario, **QUICK)
    session = runs.finished(tmp_path, config)
    path = exported(tmp_path, session)
    net = plain_mlp(4 if scenario == "domain" else 10)
    net.load_state_dict(load_file(path))
    found = [accuracy(net, config, of["task"] - 1, 0, 10, of["first"]) for of in json.loads(about(path)["outputs"])]
    assert found == pytest.approx(session.history().matrix[-1])
    with pytest.raises(ConfigError, match=f"in the scenario {scenario} the tasks share their outputs"):
        trained_network(session, head=1)


@pytest.mark.parametrize("rule", ["own", "shared", "frozen"])
def test_a_head_alone_with_the_statistics_of_its_task(tmp_path: Path, rule: str) -> None:
    conv = {"model": "conv", "channels": [4, "pool"], "hidden": [8], "norm": "batch", "norm_statistics": rule}
    session = runs.finished(tmp_path, runs.tiny("si", **QUICK, **conv))
    row = session.history().matrix[-1]
    for task, classes in enumerate((4, 3, 3)):
        path = exported(tmp_path, session, head=task + 1)
        net = plain_conv(classes)
        net.load_state_dict(load_file(path))
        assert json.loads(about(path)["outputs"])[0]["first"] == 0
        assert accuracy(net, session.config, task, 0, classes) == pytest.approx(row[task])
    whole = plain_conv(10)
    whole.load_state_dict(load_file(exported(tmp_path, session)))
    assert accuracy(whole, session.config, 2, 7, 3) == pytest.approx(row[2])


def test_frozen_parts_are_there(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("si", freeze=("fc1.*",), **QUICK))
    net = plain_mlp(10)
    net.load_state_dict(load_file(exported(tmp_path, session)))
    assert accuracy(net, session.config, 0, 0, 4) == pytest.approx(session.history().matrix[-1][0])


@pytest.mark.parametrize("freeze", [None, ("first.*", "second.*")])
def test_tied_weights_are_there_under_both_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, freeze: tuple[str, ...] | None
) -> None:
    monkeypatch.setitem(MODELS, "tied", ModelInfo("tied", "", f"{__name__}:tied"))
    settings = QUICK | {"model": "tied", "hidden": None, "freeze": freeze}
    session = runs.finished(tmp_path, runs.tiny("si", **settings))
    weights = load_file(exported(tmp_path, session))
    assert torch.equal(weights["first.weight"], weights["second.weight"])
    net = Tied(10)
    net.load_state_dict(weights)
    row = session.history().matrix[-1]
    assert [accuracy(net, session.config, 0, 0, 4), accuracy(net, session.config, 2, 7, 3)] == pytest.approx(
        [row[0], row[2]]
    )
    alone = Tied(3)
    alone.load_state_dict(load_file(exported(tmp_path, session, head=3)))
    assert accuracy(alone, session.config, 2, 0, 3) == pytest.approx(row[2])


def test_torchvisions_networks_have_torchvisions_names(tmp_path: Path) -> None:
    from engine.torchvision_import import torchvision_models

    config = runs.tiny("none", model="shufflenet_v2_x0_5", hidden=None, epochs=None, steps=1, batch_size=8)
    session = runs.finished(tmp_path, config)
    weights = load_file(exported(tmp_path, session))
    net = torchvision_models().shufflenet_v2_x0_5(num_classes=10)
    net.conv1[0] = nn.Conv2d(1, 24, 3, 2, 1, bias=False)
    net.load_state_dict(weights)
    assert accuracy(net, config, 1, 5, 5) == pytest.approx(session.history().matrix[-1][1])


class Mean(nn.Module):
    """A network whose outputs depend on their number."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.head = nn.Linear(64, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.head(inputs.flatten(1))
        return found - found.mean(1, keepdim=True)


def centred(inputs: Sequence[int], outputs: int, seed: int) -> nn.Module:
    return Mean(outputs)


def test_outputs_that_cannot_be_taken_apart_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "centred", ModelInfo("centred", "", f"{__name__}:centred"))
    session = runs.finished(tmp_path, runs.tiny("none", model="centred", hidden=None))
    with pytest.raises(EngineError, match="cannot be taken apart"):
        trained_network(session, head=1)


def test_weights_of_a_fork_and_of_a_run_in_the_middle_of_a_task(tmp_path: Path) -> None:
    parent = runs.finished(tmp_path, runs.tiny("si", **QUICK), "parent")
    child = fork(parent, 0, "child", {"method": "ewc"})
    assert about(exported(tmp_path, child))["task"] == "1"
    train(child, runs.AtStep(2))
    told = about(exported(tmp_path, child))
    assert (told["task"], told["task_step"], told["method"]) == ("2", "2", "ewc")
    train(child, Control())
    net = plain_mlp(10)
    net.load_state_dict(load_file(exported(tmp_path, child)))
    assert accuracy(net, child.config, 1, 4, 3) == pytest.approx(child.history().matrix[-1][1])


@pytest.mark.parametrize("name", ["ewc-finished", "si-stopped", "first-si", "si-2-finished", "ewc-2-stopped"])
def test_weights_of_sessions_of_older_formats(tmp_path: Path, name: str) -> None:
    session = Session.open(Path(__file__).parents[2] / "old_sessions", name)
    weights = load_file(exported(tmp_path, session, at_task=1))
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    assert weights["head.bias"].shape == (10,)


def test_what_is_missing_or_damaged_is_told(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("si", tasks=3))
    with pytest.raises(SessionTooYoung, match="has no checkpoint, so it has no trained weights yet"):
        trained_network(session)
    train(session, runs.AtStep(6))
    with pytest.raises(SessionTooYoung, match="cannot give its weights at the end of task 3: only task 1 has ended"):
        trained_network(session, at_task=3)
    with pytest.raises(ConfigError, match="only 1 of 3 tasks had begun by then"):
        trained_network(session, at_task=1, head=2)
    with pytest.raises(ConfigError, match="the session has 3 tasks"):
        trained_network(session, head=4)
    path = session.task_checkpoint(0)
    assert path is not None
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(SessionDamaged, match=r"checkpoint .* is damaged"):
        trained_network(session, at_task=1)
    path.unlink()
    with pytest.raises(SessionDamaged, match="no checkpoint from the end of task 1"):
        trained_network(session, at_task=1)


def test_a_session_in_training_may_replace_the_newest_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = runs.finished(tmp_path, runs.tiny("si"))
    newest, read = session.checkpoints()[0], checkpoint.read

    def replaced(path: Path) -> Any:
        newest.unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(checkpoint, "read", replaced)
    assert trained_network(session).about["task"] == "1"


def test_a_checkpoint_that_was_not_kept_is_told(tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny("none", tasks=5, keep_checkpoints="last"))
    with pytest.raises(ConfigError, match=r"checkpoint of that task was not kept .*; it is possible at tasks 4–5"):
        trained_network(session, at_task=2)


def test_the_command_writes_the_whole_file_or_refuses(cl_tui: CommandLine, sessions: Path, tmp_path: Path) -> None:
    runs.finished(sessions, runs.tiny("si"), "calm-otter")
    wrote = cl_tui("sessions", "export", "calm-otter", "--weights", "w.safetensors", "--at-task", "1", "--head", "1")
    assert (wrote.exit_code, wrote.out) == (0, "wrote w.safetensors\n")
    before = (tmp_path / "w.safetensors").read_bytes()
    for arguments, says in (
        (("--weights", "w.safetensors"), "w.safetensors already exists: choose another path, or add --force"),
        (("--weights", "-"), "--weights -: it writes a file that is not text, so name a file"),
        (("--at-task", "1"), "--at-task 1: it chooses a network, so it needs --weights FILE or --onnx FILE"),
        (("--head", "1", "--json", "x.json"), "--head 1: it chooses a network"),
        (("--weights", "."), "--weights . is a folder: name a file"),
        (("--weights", "x", "--head", "0"), "greater than or equal to 1"),
    ):
        refused = cl_tui("sessions", "export", "calm-otter", *arguments)
        assert refused.exit_code == 2
        assert says in refused.err
    assert (tmp_path / "w.safetensors").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))
    forced = cl_tui("sessions", "export", "calm-otter", "--weights", "w.safetensors", "--force")
    assert forced.exit_code == 0
    assert (tmp_path / "w.safetensors").read_bytes() != before


@pytest.mark.parametrize(
    "settings",
    [{"tasks": 4, "class_order": "random"}, {"benchmark": "permuted-digits"}, {"class_order": list(range(9, -1, -1))}],
)
def test_the_classes_have_the_names_that_the_log_has(settings: dict[str, Any]) -> None:
    config = runs.tiny("si", **settings)
    assert [list(phase.class_names) for phase in load_stream(config, torch.device("cpu")).phases] == class_names(config)


def test_the_page_about_networks_loads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its example, with the weights of a default run."""
    page = (Path(__file__).parents[3] / "docs" / "networks.md").read_text(encoding="utf-8")
    [example] = re.findall(r"<!-- load -->\n```python\n(.*?)```", page, flags=re.DOTALL)
    session = runs.finished(tmp_path, resolve({"epochs": 1}))
    exported(tmp_path, session).rename(tmp_path / "calm-otter.safetensors")
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(example, made)  # noqa: S102  (the example of our own page)
    row = session.history().matrix[-1]
    for of in json.loads(made["about"]["outputs"]):
        found = accuracy(made["net"], session.config, of["task"] - 1, of["first"], len(of["classes"]))
        assert found == pytest.approx(row[of["task"] - 1])


# ONNX


def test_a_network_as_onnx_computes_the_same(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs the extra onnx: pip install cl-tui[onnx]")
    onnx = pytest.importorskip("onnx", reason="needs the extra onnx: pip install cl-tui[onnx]")
    from onnx.reference import ReferenceEvaluator

    conv = {"model": "conv", "channels": [4, "pool"], "hidden": [8], "norm": "batch", "dropout": [0.2]}
    session = runs.finished(tmp_path, runs.tiny("si", **QUICK, **conv))
    trained = trained_network(session, head=2)
    made = onnx.load_model_from_string(onnx_file(trained))
    assert {entry.key: entry.value for entry in made.metadata_props} == trained.about
    inputs = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    [found] = ReferenceEvaluator(made).run(None, {"inputs": inputs.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(found), trained.net.eval()(inputs))


def test_without_onnx_a_sentence(cl_tui: CommandLine, sessions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.finished(sessions, runs.tiny("si"), "calm-otter")
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    refused = cl_tui("sessions", "export", "calm-otter", "--onnx", "x.onnx")
    assert refused.exit_code == 1
    assert "--onnx needs the packages onnx and onnxscript" in refused.err
