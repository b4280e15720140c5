"""Which settings fit together."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

from engine.catalog.choices import benchmark_info, model_info
from engine.catalog.entries import Size, load
from engine.catalog.methods import METHODS
from engine.errors import ConfigError
from engine.settings.text import shown

if TYPE_CHECKING:
    from engine.settings.run import RunConfig

MOST_PARAMETERS = 500_000_000
SCHEDULES: Mapping[str | None, Mapping[str, Any]] = {
    "step": {"schedule_factor": 0.1, "schedule_every": None},
    "plateau": {"schedule_factor": 0.1, "schedule_patience": 10},
}
"""The settings that only some schedules read, with their defaults."""


def unread(optimizer: object, schedule: object) -> set[str]:
    """The settings that only another optimizer or schedule reads."""
    of_schedules = {key for settings in SCHEDULES.values() for key in settings}
    read = SCHEDULES.get(schedule, {}) if isinstance(schedule, str) else {}
    return (of_schedules - read.keys()) | (set() if optimizer == "sgd" else {"momentum"})


def shape_of(config: "RunConfig") -> tuple[int, ...]:
    """The shape of one example; empty if only the data say it."""
    if of_data := config.option("example"):
        return tuple(of_data)
    shape, side = benchmark_info(config.benchmark).inputs, config.option("pad")
    return (shape[0], side, side) if side else shape


def size_of(config: "RunConfig") -> Size | None:
    """The network's size; None if only building it tells. Raises ConfigError if it cannot take such inputs."""
    model = model_info(config.model)
    if model.size is None or not shape_of(config):
        return None
    sizes = config.classes_by_task()
    outputs = max(sizes) if (config.problem, config.scenario) == ("regression", "domain") else sum(sizes)
    try:
        return model.size(inputs=shape_of(config), outputs=outputs, **model.arguments, **dict(config.model_options))
    except ValueError as error:
        raise ConfigError(f"model {config.model} on {config.benchmark}: {error}", "model") from None


def check_consistent(config: "RunConfig") -> None:
    """Raises ConfigError."""
    benchmark, method = benchmark_info(config.benchmark), METHODS[config.method]

    def refuse(key: str, why: str) -> NoReturn:
        raise ConfigError(f"{key} = {shown(config.flat()[key])}: {why}", key)

    if benchmark.from_data:
        load(f"{benchmark.from_data}:check")(config, refuse)
    if config.tasks > benchmark.most_tasks:
        refuse("tasks", f"{config.benchmark} has at most {benchmark.most_tasks}")
    if config.problem == "regression":
        _check_regression(config, refuse)
    stages = config.extended_at or ()
    if stages and not all(earlier < later for earlier, later in pairwise((0, *stages, config.tasks))):
        refuse("extended_at", f"name ascending numbers below that of the tasks, {config.tasks}")
    if config.strength and not method.symbol:
        refuse("strength", f"method {config.method} has no penalty whose strength could change")
    if config.reset_network and method.symbol:
        refuse("reset_network", f"the penalty of {config.method} would hold the new weights; use none or joint")
    if config.reset_network and config.method == "lwf":
        refuse("reset_network", "lwf would be taught by new weights, which know nothing; use none or joint")
    if config.reset_network and config.weights:
        refuse("reset_network", "the network would only begin with --weights, and then with random ones; leave one out")
    if config.momentum is not None and config.optimizer != "sgd":
        refuse("momentum", f"only optimizer sgd uses it, not {config.optimizer}")
    for key in sorted(unread("sgd", config.schedule)):
        if getattr(config, key) is not None:
            readers = " and ".join(name for name, settings in SCHEDULES.items() if name and key in settings)
            refuse(key, f"only schedule {readers} uses it, not {config.schedule or 'none'}")
    if config.norm_statistics == "own" and config.scenario != "task":
        refuse("norm_statistics", f"in scenario {config.scenario} nothing says whose statistics an input needs")
    if config.leave_alone and not method.symbol:
        refuse("leave_alone", f"method {config.method} has no importance of single parameters")
    if config.option("importance_batch") is not None and "batched" not in vars(config.method_options).values():
        refuse("importance_batch", "only a batched importance has mini-batches")
    _check_normalize(config, refuse)
    if (config.epochs is None) == (config.steps is None):
        raise ConfigError("give the length of each task's training in epochs or in steps, not both", "steps")
    order, classes = config.class_order, sorted(benchmark.classes)
    if order is not None and benchmark.permuted:
        refuse("class_order", f"every task of {config.benchmark} has all classes")
    if order is not None and benchmark.by_task:
        refuse("class_order", f"the classes of each task of {config.benchmark} are given")
    if classes and order not in (None, "random") and (len(order) != len(classes) or set(order) != set(classes)):
        refuse("class_order", f"name each of {shown(classes)} exactly once")
    size = size_of(config)
    if size and size.parameters > MOST_PARAMETERS:
        at_fault = "hidden" if config.option("hidden") else "model"
        refuse(at_fault, f"more than {MOST_PARAMETERS:,} parameters; choose smaller layers")


def _check_regression(config: "RunConfig", refuse: Callable[[str, str], NoReturn]) -> None:
    if config.scenario == "class":
        refuse("scenario", "targets of regression are numbers, not classes; use task or domain")
    for key, why in (("label_smoothing", "it is for classes"), ("class_order", "there are no classes")):
        if getattr(config, key) is not None:
            refuse(key, f"{config.benchmark} is a regression: {why}")
    if config.option("class_mean"):
        refuse("class_mean", f"{config.benchmark} is a regression: there are no classes")
    if config.option("fisher") == "predicted":
        refuse("fisher", "the likelihood of what the network predicts is at its maximum, where every gradient is 0")
    if config.option("huber_delta") is not None and config.option("loss") != "huber":
        refuse("huber_delta", "only --loss huber uses it")
    if config.option("unit") is not None and config.option("score") != "rmse":
        refuse("unit", "R² has none; use --score rmse")


def _check_normalize(config: "RunConfig", refuse: Callable[[str, str], NoReturn]) -> None:
    given, shape = config.normalize, shape_of(config)
    channels = {1, shape[0]} if len(shape) in (1, 3) else {1} if shape else {1, 3}
    if given == "imagenet" and 3 not in channels:
        refuse("normalize", f"it is for colours, and {config.benchmark} has none")
    if not isinstance(given, tuple):
        return
    most = max(channels)
    if len(given) not in (2, 2 * most):
        colours = f", or {most} means and then {most} deviations" if most > 1 else ""
        refuse("normalize", f"it should have 2 items, mean and standard deviation{colours}")
    if min(given[len(given) // 2 :]) <= 0:
        refuse("normalize", "a standard deviation should be greater than 0")
