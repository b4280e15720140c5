"""How a step runs the network: bf16, channels last, compiled."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from engine.errors import ConfigError
from engine.sessions.session import Session
from engine.settings.run import RunConfig
from engine.training import forward
from engine.training.control import Control
from engine.training.forward import forward_of, wants_channels_last
from engine.training.recorder import Recorder
from engine.training.runner import train
from engine.training.trainer import Trainer
from tests import runs
from tests.engine.training.test_resume import assert_every_stop_is_harmless
from tests.engine.training.test_state import with_buffers  # noqa: F401  (a fixture)

CONV: dict[str, Any] = {"model": "conv", "channels": (4, "pool", 6), "hidden": (8,)}


def trainer_of(folder: Path, config: RunConfig, name: str = "run") -> Trainer:
    trainer = Trainer(Recorder(runs.create(folder, config, name), Control()))
    trainer.begin()
    return trainer


# bf16


def test_bf16_is_torch_s_autocast_around_the_network_alone(tmp_path: Path) -> None:
    """Weights, gradients and optimizer state stay in float32, and the loss is computed there."""
    config = runs.tiny("none", precision="bf16", steps=20)
    trainer = trainer_of(tmp_path, config)
    state, stream = trainer.state, trainer.stream
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, state.problem.outputs))
    for ours, theirs in zip(state.model.parameters(), model.parameters(), strict=True):
        theirs.data.copy_(ours)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    for step in range(20):
        batch = stream.batch(0, step)
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = model(batch.inputs)
        assert outputs.dtype == torch.bfloat16
        loss = cross_entropy(outputs[:, :5].float(), batch.targets)
        loss.backward()
        optimizer.step()
        trainer.step.take()
        assert trainer.step.losses[-1].item() == pytest.approx(loss.item(), rel=1e-2)
    assert {tensor.dtype for tensor in state.tensors().values()} == {torch.float32}


def test_importance_is_measured_in_float32(tmp_path: Path) -> None:
    """The same Ω as without bf16 at the same weights."""
    one, other = (trainer_of(tmp_path, runs.tiny("ewc", precision=of), of) for of in ("fp32", "bf16"))
    for trainer in (one, other):
        trainer.state.begin_task()
    other.state.parameters.values.copy_(one.state.parameters.values)
    found = [trainer.state.consolidated(lambda: None) for trainer in (one, other)]
    assert found[0] is not None
    assert found[1] is not None
    assert torch.equal(found[0].diagonal(), found[1].diagonal())


@runs.by_case([("si", {"precision": "bf16"}), ("rwalk", {"precision": "bf16", "accumulate": 2, **CONV})])
def test_bf16_resumes_at_every_step(
    method: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)
    assert_every_stop_is_harmless(tmp_path, runs.tiny(method, **options))


def test_a_device_without_bf16_says_so() -> None:
    with pytest.raises(ConfigError, match="cpu and cuda have it, meta has not: use fp32"):
        forward_of(nn.Linear(2, 2), torch.empty(1, 2, device="meta"), "bf16")


# Channels last


class Viewing(nn.Module):
    """A convolution whose outputs are viewed, as in many tutorials: the usual format alone has this view."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4 * 36, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.conv(inputs).view(len(inputs), -1))


def test_a_convolutional_network_gets_its_images_with_the_channels_last() -> None:
    seen: list[bool] = []
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 2))
    images = torch.rand(5, 3, 8, 8)
    model.register_forward_pre_hook(
        lambda net, given: seen.append(given[0].is_contiguous(memory_format=torch.channels_last))
    )
    found = forward_of(model, images, None)
    statistics = model[1].state_dict()["running_mean"].clone()
    assert not statistics.any(), "the trial changes no statistics"
    seen.clear()
    torch.testing.assert_close(found(images), model(images))
    assert seen == [True, False]


@pytest.mark.parametrize(
    ("model", "shape"), [(Viewing(), (3, 8, 8)), (nn.Linear(4, 2), (4,)), (nn.Sequential(nn.Flatten()), (3, 2, 2))]
)
def test_another_network_gets_them_as_they_are(model: nn.Module, shape: Sequence[int]) -> None:
    inputs = torch.rand(2, *shape)
    assert not wants_channels_last(model, inputs)
    assert forward_of(model, inputs, None) is model


# Compiled


@pytest.fixture
def quick_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces and runs what the compiler gets, without compiling it: the same bits in a moment."""
    monkeypatch.setattr(forward, "BACKEND", "eager")
    monkeypatch.setattr("os.fsync", lambda file: None)
    torch._dynamo.reset()


@pytest.mark.usefixtures("quick_compiler", "with_buffers")
@runs.by_case([("si", {"model": "normed"}), ("si", {"first_task": {"batch_size": 100}, "accumulate": 2, **CONV})])
def test_a_compiled_run_is_the_same_and_compiles_nothing_after_the_first_step(
    method: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """Also for the last batch of an epoch, which is smaller; the statistics of a norm are as before."""
    plain = runs.finished(tmp_path, runs.tiny(method, **options), "plain")
    session = runs.create(tmp_path, runs.tiny(method, compile=True, **options), "compiled")
    trainer = Trainer(Recorder(session, Control()))
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert graphs > 0
    trainer.run()
    trainer.recorder.close()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs
    for one, other in zip(runs.tensors(plain).values(), runs.tensors(session).values(), strict=True):
        runs.assert_same_tensors(one, other)


@pytest.mark.usefixtures("quick_compiler")
def test_a_compiled_run_resumes_and_says_when_it_is_no_longer_compiled(tmp_path: Path) -> None:
    assert_every_stop_is_harmless(tmp_path, runs.tiny("si", compile=True, epochs=1, batch_size=250))
    session = runs.create(tmp_path, runs.tiny("si", compile=True), "moved")
    train(session, runs.AtStep(3))
    session = runs.with_settings(session, compile=None)
    resumed = train(Session.open(tmp_path, "moved"), Control()).resumed
    assert resumed is not None
    assert resumed.note == "not bit-exact, because of changes: compiled yes → no"


def test_where_there_is_no_compiler_a_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(graph: Any, inputs: Any) -> None:
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr(forward, "BACKEND", none)
    session = runs.create(tmp_path, runs.tiny("si", compile=True))
    with pytest.raises(ConfigError) as caught:
        train(session, Control())
    assert "No working C++ compiler found" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("or use --no-compile")
    assert session.history().step == 0


def test_no_compile_is_not_stored() -> None:
    assert runs.tiny(compile=False) == runs.tiny()
    assert "compile" not in runs.tiny().to_toml()
    assert "compile = true" in runs.tiny(compile=True).to_toml()
