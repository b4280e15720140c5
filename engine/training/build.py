"""Builds what a configuration names: stream, network, method, optimizer, device."""

import platform
from collections.abc import Callable, Sequence

import torch

from engine.catalog.choices import benchmark_info, model_info
from engine.catalog.entries import load
from engine.catalog.methods import METHODS
from engine.errors import ConfigError
from engine.methods.base import Method
from engine.record.events import MOST_LAYERS
from engine.settings.own_code import named
from engine.settings.run import RunConfig, validated
from engine.streams.progress import QUIET, Progress
from engine.streams.stream import Stream


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
    if name == "cuda":  # otherwise the gradients of convolutions differ from run to run
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    return torch.device(name)


def versions() -> dict[str, str]:
    """Versions on which bit-exact results depend."""
    return {"torch": torch.__version__, "machine": platform.machine()}


def load_stream(config: RunConfig, device: torch.device, progress: Progress = QUIET) -> Stream:
    """The benchmark's stream, its data on ``device``. Raises BenchmarkError, or what ``progress`` raises."""
    info = benchmark_info(config.benchmark)
    build = load(info.code)
    stream: Stream = build(config, progress) if info.long else build(config)
    return stream.to(device)


def learned(config: RunConfig, stream: Stream) -> RunConfig:
    """``config`` with what its data say. Raises ConfigError if that does not fit."""
    return validated(config.plain() | dict(stream.says)) if stream.says else config


def build_model(
    config: RunConfig,
    inputs: Sequence[int],
    outputs: int,
    device: torch.device,
    example: Callable[[], torch.Tensor] | None = None,
) -> torch.nn.Module:
    """``inputs``: the shape of an example. ``example``: gives some, on which a network of the user's own is tried."""
    info = model_info(config.model)
    options = {**info.arguments, **dict(config.model_options)}
    if config.weights and options.get("first_layer") == "auto":
        options["first_layer"] = "full"
    if own := [code for code in named(dict(config)) if code.setting == "model"]:
        options = {"code": own[0], "example": example}
    model: torch.nn.Module = load(info.code)(inputs=inputs, outputs=outputs, seed=config.seed, **options)
    if (count := len(list(model.parameters()))) > MOST_LAYERS:
        raise ConfigError(
            f"model = {config.model}: it has {count:,} parameters with names: a session keeps at most {MOST_LAYERS:,}",
            "model",
        )
    return model.to(device)


def build_method(config: RunConfig) -> Method:
    method: Method = load(METHODS[config.method].code)(config)
    return method


def penalty_factor(config: RunConfig) -> float:
    """k ÷ strength of the method that ``config`` names."""
    return build_method(config).factor
