"""Tables as tasks: what the rows say of them, and which rows each has. Imports no torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engine.catalog.entries import MOST_TASKS
from engine.streams.given import MOST_CLASSES, shared_labels, untrained
from engine.streams.table.files import Columns, Faults, Sheet, read_file
from engine.streams.table.layout import WHOLE, layout
from engine.streams.titles import of_task
from engine.text import by, some

Problem = Literal["classification", "regression"]


@dataclass(frozen=True)
class Rows:
    inputs: np.ndarray
    """Shape (N, …), float64."""
    targets: np.ndarray
    """Classes, shape (N,), as numbers or text; or numbers, shape (N, D)."""

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class TableTask:
    name: str
    parts: Mapping[str, Rows]
    """train and test, perhaps validation; or WHOLE."""
    labels: tuple[Any, ...]
    """Its classes in the order of their outputs; empty for regression."""


@dataclass(frozen=True)
class Table:
    tasks: tuple[TableTask, ...]
    problem: Problem
    shape: tuple[int, ...]
    """Of one example."""
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    """Names of the columns; those of the inputs may be unknown."""

    def labels(self, count: int, scenario: str) -> list[Sequence[Any]]:
        """The classes of each of the first ``count`` tasks."""
        return shared_labels([task.labels for task in self.tasks[:count]], scenario)

    def sizes(self, count: int, scenario: str) -> tuple[int, ...]:
        """How many classes each of the first ``count`` tasks has, or how many numbers a target has."""
        if self.problem == "regression":
            return tuple(next(iter(task.parts.values())).targets.shape[1] for task in self.tasks[:count])
        return tuple(map(len, self.labels(count, scenario)))


def read_table(path: Path, columns: Columns, kind: str | None) -> Table:
    """Raises ConfigError, which names all that is wrong."""
    tasks = tuple((of.name, tuple(of.parts.items())) for of in layout(path))
    stamps = tuple((file, *_stamp(file)) for _, parts in tasks for _, file in parts)
    return _read(path, tasks, stamps, columns, kind)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=1)
def _read(path: Path, tasks: tuple[Any, ...], _: tuple[Any, ...], columns: Columns, kind: str | None) -> Table:
    """Once while the files stay as they are: a form asks with each line, and a run when it begins."""
    faults = Faults()
    sheets = [
        (name, sheet)
        for name, parts in tasks
        for part, file in parts
        for sheet in read_file(file, part, columns, faults)
    ]
    faults.check()
    problem = _problem([sheet for _, sheet in sheets], kind, faults)
    faults.check()
    rows = _by_task(sheets, problem, faults)
    faults.check()
    made = []
    for name, parts in rows.items():
        labels = _labels(name, parts, faults) if problem == "classification" else ()
        _check_parts(name, parts, faults)
        made.append(TableTask(name, parts, labels))
    if len(made) > MOST_TASKS:
        faults.add(f"{path} has {len(made):,} tasks, more than {MOST_TASKS:,}")
    faults.check()
    first = sheets[0][1]
    return Table(tuple(made), problem, first.inputs.shape[1:], first.names, first.target_names)


def _problem(sheets: Sequence[Sheet], kind: str | None, faults: Faults) -> Problem:
    """Whole numbers and text are classes, other numbers are not, unless ``kind`` says otherwise."""
    first = sheets[0]
    for sheet in sheets[1:]:
        if missing := [name for name in first.names if name not in sheet.names]:
            faults.add(f"{sheet.path} lacks column {some(missing)}, which {first.path.name} has")
        elif new := [name for name in sheet.names if name not in first.names]:
            faults.add(f"{sheet.path} has column {some(new)}, which {first.path.name} lacks")
        elif sheet.names != first.names:
            sheet.inputs = sheet.inputs[:, [sheet.names.index(name) for name in first.names]]
        elif sheet.inputs.shape[1:] != first.inputs.shape[1:]:
            shapes = [by(of.inputs.shape[1:]) for of in (sheet, first)]
            faults.add(f"{sheet.path}: an example has {shapes[0]} values, but in {first.path.name} it has {shapes[1]}")
        if sheet.texts != first.texts:
            faults.add(f"{sheet.path} has {_what(sheet)} as targets, and {first.path.name} {_what(first)}")
    several = max(sheet.targets.shape[1] for sheet in sheets) > 1
    if first.texts and kind == "numbers":
        faults.add(
            f"{first.path}: target {first.target_names[0]} has {str(first.targets[0, 0])[:30]!r}, which is no number"
        )
    if several and kind == "classes":
        faults.add(f"{first.path}: several targets are numbers, not classes: leave out --target-kind, or name one")
    whole = all(sheet.whole or sheet.texts for sheet in sheets) and not several
    if not whole and kind == "classes":
        faults.add(
            f"{first.path}: target {first.target_names[0]} has numbers that are not whole, so they are no classes"
        )
    return "classification" if whole and kind != "numbers" else "regression"


def _what(sheet: Sheet) -> str:
    return "text" if sheet.texts else "numbers"


def _by_task(sheets: Sequence[tuple[str, Sheet]], problem: Problem, faults: Faults) -> dict[str, dict[str, Rows]]:
    """The rows of each task and part: tasks in the order of the files; those that rows name by number, or as they
    come."""
    found: dict[str, dict[str, list[Rows]]] = {}
    for name, sheet in sheets:
        given = np.array(sheet.tasks if sheet.tasks and not name else [name] * len(sheet.inputs))
        parts = np.array(sheet.parts)
        targets = sheet.targets[:, 0] if problem == "classification" else sheet.targets.astype(np.float64)
        for task in dict.fromkeys(given.tolist()):
            for part in dict.fromkeys(parts.tolist()):
                rows = (given == task) & (parts == part)
                if rows.any():
                    own = found.setdefault(task, {}).setdefault(part, [])
                    own.append(Rows(sheet.inputs[rows], targets[rows]))
    names = list(found)
    if len(names) > 1 and all(name.isdecimal() for name in names):
        names.sort(key=int)
    widths: dict[str, tuple[int, ...]] = {}
    for name in names:
        for of in (of for parts in found[name].values() for of in parts):
            if widths.setdefault(name, of.targets.shape[1:]) != of.targets.shape[1:]:
                faults.add(
                    f"{of_task(name)}: its targets have {widths[name][0]} numbers in one file, and not in another"
                )
    if faults.count:
        return {}
    return {name: {part: _joined(rows) for part, rows in found[name].items()} for name in names}


def _joined(rows: Iterable[Rows]) -> Rows:
    own = list(rows)
    return Rows(np.concatenate([of.inputs for of in own]), np.concatenate([of.targets for of in own]))


def _check_parts(name: str, parts: Mapping[str, Rows], faults: Faults) -> None:
    which = of_task(name)
    if WHOLE in parts:
        if len(parts) > 1:
            faults.add(f"{which}: some of its rows are divided into train and test, and some are not")
        elif len(parts[WHOLE]) < 2:
            faults.add(f"{which} has a single row, so none is left to test on")
        return
    for part in ("train", "test"):
        if part not in parts:
            faults.add(f"{which} has no rows for {part}")


def _labels(name: str, parts: Mapping[str, Rows], faults: Faults) -> tuple[Any, ...]:
    trained = parts.get(WHOLE) or parts.get("train")
    known = set() if trained is None else set(trained.targets.tolist())
    for part, rows in parts.items():
        if trained is not None and (wrong := untrained(rows.targets.tolist(), known)):
            faults.add(f"{of_task(name)}, {part}: {wrong}")
    if len(known) > MOST_CLASSES:
        faults.add(f"{of_task(name)} has {len(known):,} classes: say --target-kind numbers if its targets are numbers")
    return tuple(sorted(known))
