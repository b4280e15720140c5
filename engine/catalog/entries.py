"""What the catalog says about a method, a network, a benchmark and a published table, and how it finds them. Imports no
torch."""

import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, NamedTuple, TypeVar

from engine.catalog.options import Options

AWARE, AGNOSTIC = "task-aware", "task-agnostic"
"""The ways of judging answers: whether the network is told the task, so that its own outputs alone compete."""
MOST_TASKS = 1000
"""Most tasks of a session."""


class MethodInfo(NamedTuple):
    name: str
    title: str
    formula: str
    source: str
    code: str
    """'module:class'."""
    symbol: str = ""
    """The strength's letter in the paper; empty for a method without a strength."""
    options: type[Options] = Options
    strengths: Mapping[str, float] = {}
    """Default strength by benchmark, where the benchmark gives none."""
    protects: str = ""
    """What protects earlier tasks where no importance does."""
    elsewhere: tuple[str, ...] = ()
    """How other libraries differ, and how to reproduce them here."""
    rank: int = 1000


class Size(NamedTuple):
    """Of a network that is not built yet."""

    parameters: int
    small: bool
    """Whether a second thread costs more than it saves."""


class ModelInfo(NamedTuple):
    name: str
    title: str
    code: str
    """'module:function', called as function(inputs=shape of one example, outputs=…, seed=…, its options and
    ``arguments``)."""
    options: type[Options] = Options
    arguments: Mapping[str, Any] = {}
    """What nobody can set."""
    size: Callable[..., Size] | None = None
    """Called as ``code`` is, without a seed. Raises ValueError if the network cannot take such inputs.
    None if only building the network tells."""
    defaults: Mapping[str, object] = {}
    """Settings that suit this network better than the benchmark's defaults do."""
    rank: int = 1000


class BenchmarkInfo(NamedTuple):
    """Description and defaults of a benchmark, with which its numbers in the README were measured."""

    name: str
    title: str
    source: str
    classes: tuple[int, ...]
    """Class labels, in the order in which they are split into tasks; empty if only the data say them."""
    inputs: tuple[int, ...]
    """Shape of one example; empty if only the data say it."""
    default_tasks: int
    most_tasks: int
    scenario: str
    defaults: Mapping[str, object]
    strengths: Mapping[str, float]
    """Default strength by method."""
    code: str
    """'module:function', called as function(config) -> Stream."""
    long: bool = False
    """Whether reading its data may take long; then it is function(config, Progress)."""
    from_data: str = ""
    """A module without torch, where only the data say what the classes are: found(the settings that are given) fills in
    settings, and check(config, refuse) calls refuse(setting, why)."""
    files: tuple[str, ...] = ()
    """Names of the torchvision data sets read from --data-dir."""
    model: str = "mlp"
    """Default network."""
    watch_pace: float | None = None
    """Steps per second in the monitor, if training is otherwise too fast to watch; None for full speed."""
    permuted: bool = False
    """Whether every task has all classes."""
    by_task: tuple[int, ...] = ()
    """Number of classes of each task, if they are not divided evenly among as many tasks as there are."""
    method_defaults: Mapping[str, Mapping[str, object]] = {}
    """Defaults of a method's options that differ here, by method."""
    model_defaults: Mapping[str, Mapping[str, object]] = {}
    """Defaults that differ here with one network, by network."""
    options: type[Options] = Options
    problem: Literal["classification", "regression"] = "classification"
    targets: int = 0
    """Of regression: the numbers that a target has."""
    rank: int = 1000

    def classes_by_task(self, tasks: int) -> tuple[int, ...]:
        if self.permuted or self.targets:
            return (self.targets or len(self.classes),) * tasks
        return self.by_task[:tasks] or group_sizes(len(self.classes), tasks)


@dataclass(frozen=True)
class Case:
    """One row of a published table."""

    choice: Mapping[str, object]
    """Settings that distinguish this case from the preset's others: giving one of them chooses the case."""
    settings: Mapping[str, object] = field(default_factory=dict)
    published: float | None = None
    """Average accuracy after the last task (with reset_network: right after each task), in percent; None if none was
    published or could be checked."""
    error: float | None = None
    """Standard error of ``published``, in points; None if it was published without one."""
    runs: int | None = None
    """Number of runs that ``published`` averages; None if that was not published."""
    source: str = ""
    """Source of the number and the strength, in addition to the preset's."""
    by_task: Mapping[str, Sequence[float | tuple[float, float]]] = field(default_factory=dict)
    """What was published of each task, in percent or points, by its name in ``metrics.BY_TASK``; with its error if that
    was, too."""


@dataclass(frozen=True)
class Preset:
    name: str
    title: str
    source: str
    settings: Mapping[str, object]
    cases: tuple[Case, ...]
    """Cases of the preset; the first is the default."""
    seeds: int = 5
    """Number of runs of each case to compare with the published number."""
    differs: tuple[str, ...] = ()
    """Remaining differences between a run here and the original."""
    rank: int = 1000


def group_sizes(classes: int, tasks: int) -> tuple[int, ...]:
    """Splits ``classes`` into ``tasks`` group sizes as evenly as possible, larger groups first.

    >>> group_sizes(10, 4)
    (3, 3, 2, 2)
    """
    size, larger = divmod(classes, tasks)
    return tuple(size + (number < larger) for number in range(tasks))


def load(code: str) -> Callable[..., Any]:
    """What 'module:function' names."""
    module, _, name = code.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


Entry = TypeVar("Entry", MethodInfo, ModelInfo, BenchmarkInfo, Preset)


def found(package: str, path: Iterable[str], kind: type[Entry]) -> dict[str, Entry]:
    """The entries by name that the files of a catalog's folder hold, in the order of their ranks."""
    modules: list[Any] = [import_module(f"{package}.{file.name}") for file in pkgutil.iter_modules(path)]
    entries = [value for module in modules for value in vars(module).values() if isinstance(value, kind)]
    return {entry.name: entry for entry in sorted(entries, key=lambda entry: (entry.rank, entry.name))}
