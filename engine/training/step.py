"""The training step: loss, penalty, optimizer, method."""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.seeds import number
from engine.streams.stream import Stream
from engine.training.state import RunState


class TrainingStep:
    def __init__(self, seed: int, state: RunState, stream: Stream) -> None:
        self.state = state
        self._stream = stream
        self._draws = number(seed, "draws")
        self._seed_draws: list[Callable[[int], object]] = [torch.default_generator.manual_seed]
        """For torch's own draws, such as dropout's: seeded by (seed, step), so that no generator is state."""
        if state.device.type == "cuda":
            self._seed_draws.append(torch.cuda.default_generators[torch.cuda.current_device()].manual_seed)
        elif state.device.type == "mps":
            self._seed_draws.append(torch.mps.manual_seed)
        self._total = torch.empty_like(state.parameters.values)
        """Gradient of loss plus penalty, for a method that needs the loss's gradient separately. Shape (P,)."""
        self._before = torch.empty_like(state.parameters.values)
        self.losses: list[Tensor] = []
        """Losses since the last report, each of shape ()."""
        self.penalties: list[Tensor] = []
        """What the pull wrote in the same steps, each of shape (); empty without a penalty."""

    def take(self) -> None:
        state = self.state
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
        batch = method.batch(self._stream.batch(state.task, state.task_step))
        loss = method.loss(state.model(batch.inputs), batch, state.problem)
        loss.backward()  # adds to the gradient
        if total is not gradient:
            total += gradient
        if method.directs:
            method.direct(total, parameters.values)

        if method.sees_steps:
            self._before.copy_(parameters.values)
        state.update.step(total, self._stream.phases[state.task].lr)
        if method.sees_steps:
            torch.sub(parameters.values, self._before, out=self._before)
            method.after_step(gradient, self._before)

        self.losses.append(loss.detach())
        state.task_step += 1
        state.step += 1
