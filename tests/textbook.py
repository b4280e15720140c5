"""A configuration, run by the slow versions in tests/reference: the same data, first weights, batches and draws as the
engine's, and all else their own."""

import math
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

from engine import seeds
from engine.catalog.choices import benchmark_info
from engine.catalog.methods.rwalk import RWalkOptions
from engine.catalog.methods.si import SIOptions
from engine.models.mlp import mlp
from engine.seeds import generator
from engine.settings.run import RunConfig
from engine.streams.examples import ExampleStream, Task
from engine.training.build import load_stream
from tests.reference.ewc import (
    SlowEWC,
    SlowOnlineEWC,
    batched_fisher,
    exact_fisher,
    labelled_fisher,
)
from tests.reference.joint import SlowJoint
from tests.reference.l2 import SlowL2
from tests.reference.lwf import SlowLwF
from tests.reference.mas import Sensitivity, SlowMAS, batched_sensitivity, local_sensitivity, sensitivity
from tests.reference.method import SlowMethod
from tests.reference.replay import SlowReplay
from tests.reference.rwalk import SlowRWalk
from tests.reference.si import SlowSI
from tests.reference.training import AfterStep, Recipe, SlowRun, SlowTask, train_slowly


def slow_si(config: RunConfig) -> SlowMethod:
    options = config.method_options
    assert isinstance(options, SIOptions)
    clamp = math.inf if options.clamp is None else options.clamp
    return SlowSI(config.strength, options.xi, options.gradient == "total", options.half, clamp, bool(options.signed))


def slow_ewc(config: RunConfig) -> SlowMethod:
    def fisher(model: nn.Module, inputs: Tensor, labels: Tensor, competing: Sequence[int], number: int) -> list[Tensor]:
        if config.option("fisher_samples") is not None and config.option("fisher_samples") < len(inputs):
            random = generator(config.seed, "fisher examples", number)
            rows = torch.randperm(len(inputs), generator=random)[: config.option("fisher_samples")]
            inputs, labels = inputs[rows], labels[rows]
        match config.option("fisher"):
            case "sampled":
                return labelled_fisher(model, inputs, drawn(model, inputs, competing, config.seed, number), competing)
            case "empirical":
                return labelled_fisher(model, inputs, labels, competing)
            case "predicted":
                return labelled_fisher(model, inputs, predicted(model, inputs, competing), competing)
            case "batched":
                size = config.option("importance_batch") or config.batch_size
                return batched_fisher(model, inputs, labels, competing, size)
            case _:
                return exact_fisher(model, inputs, competing)

    if config.option("gamma") is None:
        return SlowEWC(config.strength, fisher)
    return SlowOnlineEWC(config.strength, config.option("gamma"), fisher)


def drawn(model: nn.Module, inputs: Tensor, competing: Sequence[int], seed: int, number: int) -> Tensor:
    """The labels that the engine draws from p(y|x) for a sampled Fisher information, shape (N,)."""
    with torch.no_grad():
        p = model(inputs)[:, list(competing)].softmax(1)
    return torch.multinomial(p, 1, generator=generator(seed, "fisher labels", number)).squeeze(1)


def predicted(model: nn.Module, inputs: Tensor, competing: Sequence[int]) -> Tensor:
    """The place among ``competing`` of the most probable label, shape (N,)."""
    with torch.no_grad():
        return torch.tensor([int(model(x.unsqueeze(0))[0][list(competing)].argmax()) for x in inputs])


def slow_mas(config: RunConfig) -> SlowMethod:
    size = config.option("importance_batch") or config.batch_size
    measures: dict[str | None, Sensitivity] = {
        "global": sensitivity,
        "local": local_sensitivity,
        "batched": partial(batched_sensitivity, size=size),
    }
    lambda_ = config.strength / 2 if config.option("half") else config.strength
    return SlowMAS(lambda_, measures[config.option("sensitivity")], bool(config.option("recompute")))


def slow_rwalk(config: RunConfig) -> SlowMethod:
    options = config.method_options
    assert isinstance(options, RWalkOptions)
    return SlowRWalk(config.strength, options.alpha, options.score_every, options.epsilon)


def slow_replay(config: RunConfig) -> SlowMethod:
    each_step = config.option("replay_batch") or config.batch_size
    return SlowReplay(config.option("buffer"), config.option("buffer_choice"), each_step, config.seed)


SLOW: dict[str, Callable[[RunConfig], SlowMethod]] = {
    "none": lambda config: SlowMethod(),
    "joint": lambda config: SlowJoint(),
    "l2": lambda config: SlowL2(config.strength),
    "si": slow_si,
    "ewc": slow_ewc,
    "mas": slow_mas,
    "rwalk": slow_rwalk,
    "replay": slow_replay,
    "lwf": lambda config: SlowLwF(config.option("temperature"), bool(config.option("class_mean"))),
}


def left_alone(model: nn.Module, patterns: Sequence[str]) -> list[int]:
    """Places of the parameters whose name matches a pattern."""
    names = [name for name, _ in model.named_parameters()]
    return [place for place, name in enumerate(names) if any(fnmatch(name, pattern) for pattern in patterns)]


def run_slowly(config: RunConfig, dtype: torch.dtype) -> tuple[SlowRun, nn.Module, SlowMethod]:
    """What the textbook loop makes of ``config``."""
    stream = load_stream(config, torch.device("cpu"))
    assert isinstance(stream, ExampleStream)
    loaded = stream.tasks
    method = SLOW[config.method](config)
    tasks = [slow_task(number, loaded, config, method.replays, dtype) for number in range(len(loaded))]
    classes = [task.classes for task in tasks]
    outputs = max(classes) if config.scenario == "domain" else sum(classes)
    inputs = benchmark_info(config.benchmark).inputs

    def network(seed: int) -> nn.Module:
        return mlp(inputs, config.option("hidden"), outputs, seed, config.option("init")).to(dtype)

    model = network(config.seed)
    run = train_slowly(
        model,
        method,
        tasks,
        config.scenario,
        partial(slow_optimizer, config),
        config.reset_optimizer,
        keep_best=config.keep == "best",
        leave_alone=left_alone(model, config.leave_alone),
        fresh=(lambda task: network(seeds.number(config.seed, "network", task))) if config.reset_network else None,
        recipe=Recipe(config.clip_norm, config.label_smoothing or 0.0, partial(slow_schedule, config)),
    )
    return run, model, method


def slow_task(number: int, loaded: list[Task], config: RunConfig, replays: bool, dtype: torch.dtype) -> SlowTask:
    task = loaded[number]
    train, test = (examples.take(torch.arange(len(examples))) for examples in (task.train, task.test))
    examples = sum(len(seen.train) for seen in loaded[: number + 1]) if replays else len(task.train)
    first = {key: value for key, value in config.first_task or () if value is not None and number == 0}
    return SlowTask(
        task.classes,
        train[0].to(dtype),
        train[1],
        test[0].to(dtype),
        test[1],
        slow_epochs(config, number, examples, first.get("batch_size", config.batch_size), first.get("epochs")),
        first.get("lr", config.lr),
        slow_unlabelled(config, test[0], dtype),
    )


def slow_epochs(
    config: RunConfig, number: int, examples: int, batch_size: int, epochs: int | None
) -> list[list[Tensor]]:
    """The rows of each step of each epoch: whole epochs, or as many steps as are asked for, the last epoch cut."""
    epochs = epochs or config.epochs
    steps = config.steps if epochs is None else None
    found: list[list[Tensor]] = []
    while (len(found) < epochs) if epochs is not None else (sum(map(len, found)) < (steps or 0)):
        order = torch.randperm(examples, generator=generator(config.seed, "order", number, len(found)))
        found.append(list(order.split(batch_size)))
    if steps is not None:
        too_many = sum(map(len, found)) - steps
        found[-1] = found[-1][: len(found[-1]) - too_many]
    return found


def slow_unlabelled(config: RunConfig, test: Tensor, dtype: torch.dtype) -> Tensor | None:
    """From where ``importance_data`` says; a folder holds one .npy array an example."""
    match config.option("importance_data"):
        case None | "train":
            return None
        case "test":
            return test.to(dtype)
        case folder:
            found = torch.stack([torch.from_numpy(np.load(path)) for path in sorted(Path(folder).iterdir())]).float()
            mean, deviation = config.normalize or (0.0, 1.0)
            return ((found - mean) / deviation).to(dtype)


def slow_optimizer(config: RunConfig, theta: list[nn.Parameter]) -> torch.optim.Optimizer:
    shared: dict[str, Any] = {"lr": config.lr, "foreach": False, "fused": False}
    if config.weight_decay is not None:
        shared["weight_decay"] = config.weight_decay
    match config.optimizer:
        case "adam":
            return torch.optim.Adam(theta, **shared)
        case "adamw":
            return torch.optim.AdamW(theta, **shared)
        case "sgd":
            return torch.optim.SGD(theta, momentum=config.momentum or 0, **shared)


def slow_schedule(config: RunConfig, optimizer: torch.optim.Optimizer, steps: int, epoch: int) -> AfterStep:
    """With torch's own schedulers."""
    warmup, factor = config.warmup or 0, config.schedule_factor or math.nan
    plateau = None
    by_step: list[LRScheduler] = []
    match config.schedule:
        case "cosine":
            by_step.append(CosineAnnealingLR(optimizer, steps - warmup))
        case "step":
            every = config.schedule_every
            by_step.append(StepLR(optimizer, every * epoch if every else math.ceil(steps / 3), factor))
        case "plateau":
            assert config.schedule_patience is not None
            plateau = ReduceLROnPlateau(optimizer, factor=factor, patience=config.schedule_patience)
    if warmup:
        rise = LinearLR(optimizer, 1 / warmup, total_iters=max(warmup - 1, 1))
        by_step = [SequentialLR(optimizer, [rise, *by_step], [warmup])] if by_step else [rise]

    def after_step(epoch_ended: bool, loss: float) -> None:
        for scheduler in by_step:
            scheduler.step()
        if plateau and epoch_ended:
            plateau.step(loss)

    return after_step
