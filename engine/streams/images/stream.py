"""A folder of one's own images as a sequence of tasks."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from engine.errors import BenchmarkError
from engine.settings.run import RunConfig
from engine.streams.examples import ExampleStream, shuffled
from engine.streams.images.classes import groups, names
from engine.streams.images.labelled import labelled
from engine.streams.images.store import FolderImages, read_images
from engine.streams.progress import QUIET, Progress
from engine.streams.titles import title
from engine.text import some


def stream(config: RunConfig, progress: Progress = QUIET) -> ExampleStream:
    return from_folder(config, Path(config.data_dir), config.option("classes"), progress)


def from_folder(config: RunConfig, folder: Path, expected: tuple[str, ...], progress: Progress) -> ExampleStream:
    """Raises BenchmarkError if the folder has other classes than ``expected``, or a task lacks images."""
    read = read_images(folder, config.option("resize"), progress)
    there = [name for task in read.tasks for name in task.classes]
    if (found := names(read.tasks)) != expected:
        _refuse(folder, found, expected)
    by_task = groups(config, partial(shuffled, config.seed))
    sizes = [len(rows) for task in read.tasks for rows in task.test]
    for number, group in enumerate(by_task, start=1):
        if not any(sizes[label] for label in group):
            untested = some([there[label] for label in group])
            raise BenchmarkError(
                f"{folder}: no class of task {number} has test images ({untested}): add some, or divide the classes "
                f"differently"
            )
    titles = [task.name for task in read.tasks] if read.tasks[0].name else None
    titles = titles or [title([there[label] for label in group]) for group in by_task]
    made = ExampleStream.of(config, labelled(read), read.values.shape[1:], by_task, titles, there)
    made.notes += read.notes + _alike(read, config)
    return made


def _alike(read: FolderImages, config: RunConfig) -> tuple[str, ...]:
    """A note on classes that several tasks have, which the class scenario tells apart."""
    every = [name for task in read.tasks[: config.tasks] for name in task.classes]
    several = sorted({name for name in every if every.count(name) > 1}) if config.scenario == "class" else []
    if not several:
        return ()
    return (f"in the class scenario, a class that several tasks have counts as several: {some(several)}",)


def _refuse(folder: Path, found: Sequence[str], expected: Sequence[str]) -> None:
    missing = [name for name in expected if name not in set(found)]
    new = [name for name in found if name not in set(expected)]
    told = [f"{what}: {some(which)}" for what, which in (("missing", missing), ("new", new)) if which]
    raise BenchmarkError(
        f"{folder} has other classes than this run ({'; '.join(told) or 'in another order'}): restore them, or name "
        f"the right folder with --data-dir, or start a new run"
    )
