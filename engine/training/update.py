"""The update: the optimizer's step on the flat vector of parameters."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

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
    """State of SGD with momentum."""

    momentum_buffer: PerParameter


class Update:
    """One of torch's fused optimizers, whose state is there before the first step, with the bits that it has after."""

    def __init__(self, config: RunConfig, theta: nn.Parameter) -> None:
        self._theta = theta
        self.state: Moments | Momentum | None = None
        match config.optimizer:
            case "sgd":
                momentum = config.momentum or 0.0
                self._optimizer: torch.optim.Optimizer = torch.optim.SGD([theta], config.lr, momentum, fused=True)
                if momentum:
                    self.state = Momentum(torch.zeros_like(theta))
            case name:
                kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
                self._optimizer = kind([theta], config.lr, fused=True)
                count = torch.zeros((), dtype=torch.float32, device=theta.device)
                self.state = Moments(count, torch.zeros_like(theta), torch.zeros_like(theta))
        if self.state is not None:
            self._optimizer.state[theta] = {part.name: getattr(self.state, part.name) for part in fields(self.state)}

    def reset(self) -> None:
        """Forgets all earlier steps."""
        for tensor in self._optimizer.state[self._theta].values():
            tensor.zero_()

    def step(self, gradient: Tensor, lr: float) -> None:
        self._theta.grad = gradient
        self._optimizer.param_groups[0]["lr"] = lr
        self._optimizer.step()
