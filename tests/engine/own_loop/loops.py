"""Training loops of somebody else, written out in plain torch."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import cl_tui
from engine.own_loop.run import ProtectedRun
from engine.sessions import checkpoint
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.streams.examples import ExampleStream
from engine.training.build import build_model, load_stream
from engine.training.control import Control
from engine.training.runner import train

CPU = torch.device("cpu")


def small(method: str, **settings: Any) -> RunConfig:
    """Three tasks of the digits, a few steps each."""
    usual = {"tasks": 3, "hidden": (12,), "epochs": 2, "reset_optimizer": False, "threads": 1, "device": "cpu"}
    return resolve({"method": method, **usual, **settings})


def by_trainer(config: RunConfig, folder: Path) -> dict[str, Tensor]:
    """The last checkpoint of the same training by the engine."""
    session = Session.create(folder, f"by-trainer-{config.method}", config)
    train(session, Control())
    return checkpoint.read(session.checkpoints()[0])[0]


def stream_of(config: RunConfig) -> ExampleStream:
    stream = load_stream(config, CPU)
    assert isinstance(stream, ExampleStream)
    return stream


def network(config: RunConfig, stream: ExampleStream) -> nn.Module:
    return build_model(config, stream.inputs, stream.problem().outputs, CPU)


def protected(
    config: RunConfig, model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path, **more: Any
) -> ProtectedRun:
    options = {key: value for key, value in config.chosen().items() if value is not None}
    strength = config.strength if config.method != "none" else None
    more = {"session": f"own-{config.method}", "seed": config.seed, "sessions_dir": folder} | options | more
    return cl_tui.protect(model, optimizer, method=config.method, strength=strength, **more)


def own_loop(config: RunConfig, stream: ExampleStream, model: nn.Module, run: ProtectedRun) -> None:
    """The digits in a loop of one's own, from wherever ``run`` is."""
    problem = stream.problem()
    for number, phase in enumerate(stream.phases):
        if phase.name in run.ended:
            continue
        problem.begin(number)
        with run.task(phase.name):
            for step in range(run.task_steps, phase.steps):
                batch = stream.batch(number, step)
                run.step(problem.loss(model(batch.inputs), batch))
        end_task(stream, run, number)


def end_task(stream: ExampleStream, run: ProtectedRun, number: int) -> None:
    train_set = next(stream.passes(number, 10**6))
    start, classes = sum(task.classes for task in stream.tasks[:number]), stream.tasks[number].classes
    run.end_task(inputs=(train_set.inputs, train_set.targets + start), active=range(start, start + classes))


def vector(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
