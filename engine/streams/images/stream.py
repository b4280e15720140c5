"""A folder of one's own images as a sequence of tasks."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from engine.errors import BenchmarkError
from engine.settings.run import RunConfig
from engine.streams.examples import ExampleStream, Task, grouped, held_out, shuffled
from engine.streams.given import repeated
from engine.streams.images.classes import groups, names
from engine.streams.images.labelled import labelled
from engine.streams.images.store import FolderImages, read_images
from engine.streams.progress import QUIET, Progress
from engine.streams.titles import title
from engine.text import by, some


def stream(config: RunConfig, progress: Progress = QUIET) -> ExampleStream:
    return from_folder(config, Path(config.data_dir), config.option("classes"), progress)


def from_folder(config: RunConfig, folder: Path, expected: tuple[str, ...], progress: Progress) -> ExampleStream:
    """Raises BenchmarkError if a folder has other classes than ``expected``, or a task lacks images."""
    folders = [folder, *map(Path, config.option("more") or ())]
    every, at = (*expected, *(config.option("more_classes") or ())), [0, *(config.option("more_at") or ())]
    by_task = groups(config, partial(shuffled, config.seed))
    tasks, notes, classes, first = list[Task](), list[str](), list[str](), 0
    for number, (where, start, end) in enumerate(zip(folders, at, [*at[1:], None], strict=True)):
        read = _read(where, config, tasks, progress)
        there = names(read.tasks)
        wanted = every[first : first + len(there)] if number + 1 < len(folders) else every[first:]
        if there != wanted:
            _refuse(where, there, wanted)
        own = [[label - first for label in group] for group in by_task[start:end]]
        tasks += _tasks(read, where, config, own, start, [number] if number else [])
        classes += [name for task in read.tasks[: len(own)] for name in task.classes]
        notes += read.notes
        first += len(there)
    made = ExampleStream(config, tasks, tuple(read.values.shape[1:]))
    made.notes += (*notes, *repeated(classes, config.scenario))
    return made


def _read(folder: Path, config: RunConfig, earlier: Sequence[Task], progress: Progress) -> FolderImages:
    """The folder's images, which must have the shape of ``earlier`` tasks'. Raises BenchmarkError."""
    resize = config.option("resize")
    if not earlier:
        return read_images(folder, resize, progress)
    depth, height, width = earlier[0].train.inputs.shape[1:]
    read = read_images(folder, height if height == width else resize, progress)
    if read.values.shape[1:] != (depth, height, width):
        sizes = (by(shape) for shape in (read.values.shape[1:], (depth, height, width)))
        raise BenchmarkError(
            f"{folder} has images of {' and those of earlier tasks have '.join(sizes)} (channels × height × width): "
            f"make them alike"
        )
    return read


def _tasks(
    read: FolderImages, folder: Path, config: RunConfig, groups: Sequence[Sequence[int]], start: int, place: list[int]
) -> list[Task]:
    """The tasks of one folder, whose ``groups`` of classes count from its first; the first is task ``start`` from 0."""
    there = [name for task in read.tasks for name in task.classes]
    sizes = [len(rows) for task in read.tasks for rows in task.test]
    for number, group in enumerate(groups, start=start + 1):
        if not any(sizes[label] for label in group):
            untested = some([there[label] for label in group])
            raise BenchmarkError(
                f"{folder}: no class of task {number} has test images ({untested}): add some, or divide the classes "
                f"differently"
            )
    titles = [task.name for task in read.tasks] if read.tasks[0].name else None
    titles = titles or [title([there[label] for label in group]) for group in groups]
    return grouped(held_out(labelled(read), config.validation, config.seed, *place), groups, titles, there)


def _refuse(folder: Path, found: Sequence[str], expected: Sequence[str]) -> None:
    missing = [name for name in expected if name not in set(found)]
    new = [name for name in found if name not in set(expected)]
    told = [f"{what}: {some(which)}" for what, which in (("missing", missing), ("new", new)) if which]
    raise BenchmarkError(
        f"{folder} has other classes than this run ({'; '.join(told) or 'in another order'}): restore them, or name "
        f"the right folder with --data-dir, or start a new run"
    )
