"""The classes of a folder of images, and how a run divides them into tasks. Imports no torch."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from engine.catalog.entries import group_sizes
from engine.disk import expanded
from engine.errors import ConfigError
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
    further = _further(given)
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
    return {"classes": classes, "tasks": tasks, "classes_per_task": each, **further}


def _further(given: Mapping[str, Any]) -> dict[str, Any]:
    """The classes of further folders. Raises ConfigError."""
    folders = given.get("more")
    if not isinstance(folders, list | tuple) or given.get("more_classes") is not None:
        return {}
    each = [names(task_folders(Path(expanded(str(folder), "more")))) for folder in folders]
    return {"more_classes": sum(each, ()), "more_sizes": tuple(map(len, each))}


def check(config: RunConfig, refuse: Callable[[str, str], None]) -> None:
    """Calls ``refuse`` with a setting and why it does not fit the classes."""
    classes, every = config.option("classes"), config.option("classes_per_task")
    _check_further(config, refuse)
    each = every[: (config.option("more_at") or (len(every),))[0]]
    tasks = config.tasks - (len(every) - len(each))
    sizes = by_folder(classes)
    if sizes and tasks > len(sizes):
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
    if tasks > there:
        refuse("tasks", few)
    if len(every) != config.tasks:
        refuse("classes_per_task", f"it has {len(every)} tasks instead of {config.tasks}")
    if sum(each) > there:
        refuse("classes_per_task", few)


def _check_further(config: RunConfig, refuse: Callable[[str, str], None]) -> None:
    folders, at = config.option("more") or (), config.option("more_at") or ()
    sizes, each = config.option("more_sizes") or (), config.option("classes_per_task")
    if len(at) != len(folders):
        refuse("more_at", f"there are {len(folders) or 'no'} further folders")
    if not folders:
        return
    if not all(one < other for one, other in pairwise((0, *at, len(each)))):
        refuse("more_at", f"name ascending numbers below that of the tasks, {len(each)}")
    if len(sizes) != len(folders) or sum(sizes) != len(config.option("more_classes") or ()):
        refuse("more_sizes", "it does not fit the classes of the further folders")
    for folder, size, start, end in zip(folders, sizes, at, (*at[1:], len(each)), strict=True):
        if (asked := sum(each[start:end])) > size:
            refuse("classes_per_task", f"{folder} has {size} classes, not {asked}")


def groups(config: RunConfig, shuffled: Callable[[int], Sequence[int]]) -> list[list[int]]:
    """The classes of each task, counted from 0 over all folders. ``shuffled`` gives a random order of that many."""
    classes, order = config.option("classes"), config.class_order
    if order == "random":
        numbers = list(shuffled(len(classes)))
    else:
        chosen = [_number(classes, name) for name in order] if isinstance(order, tuple) else range(len(classes))
        numbers = [number for number in chosen if number is not None]
    rest, firsts = iter(numbers), dict[int, Iterator[int]]()
    start = len(classes)
    for task, size in zip(config.option("more_at") or (), config.option("more_sizes") or (), strict=False):
        firsts[task], start = iter(range(start, start + size)), start + size
    made = list[list[int]]()
    for task, count in enumerate(config.option("classes_per_task")):
        rest = firsts.get(task, rest)
        made.append(list(islice(rest, count)))
    return made


def all_classes(config: RunConfig) -> tuple[str, ...]:
    """Of all folders, in the order of their numbers."""
    return (*config.option("classes"), *(config.option("more_classes") or ()))


def _number(classes: Sequence[str], name: str | int) -> int | None:
    """The place of a class that is given by its name, or else by its place."""
    if str(name) in classes:
        return classes.index(str(name))
    return name if isinstance(name, int) and 0 <= name < len(classes) else None


def more_images(config: RunConfig, more: int | None, folder: str | None) -> dict[str, Any]:
    """The settings with ``more`` tasks, of classes that no task has yet, or with the tasks of another ``folder``, by
    default one for each folder that it has for a task, or a single one. Reads names of folders. Raises ConfigError."""
    each = config.option("classes_per_task")
    if folder is None:
        if more is None:
            raise ConfigError(
                "say how many tasks to add, --tasks +1, or name a folder with their images, --data-dir", "tasks"
            )
        counts = _left(config, more)
        return {"tasks": config.tasks + more, "classes_per_task": (*each, *counts)}
    new = names(task_folders(Path(expanded(folder, "data_dir"))))
    if known := sorted(set(new) & set(all_classes(config))):
        raise ConfigError(
            f"data_dir = {folder}: the session knows {some(known)} already: name a folder that has only what is new",
            "data_dir",
        )
    counts = _counts(new, more, folder)
    folders, at = config.option("more") or (), config.option("more_at") or ()
    return {
        "tasks": config.tasks + len(counts),
        "classes_per_task": (*each, *counts),
        "more": (*folders, folder),
        "more_at": (*at, config.tasks),
        "more_classes": (*(config.option("more_classes") or ()), *new),
        "more_sizes": (*(config.option("more_sizes") or ()), len(new)),
    }


def _counts(new: Sequence[str], more: int | None, folder: str) -> tuple[int, ...]:
    """The number of classes of each task of a new folder. Raises ConfigError."""
    sizes = tuple(by_folder(new).values())
    there = len(sizes or new)
    if more is not None and more > there:
        what = "folders for only" if sizes else "only"
        raise ConfigError(f"--tasks +{more}: {folder} has {what} {there} {'tasks' if sizes else 'classes'}", "tasks")
    return sizes[:more] or group_sizes(len(new), more or 1)


def _left(config: RunConfig, more: int) -> tuple[int, ...]:
    """The number of classes of each of ``more`` tasks, of those that the newest folder has left. Raises ConfigError."""
    each, at = config.option("classes_per_task"), (config.option("more_at") or (0,))[-1]
    further, order = config.option("more_sizes"), config.class_order
    classes: Sequence[str] = config.option("classes")
    if further:
        classes = config.option("more_classes")[-further[-1] :]
    elif isinstance(order, tuple):
        classes = [str(name) for name in order]
    sizes = tuple(by_folder(classes).values())[config.tasks - at :]
    left = len(sizes) if by_folder(classes) else len(classes) - sum(each[at:])
    if more > left:
        folder = (config.option("more") or (config.data_dir,))[-1]
        what = ("folder for a task" if left == 1 else "folders for tasks") if by_folder(classes) else "classes"
        raise ConfigError(
            f"--tasks +{more}: {folder} has {left or 'no'} {'class' if (left, what) == (1, 'classes') else what} left; "
            f"name another folder with --data-dir",
            "tasks",
        )
    same = (each[-1],) * more
    return sizes[:more] or (same if sum(same) <= left else group_sizes(left, more))
