"""Builds what a configuration names: tasks, network, method, optimizer, device."""

import importlib
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.errors import ConfigError
from engine.methods.base import Method
from engine.problems.outputs import Outputs
from engine.settings.run import RunConfig
from engine.streams.examples import Task
from engine.streams.unlabelled import read_unlabelled


def find_device(name: str) -> torch.device:
    """The device ``name``, or the best available for 'auto'. Raises ConfigError if it is not available."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, available in there.items() if available)
    if not there[name]:
        raise ConfigError(
            f"device {name} is not available here (torch {torch.__version__}): "
            f"use --device auto to train on what is available"
        )
    return torch.device(name)


def versions() -> dict[str, str]:
    """Versions on which bit-exact results depend."""
    return {"torch": torch.__version__, "machine": platform.machine()}


def load_tasks(config: RunConfig, device: torch.device) -> list[Task]:
    """The benchmark's tasks, on ``device``. Raises BenchmarkError."""
    return [task.to(device) for task in _load(BENCHMARKS[config.benchmark].code)(config)]


def load_unlabelled(config: RunConfig, device: torch.device, note: Callable[[str], None]) -> Tensor | None:
    """The user's own inputs, shape (N, features), if ``importance_data`` names a folder. Raises BenchmarkError.

    ``note`` is called with what was read.
    """
    folder = config.importance_data
    if folder in (None, "train", "test"):
        return None
    inputs = read_unlabelled(Path(folder), BENCHMARKS[config.benchmark].inputs, note)
    if config.normalize is not None:
        inputs = (inputs - config.normalize[0]) / config.normalize[1]
    return inputs.to(device)


def build_model(config: RunConfig, outputs: Outputs, device: torch.device) -> torch.nn.Module:
    """The network with its initial weights, on ``device``."""
    build = _load(MODELS[config.model].code)
    model: torch.nn.Module = build(
        BENCHMARKS[config.benchmark].inputs, config.hidden, outputs.count, config.seed, config.init
    )
    return model.to(device)


def build_method(config: RunConfig) -> Method:
    method: Method = _load(METHODS[config.method].code)(config)
    return method


def penalty_factor(config: RunConfig) -> float:
    """k ÷ strength of the method that ``config`` names."""
    return build_method(config).factor


def make_optimizer(config: RunConfig, theta: torch.nn.Parameter) -> torch.optim.Optimizer:
    """A new fused optimizer for the flat parameter vector ``theta``."""
    match config.optimizer:
        case "adam":
            return torch.optim.Adam([theta], lr=config.lr, fused=True)
        case "adamw":
            return torch.optim.AdamW([theta], lr=config.lr, fused=True)
        case "sgd":
            return torch.optim.SGD([theta], lr=config.lr, momentum=config.momentum or 0.0, fused=True)


def _load(code: str) -> Callable[..., Any]:
    """The object that 'module:name' names."""
    module, _, name = code.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found
