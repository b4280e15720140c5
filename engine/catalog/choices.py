"""The settings that choose from the catalog, and the options that come with a choice."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.entries import BenchmarkInfo, MethodInfo, ModelInfo
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.options import Setting
from engine.catalog.presets import PRESETS

CHOICES: Mapping[str, Mapping[str, MethodInfo | ModelInfo | BenchmarkInfo]] = {
    "method": METHODS,
    "model": MODELS,
    "benchmark": BENCHMARKS,
}
NAMES: Mapping[str, Mapping[str, Any]] = {**CHOICES, "preset": PRESETS}
"""The entries by name of each setting that names one."""


MOST_OWNERS = 3
"""Most owners of an option that its help names."""


def options_of(choice: str) -> dict[str, Setting]:
    """All options that come with a choice, each with its owners; those that several have come last."""
    return _options_of(choice, tuple(CHOICES[choice]))


@cache
def _options_of(choice: str, names: tuple[str, ...]) -> dict[str, Setting]:
    declared: dict[str, Setting] = {}
    for name in names:
        info = CHOICES[choice][name]
        for key, option in info.options.declared.items():
            owners = (*declared[key].owners, name) if key in declared else (name,)
            declared[key] = option._replace(owners=owners)
    for key, option in declared.items():
        if len(option.owners) < len(names):
            whose = ", ".join(option.owners) if len(option.owners) <= MOST_OWNERS else f"some {choice}s"
            declared[key] = option._replace(help=f"{whose}: {option.help}")
    return dict(sorted(declared.items(), key=lambda entry: len(entry[1].owners) > 1))
