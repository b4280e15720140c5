"""What ``protect`` cannot serve, each in one sentence."""

from collections.abc import Mapping
from typing import Any, NoReturn

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.optim import LBFGS, Optimizer

from engine.catalog.methods import METHODS
from engine.catalog.own_loop import OWN_LOOP
from engine.errors import ConfigError
from engine.methods.base import Method
from engine.models.flat import trained
from engine.record.events import MOST_LAYERS
from engine.settings.text import unknown


def refuse(*_: object, **__: object) -> NoReturn:
    raise ConfigError(
        f"{OWN_LOOP}: the data and the network are in a program of your own, which trains this session with "
        f"cl_tui.protect(…): run that program"
    )


def check_model(model: object) -> nn.Module:
    if not isinstance(model, nn.Module):
        raise ConfigError(f"protect needs a torch.nn.Module, not {type(model).__name__}", "model")
    named = list(model.named_parameters())
    for name, parameter in named:
        if isinstance(parameter, UninitializedParameter):
            raise ConfigError(
                f"parameter {name} of the model has no shape yet: call the model on a batch before protect(…)", "model"
            )
    found = [(name, parameter) for name, parameter in trained(model) if parameter.numel()]
    if not found:
        raise ConfigError("the model has no parameter that is trained: nothing is there to protect", "model")
    if len(found) > MOST_LAYERS:
        raise ConfigError(f"the model has {len(found):,} parameters with names: a session has at most {MOST_LAYERS:,}")
    for name, parameter in found:
        if not parameter.dtype.is_floating_point:
            raise ConfigError(f"parameter {name} has type {parameter.dtype}: importances need real numbers", "model")
    devices = sorted({str(parameter.device) for _, parameter in found})
    if len(devices) > 1:
        raise ConfigError(f"the model's parameters are on {' and '.join(devices)}: protect needs one device", "model")
    return model


def check_optimizer(optimizer: object, model: nn.Module) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise ConfigError(f"protect needs a torch.optim.Optimizer, not {type(optimizer).__name__}", "optimizer")
    if isinstance(optimizer, LBFGS):
        raise ConfigError(
            "LBFGS evaluates the loss several times in one step, so no gradient belongs to what a step does: use "
            "another optimizer",
            "optimizer",
        )
    steps = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if not any(id(parameter) in steps for _, parameter in trained(model)):
        raise ConfigError(
            "the optimizer has none of the model's parameters: make it from model.parameters(), after the model is "
            "on its device",
            "optimizer",
        )
    return optimizer


def check_method(name: object) -> str:
    if not isinstance(name, str) or name not in METHODS:
        raise unknown("method", name, METHODS)
    return name


def check_serves(method: Method) -> None:
    """Raises ConfigError if ``method`` does more than a loop of somebody else's can let it do."""
    kind, name = type(method), method.config.method
    if method.cumulative or kind.batch is not Method.batch:
        raise ConfigError(
            f"method {name} chooses the data of a step, and your own loop does that: use "
            f"cl-tui run --method {name}, or another method",
            "method",
        )
    if kind.loss is not Method.loss:
        raise ConfigError(
            f"method {name} makes a loss of its own from outputs and data, and your own loop does that: use "
            f"cl-tui run --method {name}, or another method",
            "method",
        )


def check_options(method: str, options: Mapping[str, Any]) -> None:
    """Raises ConfigError for what is neither an option of the method nor ``leave_alone``, or names data."""
    for key in set(options) & {"importance_data", "recompute"}:
        raise ConfigError(
            f"{key} needs data that only a program of your own has: importances are measured on what "
            f"run.end_task(inputs=…) gets",
            key,
        )
    known = [*METHODS[method].options.kept, *(["leave_alone"] if METHODS[method].symbol else [])]
    for key in options:
        if key not in known:
            raise unknown(f"option of method {method}", key, known)


def check_alone() -> None:
    """Raises ConfigError in one of several processes that train together."""
    group = torch.distributed
    if group.is_available() and group.is_initialized() and group.get_world_size() > 1:
        raise ConfigError("protect serves one process, and this one is part of a group of several")
