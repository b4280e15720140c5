"""The update: the optimizer's step on the flat vector of parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from engine.models.flat import PerParameter
from engine.settings.run import RunConfig


@dataclass
class Moments:
    """State of Adam and AdamW, with torch's names."""

    step: Tensor
    exp_avg: PerParameter
    exp_avg_sq: PerParameter


@dataclass
class Momentum:
    momentum_buffer: PerParameter


class Update:
    """One of torch's fused optimizers with its defaults, by the function behind it: the state is there before the first
    step, and a step on one vector takes little more than half of the time."""

    def __init__(self, config: RunConfig, theta: Tensor) -> None:
        """``theta``, shape (P,), outside autograd: the parameters, which ``step`` changes."""
        self.state: Moments | Momentum | None = None
        self._step: Callable[..., None]
        usual_decay = 0.01 if config.optimizer == "adamw" else 0.0
        decay = usual_decay if config.weight_decay is None else config.weight_decay
        of_all: dict[str, Any] = {"weight_decay": decay, "maximize": False, "fused": True}
        if config.optimizer == "sgd":
            momentum = config.momentum or 0.0
            self.state = Momentum(torch.zeros_like(theta)) if momentum else None
            buffers: list[Tensor | None] = [self.state.momentum_buffer] if self.state else []
            of_sgd = {"momentum": momentum, "dampening": 0.0, "nesterov": False, **of_all}
            self._step = partial(sgd, [theta], momentum_buffer_list=buffers, **of_sgd)
        else:
            update = adamw if config.optimizer == "adamw" else adam
            count = torch.zeros((), dtype=torch.float32, device=theta.device)
            self.state = Moments(count, torch.zeros_like(theta), torch.zeros_like(theta))
            of_adam = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "amsgrad": False, **of_all}
            self._step = partial(
                update,
                [theta],
                exp_avgs=[self.state.exp_avg],
                exp_avg_sqs=[self.state.exp_avg_sq],
                max_exp_avg_sqs=[],
                state_steps=[self.state.step],
                **of_adam,
            )

    def reset(self) -> None:
        for tensor in vars(self.state).values() if self.state else ():
            tensor.zero_()

    def step(self, gradient: Tensor, lr: float) -> None:
        self._step([gradient], lr=lr)
