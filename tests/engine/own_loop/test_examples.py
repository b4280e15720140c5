"""docs/examples: loops in plain torch, Lightning and Hugging Face's Trainer. They run, and train alike."""

import logging
import runpy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import SequentialSampler

import cl_tui
from engine.own_loop.run import ProtectedRun
from engine.sessions.session import Session
from engine.torchvision_import import torchvision_datasets
from tests.conftest import CommandLine
from tests.own_code import EXAMPLES
from tests.terminal import Terminal

Batch = tuple[Any, Tensor]
Example = Callable[[str], dict[str, Any]]
NEEDS = {"torch_loop": (), "lightning_loop": ("lightning",), "trainer_loop": ("transformers", "accelerate")}
SESSIONS = {"torch_loop": "plain-torch", "lightning_loop": "with-lightning", "trainer_loop": "with-trainer"}


def needed(module: str) -> Any:
    torchvision_datasets()  # both libraries import torchvision, which a CPU-only torch has to be prepared for
    return pytest.importorskip(module, reason=f'needs {module}: pip install -c constraints.txt -e ".[loops]"')


def in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Trainer does not shuffle."""
    trainer = needed("transformers").Trainer
    monkeypatch.setattr(trainer, "_get_train_sampler", lambda self, *_: SequentialSampler(self.train_dataset))


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Example]:
    """Runs a program of docs/examples in an empty folder; gives its names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CL_TUI_SESSIONS_DIR", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    caplog.set_level(logging.WARNING, "lightning.pytorch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(name: str) -> dict[str, Any]:
        for module in NEEDS[name]:
            needed(module)
        return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")

    yield run
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", SESSIONS)
def test_its_session_is_whole_and_watched(name: str, example: Example, tmp_path: Path, cl_tui: CommandLine) -> None:
    example(name)
    history = Session.open(tmp_path / "sessions", SESSIONS[name]).history()
    assert history.state == "finished"
    assert history.starts == (0, 20, 40)
    assert [len(row) for row in history.matrix] == [1, 2]
    assert min(history.matrix[0]) > 0.5
    assert 0.3 < history.curve.losses()[0] < 1.1, "the mean of an accumulated step's parts"
    assert cl_tui("sessions", "show", SESSIONS[name]).exit_code == 0
    with Terminal(["watch", SESSIONS[name]], tmp_path, 120, 40) as terminal:
        terminal.wait_for("own-loop")
        terminal.wait_for("task 2 of 2  100 %")


def weights_of(net: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def trained(
    net: nn.Module,
    run: ProtectedRun,
    optimizer: torch.optim.Optimizer,
    tasks: dict[str, Sequence[Batch]],
    clip: str,
    most: float,
) -> Tensor:
    """The weights after a loop in plain torch that clips to ``most``, before or after the penalty is added."""
    for name, batches in tasks.items():
        run.task(name)
        for _ in range(2):
            for number, (inputs, labels) in enumerate(batches, start=1):
                with torch.autocast("cpu", torch.bfloat16):
                    outputs = net(inputs)
                    outputs = getattr(outputs, "logits", outputs)
                    loss = cross_entropy(outputs.float(), labels) / 2
                run.backward(loss)
                if number % 2:
                    continue
                if clip == "before":
                    nn.utils.clip_grad_norm_(net.parameters(), most)
                run.before_optimizer()
                if clip == "after":
                    nn.utils.clip_grad_norm_(net.parameters(), most)
                optimizer.step()
                run.after_optimizer()
                optimizer.zero_grad()
        run.end_task()
    run.close()
    return weights_of(net)


@pytest.mark.parametrize("clip", ["after", "before"])
def test_lightning_trains_to_the_weights_of_a_loop_in_plain_torch_that_clips_after_the_penalty(
    clip: str, example: Example
) -> None:
    found = example("lightning_loop")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 2))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    run = cl_tui.protect(net, optimizer, method="si", strength=1.0, session="plain")
    weights = trained(net, run, optimizer, found["tasks"], clip, 0.2)
    by_lightning = found["module"]
    assert torch.equal(weights, weights_of(by_lightning.net)) == (clip == "after")
    if clip == "after":
        for name, importance in run.importance().items():
            assert torch.equal(importance, by_lightning.run.importance()[name])


@pytest.mark.parametrize("clip", ["before", "after"])
def test_the_trainer_trains_to_the_weights_of_a_loop_in_plain_torch_that_clips_before_the_penalty(
    clip: str, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_order(monkeypatch)
    found = example("trainer_loop")
    torch.manual_seed(0)
    net = type(found["model"])(found["model"].config)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    run = cl_tui.protect(net, optimizer, method="si", strength=1.0, session="plain")
    tasks = {
        name: [
            (
                torch.stack([row["input_ids"] for row in rows[k : k + 10]]),
                torch.tensor([row["labels"] for row in rows[k : k + 10]]),
            )
            for k in range(0, len(rows), 10)
        ]
        for name, rows in found["tasks"].items()
    }
    weights = trained(net, run, optimizer, tasks, clip, 1.0)
    assert torch.equal(weights, weights_of(found["model"])) == (clip == "before")
    if clip == "before":
        for name, importance in run.importance().items():
            assert torch.equal(importance, found["run"].importance()[name])


def test_the_loop_in_plain_torch_continues_where_it_saved(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = weights_of(example("torch_loop")["model"])
    (tmp_path / "sessions").rename(tmp_path / "whole")
    (tmp_path / "plain-torch.pt").unlink()
    save, saved = torch.save, list[Any]()

    def stop(found: Any, path: Path) -> None:
        save(found, path)
        saved.append(found)
        if len(saved) in (1, 3, 4):  # in each task, and between them
            raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", stop)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            example("torch_loop")
    assert torch.equal(weights_of(example("torch_loop")["model"]), whole)
    history, before = (Session.open(tmp_path / of, "plain-torch").history() for of in ("sessions", "whole"))
    assert history.curve.losses().tolist() == before.curve.losses().tolist()
    assert history.matrix == before.matrix


def test_lightning_continues_from_its_checkpoint(example: Example, tmp_path: Path) -> None:
    found = example("lightning_loop")
    lightning = needed("lightning")

    def fit(epochs: int, continued: Path | None = None) -> Any:
        torch.manual_seed(0)
        module = found["Protected"](found["tasks"])
        module.task = "flat"
        kept = lightning.pytorch.callbacks.ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = lightning.Trainer(accelerator="cpu", max_epochs=epochs, callbacks=[kept], **quiet)
        trainer.fit(module, found["tasks"]["flat"], ckpt_path=continued)
        return module

    (tmp_path / "sessions").rename(tmp_path / "first")
    whole = fit(3)
    whole.run.close()
    part = fit(3, tmp_path / "epoch=0.ckpt")
    assert part.run.steps == 60
    assert torch.equal(weights_of(part.net), weights_of(whole.net))
    for name, importance in part.run.importance().items():
        assert torch.equal(importance, whole.run.importance()[name])
    part.run.close()


def test_the_trainer_continues_from_its_checkpoint(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_order(monkeypatch)
    found = example("trainer_loop")
    run = found["trainer_of"].__globals__
    (tmp_path / "sessions").rename(tmp_path / "first")

    def train(continued: str | None = None) -> dict[str, Tensor]:
        torch.manual_seed(0)
        net = type(found["model"])(found["model"].config)
        optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
        run.update(model=net, optimizer=optimizer)
        own = {"method": "si", "strength": 1.0, "session": "plain", "resume": continued is not None}
        with cl_tui.protect(net, optimizer, **own) as run["run"]:
            if continued is not None:
                run["run"].load_state_dict(torch.load(f"{continued}/protection.pt"))
            run["run"].task("seven")
            run["trainer_of"]("seven", run["Protection"](run["run"])).train(resume_from_checkpoint=continued)
            run["run"].end_task()
            assert run["run"].steps == 20
            return {"theta": weights_of(net), **run["run"].importance()}

    whole, part = train(), train("with-trainer/checkpoint-10")
    for name, values in whole.items():
        assert torch.equal(values, part[name]), name
