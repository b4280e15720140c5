"""Folders of images: the tasks and classes that their names say, and their files. Opens none and imports no torch."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, NoReturn

from engine.catalog.entries import MOST_TASKS
from engine.errors import ConfigError
from engine.streams.titles import natural, safe
from engine.text import some

TRAIN, TESTS = "train", ("test", "val")
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".webp")
MOST_FILES = 20_000_000
MOST_CLASSES = 5000
MOST_LEVELS = 10
"""Folders within each other in a class."""


class TaskFolder(NamedTuple):
    folder: Path
    name: str
    """Empty if the classes are not divided into tasks."""
    test: str
    """"test" or "val"."""
    classes: tuple[str, ...]
    """Their names, safe to show."""
    folders: tuple[str, ...]
    """Their folders' names, in the same order."""


class ImageTask(NamedTuple):
    """A task's classes, and the rows of each class's images."""

    name: str
    """Empty if the folder is not divided into tasks."""
    classes: tuple[str, ...]
    train: tuple[range, ...]
    test: tuple[range, ...]


class File(NamedTuple):
    path: str
    size: int
    changed: int
    """Nanoseconds."""


@dataclass
class Listing:
    """All files of a folder's classes, and what is wrong with some."""

    files: list[File] = field(default_factory=list)
    """One class after another: a task's training classes, its test classes, the next task's."""
    counts: list[int] = field(default_factory=list)
    """The number of files of each of these classes."""
    bad: dict[str, str] = field(default_factory=dict)
    """Why a file cannot be used, by its path."""
    skipped: list[str] = field(default_factory=list)

    def key(self, folder: Path, how: str) -> str:
        """A digest of every file's path within ``folder``, size and time of change, and of ``how`` they are read."""
        digest = hashlib.sha256(f"{how} {self.counts}".encode())
        start = len(str(folder))
        for path, size, changed in self.files:
            digest.update(os.fsencode(f"{path[start:]}\0{size} {changed}\0"))
        return digest.hexdigest()[:32]


def task_folders(folder: Path) -> tuple[TaskFolder, ...]:
    """The tasks in ``folder``: folder/{train,test|val}/CLASS/… is one, and folder/TASK/{train,test|val}/CLASS/… are as
    many as there are. Raises ConfigError, naming all that lack something."""
    if not folder.is_dir():
        what = "it is not a folder" if os.path.lexists(folder) else "there is no such folder"
        _refuse(folder, f"{what}: name a folder of images with --data-dir")
    if there := _parts(folder):
        found, problems = _task(folder, "", there)
    else:
        found, problems = [], []
        for name in sorted(_folders(folder), key=natural):
            if there := _parts(folder / name):
                task, wrong = _task(folder / name, name, there)
                found, problems = found + task, problems + wrong
    if not found and not problems:
        problems = [
            "it has no images as they are expected: train/CLASS/… and test/CLASS/… (or val), or a folder with these "
            "for each task"
        ]
    if len(found) > MOST_TASKS:
        problems.append(f"it has {len(found):,} tasks, more than {MOST_TASKS:,}")
    if (classes := sum(len(task.classes) for task in found)) > MOST_CLASSES:
        problems.append(f"it has {classes:,} classes, more than {MOST_CLASSES:,}")
    if problems:
        _refuse(folder, "; ".join(problems))
    return tuple(found)


def _refuse(folder: Path, why: str) -> NoReturn:
    raise ConfigError(f"data_dir = {folder}: {why}", "data_dir")


def _task(folder: Path, name: str, there: set[str]) -> tuple[list[TaskFolder], list[str]]:
    """The task if it is complete, and what is wrong with it."""
    begin = f"{name}/" if name else ""
    if TRAIN not in there:
        return [], [f"{begin}{TRAIN} is missing"]
    tests = [test for test in TESTS if test in there]
    if not tests:
        return [], [f"{begin}{TRAIN} has no {' or '.join(TESTS)} beside it"]
    train = _folders(folder / TRAIN)
    if not train:
        return [], [f"{begin}{TRAIN} has no folder for any class"]
    by_test = {test: _folders(folder / test) for test in tests}
    test = next((test for test in tests if by_test[test] & train), tests[0])
    problems = []
    if untrained := sorted(by_test[test] - train, key=natural):
        problems.append(f"{begin}{test} has classes that {begin}{TRAIN} lacks: {some(untrained)}")
    if not by_test[test] & train:
        problems.append(f"{begin}{test} has no folder of any class in {begin}{TRAIN}")
    folders = tuple(sorted(train, key=natural))
    classes = tuple(map(safe, folders))
    if alike := [one for one, other in pairwise(sorted(classes)) if one == other]:
        problems.append(f"{begin}{TRAIN} has classes whose names look alike: {some(alike)}")
    return [TaskFolder(folder, safe(name), test, classes, folders)], problems


def _parts(folder: Path) -> set[str]:
    """Which of train, test and val are in ``folder``, without listing it: it may have a million images. Raises
    ConfigError if it cannot be read."""
    try:
        return {part for part in (TRAIN, *TESTS) if (folder / part).is_dir()}
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error.strerror}", "data_dir") from None


def _folders(folder: Path) -> set[str]:
    """The names of the folders in ``folder``, without hidden ones. Raises ConfigError if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if not entry.name.startswith((".", "__")) and entry.is_dir()}
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error.strerror}", "data_dir") from None


def listing(folder: Path, tasks: tuple[TaskFolder, ...], check: Callable[[], None]) -> Listing:
    """The files of ``tasks`` in ``folder``."""
    found = Listing()
    inside = partial(_inside, os.path.realpath(folder))
    for task in tasks:
        for part in (TRAIN, task.test):
            for name in task.folders:
                check()
                before = len(found.files)
                found.files += sorted(_files(str(task.folder / part / name), found, inside))
                found.counts.append(len(found.files) - before)
    return found


def _inside(folder: str, path: str) -> bool:
    return os.path.realpath(path).startswith(os.path.join(folder, ""))


def _files(folder: str, found: Listing, inside: Callable[[str], bool], level: int = 0) -> Iterator[File]:
    try:
        if level == 0 and not inside(folder):
            raise ValueError("it is a link to a folder outside")
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False) and level < MOST_LEVELS:
                    yield from _files(entry.path, found, inside, level + 1)
                elif not entry.name.lower().endswith(SUFFIXES):
                    found.skipped.append(entry.path)
                elif (file := _file(entry, found, inside)) is not None:
                    yield file
    except FileNotFoundError:
        pass  # a class without this part
    except (OSError, ValueError) as error:
        found.bad[folder] = getattr(error, "strerror", None) or str(error)


def _file(entry: "os.DirEntry[str]", found: Listing, inside: Callable[[str], bool]) -> File | None:
    try:
        if entry.is_symlink() and not inside(entry.path):
            raise ValueError("it is a link to a file outside of the folder")
        status = entry.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a file")
        if not status.st_size:
            raise ValueError("it is empty")
    except (OSError, ValueError) as error:
        found.bad[entry.path] = getattr(error, "strerror", None) or str(error)
        return None
    return File(entry.path, status.st_size, status.st_mtime_ns)
