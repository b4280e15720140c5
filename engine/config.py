"""RunConfig: everything that decides what a run computes, validated once and then frozen."""

import difflib
import os
import tomllib
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from engine.benchmarks import BENCHMARKS
from engine.errors import ConfigError, first_line
from engine.methods import METHODS
from engine.models import MODELS

SCENARIOS = ("task", "domain", "class")
OPTIMIZERS = ("adam", "adamw", "sgd")
DEVICES = ("auto", "cpu", "cuda", "mps")
MOST_PARAMETERS = 500_000_000

Whole = Annotated[int, Field(strict=True)]
Real = Annotated[float, Field(strict=True)]


class RunConfig(BaseModel):
    """One run's settings, with every default filled in. Build it with ``resolve``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: str = Field(description="how earlier tasks are protected")
    benchmark: str = Field(description="the sequence of tasks")
    scenario: Literal["task", "domain", "class"] = Field(
        description="what the network is told at test time (van de Ven & Tolias 2019)"
    )
    tasks: Whole = Field(ge=1, le=1000, description="number of tasks")
    model: str = Field(description="the network")
    hidden: tuple[Annotated[int, Field(strict=True, ge=1, le=65_536)], ...] = Field(
        max_length=200, description="sizes of the hidden layers"
    )
    optimizer: Literal["adam", "adamw", "sgd"]
    lr: Real = Field(gt=0, le=1000, description="learning rate")
    momentum: Real | None = Field(default=None, ge=0, lt=1, description="of sgd")
    batch_size: Whole = Field(ge=1, le=1_000_000, description="examples a step")
    epochs: Whole = Field(ge=1, le=1_000_000, description="passes over each task's data")
    reset_optimizer: Annotated[bool, Field(strict=True)] = Field(
        description="forget the optimizer's state at each task"
    )
    strength: Real = Field(ge=0, le=1e15, description="c or λ, the penalty's factor")
    xi: Real | None = Field(
        default=None, ge=1e-30, le=1e6, description="ξ of si, the damping of a path that hardly moved"
    )
    gamma: Real | None = Field(default=None, gt=0, le=1, description="γ of online ewc; one anchor a task when absent")
    seed: Whole = Field(ge=0, lt=2**63)
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Whole = Field(ge=1, le=1024, description="of torch")
    data_dir: str = Field(description="where torchvision's data sets lie")

    @field_validator("method", "benchmark", "model")
    @classmethod
    def _known(cls, name: str, info: Any) -> str:
        registries: dict[str, Collection[str]] = {"method": METHODS, "benchmark": BENCHMARKS, "model": MODELS}
        known = registries[info.field_name]
        if name not in known:
            raise ValueError(unknown(info.field_name, name, known))
        return name

    @model_validator(mode="after")
    def _consistent(self) -> "RunConfig":
        benchmark, method = BENCHMARKS[self.benchmark], METHODS[self.method]
        if self.tasks > benchmark.most_tasks:
            raise ValueError(f"tasks = {self.tasks}: {self.benchmark} has at most {benchmark.most_tasks}")
        if self.strength and not method.symbol:
            raise ValueError(f"strength = {self.strength:g}: method {self.method} has no penalty to strengthen")
        if self.momentum is not None and self.optimizer != "sgd":
            raise ValueError(f"momentum = {self.momentum:g}: only optimizer sgd has it, this is {self.optimizer}")
        for key in METHOD_OPTIONS:
            value = getattr(self, key)
            if value is not None and key not in method.options:
                owners = " or ".join(name for name, info in METHODS.items() if key in info.options)
                raise ValueError(f"{key} = {value:g}: only method {owners} reads it, this is {self.method}")
        sizes = (benchmark.inputs, *self.hidden, len(benchmark.classes) * self.tasks)
        if sum(a * b for a, b in pairwise(sizes)) > MOST_PARAMETERS:
            raise ValueError(
                f"hidden = {list(self.hidden)}: more than {MOST_PARAMETERS:,} parameters; choose smaller layers"
            )
        return self

    def to_toml(self) -> str:
        return tomli_w.dumps(self.model_dump(exclude_none=True, mode="json"))


METHOD_OPTIONS = tuple(dict.fromkeys(key for info in METHODS.values() for key in info.options))


def resolve(settings: Mapping[str, Any]) -> RunConfig:
    """Fill in what ``settings`` leaves open from the benchmark's defaults, and validate.

    A value of None counts as left open. Raises ConfigError, naming the first setting that is wrong.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    for key in given:
        if key not in RunConfig.model_fields:
            raise ConfigError(unknown("setting", key, RunConfig.model_fields))
    name, method = given.get("benchmark", "split-digits"), given.get("method", "si")
    benchmark = BENCHMARKS.get(name) if isinstance(name, str) else None
    filled: dict[str, Any] = {"benchmark": name, "method": method, "model": "mlp", "seed": 0, "device": "auto"}
    filled["data_dir"] = "data"
    if benchmark is not None:
        filled |= {"scenario": benchmark.scenario, "tasks": benchmark.default_tasks, **benchmark.defaults}
        filled["strength"] = benchmark.strengths.get(method, 0.0) if isinstance(method, str) else 0.0
        if isinstance(method, str) and method in METHODS:
            filled |= {key: value for key, value in benchmark.options.items() if key in METHODS[method].options}
    if given.get("optimizer", filled.get("optimizer")) == "sgd":
        filled["momentum"] = 0.9
    filled |= given
    filled.setdefault("threads", default_threads(filled.get("hidden")))
    return _validated(filled)


def default_threads(hidden: object) -> int:
    """Threads for torch: one for a small network, where handing out the work costs more than it saves; else half the
    processors, since waiting for a thread that the screen or another program has displaced costs more than threads
    gain (784-256-256-10, a step on two processors: 0.8 ms with both and 1.3 with one while nothing else runs, 4.9 and
    1.3 beside one busy program).
    """
    widest = max(hidden, default=0) if isinstance(hidden, (list, tuple)) and all(map(_is_int, hidden)) else 0
    return 1 if widest <= 128 else min(8, max(1, (os.cpu_count() or 1) // 2))


def _is_int(value: object) -> bool:
    return isinstance(value, int)


def _validated(settings: Mapping[str, Any]) -> RunConfig:
    try:
        return RunConfig.model_validate(dict(settings))
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    key = str(first["loc"][0]) if first["loc"] else "the configuration"
    if first["type"] == "missing":
        return f"{key} is missing"
    reason = first["msg"].replace("Input should be", "it should be").replace("Tuple should", "it should")
    value = repr(first["input"])
    return f"{key} = {value if len(value) <= 100 else value[:100] + '…'} cannot be used: {reason}"


def unknown(kind: str, name: object, known: Collection[str]) -> str:
    """'unknown method 'se': did you mean 'si'? …' with all names there are."""
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {name!r}: {hint}There are {', '.join(known)}"


def from_toml(text: str, where: str) -> RunConfig:
    """A session's own config.toml: complete, so nothing is filled in. Raises ConfigError, naming ``where``."""
    try:
        return _validated(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(f"{where}: {first_line(error)}") from None


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a --config file, which may be a session's own config.toml. Raises ConfigError."""
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror or first_line(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config {path} is not TOML: {first_line(error)}") from None
    settings.pop("format", None)
    return settings


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """--set KEY=VALUE: the value as TOML (lr=0.01, hidden=[100,100]), or else as plain text (optimizer=sgd)."""
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {assignment}: write KEY=VALUE, for example --set lr=0.01")
        try:
            settings[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[key.strip()] = value.strip()
    return settings
