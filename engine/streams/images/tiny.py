"""Tiny-ImageNet, from a folder tiny-imagenet in --data-dir. Imports torch only to read the images."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.disk import expanded
from engine.settings.run import RunConfig
from engine.streams.files import SETS, images_folder
from engine.streams.images import classes
from engine.streams.images.layout import task_folders
from engine.streams.progress import QUIET, Progress

if TYPE_CHECKING:
    from engine.streams.examples import ExampleStream

NUMBERS = tuple(map(str, range(200)))
"""In place of the classes' names, which are not known before the data set is downloaded."""
USUAL_TASKS = 10


def found(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the folder says of a run for which this is ``given``, as ``classes.found`` has it. Raises ConfigError."""
    folder = isinstance(given["data_dir"], str) and _folder(given["data_dir"])
    known = {**given, "data_dir": str(folder)} if folder else {"classes": NUMBERS, **given}
    says = classes.found(known)
    divided = {"tasks", "classes_per_task"} & {key for key, value in given.items() if value is not None}
    if not divided and not classes.by_folder(says["classes"]):
        return classes.found({**known, "tasks": min(USUAL_TASKS, len(says["classes"]))})
    return says


def check(config: RunConfig, refuse: Callable[[str, str], None]) -> None:
    classes.check(config, refuse)


def stream(config: RunConfig, progress: Progress = QUIET) -> "ExampleStream":
    """Raises BenchmarkError or ConfigError."""
    from engine.streams.images.stream import from_folder

    folder = _folder(config.data_dir) or Path(config.data_dir, SETS["tiny-imagenet"].images)
    expected = config.option("classes")
    return from_folder(
        config, folder, classes.names(task_folders(folder)) if expected == NUMBERS else expected, progress
    )


def _folder(data_dir: str) -> Path | None:
    return images_folder(SETS["tiny-imagenet"], Path(expanded(data_dir, "data_dir")))
