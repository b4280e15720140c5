"""RunConfig: everything that decides what a run computes, validated once and then frozen."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from engine.catalog.choices import CHOICES, benchmark_info, entry_of, options_of, tables
from engine.catalog.entries import BenchmarkInfo, load
from engine.catalog.methods import METHODS
from engine.catalog.options import (
    DATA,
    METHOD,
    NETWORK,
    REQUIRED,
    TRAINING,
    WHAT,
    WHERE,
    Options,
    Setting,
    Settings,
    setting,
)
from engine.catalog.presets import PRESETS, settings_of
from engine.disk import expanded
from engine.errors import ConfigError
from engine.settings import own_code
from engine.settings.consistent import SCHEDULES, check_consistent, size_of, unread
from engine.settings.layers import flattened
from engine.settings.text import short, shown, unknown
from engine.text import visible

DEFAULT_MODEL = "mlp"
_OPTIONS = tuple(f"{choice}_options" for choice in CHOICES)
FORWARD_TASKS = 20
"""Most tasks for which accuracies on later tasks are measured unless the user asks for it."""
STORED = "stored"
"""The origin of settings from a session's own file."""


class FirstTask(Settings):
    lr: float | None = setting(None, gt=0, le=1000)
    batch_size: int | None = setting(None, ge=1, le=1_000_000)
    epochs: int | None = setting(None, ge=1, le=1_000_000)


class RunConfig(Settings):
    """One run's settings, with every default filled in. Build it with ``resolve``."""

    method: str = setting(usual="si", help="How earlier tasks are protected; cl-tui methods lists them.", panel=WHAT)
    benchmark: str = setting(usual="split-digits", help="Sequence of tasks; cl-tui benchmarks lists them.", panel=WHAT)
    benchmark_options: Options = setting()
    scenario: Literal["task", "domain", "class"] = setting(
        help="What the network is told at test time: task, domain or class.", panel=WHAT
    )
    preset: str | None = setting(
        None,
        help="A published configuration, which other options override; cl-tui presets lists them.",
        panel=WHAT,
        affects="nothing",
    )
    tasks: int = setting(help="Number of tasks.", panel=WHAT, ge=1, le=1000)
    class_order: Literal["random"] | Annotated[tuple[int | str, ...], ("max_length", 5000)] | None = setting(
        None,
        help="Order in which the classes are divided into tasks: random, or a list.",
        meaning="the order in which the classes are divided into tasks: random, or a list of classes; by default the "
        "benchmark's",
        metavar="CLASS,…",
        panel=DATA,
    )
    normalize: Literal["auto", "imagenet"] | Annotated[tuple[float, ...], ("max_length", 100)] | None = setting(
        None,
        help="Mean and deviation that normalise the inputs: auto, imagenet, or numbers.",
        meaning="mean and deviation that normalise the inputs: auto, imagenet, or numbers; auto: those of the training "
        "examples of all tasks; of colours, each has its own: all means, and then all deviations",
        metavar="M,S",
        panel=DATA,
    )
    validation: float | None = setting(
        None,
        off=0.0,
        help="Share of each class's training examples that are held out for --set keep=best.",
        meaning="share of each class's training examples that are held out, for choices; by default none",
        panel=DATA,
        ge=0,
        lt=1,
    )
    extended_at: Annotated[tuple[int, ...], ("min_length", 1), ("max_length", 1000)] | None = setting(
        None,
        meaning="the number of tasks before each extension: more tasks change neither normalisation nor evaluation "
        "subsets of earlier ones",
    )
    model: str = setting(usual=DEFAULT_MODEL, help="The network; cl-tui models lists them.", panel=NETWORK)
    model_options: Options = setting()
    seed: int = setting(usual=0, help="Random seed.", panel=WHAT, ge=0, lt=2**63)
    epochs: int | None = setting(None, help="Passes over each task's data.", panel=TRAINING, ge=1, le=1_000_000)
    steps: int | None = setting(
        None, help="Optimizer steps per task, instead of epochs.", panel=TRAINING, ge=1, le=1_000_000_000
    )
    batch_size: int = setting(help="Examples per step.", panel=TRAINING, ge=1, le=1_000_000)
    lr: float = setting(help="Learning rate.", panel=TRAINING, gt=0, le=1000)
    optimizer: Literal["adam", "adamw", "sgd"] = setting(help="adam, adamw or sgd.", panel=TRAINING)
    momentum: float | None = setting(None, meaning="momentum of sgd", ge=0, lt=1)
    first_task: FirstTask | None = setting(None, meaning="different values for the first task")
    reset_optimizer: bool = setting(
        help="Reset the optimizer at each task; --keep-optimizer keeps its state.",
        negative="--keep-optimizer",
        panel=TRAINING,
    )
    reset_network: bool = setting(
        False, meaning="draw the network's weights again at each task, so that every task is learned from scratch"
    )
    weights: str | None = setting(
        None,
        help="A file of initial weights, or default: torchvision's own.",
        meaning="initial weights: a file (safetensors, or a state dict), or default: torchvision's own",
        metavar="FILE",
        panel=NETWORK,
        is_path=True,
        min_length=1,
        max_length=4096,
    )
    freeze: tuple[Annotated[str, ("min_length", 1), ("max_length", 100)], ...] | None = setting(
        None,
        help="Parameters that are not trained, by name: 'features.*'.",
        metavar="PATTERN,…",
        panel=NETWORK,
        min_length=1,
        max_length=100,
    )
    norm_statistics: Literal["own", "shared", "frozen"] | None = setting(
        None,
        help="Running statistics of normalisation layers: own, shared or frozen.",
        meaning="running statistics of batch normalisation: shared by all tasks, own (each task is tested "
        "with those at its end), or frozen (as they are after the first task)",
        panel=NETWORK,
    )
    weight_decay: float | None = setting(
        None, help="Weight decay: adam, sgd: L2; adamw: its own, 0.01 by default.", panel=TRAINING, ge=0, le=1000
    )
    schedule: Literal["none", "cosine", "step", "plateau"] | None = setting(
        None, off="none", help="Learning rate within each task: none, cosine, step or plateau.", panel=TRAINING
    )
    schedule_factor: float | None = setting(
        None, meaning="factor of the learning rate at each step or plateau of the schedule", gt=0, lt=1
    )
    schedule_every: int | None = setting(
        None,
        meaning="epochs between the steps of schedule step; by default a third of the task",
        ge=1,
        le=1_000_000,
    )
    schedule_patience: int | None = setting(
        None, meaning="epochs without improvement that schedule plateau waits for", ge=0, le=1_000_000
    )
    warmup: int | None = setting(
        None,
        off=0,
        help="Steps of each task in which the learning rate rises to its value.",
        panel=TRAINING,
        ge=0,
        le=1_000_000_000,
    )
    clip_norm: float | None = setting(
        None,
        help="Largest norm of the gradient of loss plus penalty; importances see it unclipped.",
        panel=TRAINING,
        gt=0,
        le=1e15,
    )
    label_smoothing: float | None = setting(
        None, off=0.0, help="Share of each target that is divided evenly among the classes.", panel=TRAINING, ge=0, lt=1
    )
    precision: Literal["fp32", "bf16"] | None = setting(
        None, off="fp32", help="fp32, or bf16 in the network's steps; all else is fp32.", panel=TRAINING
    )
    accumulate: int | None = setting(
        None,
        off=1,
        help="Parts in which a step's gradient is computed: the same mean in less memory.",
        panel=TRAINING,
        ge=1,
        le=1_000_000,
    )
    keep: Literal["last", "best"] = setting(
        "last",
        meaning="the weights kept at a task's end: the last, or those of the best epoch on its validation set, or on "
        "its test set if it has none",
    )
    strength: float = setting(help="c or λ, the penalty's factor.", panel=METHOD, ge=0, le=1e15)
    method_options: Options = setting()
    leave_alone: tuple[Annotated[str, ("min_length", 1), ("max_length", 100)], ...] = setting(
        (), help="Unpenalised parameters, by name: '*.bias,head.*'.", metavar="PATTERN,…", panel=METHOD, max_length=100
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        usual="auto", help="auto, cpu, cuda or mps.", panel=WHERE, affects="place"
    )
    compile: bool = setting(
        False, off=False, help="Compile the network before the first step.", panel=WHERE, affects="place"
    )
    threads: int = setting(help="Number of PyTorch threads.", panel=WHERE, affects="place", ge=1, le=1024)
    pace: ClassVar[str | None] = setting(
        None,
        help="Maximum steps per second, or max; by default small benchmarks run in slow motion.",
        metavar="N|max",
        panel=WHERE,
        affects="nothing",
    )
    data_dir: str = setting(
        usual="data",
        help="Folder of the data sets; missing ones are downloaded.",
        metavar="DIR",
        panel=WHERE,
        affects="place",
        is_path=True,
        max_length=4096,
    )
    code_dir: str | None = setting(
        None,
        help="Folder of your own files in --model and --benchmark.",
        meaning="folder of the files that model and benchmark name, if a path is relative",
        metavar="DIR",
        panel=WHERE,
        affects="place",
        is_path=True,
        max_length=4096,
    )
    keep_checkpoints: Literal["all", "last"] | Annotated[int, ("ge", 1), ("le", 1000)] = setting(
        "all",
        usual="all",
        help="Checkpoints of ended tasks to keep, for fork and analyse: all, last, or a number.",
        metavar="all|last|N",
        panel=WHERE,
        affects="nothing",
    )

    forward: bool | None = setting(
        None,
        help="Measure later tasks too, for forward transfer; by default up to 20.",
        meaning="whether accuracies on later tasks are measured too, before the first step and at each task's end, for "
        "forward transfer; by default up to 20 tasks; in the class scenario they mean nothing and are not measured",
        panel=WHERE,
        affects="nothing",
    )

    @property
    def looks_ahead(self) -> bool:
        """Whether accuracies on later tasks are measured, where they mean something."""
        return self.tasks <= FORWARD_TASKS if self.forward is None else self.forward

    def option(self, key: str) -> Any:
        """The value of an option; None if this run does not read it."""
        options = (vars(vars(self)[of]) for of in _OPTIONS)
        return next((found[key] for found in options if key in found), None)

    def chosen(self, choice: str = "method") -> dict[str, Any]:
        """The options of the method, or of another choice, that are not at their defaults on this benchmark."""
        usual, options = _defaults(self.method, self.model, self.benchmark), getattr(self, f"{choice}_options")
        found = {key: value for key, value in options if value not in (None, usual.get(key))}
        return {key: value for key, value in found.items() if not options.kept[key].from_data}

    def flat(self) -> dict[str, Any]:
        """Every setting and option by key, in the order of their declaration; None for what this run does not read."""
        own = dict(self)
        return {key: own[key] if key in own else self.option(key) for key in known_settings()}

    def from_data(self) -> dict[str, Any]:
        """What its data said."""
        return {
            key: value
            for of in vars(self).values()
            if isinstance(of, Options)
            for key, value in of
            if of.kept[key].from_data
        }

    @property
    def problem(self) -> Literal["classification", "regression"]:
        """What the network learns; the data of some benchmarks say it."""
        found: Literal["classification", "regression"] = (
            self.option("problem") or benchmark_info(self.benchmark).problem
        )
        return found

    def classes_by_task(self) -> tuple[int, ...]:
        """Of regression: how many numbers a target has."""
        of_data = self.option("classes_per_task") or self.option("task_classes")
        return of_data or benchmark_info(self.benchmark).classes_by_task(self.tasks)

    @property
    def tasks_known(self) -> bool:
        """Whether ``tasks`` is their number; before the user's own code has run, it is only the most there can be."""
        return bool(self.option("task_classes")) or not self.option("all_tasks")

    def plain(self) -> dict[str, Any]:
        """Like ``flat``, in types that JSON has."""
        return {
            key: list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, FirstTask) else value
            for key, value in self.flat().items()
        }

    def changed(self, **changes: Any) -> "RunConfig":
        """With other values of some settings or options, unchecked."""
        groups = {
            name: of.replace(**{key: changes.pop(key) for key in list(changes) if key in vars(of)})
            for name, of in self
            if isinstance(of, Options)
        }
        return self.replace(**groups, **changes)

    def to_toml(self) -> str:
        """The options stand in tables, each named after the method, network or benchmark that reads them."""
        import tomli_w  # only where a session is made

        found: dict[str, Any] = {}
        for key, of in self:
            if isinstance(of, Settings):
                choice = key.removesuffix("_options")
                name = entry_of(choice, getattr(self, choice)).name if isinstance(of, Options) else key
                value = {option: given for option, given in of if given is not None}
                found |= {} if isinstance(of, Options) and not value else {name: value}
            elif of is not None:
                found[key] = of
        return tomli_w.dumps(found)


def known_settings() -> Mapping[str, Setting]:
    """All settings and options by key, in the order of their declaration."""
    return _known(*_names())[0]


def typed_settings() -> dict[str, Setting]:
    """The settings that have an option on the command line, also those that a session does not keep."""
    return {key: declared for key, declared in _with_options(RunConfig.declared).items() if declared.panel}


def _names() -> list[tuple[str, ...]]:
    return list(tables().values())


@cache
def _known(*_: tuple[str, ...]) -> tuple[dict[str, Setting], dict[str, str]]:
    """What ``known_settings`` returns while the catalog has these entries; the owner of each option with a dot."""
    found = _with_options(RunConfig.kept)
    return found, {f"{owner}.{key}": owner for key, option in found.items() for owner in option.owners}


def _with_options(own: Mapping[str, Setting]) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for key, declared in own.items():
        choice, options, _ = key.partition("_options")
        found |= options_of(choice) if options else {key: declared}
    return found


PLACE = frozenset(key for key, declared in RunConfig.kept.items() if declared.affects == "place")
"""Settings that say only where a run computes and where its data are; the command line overrides stored values."""
WITHOUT_EFFECT = PLACE | {key for key, declared in RunConfig.kept.items() if declared.affects == "nothing"}


def read_by(key: str, method: str) -> bool:
    """Whether a run with this method reads a setting: an option that it has, or a penalty's setting if it has one."""
    if key in RunConfig.declared:
        return RunConfig.declared[key].panel != METHOD or bool(METHODS[method].symbol)
    return key in METHODS[method].options.declared or key not in options_of("method")


def _without_owners(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings by their own keys, without None, and the owner of each option where it is said. Raises ConfigError."""
    given = {key: value for key, value in flattened(settings).items() if value is not None}
    known, options = _known(*_names())
    owners = {}
    for key in [key for key in given if key not in known]:
        if key not in options:
            raise unknown(
                "setting", key, options if "." in key else [name for name in known if not known[name].from_data]
            )
        option = key.rpartition(".")[2]
        owners[option], given[option] = options[key], given.pop(key)
    return given, owners


def resolve(settings: Mapping[str, Any]) -> RunConfig:
    """Fills in missing ``settings`` from the preset, then from the benchmark's defaults, and validates.

    A value of None counts as missing. Raises ConfigError, naming the first setting that is wrong.
    """
    given, owners = _without_owners(settings)
    preset = given.get("preset")
    if preset is not None:
        if not isinstance(preset, str) or preset not in PRESETS:
            raise unknown("preset", preset, PRESETS)
        published = settings_of(PRESETS[preset], given)
        for one, other in (("epochs", "steps"), ("steps", "epochs")):
            if one in given:
                published.pop(other, None)
        both = published | given
        idle = unread(both.get("optimizer", "sgd"), both.get("schedule"))
        given = {key: value for key, value in published.items() if key not in idle} | given
    filled = {key: declared.usual for key, declared in RunConfig.kept.items() if declared.usual is not None}
    if (info := entry_of("benchmark", str(given.get("benchmark", filled["benchmark"])))) is not None:
        filled["model"] = info.model
    chosen = {choice: given.get(choice, filled[choice]) for choice in CHOICES}
    filled |= _defaults(*(chosen[choice] if isinstance(chosen[choice], str) else "" for choice in CHOICES))
    if "steps" in given:
        filled.pop("epochs", None)
    if given.get("optimizer", filled.get("optimizer")) == "sgd":
        filled["momentum"] = 0.9
    if isinstance(schedule := given.get("schedule"), str):
        filled |= SCHEDULES.get(schedule, {})
    given |= own_code.found(filled | given)
    if info is not None and info.from_data:
        filled |= load(f"{info.from_data}:found")({"data_dir": filled["data_dir"], **given})
    filled |= given
    config = validated({"threads": 1} | filled | {f"{owner}.{key}": filled[key] for key, owner in owners.items()})
    return config if "threads" in filled else config.replace(threads=default_threads(config))


def _defaults(method: str, model: str, benchmark: str) -> dict[str, Any]:
    """The defaults that depend on these three; of an unknown one, nothing."""
    entries = [entry_of(choice, name) for choice, name in zip(CHOICES, (method, model, benchmark), strict=True)]
    found = {key: option.default for entry in entries if entry for key, option in entry.options.declared.items()}
    if (info := entry_of("benchmark", benchmark)) is not None:
        found |= {"scenario": info.scenario, "tasks": info.default_tasks, "strength": default_strength(method, info)}
        own = {key for key in options_of("model") if found.get(key) is not REQUIRED}
        found |= {key: value for key, value in info.defaults.items() if key not in own}
        found |= info.method_defaults.get(method, {})
    if (network := entry_of("model", model)) is not None:
        found |= network.defaults
        found |= info.model_defaults.get(model, {}) if info else {}
    return {key: value for key, value in found.items() if value is not REQUIRED}


def default_strength(method: str, benchmark: BenchmarkInfo) -> float:
    of_method = METHODS[method].strengths if method in METHODS else {}
    return benchmark.strengths.get(method, of_method.get(benchmark.name, 0.0))


def default_threads(config: RunConfig) -> int:
    """1 for a small network, where distributing costs more than it saves, otherwise half the processors: with all of
    them, each step waits for the thread that another program displaces. (784-256-256-10, a step on two processors: with
    both 0.8 ms idle and 4.9 ms beside one busy program; with one 1.3 ms in either case.)"""
    size = size_of(config)
    return 1 if size and size.small else min(8, max(1, (os.cpu_count() or 1) // 2))


def validated(settings: Mapping[str, Any], origin: str | None = None) -> RunConfig:
    """Validates complete ``settings``; fills in nothing. ``origin``: STORED for a session's own. Raises ConfigError."""
    from engine.settings.validation import checked  # pydantic, without which help is quicker

    given, owners = _without_owners(settings)
    for choice, entries in CHOICES.items():
        name = given.get(choice)
        if isinstance(name, str) and entry_of(choice, name) is None:
            if hint := own_code.misnamed(choice, name):
                raise ConfigError(f"{choice} = {short(name)}: {hint}", choice)
            raise unknown(choice, name, entries)
    own = {key: value for key, value in given.items() if key in RunConfig.kept}
    values = _cleaned(RunConfig, checked(RunConfig, own), origin)
    rest = {key: value for key, value in given.items() if key not in own}
    for choice in CHOICES:
        info, options = entry_of(choice, values[choice]), options_of(choice)
        given = {key: value for key, value in rest.items() if key in options}
        for key in given:
            if key not in info.options.kept or owners.get(key, info.name) != info.name:
                whose = owners.get(key) or " or ".join(options[key].owners)
                told = f"only {choice} {whose} uses it, not {values[choice]}"
                raise ConfigError(f"{key} = {shown(given[key])}: {told}", key)
        found = _cleaned(info.options, checked(info.options, given), origin)
        values[f"{choice}_options"] = info.options(**found)
    config = RunConfig(**values)
    check_consistent(config)
    return config


def _cleaned(kind: type[Settings], values: Mapping[str, Any], origin: str | None) -> dict[str, Any]:
    """With paths expanded, and None for what does nothing. Raises ConfigError for text that cannot be shown."""
    found = {**values, **{key: None for key, off in kind.offs.items() if values[key] == off}}
    for key, is_path in kind.texts.items():
        if values[key] is None:
            continue
        if is_path and (path := values[key]):  # a session opens even where the user of its path is unknown
            found[key] = os.path.expanduser(path) if origin == STORED else expanded(path, key)
        if visible(text := shown(values[key])) != text:
            raise ConfigError(f"{key} = {short(values[key])}: it has characters that cannot be shown", key)
    return found


def moved(config: RunConfig, place: Mapping[str, Any]) -> RunConfig:
    """``config`` with the settings given in ``PLACE``, and importance_data if that is a folder. Raises ConfigError."""
    folder, stored = place.get("importance_data"), config.option("importance_data")
    if folder is not None and {folder, stored} & {None, "train", "test"}:
        raise ConfigError(
            f"importance_data = {shown(folder)}: the session has {stored or 'none'}; only the path "
            f"of a folder of inputs can change, because the folder may have moved"
        )
    if folder := place.get("code_dir"):
        place = {**place, "code_dir": os.path.abspath(expanded(folder, "code_dir"))}
    return validated(config.plain() | dict(place)) if place else config
