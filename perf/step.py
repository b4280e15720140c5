"""A training step of each method against the same step without a method, in the second task, where the penalty acts;
and SI against a textbook loop that adds its penalty through autograd. Then a convolutional network on random images,
also against the plain loop in torch that people write."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from engine.batch import Batch
from engine.catalog.choices import model_info
from engine.catalog.methods import METHODS
from engine.models.conv import conv
from engine.models.mlp import mlp
from engine.sessions.session import Session
from engine.settings.run import RunConfig, resolve
from engine.training.control import Control
from engine.training.recorder import Recorder
from engine.training.reporting import REPORT_STEPS
from engine.training.trainer import Trainer
from perf import random_images
from perf.measure import CLOCKS, arguments, interleaved, show

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


def plain_loop(trainer: Trainer, steps: int) -> Callable[[], None]:
    """Fine-tuning as in any tutorial: modules, torch's fused Adam, images that are bytes in memory."""
    config, problem = trainer.config, trainer.state.problem
    pixels = torch.as_tensor(random_images.pixels(config))
    labels = random_images.labels(len(pixels))
    info = model_info(config.model)
    model = conv(trainer.stream.inputs, problem.outputs, config.seed, **info.arguments)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    own = labels >= random_images.CLASSES
    rows = own.nonzero().squeeze(1)

    def take() -> None:
        order = rows[torch.randperm(len(rows))].repeat(steps * config.batch_size // len(rows) + 1)
        for chosen in order.split(config.batch_size)[:steps]:
            optimizer.zero_grad()
            outputs = model(pixels[chosen].float() / 255)[:, random_images.CLASSES :]
            cross_entropy(outputs, labels[chosen] - random_images.CLASSES).backward()
            optimizer.step()

    return take


def convolutional(threads: int, rounds: int, tiny: bool, clock: Callable[[], float]) -> None:
    """The network of the SI paper for CIFAR."""
    steps, batch = (1, 8) if tiny else (4, 256)
    shared = {"benchmark": random_images.NAME, "model": "si-cifar", "batch_size": batch, "threads": threads}
    shared |= {"first_task": {"epochs": 1}, "steps": steps * (rounds + 1)}
    variants: dict[str, dict[str, object]] = {"none": {}, "si": {}, "ewc": {"fisher_samples": 16}}
    with tempfile.TemporaryDirectory() as folder, random_images.registered():
        trainers = {
            method: in_second_task(Path(folder), resolve({"method": method, **shared, **own}))
            for method, own in variants.items()
        }
        sides = {method: steps_of(trainer, steps) for method, trainer in trainers.items()}
        sides["plain loop"] = plain_loop(trainers["none"], steps)
        seconds = interleaved(sides, rounds, clock)
    print(f"\n{random_images.NAME}, si-cifar, batch {batch}, threads {threads}: a step")
    for above, below in (("si", "none"), ("ewc", "none"), ("none", "plain loop"), ("si", "plain loop")):
        show(f"{above} ÷ {below}", seconds[above], seconds[below], 1e3 / steps, "ms")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--conv", action="store_true", help="only the convolutional network")
    parser.add_argument("--data-dir", help="where MNIST lies; without it only the digits are measured")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    rounds, steps = (1, TINY_STEPS) if options.tiny else (options.rounds, STEPS)
    benchmarks = {"split-digits": {}, "split-mnist": {"data_dir": options.data_dir}}
    if options.conv:
        convolutional(options.threads, rounds, options.tiny, CLOCKS[options.clock])
        return
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
            seconds = interleaved(sides, rounds, CLOCKS[options.clock])
            config = trainers["si"].config
            hidden = config.option("hidden")
            print(f"\n{benchmark}, hidden {hidden}, batch {config.batch_size}, threads {options.threads}: a step")
            for method in METHODS:
                if method != "none":
                    show(f"{method} ÷ none", seconds[method], seconds["none"], 1e3 / steps, "ms")
            show("textbook si ÷ si", seconds["textbook si"], seconds["si"], 1e3 / steps, "ms")
    convolutional(options.threads, rounds, options.tiny, CLOCKS[options.clock])


if __name__ == "__main__":
    main()
