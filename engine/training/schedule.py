"""The learning rate of each step: a warm-up, then a schedule. Both begin again with each task."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.settings.run import RunConfig
from engine.streams.stream import Phase, Stream

THRESHOLD = 1e-4
"""A smaller relative gain is no improvement, as in torch's ReduceLROnPlateau."""


@dataclass
class Plateau:
    """The best value so far, the epochs since then, the factor of the learning rate, and the epoch's sum of losses."""

    best: Tensor
    waited: Tensor
    factor: Tensor
    losses: Tensor


class Schedule:
    """Like torch's LinearLR, followed by CosineAnnealingLR or StepLR; or ReduceLROnPlateau, after each epoch."""

    def __init__(self, config: RunConfig, stream: Stream, device: torch.device) -> None:
        self._config = config
        self._stream = stream
        self._warmup = config.warmup or 0
        self.varies = bool(config.schedule or config.warmup)
        self.score: Callable[[], float] | None = None
        """What plateau looks at, where greater is better; by default the mean loss of the epoch's steps."""
        self.state: Plateau | None = None
        if config.schedule == "plateau":
            wide = torch.float32 if device.type == "mps" else torch.float64
            best, waited, factor = torch.zeros(3, dtype=torch.float64).unbind()  # on the CPU: reading them never waits
            self.state = Plateau(best, waited, factor, torch.zeros((), dtype=wide, device=device))
            self.reset()

    def reset(self) -> None:
        """Before a task's first step."""
        if self.state:
            self.state.best.fill_(-self._better * sys.float_info.max)
            self.state.waited.zero_()
            self.state.factor.fill_(1.0)
            self.state.losses.zero_()

    def lr(self, task: int, step: int) -> float:
        """Of step ``step`` of the task, counted from 0."""
        phase = self._stream.phases[task]
        if not self.varies:
            return phase.lr
        warming = (step + 1) / self._warmup if step < self._warmup else 1.0
        return phase.lr * warming * self._factor(phase, max(step - self._warmup, 0))

    def _factor(self, phase: Phase, step: int) -> float:
        """``step`` counts from the end of the warm-up."""
        config = self._config
        if config.schedule == "cosine":
            return (1 + math.cos(math.pi * step / max(phase.steps - self._warmup, 1))) / 2
        if config.schedule == "step":
            assert config.schedule_factor is not None
            every = (config.schedule_every or 0) * phase.epoch or math.ceil(phase.steps / 3)
            return float(config.schedule_factor ** (step // every))
        return self.state.factor.item() if self.state else 1.0

    @property
    def _better(self) -> int:
        """1 if a greater value is better, -1 if a smaller one is."""
        return -1 if self.score is None else 1

    def stepped(self, task: int, steps: int, loss: Tensor) -> None:
        """After each step: ``steps`` were taken in the task, the last with ``loss``, shape ()."""
        state = self.state
        if state is None:
            return
        state.losses += loss
        epoch = self._stream.phases[task].epoch
        if steps % epoch == 0:
            self._look(state, self.score() if self.score else state.losses.item() / epoch)
            state.losses.zero_()

    def _look(self, state: Plateau, value: float) -> None:
        config, better = self._config, self._better
        assert config.schedule_patience is not None
        assert config.schedule_factor is not None
        best = state.best.item()
        if better * value > better * best * (1 + math.copysign(THRESHOLD, better * best)):
            state.best.fill_(value)
            state.waited.zero_()
            return
        state.waited += 1
        if state.waited > config.schedule_patience:
            state.factor *= config.schedule_factor
            state.waited.zero_()
