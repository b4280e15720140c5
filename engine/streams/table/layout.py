"""Which files of a folder are tables, and the tasks that their names say. Opens none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.entries import MOST_TASKS
from engine.errors import ConfigError
from engine.streams.titles import LONGEST_NAME, natural, safe
from engine.text import some

SUFFIXES = (".csv", ".tsv", ".npz")
PARTS = {"train": "train", "test": "test", "validation": "validation", "val": "validation"}
"""The parts of a task's examples, by what files and cells may call them."""
WHOLE = "whole"
"""A file whose rows are still to be divided."""


@dataclass(frozen=True)
class TaskFiles:
    name: str
    """Empty if the rows say which task they are of."""
    parts: Mapping[str, Path]


def layout(path: Path) -> list[TaskFiles]:
    """The tables in ``path``, which is a table or a folder: of train.csv and test.csv, of a folder with these for each
    task, or of a table for each task. Raises ConfigError."""
    try:
        if path.is_file():
            return [TaskFiles("", {WHOLE: path})]
        inside = sorted(path.iterdir(), key=lambda file: natural(file.name))
        if own := _parts(inside):
            return [TaskFiles("", _whole(path, own))]
        folders = [(folder, own) for folder in inside if folder.is_dir() and (own := _parts(list(folder.iterdir())))]
        found = [TaskFiles(_name(folder.name), _whole(folder, own)) for folder, own in folders]
        if not found:
            found = [TaskFiles(_name(file.stem), {WHOLE: file}) for file in inside if _is_table(file)]
    except OSError as error:
        raise ConfigError(f"data_dir = {path}: it cannot be read: {error.strerror}", "data_dir") from None
    if not found:
        raise ConfigError(
            f"data_dir = {path}: there is no table ({', '.join(SUFFIXES)}) in it, nor a folder with train.csv and "
            f"test.csv; name a file or a folder that has some with --data-dir",
            "data_dir",
        )
    if len(found) > MOST_TASKS:
        raise ConfigError(
            f"data_dir = {path}: it has tables of {len(found):,} tasks, more than {MOST_TASKS:,}", "data_dir"
        )
    names = [task.name for task in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"data_dir = {path}: several tables are of task {some(twice)}: rename them", "data_dir")
    return found


def _parts(files: list[Path]) -> dict[str, Path]:
    """The files that are named after a part. None if none is called train."""
    found = {PARTS[file.stem.lower()]: file for file in files if _is_table(file) and file.stem.lower() in PARTS}
    return found if "train" in found else {}


def _whole(folder: Path, parts: dict[str, Path]) -> dict[str, Path]:
    if "test" not in parts:
        raise ConfigError(f"data_dir: {folder} has {parts['train'].name}, but no table called test", "data_dir")
    return parts


def _is_table(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _name(stem: str) -> str:
    """
    >>> _name("01-north"), _name("2"), _name("a.b")
    ('north', '2', 'a.b')
    """
    return task_name(re.sub(r"^\d+[-_. ]+(?=.)", "", stem))


def task_name(text: str) -> str:
    return safe(text.strip())[:LONGEST_NAME]
