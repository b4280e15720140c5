"""RunConfig: everything that decides what a run computes, validated once and then frozen."""

import difflib
import math
import os
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from engine.catalog.benchmarks import BENCHMARKS
from engine.catalog.methods import METHODS
from engine.catalog.models import MODELS
from engine.catalog.presets import PRESETS, settings_of
from engine.disk import expanded
from engine.errors import ConfigError, first_line
from engine.text import visible

MOST_PARAMETERS = 500_000_000
MOST_BYTES = 100_000
"""Largest accepted settings file; a usual one has about a thousand bytes."""
STORED = "stored"
"""The origin of settings from a session's own file."""

Whole = Annotated[int, Field(strict=True)]
Real = Annotated[float, Field(strict=True)]


Flag = Annotated[bool, Field(strict=True)]


class FirstTask(BaseModel):
    """Settings that differ for the first task."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    lr: Real | None = Field(default=None, gt=0, le=1000)
    batch_size: Whole | None = Field(default=None, ge=1, le=1_000_000)
    epochs: Whole | None = Field(default=None, ge=1, le=1_000_000)


class RunConfig(BaseModel):
    """One run's settings, with every default filled in. Build it with ``resolve``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    preset: str | None = Field(default=None, description="the published configuration that it is based on")
    method: str = Field(description="how earlier tasks are protected")
    benchmark: str = Field(description="the sequence of tasks")
    scenario: Literal["task", "domain", "class"] = Field(
        description="what the network is told at test time (van de Ven & Tolias 2019)"
    )
    tasks: Whole = Field(ge=1, le=1000, description="number of tasks")
    class_order: Literal["random"] | Annotated[tuple[Whole, ...], Field(max_length=1000)] | None = Field(
        default=None, description="the order in which the classes are divided into tasks; by default the benchmark's"
    )
    normalize: tuple[Real, Annotated[float, Field(strict=True, gt=0)]] | None = Field(
        default=None, description="mean and standard deviation that normalise the inputs"
    )
    model: str = Field(description="the network")
    hidden: tuple[Annotated[int, Field(strict=True, ge=1, le=65_536)], ...] = Field(
        max_length=200, description="sizes of the hidden layers"
    )
    init: Literal["torch", "glorot", "glorot-zero-head"] = Field(
        default="torch",
        description="the initial weights: uniform in ±1/√fan_in, or Keras's in ±√(6/(fan_in + fan_out))",
    )
    optimizer: Literal["adam", "adamw", "sgd"]
    lr: Real = Field(gt=0, le=1000, description="learning rate")
    momentum: Real | None = Field(default=None, ge=0, lt=1, description="momentum of sgd")
    batch_size: Whole = Field(ge=1, le=1_000_000, description="examples per step")
    epochs: Whole | None = Field(default=None, ge=1, le=1_000_000, description="passes over each task's data")
    steps: Whole | None = Field(
        default=None, ge=1, le=1_000_000_000, description="optimizer steps per task, instead of epochs"
    )
    first_task: FirstTask | None = Field(default=None, description="different values for the first task")
    reset_optimizer: Flag = Field(description="reset the optimizer at each task")
    keep: Literal["last", "best"] = Field(
        default="last",
        description="the weights kept at a task's end: the last, or those of the best epoch on its test set",
    )
    strength: Real = Field(ge=0, le=1e15, description="c or λ, the penalty's factor")
    xi: Real | None = Field(
        default=None, ge=1e-30, le=1e6, description="ξ of si, the damping for weights that barely moved"
    )
    gradient: Literal["task", "total"] | None = Field(
        default=None, description="the gradient that si uses: of the task's loss, or of loss plus penalty"
    )
    half: Flag | None = Field(default=None, description="k = strength/2 instead of strength")
    clamp: Real | None = Field(default=None, gt=0, le=1e15, description="upper bound of si's Ω")
    gamma: Real | None = Field(default=None, gt=0, le=1, description="γ of online ewc; by default one anchor per task")
    fisher: Literal["exact", "sampled", "empirical", "batched"] | None = Field(
        default=None, description="how ewc measures the Fisher information"
    )
    fisher_samples: Whole | None = Field(
        default=None, ge=1, le=1_000_000_000, description="training examples that it is measured on; by default all"
    )
    sensitivity: Literal["global", "local", "batched"] | None = Field(default=None, description="how mas measures Ω")
    importance_data: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="inputs that mas measures Ω on: train, test, or a folder of unlabelled inputs, 0 to 1",
    )
    recompute: Flag | None = Field(default=None, description="measure Ω again on all tasks so far")
    importance_batch: Whole | None = Field(
        default=None, ge=1, le=1_000_000, description="examples per mini-batch of a batched importance"
    )
    alpha: Real | None = Field(
        default=None, gt=0, le=1, description="α of rwalk, the weight of the newest batch in its Fisher information"
    )
    score_every: Whole | None = Field(
        default=None, ge=1, le=1_000_000_000, description="Δt of rwalk, the number of steps that are scored together"
    )
    epsilon: Real | None = Field(
        default=None, ge=1e-30, le=1e6, description="ε of rwalk, the damping for weights that barely moved"
    )
    leave_alone: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        default=(), max_length=100, description="name patterns of unpenalised parameters (*.bias, head.*)"
    )
    keep_checkpoints: Literal["all", "last"] | Annotated[int, Field(strict=True, ge=1, le=1000)] = Field(
        default="all", description="which checkpoints of ended tasks to keep: all, the last, or this many"
    )
    seed: Whole = Field(ge=0, lt=2**63)
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Whole = Field(ge=1, le=1024, description="number of PyTorch threads")
    data_dir: str = Field(max_length=4096, description="folder of torchvision's data sets")

    @field_validator("method", "benchmark", "model")
    @classmethod
    def _known(cls, name: str, info: Any) -> str:
        registries: dict[str, Collection[str]] = {"method": METHODS, "benchmark": BENCHMARKS, "model": MODELS}
        known = registries[info.field_name]
        if name not in known:
            raise unknown(info.field_name, name, known)
        return name

    @field_validator("importance_data", "data_dir")
    @classmethod
    def _expanded(cls, path: str | None, info: Any) -> str | None:
        if info.context == STORED:  # a session opens even where the user of its path is unknown
            return path and os.path.expanduser(path)
        return path and expanded(path, info.field_name)

    @field_validator("preset", "importance_data", "leave_alone", "data_dir")
    @classmethod
    def _to_be_shown(cls, given: Any, info: Any) -> Any:
        if given is not None and visible(shown(given)) != shown(given):
            raise ConfigError(
                f"{info.field_name} = {_short(given)}: it has characters that cannot be shown", info.field_name
            )
        return given

    @model_validator(mode="after")
    def _consistent(self) -> "RunConfig":
        benchmark, method = BENCHMARKS[self.benchmark], METHODS[self.method]
        if self.tasks > benchmark.most_tasks:
            raise ConfigError(f"tasks = {self.tasks}: {self.benchmark} has at most {benchmark.most_tasks}", "tasks")
        if self.strength and not method.symbol:
            raise ConfigError(
                f"strength = {shown(self.strength)}: method {self.method} has no penalty, so it has no strength",
                "strength",
            )
        if self.momentum is not None and self.optimizer != "sgd":
            raise ConfigError(
                f"momentum = {self.momentum:g}: only optimizer sgd uses it, not {self.optimizer}", "momentum"
            )
        for key in METHOD_OPTIONS:
            value = getattr(self, key)
            if value is not None and key not in method.options:
                owners = " or ".join(name for name, info in METHODS.items() if key in info.options)
                raise ConfigError(f"{key} = {shown(value)}: only method {owners} uses it, not {self.method}", key)
        if self.leave_alone and not method.symbol:
            raise ConfigError(
                f"leave_alone = {shown(self.leave_alone)}: method {self.method} has no penalty", "leave_alone"
            )
        if self.importance_batch is not None and "batched" not in (self.fisher, self.sensitivity):
            raise ConfigError(
                f"importance_batch = {self.importance_batch}: only a batched importance has mini-batches",
                "importance_batch",
            )
        if (self.epochs is None) == (self.steps is None):
            raise ConfigError("give the length of each task's training in epochs or in steps, not both", "steps")
        if self.class_order is not None:
            self._check_class_order(benchmark.classes)
        sizes = (math.prod(benchmark.inputs), *self.hidden, len(benchmark.classes) * self.tasks)
        if sum(a * b for a, b in pairwise(sizes)) > MOST_PARAMETERS:
            raise ConfigError(
                f"hidden = {shown(self.hidden)}: more than {MOST_PARAMETERS:,} parameters; choose smaller layers",
                "hidden",
            )
        return self

    def _check_class_order(self, classes: tuple[int, ...]) -> None:
        if BENCHMARKS[self.benchmark].permuted:
            raise ConfigError(
                f"class_order = {shown(self.class_order)}: every task of {self.benchmark} has all classes",
                "class_order",
            )
        if self.class_order != "random" and sorted(self.class_order or ()) != sorted(classes):
            raise ConfigError(
                f"class_order = {shown(self.class_order)}: name each of {shown(tuple(sorted(classes)))} exactly once",
                "class_order",
            )

    def to_toml(self) -> str:
        return tomli_w.dumps(self.model_dump(exclude_none=True, mode="json"))


def _may_be_list(annotation: object) -> bool:
    return get_origin(annotation) is tuple or any(map(_may_be_list, get_args(annotation)))


NAMES = {*RunConfig.model_fields, *FirstTask.model_fields}
LISTS = {key for key, field in RunConfig.model_fields.items() if _may_be_list(field.annotation)}
PLACE = frozenset({"device", "threads", "data_dir"})
"""Settings that say where a run computes and where its data are, not what it computes. On the command line they
override the values stored in a session."""
WITHOUT_EFFECT = PLACE | {"preset", "keep_checkpoints"}
"""Settings that do not change the computation."""
METHOD_OPTIONS = tuple(dict.fromkeys(key for info in METHODS.values() for key in info.options))
if undeclared := [key for key in METHOD_OPTIONS if key not in RunConfig.model_fields]:
    raise TypeError(f"give RunConfig a field for each option in METHODS: {', '.join(undeclared)}")


def shown(value: object) -> str:
    """Formats a setting as a user would type it.

    >>> shown(1e-3), shown(True), shown((256, 256)), shown("adam"), shown(1e7), shown(2.5e-6)
    ('0.001', 'true', '256,256', 'adam', '1e7', '2.5e-6')
    """
    match value:
        case bool():
            return str(value).lower()
        case float():
            mantissa, power, exponent = f"{value:g}".partition("e")
            return f"{mantissa}e{int(exponent)}" if power else mantissa
        case tuple() | list():
            return ",".join(map(shown, value))
        case BaseModel():
            return shown(value.model_dump(exclude_none=True))
        case dict():
            return ", ".join(f"{key} {shown(of)}" for key, of in value.items())
        case _:
            return str(value)


def resolve(settings: Mapping[str, Any]) -> RunConfig:
    """Fills in missing ``settings`` from the preset, then from the benchmark's defaults, and validates.

    A value of None counts as missing. Raises ConfigError, naming the first setting that is wrong.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    for key in given:
        if key not in RunConfig.model_fields:
            raise unknown("setting", key, RunConfig.model_fields)
    preset = given.get("preset")
    if preset is not None:
        if not isinstance(preset, str) or preset not in PRESETS:
            raise unknown("preset", preset, PRESETS)
        published = settings_of(PRESETS[preset], given)
        for one, other in (("epochs", "steps"), ("steps", "epochs")):
            if one in given:
                published.pop(other, None)
        given = published | given
    name, method = given.get("benchmark", "split-digits"), given.get("method", "si")
    benchmark = BENCHMARKS.get(name) if isinstance(name, str) else None
    filled: dict[str, Any] = {"benchmark": name, "method": method, "model": "mlp", "seed": 0, "device": "auto"}
    filled["data_dir"] = "data"
    if benchmark is not None:
        filled |= {"scenario": benchmark.scenario, "tasks": benchmark.default_tasks, **benchmark.defaults}
        filled["strength"] = benchmark.strengths.get(method, 0.0) if isinstance(method, str) else 0.0
        if isinstance(method, str) and method in METHODS:
            options = METHODS[method].options
            filled |= {key: option.default for key, option in options.items()}
            filled |= {key: value for key, value in benchmark.options.items() if key in options}
    if "steps" in given:
        filled.pop("epochs", None)
    if given.get("optimizer", filled.get("optimizer")) == "sgd":
        filled["momentum"] = 0.9
    filled |= given
    filled.setdefault("threads", default_threads(filled.get("hidden")))
    return validated(filled)


def default_threads(hidden: object) -> int:
    """Number of PyTorch threads: 1 for a small network, where distributing the work costs more than it saves, otherwise
    half the processors. With all of them, each step waits for the thread that the screen or another program displaces.
    (784-256-256-10, a step on two processors: with both 0.8 ms on an idle machine and 4.9 ms beside one busy program;
    with one 1.3 ms in either case.)
    """
    widest = max(hidden, default=0) if isinstance(hidden, (list, tuple)) and all(map(_is_int, hidden)) else 0
    return 1 if widest <= 128 else min(8, max(1, (os.cpu_count() or 1) // 2))


def _is_int(value: object) -> bool:
    return isinstance(value, int)


def validated(settings: Mapping[str, Any], origin: str | None = None) -> RunConfig:
    """Validates complete ``settings``; fills in nothing. ``origin``: STORED for a session's own. Raises ConfigError."""
    try:
        return RunConfig.model_validate(dict(settings), context=origin)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(_sentence(first), str(first["loc"][0]) if first["loc"] else "") from None


def moved(config: RunConfig, place: Mapping[str, Any]) -> RunConfig:
    """``config`` with the given settings in ``PLACE``, and importance_data if it is a folder, which may have moved.

    Raises ConfigError.
    """
    folder = place.get("importance_data")
    if folder is not None and {folder, config.importance_data} & {None, "train", "test"}:
        raise ConfigError(
            f"importance_data = {shown(folder)}: the session has {config.importance_data or 'none'}; only the path "
            f"of a folder of inputs can change, because the folder may have moved"
        )
    return validated(config.model_dump(exclude_none=True) | dict(place)) if place else config


def _sentence(first: ErrorDetails) -> str:
    key = ".".join(str(part) for part in first["loc"] if part in NAMES) or "the configuration"
    if first["type"] == "missing" and len(first["loc"]) == 1:
        return f"{key} is missing"
    reason = in_plain_words(first["msg"])
    if key == "class_order":
        reason = "it should be 'random' or a list of the classes"
    elif key == "normalize" and first["type"] == "missing":
        reason = "it should have 2 items, mean and standard deviation"
    if key == "keep_checkpoints":
        reason = "it should be all, last, or a whole number from 1 to 1000"
    try:
        value = _short(first["input"])
    except (ValueError, RecursionError):  # Python formats no integer of more than 4,300 digits
        value = "a value this long"
    return f"{key} = {value} cannot be used: {reason}"


def in_plain_words(reason: str) -> str:
    """Pydantic's reason for refusing a value, in plain words.

    >>> in_plain_words("Input should be a valid integer, unable to parse string as an integer")
    'it should be a whole number'
    >>> in_plain_words("Input should be a valid dictionary or instance of FirstTask")
    'it should be settings in braces, such as {lr=0.01, epochs=1}'
    >>> in_plain_words("Input should be greater than or equal to 0.000000000000000000000000000001")
    'it should be greater than or equal to 1e-30'
    """
    reason = reason.replace("Input should be", "it should be").replace("Tuple should", "it should")
    reason = reason.replace(
        "a valid dictionary or instance of FirstTask", "settings in braces, such as {lr=0.01, epochs=1}"
    )
    reason = re.sub(r"\b0\.0{4,}\d+", lambda small: f"{float(small[0]):g}", reason)
    reason = reason.replace("a valid tuple", "a list").replace("a valid integer", "a whole number")
    return reason.replace("a valid number", "a number").partition(", unable to parse")[0]


def _short(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 100 else told[:100] + "…"


def unknown(kind: str, name: object, known: Collection[str]) -> ConfigError:
    """
    >>> print(unknown("method", "xx", ["none", "si"]), unknown("method", "nome", ["none", "si"]), sep="\\n")
    unknown method 'xx': available: none, si
    unknown method 'nome': did you mean 'none'? Available: none, si
    """
    near = nearest(str(name), known)
    start = f"did you mean {near!r}? Available" if near else "available"
    return ConfigError(f"unknown {kind} {_short(name)}: {start}: {', '.join(known)}", kind if kind in NAMES else "")


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that ``name`` probably misspells, or None. A third of the letters may be wrong, and one of two.

    >>> known = ["optimizer", "recompute", "batch_size", "xi"]
    >>> [nearest(name, known) for name in ("optimiser", "batchsize", "x", "dropout", "weight_decay")]
    ['optimizer', 'batch_size', 'xi', None, None]
    """
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5 if len(name) <= 2 else 0.65)
    return near[0] if near else None


def _parsed(toml: bytes) -> dict[str, Any]:
    """Parses TOML. Raises ValueError or RecursionError, also for a key with so many dots that tomllib, whose time grows
    with their square, would take hours."""
    if len(toml) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES:,} bytes")
    if any(line.count(b".") > 1000 for line in toml.splitlines()):
        raise ValueError("a line has more than 1,000 dots")
    return tomllib.loads(toml.decode())


def from_toml(text: str, where: str) -> RunConfig:
    """Reads a session's config.toml, which is complete: fills in nothing. Raises ConfigError, naming ``where``."""
    try:
        return validated(_parsed(text.encode()), STORED)
    except (ValueError, RecursionError, ConfigError) as error:
        raise ConfigError(f"{where}: {first_line(error)}") from None


def read_settings(path: Path) -> dict[str, Any]:
    """Reads the settings in a --config file, which may be a session's config.toml. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            settings = _parsed(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise ConfigError(f"--config {path}: {error.strerror or first_line(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--config {path} is not a valid file of settings: {first_line(error)}") from None
    settings.pop("format", None)
    settings.pop("checksum", None)
    return settings


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Parses --set KEY=VALUE. A value is TOML (lr=0.01, first_task={lr=0.1}), a list as options take it
    (hidden=100,100), or plain text (optimizer=sgd). Raises ConfigError."""
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not re.fullmatch(r"\w+", key.strip()):
            raise ConfigError(f"--set {_short(assignment)}: write KEY=VALUE, for example --set lr=0.01")
        if "\n" in value:  # in TOML a new setting would begin there
            raise ConfigError(
                f"--set {_short(assignment)}: write the value on one line, and use one --set for each setting"
            )
        settings[key.strip()] = parse_list(key.strip(), value) if key.strip() in LISTS else _parsed_value(value)
    return settings


def _parsed_value(text: str) -> Any:
    """The value if ``text`` is TOML, otherwise ``text`` itself."""
    try:
        return _parsed(f"value = {text}".encode())["value"]
    except (ValueError, RecursionError):
        return text.strip()


def parse_list(key: str, text: str) -> Any:
    """Parses a setting that is a list: items separated by commas, or a TOML list. Raises ConfigError.

    >>> parse_list("hidden", "200, 100"), parse_list("hidden", "[200]"), parse_list("leave_alone", "*.bias,head.*")
    ([200, 100], [200], ['*.bias', 'head.*'])
    >>> parse_list("class_order", "random"), parse_list("hidden", "")
    ('random', [])
    """
    whole = _parsed_value(text)
    if isinstance(whole, list) or whole in ("", "random"):
        return whole or []
    items = [item.strip() for item in text.split(",")]
    if "" in items:
        raise ConfigError(f"{key} = {_short(text)}: write commas only between values", key)
    return items if key == "leave_alone" else [_parsed_value(item) for item in items]
