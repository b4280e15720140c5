"""What a table says of a run: its tasks, its columns, and whether targets are classes or numbers. Imports no torch."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.catalog.benchmarks.table import TableOptions
from engine.disk import expanded
from engine.errors import ConfigError
from engine.settings.run import RunConfig
from engine.streams.given import check_kind, kept_labels
from engine.streams.table.files import Columns
from engine.streams.table.layout import layout
from engine.streams.table.reading import Table, read_table

TEXTS = ("task_column", "split_column")


def found(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the table says of a run for which this is ``given``; of a folder alone, only whether it has tables. Raises
    ConfigError."""
    folder = given["data_dir"]
    if not isinstance(folder, str):
        return {}
    path = Path(expanded(folder, "data_dir"))
    if "benchmark" not in given:
        layout(path)
        return {}
    if given.get("example") and isinstance(known := given.get("task_classes"), list | tuple) and known:
        return {"tasks": len(known), "normalize_targets": given.get("problem") == "regression"}
    lists = [given.get(key) or () for key in ("targets", "ignore_columns")]
    texts = {key: given.get(key) or TableOptions.kept[key].default for key in TEXTS}
    sound = all(isinstance(of, list | tuple) and all(isinstance(name, str) for name in of) for of in lists)
    if not sound or not all(isinstance(of, str) for of in texts.values()):
        return {}  # which will be refused
    kind, scenario, tasks = given.get("target_kind"), given.get("scenario"), given.get("tasks")
    table = read_table(path, Columns(tuple(lists[0]), tuple(lists[1]), *texts.values()), str(kind) if kind else None)
    count = tasks if isinstance(tasks, int) and 1 <= tasks <= len(table.tasks) else len(table.tasks)
    return says(table, count, str(scenario)) | {"tasks": count, "normalize_targets": table.problem == "regression"}


def says(table: Table, count: int, scenario: str) -> dict[str, Any]:
    return {
        "problem": table.problem,
        "example": list(table.shape),
        "task_classes": list(table.sizes(count, scenario)),
        "task_labels": kept_labels(table.labels(count, scenario)) if table.problem == "classification" else [],
    }


def more_rows(config: RunConfig, more: int) -> dict[str, Any]:
    """What the table says of a run that has ``more`` tasks than ``config``. Raises ConfigError."""
    table = read_table(Path(config.data_dir), columns_of(config), config.option("target_kind"))
    count, there = config.tasks + more, len(table.tasks)
    if count > there:
        raise ConfigError(
            f"--tasks +{more}: {config.data_dir} has {there} tasks, and the session knows {config.tasks} of them: add "
            f"a file for each new task, or rows",
            "tasks",
        )
    facts = says(table, count, config.scenario)
    if tuple(facts["task_classes"][: config.tasks]) != config.classes_by_task():
        raise ConfigError(
            f"--tasks +{more}: the new tasks have classes that the earlier ones lack, and in scenario domain all tasks "
            f"share their outputs: start a new run",
            "tasks",
        )
    return facts | {"tasks": count}


def columns_of(config: RunConfig) -> Columns:
    lists = config.option("targets") or (), config.option("ignore_columns") or ()
    return Columns(*lists, *(config.option(key) for key in TEXTS))


def check(config: RunConfig, refuse: Callable[[str, str], None]) -> None:
    """Calls ``refuse`` with a setting and why it does not fit the table."""
    known = config.option("task_classes")
    if len(known) != config.tasks:
        refuse("tasks", f"{config.data_dir} has {len(known)}")
    if config.class_order is not None:
        refuse("class_order", "the rows say which classes each task has")
    if config.option("importance_data") not in (None, "train", "test"):
        refuse("importance_data", "a table is measured on train or test")
    check_kind(config, refuse, "these targets are classes; say --target-kind numbers")
