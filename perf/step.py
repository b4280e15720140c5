"""A training step of each method against the same step without a method, in the second task, where the penalty acts;
and SI against a textbook loop that adds its penalty through autograd."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from engine.batch import Batch
from engine.catalog.methods import METHODS
from engine.models.mlp import mlp
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.training.control import Control
from engine.training.recorder import Recorder
from engine.training.reporting import REPORT_STEPS
from engine.training.trainer import Trainer
from perf.measure import arguments, interleaved, show

STEPS = 100
"""Steps of each side in each round."""
TINY_STEPS = 10


def in_second_task(folder: Path, config: RunConfig) -> Trainer:
    """A trainer whose first task has ended."""
    session = Session.create(folder, config.method, config)
    trainer = Trainer(Recorder(session, Control()))
    trainer.begin()
    trainer.train_task()
    trainer.end_task()
    trainer.checkpointer.finish()  # else the first steps are measured beside the writing of a checkpoint
    trainer.state.begin_task()
    return trainer


def steps_of(trainer: Trainer, steps: int) -> Callable[[], None]:
    """A function that takes ``steps`` steps and reports them as a run does; the task must be long enough for all."""

    def take() -> None:
        for _ in range(steps):
            trainer.step.take()
            if len(trainer.step.losses) == REPORT_STEPS:
                trainer.reporter.steps()

    return take


def textbook_si(trainer: Trainer, steps: int) -> Callable[[], None]:
    """A straightforward SI: lists of tensors, the penalty in the loss, torch's default optimizer."""
    config, problem = trainer.config, trainer.state.problem
    (task,) = trainer.stream.passes(1, trainer.stream.count(1, "train"))
    model: nn.Module = mlp(trainer.stream.inputs, config.option("hidden"), problem.outputs, config.seed)
    parameters = list(model.parameters())
    anchors = [parameter.detach().clone() for parameter in parameters]
    importances = [torch.rand_like(parameter) for parameter in parameters]
    paths = [torch.zeros_like(parameter) for parameter in parameters]
    optimizer = torch.optim.Adam(parameters, lr=config.lr)
    rows = torch.randint(len(task), (steps, config.batch_size))

    def take() -> None:
        for chosen in rows:
            batch = Batch(task.inputs[chosen], task.targets[chosen], 1)
            optimizer.zero_grad()
            loss = problem.loss(model(batch.inputs), batch)
            gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
            penalty = sum(
                (importance * (parameter - anchor) ** 2).sum()
                for importance, parameter, anchor in zip(importances, parameters, anchors, strict=True)
            )
            (loss + config.strength * penalty).backward()
            before = [parameter.detach().clone() for parameter in parameters]
            optimizer.step()
            for path, gradient, parameter, old in zip(paths, gradients, parameters, before, strict=True):
                path -= gradient * (parameter.detach() - old)
            loss.item()

    return take


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--data-dir", help="where MNIST lies; without it only the digits are measured")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    rounds, steps = (1, TINY_STEPS) if options.tiny else (options.rounds, STEPS)
    benchmarks = {"split-digits": {}, "split-mnist": {"data_dir": options.data_dir}}
    if not options.data_dir:
        print("split-mnist is left out: no --data-dir")
        del benchmarks["split-mnist"]
    for benchmark, settings in benchmarks.items():
        with tempfile.TemporaryDirectory() as folder:
            shared = {"benchmark": benchmark, "threads": options.threads, "first_task": {"epochs": 1}, **settings}
            shared["steps"] = steps * (rounds + 1)  # in the second task: all rounds, and one to warm up
            trainers = {
                method: in_second_task(Path(folder), resolve({"method": method, **shared})) for method in METHODS
            }
            sides = {method: steps_of(trainer, steps) for method, trainer in trainers.items()}
            sides["textbook si"] = textbook_si(trainers["si"], steps)
            seconds = interleaved(sides, rounds)
            config = trainers["si"].config
            hidden = config.option("hidden")
            print(f"\n{benchmark}, hidden {hidden}, batch {config.batch_size}, threads {options.threads}: a step")
            for method in METHODS:
                if method != "none":
                    show(f"{method} ÷ none", seconds[method], seconds["none"], 1e3 / steps, "ms")
            show("textbook si ÷ si", seconds["textbook si"], seconds["si"], 1e3 / steps, "ms")


if __name__ == "__main__":
    main()
