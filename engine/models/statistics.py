"""The running statistics of normalisation layers, at the border between two tasks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from engine.errors import ConfigError
from engine.models.mode import evaluating

Rule = Literal["own", "shared", "frozen"]
"""What happens at a border: each task keeps its own statistics, all share the same, or they stay as after the first."""


class Statistics:
    def __init__(self, net: nn.Module, tasks: int, rule: Rule) -> None:
        """Raises ConfigError if a rule other than "shared" has nothing to rule."""
        self._rule = rule
        self.own = rule == "own"
        """Whether each task is tested with those at its end."""
        self._layers = {
            name: layer
            for name, layer in net.named_modules()
            if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_mean is not None
        }
        if rule != "shared" and not self._layers:
            raise ConfigError(
                f"norm_statistics = {rule}: this network has no layer with running statistics, such as batch "
                f"normalisation",
                "norm_statistics",
            )
        self._live: dict[str, Tensor] = {
            f"{name}.{which}": layer.get_buffer(which)
            for name, layer in self._layers.items()
            for which in ("running_mean", "running_var")
        }
        rows = tasks if self.own else 1
        self.kept = {name: live.repeat(rows, *[1] * live.dim()) for name, live in self._live.items()}
        """As they were at the end of each task, or only of the newest; each of shape (tasks or 1, …)."""

    def begin_task(self, task: int) -> None:
        """Also when a resume continues in the middle of a task."""
        for layer in self._layers.values():
            layer.train(self._rule != "frozen" or task == 0)

    def end_task(self, task: int) -> None:
        for name, kept in self.kept.items():
            kept[task if self.own else 0].copy_(self._live[name])

    def drift(self, task: int) -> dict[str, float]:
        """How far each has moved since the end of the task before ``task``, which is not kept yet: ‖now − then‖ ÷
        ‖then‖. Empty in the first task."""
        if task == 0:
            return {}
        row = task - 1 if self.own else 0
        return {
            name: (torch.dist(self._live[name], kept[row]) / kept[row].norm().clamp_min(1e-12)).item()
            for name, kept in self.kept.items()
        }

    @contextmanager
    def of(self, task: int, newest: int) -> Iterator[None]:
        """With the task's own statistics, if it has some."""
        if not self.own or task >= newest:
            yield
            return
        here = {name: live.clone() for name, live in self._live.items()}
        for name, kept in self.kept.items():
            self._live[name].copy_(kept[task])
        try:
            yield
        finally:
            for name, live in here.items():
                self._live[name].copy_(live)


def layer_of_one_value(net: nn.Module, example: Tensor) -> str:
    """A normalisation layer that gets a single value of each channel from ``example``, of which it cannot take the
    variance in training; empty if there is none."""
    found: list[str] = []

    def look(name: str, inputs: Tensor) -> None:
        if inputs.numel() == inputs.shape[1]:
            found.append(name)

    hooks = [
        layer.register_forward_pre_hook(lambda _, given, name=name: look(name, given[0]))
        for name, layer in net.named_modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm)
    ]
    try:
        with torch.no_grad(), evaluating(net):
            if hooks:
                net(example)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else ""
