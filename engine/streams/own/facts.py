"""What a session keeps of tasks that only the user's code knows. Runs no code and imports no torch."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.catalog.entries import MOST_TASKS
from engine.settings.run import RunConfig
from engine.streams.given import check_kind


def found(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a run for which this is ``given``: of a new one, whether it has all tasks that the function
    gives. The engine adds the rest when it has called the function."""
    all_tasks = given.get("all_tasks", "tasks" not in given)
    classes = given.get("task_classes")
    known = all_tasks is True and isinstance(classes, list | tuple) and len(classes) > 0
    return {"all_tasks": all_tasks, "tasks": len(classes) if known and classes is not None else MOST_TASKS}


def check(config: RunConfig, refuse: Callable[[str, str], None]) -> None:
    """Calls ``refuse`` with a setting and why it does not fit the tasks."""
    known = config.option("task_classes")
    if known and config.tasks not in (len(known), MOST_TASKS):  # the most: what it is by default
        refuse("tasks", f"the session has {len(known)} tasks")
    check_kind(config, refuse, "the targets are whole numbers: give them as floats")
    if config.option("own_validation") and config.validation:
        refuse("validation", "the tasks have their own validation sets")
    if config.class_order is not None:
        refuse("class_order", "the function says which classes each task has")
