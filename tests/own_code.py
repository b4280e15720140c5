"""Networks and tasks in files, as a user writes them."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from engine.settings.own_code import allow, named
from engine.settings.run import RunConfig, resolve

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
NET = """
from torch import nn

def build(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs[0], 8), nn.ReLU(), nn.Linear(8, outputs))
"""
TASKS = """
import torch

def tasks():
    for shift in (0.0, 1.0):
        yield points(shift, 24), points(shift, 10)

def points(shift, count):
    inputs = torch.randn(count, 3) + shift
    return inputs, (inputs[:, 0] > inputs[:, 1]).long()
"""


def write(folder: Path, net: str = NET, tasks: str = TASKS) -> None:
    (folder / "my_nets.py").write_text(dedent(net))
    (folder / "my_tasks.py").write_text(dedent(tasks))


def own(folder: Path, method: str = "ewc", **settings: Any) -> RunConfig:
    """A run of both files, allowed."""
    return typed(
        {"method": method, "model": "my_nets.py:build", "benchmark": "my_tasks.py:tasks", "code_dir": str(folder)}
        | {"epochs": 2, "batch_size": 12, "device": "cpu"}
        | settings
    )


def typed(settings: Mapping[str, Any]) -> RunConfig:
    config = resolve(settings)
    allow(named(dict(config)))
    return config
