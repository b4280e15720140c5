"""Tasks that a function in the user's own file returns or yields, as a stream."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.catalog.entries import MOST_TASKS
from engine.catalog.own import file_and_name
from engine.errors import BenchmarkError
from engine.seeds import number, others_seeded
from engine.settings.own_code import Code, a_kind, called, load, named, running
from engine.settings.run import FirstTask, RunConfig, validated
from engine.streams.examples import DataSet, Examples, ExampleStream
from engine.streams.given import MOST_CLASSES, classes, difference, kept_labels, repeated, shared_labels, untrained
from engine.streams.own.parts import Fault, Part, read_part
from engine.streams.progress import QUIET, Progress
from engine.streams.titles import LONGEST_NAME, safe, title
from engine.text import by, listed, some

EXAMPLE = "def tasks(), def tasks(seed) or def tasks(seed, data_dir)"
KEYS = ("train", "test", "validation")


class OwnTask(NamedTuple):
    name: str
    """Empty if the user gives none."""
    parts: Mapping[str, Part]
    """By their names in KEYS; there may be no validation."""

    @property
    def train(self) -> Part:
        return self.parts["train"]


def stream(config: RunConfig, progress: Progress = QUIET) -> ExampleStream:
    """Raises ConfigError, UntrustedCode or BenchmarkError, which names all that is wrong."""
    code = next(code for code in named(dict(config)) if code.setting == "benchmark")
    with _seeded(config.seed):
        function = load(code)
        given = called(code, function, {"seed": config.seed, "data_dir": config.data_dir}, EXAMPLE)
        tasks = list(_read(config, code, given, progress))
    known = bool(config.option("task_classes"))
    if len(tasks) < config.tasks and (known or not config.option("all_tasks")):
        there = f"only {len(tasks)} task{'s' * (len(tasks) != 1)}"
        wanted = f"this run has {config.tasks}" if known else f"{config.tasks} are asked for"
        raise BenchmarkError(f"{code.label} gives {there}, but {wanted}")
    _check_alike(code, tasks)
    is_regression = tasks[0].train.targets.is_floating_point()
    labels: list[Sequence[int]] = [] if is_regression else _labels(config, code, tasks)
    says = _says(config, tasks, labels)
    if known and (why := difference(config, says)):
        raise BenchmarkError(
            f"{code.label} gives other tasks than this session has ({why}): restore the code, or start a new run"
        )
    config = validated(config.plain() | says)
    _check_inputs(config, code, tasks[0].train.kind)
    sets = [_data_set(task, labels[place] if labels else None) for place, task in enumerate(tasks)]
    names = _names(tasks, labels)
    made = ExampleStream.of_tasks(config, list(zip(names, sets, strict=True)), tasks[0].train.shape, labels)
    made.says = says
    made.notes += (_told(code, names, tasks, labels), *_remarks(config, tasks, labels, names))
    return made


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The user's code draws the same whenever it is called."""
    start = number(seed, "own tasks")
    with torch.random.fork_rng(devices=[]), others_seeded(start):
        torch.default_generator.manual_seed(start)
        yield


# Reading


def _read(config: RunConfig, code: Code, given: object, progress: Progress) -> Iterator[OwnTask]:
    """The tasks that the run needs. All faults of all of them are named together."""
    if not isinstance(given, Iterable) or isinstance(given, Mapping | str | bytes | Tensor | np.ndarray):
        raise code.problem(f"{code.name} gives {_kind(given)}: it should return a list of tasks, or yield them")
    known = config.option("task_classes") or not config.option("all_tasks")
    tasks, faults = iter(given), list[str]()
    for place in range(config.tasks if known else MOST_TASKS + 1):
        progress.tell(f"reading task {place + 1} of {code.path.name}")
        progress.check()
        with running(code, f"task {place + 1}"):
            task = next(tasks, None)
        if task is None:
            break
        if place == MOST_TASKS:
            raise BenchmarkError(f"{code.label} gives more than {MOST_TASKS:,} tasks: say --tasks N")
        try:
            yield _task(config, code, place, task, progress)
        except Fault as fault:
            faults.append(f"task {place + 1}{fault}")
    else:
        place += 1
    _refuse(code, faults)
    if not place:
        raise BenchmarkError(f"{code.label} gives no task")


def _task(config: RunConfig, code: Code, place: int, given: object, progress: Progress) -> OwnTask:
    """Raises Fault, whose text follows the task's number."""
    if isinstance(given, Mapping):
        parts, name = {key: of for key, of in given.items() if key != "name"}, given.get("name", "")
        if not {"train", "test"} <= parts.keys() <= set(KEYS):
            raise Fault(
                f" has {some([repr(key) for key in given], 10) or 'nothing'}: a dict has 'train', 'test', and perhaps "
                f"'validation' and 'name'"
            )
        if not isinstance(name, str) or len(name) > LONGEST_NAME:
            raise Fault(f": its name should be a text of at most {LONGEST_NAME} letters")
    elif isinstance(given, tuple | list) and len(given) == 2:
        parts, name = dict(zip(KEYS, given, strict=False)), ""
    else:
        raise Fault(f" is {_kind(given)}: give a pair (train, test), or a dict with 'train' and 'test'")
    read, faults = {}, list[str]()
    for key, of in parts.items():

        def told(count: str, key: str = key) -> None:
            progress.tell(f"reading task {place + 1}, {key}: {count}")
            progress.check()

        try:
            with running(code, f"task {place + 1}, {key}"):
                read[key] = read_part(of, _needed(config, place) if key == "train" else None, told)
        except Fault as fault:
            faults.append(f", {key}: {fault}")
    if faults:
        raise Fault(f"; task {place + 1}".join(faults))
    return OwnTask(safe(name.strip()), read)


def _needed(config: RunConfig, place: int) -> int | None:
    """How many training examples the steps of a task take; None if it is trained for epochs."""
    own = config.first_task if place == 0 and config.first_task else FirstTask()
    if own.epochs or config.epochs or config.steps is None:
        return None
    return config.steps * (own.batch_size or config.batch_size)


def _kind(value: object) -> str:
    return a_kind(value) + (f" of {len(value)}" if isinstance(value, tuple | list) else "")


# What fits together


def _check_alike(code: Code, tasks: Sequence[OwnTask]) -> None:
    """Raises BenchmarkError if the network could not take the inputs of all tasks, or targets are of two kinds."""
    first, faults = tasks[0].train, []
    for place, task in enumerate(tasks, start=1):
        for key, part in task.parts.items():
            where = f"task {place}, {key}"
            if part.shape != first.shape:
                faults.append(f"{where}: an input is {by(part.shape)}, but in task 1 it is {by(first.shape)}")
            elif part.kind != first.kind:
                faults.append(f"{where}: inputs are {part.kind}, but in task 1 they are {first.kind}")
            if part.targets.dtype != first.targets.dtype:
                faults.append(f"{where}: targets are {_of(part)}, but in task 1 they are {_of(first)}")
            elif part.targets.shape[1:] != task.train.targets.shape[1:]:
                sizes = part.targets.shape[1], task.train.targets.shape[1]
                faults.append(f"{where}: a target has {sizes[0]} numbers, but {sizes[1]} in its training data")
        if ("validation" in task.parts) != ("validation" in tasks[0].parts):
            faults.append(f"task {place}: either all tasks have a validation set, or none has")
    _refuse(code, faults)


def _check_inputs(config: RunConfig, code: Code, kind: str) -> None:
    if config.option("augment") and kind != "bytes":
        raise BenchmarkError(f"augment changes images of bytes (uint8); {code.path.name} gives {kind}")
    if kind != "int64":
        return
    if config.normalize is not None:
        raise BenchmarkError(f"normalize is for numbers that measure something; {code.path.name} gives whole numbers")
    if file_and_name(config.model) is None:
        raise BenchmarkError(
            f"{code.path.name} gives inputs that are whole numbers, which only a network of your own can take: give "
            f"them as floats"
        )


def _of(part: Part) -> str:
    return "numbers (floats)" if part.targets.is_floating_point() else "classes (whole numbers)"


def _refuse(code: Code, faults: Sequence[str]) -> None:
    if faults:
        raise BenchmarkError(f"{code.label}: {listed(faults, len(faults))}")


def _labels(config: RunConfig, code: Code, tasks: Sequence[OwnTask]) -> list[Sequence[int]]:
    found, faults = [], []
    for place, task in enumerate(tasks, start=1):
        trained = set(task.train.targets.unique().tolist())
        for key, part in task.parts.items():
            if wrong := untrained(part.targets.unique().tolist(), trained):
                faults.append(f"task {place}, {key}: {wrong}")
        if len(trained) > MOST_CLASSES:
            faults.append(f"task {place} has {len(trained):,} classes: for regression, give targets as floats")
        found.append(sorted(trained))
    _refuse(code, faults)
    return shared_labels(found, config.scenario)


def _data_set(task: OwnTask, labels: Sequence[int] | None) -> DataSet:
    def examples(part: Part) -> Examples:
        if labels is None:
            return Examples(part.inputs, part.targets)
        return Examples(part.inputs, torch.searchsorted(torch.tensor(labels), part.targets))

    made = {key: examples(part) for key, part in task.parts.items()}
    return DataSet(made["train"], made["test"], made.get("validation"))


# What is told


def _says(config: RunConfig, tasks: Sequence[OwnTask], labels: Sequence[Sequence[int]]) -> dict[str, Any]:
    sizes = [len(of) for of in labels] or [task.train.targets.shape[1] for task in tasks]
    return {
        "tasks": len(tasks),
        "task_classes": sizes,
        "problem": "classification" if labels else "regression",
        "example": list(tasks[0].train.shape),
        "task_labels": kept_labels(labels),
        "own_validation": "validation" in tasks[0].parts,
    }


def _names(tasks: Sequence[OwnTask], labels: Sequence[Sequence[int]]) -> list[str]:
    """The user's, or after the classes; numbers, if that does not tell the tasks apart."""
    titles = [title([str(label) for label in of]) for of in labels]
    if len(set(titles)) < len(tasks):
        titles = [f"task {number}" for number in range(1, len(tasks) + 1)]
    return [task.name or made for task, made in zip(tasks, titles, strict=True)]


def _told(code: Code, names: Sequence[str], tasks: Sequence[OwnTask], labels: Sequence[Sequence[int]]) -> str:
    told = []
    for place, (name, task) in enumerate(zip(names, tasks, strict=True)):
        sizes = [f"{len(part.inputs):,} {key}" for key, part in task.parts.items()]
        numbers = task.train.targets.shape[-1]
        kind = f"classes {some([str(label) for label in labels[place]], 10)}" if labels else f"{numbers} numbers"
        told.append(f"{name} ({kind}; {', '.join(sizes)})")
    first = tasks[0].train
    return f"{code.label}: inputs of {by(first.shape)} ({first.kind}); tasks: {some(told, 10)}"


def _remarks(
    config: RunConfig, tasks: Sequence[OwnTask], labels: Sequence[Sequence[int]], names: Sequence[str]
) -> Iterator[str]:
    yield from repeated([label for of in labels for label in of], config.scenario)
    for name, task, of in zip(names, tasks, labels, strict=False):
        there = set(task.parts["test"].targets.unique().tolist())
        if untested := [label for label in of if label not in there]:
            yield f"task {name}: trained but not tested, because there are no test examples: {classes(untested)}"
