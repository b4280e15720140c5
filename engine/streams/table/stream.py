"""A table as a stream of tasks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from engine.errors import BenchmarkError, ConfigError
from engine.settings.run import RunConfig
from engine.streams.examples import DataSet, Examples, ExampleStream, held_out
from engine.streams.given import difference
from engine.streams.progress import QUIET, Progress
from engine.streams.table.facts import columns_of, says
from engine.streams.table.layout import WHOLE
from engine.streams.table.reading import Rows, Table, TableTask, read_table
from engine.streams.titles import of_task
from engine.text import by, some

SPLIT_SEED = 0
"""For every seed of a run, the same rows are tested on."""


def stream(config: RunConfig, progress: Progress = QUIET) -> ExampleStream:
    progress.tell(f"reading {config.data_dir}")
    progress.check()
    table = read_table(Path(config.data_dir), columns_of(config), config.option("target_kind"))
    _check_same(config, table)
    labels = table.labels(config.tasks, config.scenario)
    made = []
    for number, (task, own) in enumerate(zip(table.tasks, labels, strict=False)):
        if config.validation and "validation" in task.parts:
            raise ConfigError(f"validation = {config.validation:g}: the table has a validation part", "validation")
        name = task.name or (f"task {number + 1}" if len(table.tasks) > 1 else "table")
        made.append((name, _data_set(config, task, own, number)))
    found = ExampleStream.of_tasks(config, made, table.shape, labels)
    found.notes += (_told(config, table),)
    return found


def _check_same(config: RunConfig, table: Table) -> None:
    """Raises BenchmarkError if the table has other columns or tasks than this run."""
    if why := difference(config, says(table, min(config.tasks, len(table.tasks)), config.scenario)):
        raise BenchmarkError(
            f"{config.data_dir} is another table than this run has ({why}): restore it, name the right one with "
            f"--data-dir, or start a new run"
        )


def _data_set(config: RunConfig, task: TableTask, labels: Sequence[Any], number: int) -> DataSet:
    kind = torch.float32 if config.normalize is None else torch.float64  # which normalising makes single
    parts = {part: _examples(rows, labels, kind) for part, rows in task.parts.items()}
    if WHOLE not in parts:
        return DataSet(parts["train"], parts["test"], parts.get("validation"))
    whole = DataSet(parts[WHOLE], parts[WHOLE])
    divided = held_out(whole, config.option("tested_share"), SPLIT_SEED, number)
    assert divided.validation is not None
    if not len(divided.validation):
        raise BenchmarkError(f"{of_task(task.name)}: it has too few rows of each class to test on: add some")
    return DataSet(divided.train, divided.validation)


def _examples(rows: Rows, labels: Sequence[Any], kind: torch.dtype) -> Examples:
    inputs = torch.from_numpy(rows.inputs).to(kind)
    if not labels:
        return Examples(inputs, torch.from_numpy(rows.targets))
    places: Mapping[Any, int] = {label: place for place, label in enumerate(labels)}
    return Examples(inputs, torch.tensor([places[label] for label in rows.targets.tolist()]))


def _told(config: RunConfig, table: Table) -> str:
    what = "classes" if table.problem == "classification" else "numbers"
    columns = some(table.inputs, 10) or by(table.shape)
    return f"table {config.data_dir}: inputs {columns}; targets {some(table.targets, 10)}, which are {what}"
