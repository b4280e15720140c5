"""Reads one table: a CSV or npz file. What is wrong is collected, with the line."""

import csv
import re
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import is_zipfile

import numpy as np

from engine.errors import ConfigError, first_line
from engine.streams.given import TARGETS
from engine.streams.table.layout import PARTS, WHOLE, task_name
from engine.text import MOST_FAULTS, listed, some, visible

MOST_NUMBER = 3e38
"""Largest number that float32 holds, nearly."""
DELIMITERS = ",;\t|"
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass
class Faults:
    """What is wrong, as far as it is kept, and how much there is."""

    told: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, what: str) -> None:
        self.count += 1
        if self.count <= MOST_FAULTS:
            self.told.append(what)

    def check(self) -> None:
        """Raises ConfigError with all of them."""
        if self.count:
            raise ConfigError(f"{listed(self.told, self.count)}: correct the table", "data_dir")


@dataclass(frozen=True)
class Columns:
    """Which columns are what."""

    targets: tuple[str, ...]
    """Empty: one with a usual name."""
    ignored: tuple[str, ...]
    task: str
    part: str


@dataclass
class Sheet:
    """Rows of a table."""

    path: Path
    inputs: np.ndarray
    """Shape (N, …), float64."""
    targets: np.ndarray
    """Shape (N, D): whole numbers, other numbers (float64), or text."""
    names: tuple[str, ...]
    """Of the input columns; empty if they have none."""
    target_names: tuple[str, ...]
    tasks: list[str]
    """Of each row; empty if the file's name says it."""
    parts: list[str]
    """Of each row: train, test, validation, or WHOLE."""

    @property
    def texts(self) -> bool:
        return self.targets.dtype.kind == "U"

    @property
    def whole(self) -> bool:
        return self.targets.dtype.kind == "i"


def read_file(path: Path, part: str, columns: Columns, faults: Faults) -> list[Sheet]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("it is not a regular file")
        if path.suffix.lower() == ".npz":
            return _read_npz(path, part, faults)
        return _read_csv(path, part, columns, faults)
    except ConfigError:
        raise
    except UnicodeDecodeError:
        faults.add(f"{path} is not in UTF-8")
    except MemoryError:
        faults.add(f"{path} is larger than the memory")
    except OSError as error:
        faults.add(f"{path} cannot be read: {error.strerror or first_line(error)}")
    except Exception as error:  # on a damaged file NumPy and zipfile may raise almost anything
        faults.add(f"{path} cannot be read: {first_line(error)}")
    return []


# CSV


def _read_csv(path: Path, part: str, columns: Columns, faults: Faults) -> list[Sheet]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        first = file.readline()
        if not first.strip():
            faults.add(f"{path} is empty: its first line should name the columns")
            return []
        delimiter = max(DELIMITERS, key=first.count)
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        lines, rows = list[int](), list[list[str]]()
        try:
            header = [name.strip() for name in next(reader)]
            roles = _roles(path, header, columns, faults)
            for row in reader if roles else ():  # a form asks for each letter of a column's name
                if len(row) == len(header):
                    lines.append(reader.line_num)
                    rows.append(row)
                elif row:
                    faults.add(
                        f"{path}, line {reader.line_num}: {len(row)} values, but there are {len(header)} columns"
                    )
        except csv.Error as error:
            faults.add(f"{path}, line {reader.line_num}: {error}")
            return []
    if roles is None:
        return []
    if not rows:
        faults.add(f"{path} has no rows")
        return []

    def cells(column: int) -> list[str]:
        return [row[column].strip() for row in rows]

    def where(row: int, name: str) -> str:
        return f"{path}, line {lines[row]}, column {name}"

    inputs, targets = roles
    places = {name: place for place, name in enumerate(header)}
    numbers = [_numbers(cells(places[name]), name, where, faults) for name in inputs]
    found = [_target(cells(places[name]), name, where, faults) for name in targets]
    if len(found) > 1 and any(of.dtype.kind == "U" for of in found):
        texts = [name for name, of in zip(targets, found, strict=True) if of.dtype.kind == "U"]
        faults.add(f"{path}: column {some(texts)} has no numbers, which several targets should be")
        found = [np.zeros(len(rows))]
    tasks = []
    if columns.task in header:
        tasks = [task_name(cell) for cell in cells(header.index(columns.task))]
        for number in [number for number, task in enumerate(tasks) if not task]:
            faults.add(f"{where(number, columns.task)}: it is empty")
    parts = [part] * len(rows)
    if part == WHOLE and columns.part in header:
        given = [cell.lower() for cell in cells(header.index(columns.part))]
        for number in [number for number, cell in enumerate(given) if cell not in PARTS]:
            faults.add(f"{where(number, columns.part)}: {given[number][:30]!r} should be train, test or validation")
        parts = [PARTS.get(cell, WHOLE) for cell in given]
    stacked = np.stack(numbers, 1) if numbers else np.empty((len(rows), 0))
    return [Sheet(path, stacked, np.stack(found, 1), inputs, targets, tasks, parts)]


def _roles(
    path: Path, header: Sequence[str], columns: Columns, faults: Faults
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The columns of inputs, and those of targets."""
    if "" in header:
        faults.add(f"{path}, line 1: a column has no name")
        return None
    if len(set(header)) < len(header):
        twice = [name for name, count in Counter(header).items() if count > 1]
        faults.add(f"{path}, line 1: two columns are called {some(twice)}")
        return None
    targets = columns.targets or tuple(name for name in header if name.lower() in TARGETS)[:1]
    for key, names in (("targets", targets), ("ignore_columns", columns.ignored)):
        if missing := [name for name in names if name not in header]:
            there = f"{path} has no column {some(missing)}: it has {some(header, 10)}"
            raise ConfigError(f"{key} = {','.join(names)}: {there}", key)
        if len(set(names)) < len(names):
            raise ConfigError(f"{key} = {','.join(names)}: a column is there twice", key)
    if not targets:
        raise ConfigError(
            f"{path} has the columns {some(header, 10)}: say with --targets which are the targets", "targets"
        )
    others = {*targets, *columns.ignored, columns.task, columns.part}
    inputs = tuple(name for name in header if name not in others)
    if not inputs:
        faults.add(f"{path} has no column of inputs beside {some(list(header), 10)}")
        return None
    return inputs, targets


def _numbers(cells: list[str], name: str, where: Callable[[int, str], str], faults: Faults) -> np.ndarray:
    with suppress(ValueError):  # without a look at each cell, which takes longer
        quick = np.array([float(cell) for cell in cells])
        if (np.abs(quick) <= MOST_NUMBER).all() and "_" not in "".join(cells):  # Python takes 1_000, too
            return quick
    found = np.zeros(len(cells))
    for row, cell in enumerate(cells):
        if _NUMBER.fullmatch(cell) and abs(number := float(cell)) <= MOST_NUMBER:
            found[row] = number
        else:
            faults.add(f"{where(row, name)}: {_wrong(cell)}")
    return found


def _wrong(cell: str) -> str:
    if not cell:
        return "it is empty"
    if _NUMBER.fullmatch(cell):
        return f"{cell[:30]} is too large"
    return f"{cell[:30]!r} is not a number"


def _target(cells: list[str], name: str, where: Callable[[int, str], str], faults: Faults) -> np.ndarray:
    """As whole numbers, as numbers, or as text if no cell is a number."""
    for row in [row for row, cell in enumerate(cells) if not cell]:
        faults.add(f"{where(row, name)}: it is empty")
    if all(_WHOLE.fullmatch(cell) for cell in cells):
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    if any(_NUMBER.fullmatch(cell) for cell in cells):
        return _numbers([cell or "0" for cell in cells], name, where, faults)
    return np.array([visible(cell) for cell in cells], dtype=np.str_)


# npz


def _read_npz(path: Path, part: str, faults: Faults) -> list[Sheet]:
    """x and y (or x_train and y_train), perhaps x_test and y_test, x_val and y_val; task, task_test, …: of each row."""
    if not is_zipfile(path):
        faults.add(f"{path} is no npz file, or damaged")
        return []
    with np.load(path, allow_pickle=False) as arrays:
        try:
            held = {name.lower(): arrays[name] for name in arrays.files}
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            faults.add(
                f"{path} has Python objects (dtype object), which are not read: save its arrays as numbers or text"
            )
            return []
    held = {name: of for name, of in held.items() if isinstance(of, np.ndarray)}
    found, before = [], faults.count
    for suffix, own in (("", part), ("_train", "train"), ("_test", "test"), ("_val", "validation")):
        if f"x{suffix}" in held and f"y{suffix}" in held:
            if not suffix and "x_test" in held:
                own = "train"
            found += _arrays(path, suffix, own, held, faults)
    if not found and faults.count == before:
        faults.add(f"{path} has the arrays {some(list(held), 10) or '(none)'}: it should have x and y")
    return found


def _arrays(path: Path, suffix: str, part: str, held: dict[str, np.ndarray], faults: Faults) -> list[Sheet]:
    x, y, task = held[f"x{suffix}"], held[f"y{suffix}"], held.get(f"task{suffix}")
    before = faults.count
    if x.ndim < 2 or x.dtype.kind not in "biuf":
        faults.add(f"{path}: x{suffix} should have numbers of shape (rows, …), and has {x.dtype} of {x.shape}")
    if y.ndim not in (1, 2) or y.dtype.kind not in "biufU" or 0 in y.shape[1:]:
        faults.add(f"{path}: y{suffix} should have shape (rows,) or (rows, numbers), and has {y.dtype} of {y.shape}")
    elif y.dtype.kind == "u" and y.size and y.max() > np.iinfo(np.int64).max:
        faults.add(f"{path}: y{suffix} has a number above {np.iinfo(np.int64).max}, which is too large")
    if task is not None and task.ndim != 1:
        faults.add(f"{path}: task{suffix} should have shape (rows,), and has {task.shape}")
    for name, of in ((f"y{suffix}", y), (f"task{suffix}", task)):
        if of is not None and of.shape[:1] != x.shape[:1]:
            faults.add(
                f"{path}: {name} has {len(of) if of.ndim else 0:,} rows, but x{suffix} has {len(x) if x.ndim else 0:,}"
            )
    if not x.size:
        faults.add(f"{path}: x{suffix} has no rows")
    if faults.count > before:
        return []
    for name, of in ((f"x{suffix}", x), (f"y{suffix}", y)):
        if of.dtype.kind == "f":
            wrong = ~(np.abs(of.reshape(len(of), -1)) <= MOST_NUMBER).all(1)
            for row in np.flatnonzero(wrong)[: MOST_FAULTS + 1]:
                faults.add(f"{path}, {name}, row {row}: a value is not a finite number, or too large")
    kind = {"b": np.int64, "i": np.int64, "u": np.int64, "f": np.float64}.get(y.dtype.kind, y.dtype)
    targets = y.astype(kind).reshape(len(y), -1)
    names = tuple(f"y{number + 1}" for number in range(targets.shape[1])) if targets.shape[1] > 1 else ("y",)
    tasks = [] if task is None else [task_name(str(of)) for of in task.tolist()]
    return [Sheet(path, x.astype(np.float64), targets, (), names, tasks, [part] * len(x))]
