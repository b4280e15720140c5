"""A network and tasks that a user's own Python file has, named FILE.py:NAME."""

import re
from collections.abc import Mapping
from pathlib import PurePath

from engine.catalog.benchmarks import images
from engine.catalog.benchmarks.images import AUGMENT, Augmentations
from engine.catalog.entries import MOST_TASKS, BenchmarkInfo, ModelInfo
from engine.catalog.options import Options, setting
from engine.catalog.regression import GivenOptions

_NAMED = re.compile(r"(.+\.py):([^\W\d]\w*)", re.DOTALL)
FILE_HASH = setting(meaning="a digest of the file as it was when the session was made", from_data=True, max_length=64)


class OwnModelOptions(Options):
    model_file: str = FILE_HASH


class OwnTasksOptions(GivenOptions):
    augment: Augmentations = AUGMENT
    task_file: str = FILE_HASH
    own_validation: bool = setting(False, meaning="whether the tasks have validation sets", from_data=True)
    all_tasks: bool = setting(True, meaning="whether the run has all tasks of the function", from_data=True)


FOLLOWS = frozenset(key for key, of in OwnTasksOptions.kept.items() if of.from_data) - {"task_file"}
"""What follows from the file."""

MODEL = ModelInfo(
    name="own-model",
    title="A function in your own file that builds a network",
    code="engine.models.own:build",
    options=OwnModelOptions,
    defaults={"lr": 1e-3},
)
TASKS = BenchmarkInfo(
    name="own-tasks",
    title="A function in your own file that gives tasks",
    source="FILE.py:NAME",
    classes=(),
    inputs=(),
    default_tasks=MOST_TASKS,
    most_tasks=MOST_TASKS,
    scenario="task",
    defaults=images.INFO.defaults,
    strengths=images.INFO.strengths,
    code="engine.streams.own.stream:stream",
    from_data="engine.streams.own.facts",
    long=True,
    options=OwnTasksOptions,
)
OWN: Mapping[str, ModelInfo | BenchmarkInfo] = {"model": MODEL, "benchmark": TASKS}
"""The entries by the setting that names them. Their own names are those of their tables in a session's config.toml."""


def file_and_name(value: object) -> tuple[str, str] | None:
    """
    >>> file_and_name("nets/my_nets.py:build"), file_and_name("mlp"), file_and_name("my_nets.py")
    (('nets/my_nets.py', 'build'), None, None)
    """
    found = _NAMED.fullmatch(value) if isinstance(value, str) else None
    return (found[1], found[2]) if found else None


def without_folder(value: str) -> str:
    """A network's or benchmark's name without the folder of its file.

    >>> without_folder("nets/my_nets.py:build"), without_folder("mlp")
    ('my_nets.py:build', 'mlp')
    """
    named = file_and_name(value)
    return f"{PurePath(named[0]).name}:{named[1]}" if named else value


def word_for(value: str) -> str:
    """The same in characters that a session's name may have.

    >>> word_for("tasks/my tasks.py:tasks"), word_for("split-digits")
    ('my-tasks-tasks', 'split-digits')
    """
    named = file_and_name(value)
    if named is None:
        return value
    words = re.sub(r"[^A-Za-z0-9_]+", "-", f"{PurePath(named[0]).stem[:30]}-{named[1][:30]}").strip("-")
    return words or "own"
