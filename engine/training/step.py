"""The training step: loss, penalty, optimizer, method."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.batch import Batch
from engine.record.events import TIMES_OF
from engine.seeds import number
from engine.settings.run import RunConfig
from engine.streams.stream import Stream
from engine.training.forward import compiled, forward_of
from engine.training.state import RunState

DATA, LOSS, PENALTY, OPTIMIZER = range(len(TIMES_OF))


class Stopwatch:
    """The seconds that each part of a step takes, with what a device other than the CPU computes for it."""

    def __init__(self, device: torch.device) -> None:
        self.seconds = [0.0] * len(TIMES_OF)
        self._wait = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(device.type)
        self._since = self._now()

    def _now(self) -> float:
        if self._wait:
            self._wait()
        return time.perf_counter()

    def lap(self, part: int) -> None:
        """What was done since the last lap belongs to ``part``."""
        now = self._now()
        self.seconds[part] += now - self._since
        self._since = now


def _no_lap(part: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Watched:
    """What was found of one step, until the next is taken."""

    norm: Tensor
    """Of what the optimizer got, before it is clipped. Shape ()."""
    _gradient: Tensor
    _penalty: Tensor | None
    """The part of it that is the penalty's; None if it has none."""
    seconds: list[float]
    """By the parts in TIMES_OF."""

    @property
    def gradient(self) -> Tensor:
        """Of the loss alone, at the first layer. Shape (weights,)."""
        return self._gradient if self._penalty is None else self._gradient - self._penalty


class TrainingStep:
    def __init__(self, config: RunConfig, state: RunState, stream: Stream, first: slice = slice(0, 0)) -> None:
        """``first``: the weights whose gradient a step that is watched keeps."""
        self.state = state
        self._stream = stream
        self._parts = config.accumulate or 1
        self._forward = forward_of(state.model, next(stream.passes(0, 2)).inputs, config.precision)
        if config.compile:
            self._forward = compiled(self._forward, state.model, self._examples())
        self._clip_norm = config.clip_norm
        self._draws = number(config.seed, "draws")
        self._seed_draws: list[Callable[[int], object]] = [torch.default_generator.manual_seed]
        """For torch's own draws, such as dropout's: seeded by (seed, step), so that no generator is state."""
        if state.device.type == "cuda":
            self._seed_draws.append(torch.cuda.default_generators[torch.cuda.current_device()].manual_seed)
        elif state.device.type == "mps":
            self._seed_draws.append(torch.mps.manual_seed)
        self._total = torch.empty_like(state.parameters.values)
        """What the optimizer gets, where it is clipped or a method needs the gradient of the loss alone. Shape (P,)."""
        self._before = torch.empty_like(state.parameters.values)
        self._first = first
        self.watched: Watched | None = None
        """What was found of the last step; None if that was not watched."""
        self.losses: list[Tensor] = []
        """Losses since the last report, each of shape ()."""
        self.penalties: list[Tensor] = []
        """What the pull wrote in the same steps, each of shape (); empty without a penalty."""
        self.added: list[Tensor] = []
        """What the method added to the loss in the same steps, each of shape (); empty where it adds nothing."""

    def _examples(self) -> list[Tensor]:
        """Inputs of each shape that most steps have: the first task may have batches of its own size."""
        firsts = (self._stream.batch(task, 0) for task in range(min(2, len(self._stream.phases))))
        by_shape = {part.inputs.shape: part.inputs for batch in firsts for part in [next(self.split(batch))]}
        return list(by_shape.values())

    def take(self, watch: bool = False) -> None:
        """``watch``: also finds what ``watched`` says of this step; it waits for the device."""
        state = self.state
        clock = Stopwatch(state.device) if watch else None
        lap = clock.lap if clock else _no_lap
        parameters, method, pull = state.parameters, state.method, state.pull
        total = gradient = parameters.gradient
        for seed_draws in self._seed_draws:
            seed_draws(self._draws + state.step)
        if method.sees_steps and not method.sees_total and (pull or method.directs):
            total = self._total
        if pull:
            self.penalties.append(pull.write(parameters.values, out=total))
        elif total is not gradient:
            total.zero_()
        if total is not gradient or not pull:
            gradient.zero_()
        shared = gradient[self._first].clone() if watch and pull and total is gradient else None
        lap(PENALTY)
        batch = method.batch(self._stream.batch(state.task, state.task_step), state.step)
        lap(DATA)
        loss, added = self._loss(batch) if self._parts == 1 else self._loss_by_parts(batch)
        lap(LOSS)
        if total is not gradient:
            total += gradient
        if method.directs:
            method.direct(total, parameters.values)
        norm = torch.linalg.vector_norm(total) if watch else None
        if self._clip_norm is not None:  # what the method gets below is not clipped
            scale = self._clip_norm / (torch.linalg.vector_norm(total) + 1e-6)
            total = torch.mul(total, scale.clamp(max=1.0), out=self._total)

        if method.sees_steps:
            self._before.copy_(parameters.values)
        lap(PENALTY)
        state.update.step(total, state.schedule.lr(state.task, state.task_step))
        lap(OPTIMIZER)
        if method.sees_steps:
            torch.sub(parameters.values, self._before, out=self._before)
            method.after_step(gradient, self._before)
        lap(PENALTY)

        self.watched = (
            Watched(norm, gradient[self._first], shared, clock.seconds) if clock and norm is not None else None
        )
        self.losses.append(loss)
        if added is not None:
            self.added.append(added)
        state.task_step += 1
        state.step += 1
        state.schedule.stepped(state.task, state.task_step, loss)

    def clear(self) -> None:
        """After a report."""
        for kept in (self.losses, self.penalties, self.added):
            kept.clear()

    def _loss(self, batch: Batch, share: float = 1.0) -> tuple[Tensor, Tensor | None]:
        """The task's own loss, and what the method added, each times ``share`` and of shape (); the gradient of what
        the step descends is added to the parameters' gradient."""
        state = self.state
        total, own, added = state.method.loss(self._forward(batch.inputs), batch, state.problem)
        (total if share == 1.0 else total * share).backward()
        own, added = own.detach(), None if added is None else added.detach()
        return (own, added) if share == 1.0 else (own * share, None if added is None else added * share)

    def _loss_by_parts(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The same over all examples, in less memory."""
        found = [self._loss(part, len(part) / len(batch)) for part in self.split(batch)]
        added = [of for _, of in found if of is not None]
        return torch.stack([own for own, _ in found]).sum(), torch.stack(added).sum() if added else None

    def split(self, batch: Batch) -> Iterator[Batch]:
        return batch.split(math.ceil(len(batch) / self._parts))
