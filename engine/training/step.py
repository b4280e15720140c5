"""The training step: loss, penalty, optimizer, method."""

import torch
from torch import Tensor

from engine.streams.batches import Feed
from engine.training.state import RunState


class TrainingStep:
    """Takes the steps of a run on its state."""

    def __init__(self, state: RunState, feed: Feed) -> None:
        self._state = state
        self._feed = feed
        self._total = torch.empty_like(state.parameters.values)
        """Gradient of loss plus penalty, for a method that needs the loss's gradient separately. Shape (P,)."""
        self._before = torch.empty_like(state.parameters.values)
        self.losses: list[Tensor] = []
        """Losses since the last report, each of shape ()."""
        self.penalties: list[Tensor] = []
        """2kΣΩ(θ−θ*)² of the same steps, each of shape (); empty without a penalty."""

    def begin_task(self) -> None:
        """Prepares the state for the next step, at a task's start or where a resume continues."""
        self._state.begin_task(self._feed.schedules[self._state.task].lr)

    def take(self) -> None:
        state, total = self._state, self._state.parameters.gradient
        parameters, method, pull, gradient = state.parameters, state.method, state.pull, total
        if pull:
            if method.sees_steps and not method.sees_total:
                total = self._total
            self.penalties.append(pull.write(parameters.values, out=total))
        if total is not gradient or not pull:
            gradient.zero_()
        loss = self._feed.loss(state.model, state.task, state.task_step)
        loss.backward()  # adds to the gradient
        if total is not gradient:
            total += gradient

        parameters.theta.grad = total
        if method.sees_steps:
            self._before.copy_(parameters.values)
        state.optimizer.step()
        if method.sees_steps:
            torch.sub(parameters.values, self._before, out=self._before)
            method.after_step(gradient, self._before)

        self.losses.append(loss.detach())
        state.task_step += 1
        state.step += 1
