"""The classes of a folder of images, and how a run divides them into tasks. Imports no torch."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.catalog.entries import group_sizes
from engine.disk import expanded
from engine.settings.run import RunConfig
from engine.settings.text import shown
from engine.streams.images.layout import ImageTask, TaskFolder, task_folders
from engine.text import some

USUAL_TASKS = 5


def names(tasks: Sequence[TaskFolder | ImageTask]) -> tuple[str, ...]:
    """Every class; in a folder for each task, "TASK/CLASS"."""
    return tuple(f"{task.name}/{name}" if task.name else name for task in tasks for name in task.classes)


def by_folder(classes: Sequence[str]) -> dict[str, int]:
    """The number of classes of each task that has a folder; empty if the classes are in one folder.

    >>> by_folder(["t1/ant", "t1/bee", "t2/ant"]), by_folder(["ant", "bee"])
    ({'t1': 2, 't2': 1}, {})
    """
    return dict(Counter(task for task, slash, _ in (name.partition("/") for name in classes) if slash))


def found(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a folder says of a run for which this is ``given``: its classes, and how many each task has.

    Reads names of folders alone, and nothing if the classes are given. Raises ConfigError.
    """
    classes, folder = given.get("classes"), given["data_dir"]
    if classes is None:
        if not isinstance(folder, str):
            return {}
        classes = names(task_folders(Path(expanded(folder, "data_dir"))))
    if not (isinstance(classes, list | tuple) and all(isinstance(name, str) for name in classes)):
        return {"classes_per_task": ()}
    sizes = tuple(by_folder(classes).values())
    tasks: Any = given.get("tasks")
    each, order = given.get("classes_per_task"), given.get("class_order")
    if isinstance(each, list | tuple):
        tasks = len(each)
    elif sizes:
        tasks = min(tasks, len(sizes)) if isinstance(tasks, int) else len(sizes)
        each = sizes[:tasks]
    else:
        count = len(order) if isinstance(order, list | tuple) else len(classes)
        usual = min(USUAL_TASKS, max(1, count // 2))
        within = isinstance(tasks, int) and 1 <= tasks <= max(1, count)
        tasks = tasks if within else usual
        each = group_sizes(count, tasks)
    return {"classes": classes, "tasks": tasks, "classes_per_task": each}


def check(config: RunConfig, refuse: Callable[[str, str], None]) -> None:
    """Calls ``refuse`` with a setting and why it does not fit the classes."""
    classes, each = config.option("classes"), config.option("classes_per_task")
    sizes = by_folder(classes)
    if sizes and config.tasks > len(sizes):
        refuse("tasks", f"{config.data_dir} has folders for {len(sizes)} tasks")
    if sizes and config.class_order is not None:
        refuse("class_order", "each task has a folder with its own classes")
    if sizes and each != tuple(sizes.values())[: len(each)]:
        refuse("classes_per_task", f"the tasks' folders have {shown(tuple(sizes.values()))}")
    order = config.class_order if isinstance(config.class_order, tuple) else ()
    unknown = [name for name in order if _number(classes, name) is None]
    if unknown:
        refuse("class_order", f"there is no class {shown(unknown[0])} among {some(classes, 10)}")
    if len({_number(classes, name) for name in order}) < len(order):
        refuse("class_order", "name each class once")
    there = len(order or classes)
    few = f"there are only {there} classes" if there > 1 else "there is only 1 class"
    if config.tasks > there:
        refuse("tasks", few)
    if len(each) != config.tasks:
        refuse("classes_per_task", f"it has {len(each)} tasks instead of {config.tasks}")
    if sum(each) > there:
        refuse("classes_per_task", few)


def groups(config: RunConfig, shuffled: Callable[[int], Sequence[int]]) -> list[list[int]]:
    """The classes of each task, counted from 0. ``shuffled`` gives a random order of that many."""
    classes, order = config.option("classes"), config.class_order
    if order == "random":
        numbers = list(shuffled(len(classes)))
    else:
        chosen = [_number(classes, name) for name in order] if isinstance(order, tuple) else range(len(classes))
        numbers = [number for number in chosen if number is not None]
    made, start = [], 0
    for count in config.option("classes_per_task"):
        made.append(numbers[start : start + count])
        start += count
    return made


def _number(classes: Sequence[str], name: str | int) -> int | None:
    """The place of a class that is given by its name, or else by its place."""
    if str(name) in classes:
        return classes.index(str(name))
    return name if isinstance(name, int) and 0 <= name < len(classes) else None
