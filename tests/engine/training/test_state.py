"""RunState: what survives a stop, what it promises of its tensors, and what it says of another run's checkpoint."""

import contextlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.analysis.measure import analyse
from engine.catalog.entries import ModelInfo
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.models.mlp import MLPOptions
from engine.errors import NumericsError, SessionDamaged, SessionMismatch
from engine.methods.base import Method
from engine.models.flat import PerParameter
from engine.models.mlp import mlp
from engine.sessions import checkpoint
from engine.sessions.checkpoint import Cursor
from engine.sessions.session import Session
from engine.settings.run import RunConfig
from engine.training.build import load_stream
from engine.training.checkpoint_writer import check_finite
from engine.training.control import Control
from engine.training.fork import fork
from engine.training.recorder import Recorder
from engine.training.runner import train
from engine.training.state import RunState
from engine.training.trainer import Trainer
from engine.training.update import Update
from tests import runs
from tests.engine.training.test_resume import assert_every_stop_is_harmless

CPU = torch.device("cpu")


def normed(inputs: Sequence[int], hidden: Sequence[int], outputs: int, seed: int, init: str) -> nn.Module:
    """mlp with a normalisation and dropout after its first linear layer."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in mlp(inputs, hidden, outputs, seed, init).named_children():
        layers[name] = layer
        if name == "fc1":
            layers |= {"norm": nn.BatchNorm1d(hidden[0]), "drop": nn.Dropout(0.3)}
    return nn.Sequential(layers)


@pytest.fixture
def with_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)
    monkeypatch.setitem(
        MODELS, "normed", ModelInfo("normed", "", "tests.engine.training.test_state:normed", options=MLPOptions)
    )


def state_of(config: RunConfig) -> RunState:
    stream = load_stream(config, CPU)
    return RunState(config, stream, stream.problem(), CPU)


# A network with buffers and draws of its own


@runs.by_case(
    [
        ("none", {"optimizer": "sgd"}),
        ("si", {"optimizer": "adam"}),
        ("si", {"keep": "best", "lr": 0.1, "reset_optimizer": False}),
        ("rwalk", {"optimizer": "adamw", "scenario": "class"}),
        ("l2", {"optimizer": "sgd", "reset_optimizer": False, "scenario": "domain"}),
        ("joint", {}),
        ("ewc", {}),
        ("mas", {"keep": "best"}),
    ]
)
def test_normalisation_and_dropout_resume_at_every_step_in_the_same_bits(
    method: str, options: dict[str, Any], tmp_path: Path, with_buffers: None
) -> None:
    """Weights, buffers, accuracies: the statistics are state, and each step seeds its own draws."""
    config = runs.tiny(method, model="normed", **options)
    assert_every_stop_is_harmless(tmp_path, config)
    tensors = runs.tensors(Session.open(tmp_path, "whole"))
    buffers = [
        {name: value for name, value in found.items() if name.startswith("buffers/norm.running")}
        for found in tensors.values()
    ]
    assert buffers[0].keys() == {"buffers/norm.running_mean", "buffers/norm.running_var"}
    assert not torch.equal(buffers[0]["buffers/norm.running_mean"], buffers[1]["buffers/norm.running_mean"])


def test_a_value_that_is_not_finite_is_named_wherever_it_is() -> None:
    config = runs.tiny("si", model="conv", norm="batch", freeze=["conv1.*"], schedule="plateau", norm_statistics="own")
    tensors = state_of(config).tensors()
    cursor = Cursor(1, 1, 5, 0.0, 0, "cpu", 1, {}, constant=None)
    check_finite(tensors, cursor, {})
    for name in (name for name, tensor in tensors.items() if tensor.is_floating_point()):
        broken = tensors | {name: torch.full_like(tensors[name], torch.nan)}
        with pytest.raises(NumericsError, match=rf"no longer finite at step 5, in task 2, in {name}"):
            check_finite(broken, cursor, {})


def test_draws_depend_on_the_seed_and_the_step_alone(tmp_path: Path, with_buffers: None) -> None:
    """Whatever else draws in this process."""
    one = runs.finished(tmp_path, runs.tiny("none", model="normed"), "one")
    torch.rand(7)
    other = runs.finished(tmp_path, runs.tiny("none", model="normed"), "other")
    runs.assert_same_run(one, other)
    seeded = runs.finished(tmp_path, runs.tiny("none", model="normed", seed=1), "seeded")
    assert seeded.history().curve.losses().tolist() != one.history().curve.losses().tolist()


def test_a_fork_that_changes_nothing_goes_on_with_the_buffers(tmp_path: Path, with_buffers: None) -> None:
    whole = runs.finished(tmp_path, runs.tiny("si", model="normed"), "whole")
    child = fork(whole, 0, "child", {})
    train(child, Control())
    runs.assert_same_tensors(runs.newest(child)[0], runs.newest(whole)[0])


# What the state promises of its tensors


@runs.by_case([(method, {"optimizer": optimizer}) for method in METHODS for optimizer in runs.OPTIMIZERS])
def test_state_is_there_before_the_first_step_and_written_in_place(
    method: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """Compiled loops and batched runs hold pointers to it."""
    session = runs.create(tmp_path, runs.tiny(method, **options))
    trainer = Trainer(Recorder(session, Control()))
    before = {name: tensor.data_ptr() for name, tensor in trainer.state.tensors().items()}
    trainer.run()
    trainer.recorder.close()
    after = {name: tensor.data_ptr() for name, tensor in trainer.state.tensors().items()}
    assert before == {name: place for name, place in after.items() if not name.startswith("penalty/")}


@runs.by_case([(method, {"optimizer": optimizer}) for method in METHODS for optimizer in runs.OPTIMIZERS])
def test_every_tensor_with_one_entry_a_parameter_says_so(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    session = runs.finished(tmp_path, runs.tiny(method, keep="best", **options))
    state = state_of(session.config)
    tensors, cursor = state.read(session.checkpoints()[0])
    state.load(tensors, cursor, ())
    state.keep_if_best(0.5)
    found = {name for name, tensor in state.tensors().items() if tensor.shape == (state.parameters.size,)}
    assert found == state.per_parameter() & state.tensors().keys()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("optimizer", runs.OPTIMIZERS)
def test_the_optimizer_s_state_has_the_bits_that_torch_gives(optimizer: str, momentum: float) -> None:
    """Also after a reset, against a new optimizer."""
    chosen = {"momentum": momentum} if optimizer == "sgd" else {}
    config = runs.tiny("none", optimizer=optimizer, **chosen)
    start = torch.randn(50, generator=torch.Generator().manual_seed(1))
    gradients = torch.randn(6, 50, generator=torch.Generator().manual_seed(2)).relu()
    ours = start.clone()
    update = Update(config, ours)
    for _ in range(2):
        theirs = nn.Parameter(ours.clone())
        kinds: dict[str, Any] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
        plain = kinds[optimizer]([theirs], lr=config.lr, fused=True, **chosen)
        update.reset()
        for gradient in gradients:
            theirs.grad = gradient.clone()
            plain.step()
            update.step(gradient.clone(), config.lr)
            assert torch.equal(ours, theirs)
            if update.state is not None:
                for name, tensor in vars(update.state).items():
                    assert torch.equal(tensor, plain.state[theirs][name]), name


# State of any size and type


@dataclass
class Reservoir:
    inputs: Tensor
    """Half-precision copies of what was seen; far larger than the network."""
    rows: Tensor
    seen: PerParameter


class Replaying(Method):
    """Keeps a buffer, as a replay method would."""

    sees_steps = True
    state: Reservoir

    def start(self, theta: Tensor) -> None:
        size = 40 * len(theta)
        inputs = torch.zeros(size, dtype=torch.bfloat16)
        self.state = Reservoir(inputs, torch.zeros(3, 7, dtype=torch.int64), torch.zeros_like(theta))

    def after_step(self, gradient: Tensor, change: Tensor) -> None:
        self.state.inputs += change.sum()
        self.state.rows += 1
        self.state.seen += change


@pytest.fixture
def replaying(monkeypatch: pytest.MonkeyPatch) -> None:
    info = METHODS["none"]._replace(code="tests.engine.training.test_state:Replaying")
    monkeypatch.setitem(METHODS, "none", info)
    monkeypatch.setattr("os.fsync", lambda file: None)


def test_a_buffer_larger_than_the_network_and_bfloat16_are_ordinary(tmp_path: Path, replaying: None) -> None:
    assert_every_stop_is_harmless(tmp_path, runs.tiny("none"))
    whole = runs.newest(Session.open(tmp_path, "whole"))[0]
    assert whole["method/inputs"].dtype == torch.bfloat16
    assert whole["method/rows"].tolist() == [[8] * 7] * 3


# A checkpoint of another run


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"hidden": (9,)}, "its theta is 610 float32, not 685 float32"),
        ({"method": "rwalk", "strength": 1.0}, "it has no method/fisher"),
        ({"method": "none"}, "this run has no method/path_integral"),
        ({"optimizer": "sgd"}, "this run has no optimizer/exp_avg"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_in_words_before_its_data_are_read(
    changed: dict[str, Any], words: str, tmp_path: Path
) -> None:
    session = runs.create(tmp_path, runs.tiny("si"))
    train(session, runs.AtStep(3))
    config = session.config.changed(**changed)
    state = state_of(config)
    (path,) = session.checkpoints()
    assert state.mismatch(checkpoint.read_header(path)) == words
    with pytest.raises(SessionMismatch, match=f"does not fit the network in config.toml: {words}"):
        state.read(path)


def test_a_huge_checkpoint_of_another_run_is_refused_without_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by the analysis."""
    session = runs.finished(tmp_path, runs.tiny("si"))
    path = session.checkpoints()[-1]
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    end = len(whole) - 8 - length
    header["method/buffer"] = {"dtype": "F32", "shape": [2**33], "data_offsets": [end, end + 2**35]}
    lead = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(lead).to_bytes(8, "little") + lead + whole[8 + length :])
        with contextlib.suppress(OSError):  # where the disk's files cannot be so large
            file.truncate(8 + len(lead) + end + 2**35)

    def unread(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("safetensors.torch.load", unread)
    with pytest.raises((SessionMismatch, SessionDamaged), match=r"this run has no method/buffer|bytes instead of"):
        state_of(session.config).read(path)
    with pytest.raises(SessionDamaged, match=f"checkpoint {path} is damaged: it is larger than"):
        analyse(session)


def test_a_header_says_what_the_file_holds(tmp_path: Path) -> None:
    session = runs.create(tmp_path, runs.tiny("rwalk"))
    train(session, runs.AtStep(3))
    (path,) = session.checkpoints()
    header = checkpoint.read_header(path)
    tensors, cursor = checkpoint.read(path, header.size)
    assert header.tensors == {name: checkpoint.kind_of(tensor) for name, tensor in tensors.items()}
    assert header.cursor == cursor
    assert header.size == path.stat().st_size


# Checkpoints of older versions


def test_rwalk_s_first_task_goes_on_from_an_older_checkpoint(tmp_path: Path) -> None:
    """Older versions wrote no score of earlier tasks where there were none."""
    config = runs.tiny("rwalk", keep="best", lr=0.1)
    whole = runs.finished(tmp_path, config, "whole")
    session = runs.create(tmp_path, config)
    train(session, runs.AtStep(3))
    (path,) = session.checkpoints()
    tensors, cursor = runs.newest(session)
    older = {name: tensor for name, tensor in tensors.items() if not name.endswith("earlier_score")}
    assert len(tensors) - len(older) == 2
    checkpoint.write(path, older, cursor)
    assert train(session, Control()).state == "finished"
    runs.assert_same_tensors(runs.newest(session)[0], runs.newest(whole)[0])


def test_a_fork_to_sgd_without_momentum_leaves_the_momentum_behind(tmp_path: Path) -> None:
    """Older versions kept it in the fork's checkpoint, where nothing read it."""
    whole = runs.finished(tmp_path, runs.tiny("si", optimizer="sgd", reset_optimizer=False), "whole")
    child = fork(whole, 0, "child", {"momentum": 0.0})
    assert train(child, Control()).state == "finished"
    assert "optimizer/momentum_buffer" not in runs.newest(child)[0]
