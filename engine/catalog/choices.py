"""The settings that choose from the catalog, and the options that come with a choice."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from engine.catalog import own_loop
from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.entries import BenchmarkInfo, MethodInfo, ModelInfo
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.options import Setting
from engine.catalog.own import OWN, file_and_name
from engine.catalog.own_loop import OWN_LOOP
from engine.catalog.presets import PRESETS

CHOICES: Mapping[str, Mapping[str, MethodInfo | ModelInfo | BenchmarkInfo]] = {
    "method": METHODS,
    "model": MODELS,
    "benchmark": BENCHMARKS,
}
NAMES: Mapping[str, Mapping[str, Any]] = {**CHOICES, "preset": PRESETS}
"""The entries by name of each setting that names one."""
UNLISTED: Mapping[str, dict[str, Any]] = {
    "method": {},
    "model": {OWN_LOOP: own_loop.MODEL},
    "benchmark": {OWN_LOOP: own_loop.BENCHMARK},
}
"""Entries that a session may name, but no list, form or completion shows."""

MOST_OWNERS = 2
"""Most owners of an option that its help names."""


def entry_of(choice: str, name: str) -> Any:
    """The entry that a configuration names; None if there is none."""
    if choice in OWN and file_and_name(name):
        return OWN[choice]
    return CHOICES[choice].get(name) or UNLISTED[choice].get(name)


def tables() -> dict[str, tuple[str, ...]]:
    """The names of the tables that may hold options of each choice."""
    own = {choice: (info.name,) for choice, info in OWN.items()}
    return {choice: (*entries, *UNLISTED[choice], *own.get(choice, ())) for choice, entries in CHOICES.items()}


def benchmark_info(name: str) -> BenchmarkInfo:
    """The benchmark that a configuration names. Raises KeyError."""
    info: BenchmarkInfo | None = entry_of("benchmark", name)
    if info is None:
        raise KeyError(name)
    return info


def model_info(name: str) -> ModelInfo:
    """The network that a configuration names. Raises KeyError."""
    info: ModelInfo | None = entry_of("model", name)
    if info is None:
        raise KeyError(name)
    return info


def options_of(choice: str) -> dict[str, Setting]:
    """All options that come with a choice, each with its owners; those that several have come last."""
    return _options_of(choice, tables()[choice])


@cache
def _options_of(choice: str, names: tuple[str, ...]) -> dict[str, Setting]:
    declared: dict[str, Setting] = {}
    for name in names:
        info = OWN[choice] if choice in OWN and OWN[choice].name == name else entry_of(choice, name)
        for key, option in info.options.declared.items():
            owners = (*declared[key].owners, name) if key in declared else (name,)
            declared[key] = option._replace(owners=owners)
    for key, option in declared.items():
        if len(option.owners) < len(names):
            whose = ", ".join(option.owners) if len(option.owners) <= MOST_OWNERS else f"some {choice}s"
            declared[key] = option._replace(help=f"{whose}: {option.help}")
    return dict(sorted(declared.items(), key=lambda entry: len(entry[1].owners) > 1))
