"""The data sets that torchvision knows, from its own files or from folders of images."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from engine.catalog.choices import benchmark_info
from engine.errors import BenchmarkError
from engine.settings.consistent import shape_of
from engine.settings.run import RunConfig
from engine.streams.examples import DataSet, Examples, ExampleStream, class_order, divided, grouped, held_out
from engine.streams.files import SETS, FileSet, images_folder, read
from engine.streams.pixels import Pixels
from engine.streams.progress import QUIET, Progress
from engine.streams.titles import title

IN_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
IN_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""
CLASSES = {"CIFAR10": tuple(IN_CIFAR10.split()), "CIFAR100": tuple(IN_CIFAR100.split())}
"""The classes of the sets in colour, in the order of their labels, which is that of the names."""
GREY, COLOUR = (1, 28, 28), (3, 32, 32)
ALLOWED: Mapping[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""All that CIFAR's pickles need: an array of bytes."""


def stream(config: RunConfig, progress: Progress = QUIET) -> ExampleStream:
    """The classes of one data set in tasks. Raises BenchmarkError."""
    info = benchmark_info(config.benchmark)
    [name] = info.files
    data = padded(data_set(name, Path(config.data_dir), progress), config.option("pad"))
    _check_classes(name, data, info.classes, config.data_dir)
    groups = divided(class_order(config, info.classes), config.tasks)
    return ExampleStream.of(config, data, groups=groups, names=_titles(name, groups), class_names=CLASSES.get(name, ()))


def transfer(config: RunConfig, progress: Progress = QUIET) -> ExampleStream:
    """All of CIFAR-10 is the first task, and ten classes of CIFAR-100 are each of the others."""
    sets = []
    for name, count in (("CIFAR10", 10), ("CIFAR100", 50)):
        data = data_set(name, Path(config.data_dir), progress)
        _check_classes(name, data, range(count), config.data_dir)
        sets.append(held_out(data, config.validation, config.seed))
    ten, hundred = sets
    first, later = [list(range(10))], divided(range(50), 5)
    tasks = [
        *grouped(ten, first, _titles("CIFAR10", first), CLASSES["CIFAR10"]),
        *grouped(hundred, later, _titles("CIFAR100", later), CLASSES["CIFAR100"]),
    ]
    return ExampleStream(config, tasks[: config.tasks], shape_of(config))


def _titles(name: str, groups: Sequence[Sequence[int]]) -> list[str]:
    """The tasks' names; none if the classes have no names."""
    names = CLASSES.get(name)
    return [title([names[label] for label in group]) for group in groups] if names else []


def _check_classes(name: str, data: DataSet, needed: Sequence[int], data_dir: str) -> None:
    for part, examples in (("training", data.train), ("test", data.test)):
        there = set(examples.targets.unique().tolist())
        if missing := [label for label in needed if label not in there]:
            names = CLASSES.get(name, range(len(needed)))
            raise BenchmarkError(
                f"{name} in {data_dir} has no {part} images of {len(missing)} of the {len(needed)} classes that are "
                f"needed: {title([str(names[label]) for label in missing])}"
            )


def padded(data: DataSet, side: int | None) -> DataSet:
    """With black around the images, so that they have this side."""
    if side is None:
        return data

    def larger(part: Examples) -> Examples:
        assert isinstance(part.inputs, Pixels)
        rows = torch.arange(len(part)) if part.rows is None else part.rows
        values = part.inputs.raw(rows)
        more = side - values.shape[-1]
        return Examples(Pixels(pad(values, (more // 2, more - more // 2) * 2)), part.targets)

    return DataSet(larger(data.train), larger(data.test))


def data_set(name: str, data_dir: Path, progress: Progress = QUIET) -> DataSet:
    """The data set of torchvision's class ``name``; its labels count its classes from 0. Raises BenchmarkError."""
    wanted = SETS[name]
    folder = images_folder(wanted, data_dir)
    if folder is not None:
        return _from_images(wanted, folder, progress)
    content: dict[str, bytes] = {}
    for file, of in read(wanted, data_dir):
        progress.check()
        content[file] = of
    return (_from_pickles if name in CLASSES else _from_idx)(wanted, content)


def _from_images(wanted: FileSet, folder: Path, progress: Progress) -> DataSet:
    from engine.streams.images.labelled import labelled  # Pillow
    from engine.streams.images.store import read_images

    names = CLASSES.get(wanted.name, ())
    shape = COLOUR if names else GREY
    found = read_images(folder, shape[1], progress)
    if found.values.shape[1] != shape[0]:
        kind, other = ("colour", "grey") if names else ("grey", "colour")
        raise BenchmarkError(f"{folder} has images in {other}, but {wanted.name} has them in {kind}")
    data = labelled(found)
    if not names:
        return data
    there = [name for task in found.tasks for name in task.classes]
    if strange := [name for name in there if name not in names]:
        raise BenchmarkError(f"{folder} has classes that are not in {wanted.name}: {title(strange)}")
    known = torch.tensor([names.index(name) for name in there])
    return DataSet(*(replace(part, targets=known[part.targets]) for part in (data.train, data.test)))


# The format idx, of MNIST and its kin


def _from_idx(wanted: FileSet, content: Mapping[str, bytes]) -> DataSet:
    parts, files = [], list(content)
    for images, labels in zip(files[::2], files[1::2], strict=True):
        values, numbers = (_idx(wanted, name, content[name]) for name in (images, labels))
        if values.shape[1:] != GREY[1:] or numbers.shape != values.shape[:1]:
            raise BenchmarkError(
                f"{wanted.name} is damaged: {images} has the shape {tuple(values.shape)}, {labels} "
                f"{tuple(numbers.shape)}"
            )
        if wanted.name == "EMNIST":  # lies on its side, and counts from 1
            values, numbers = values.transpose(1, 2).contiguous(), numbers - 1
        parts.append(Examples(Pixels(values.unsqueeze(1)), numbers.long()))
    return DataSet(*parts)


def _idx(wanted: FileSet, name: str, content: bytes) -> Tensor:
    """The bytes of a file, in the shape that its head gives."""
    dimensions = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    shape = [int.from_bytes(content[4 * place : 4 * place + 4], "big") for place in range(1, dimensions + 1)]
    start = 4 + 4 * dimensions
    if not shape or len(content) != start + prod(shape):
        raise BenchmarkError(f"{name} of {wanted.name} is damaged: its size does not fit its head")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=start).view(shape)


# CIFAR's pickles


class PlainUnpickler(pickle.Unpickler):
    """Makes arrays and what Python has itself, and refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return ALLOWED[module, name]


def _from_pickles(wanted: FileSet, content: Mapping[str, bytes]) -> DataSet:
    """``content``: of files whose published checksums fit."""
    found = {name: PlainUnpickler(BytesIO(of), encoding="latin1").load() for name, of in content.items()}
    tests = [name for name in found if name.startswith("test")]
    parts = []
    for names in ([name for name in found if name not in tests], tests):
        values = np.concatenate([found[name]["data"] for name in names]).reshape(-1, *COLOUR)
        labels = [label for name in names for label in found[name].get("labels", found[name].get("fine_labels"))]
        parts.append(Examples(Pixels(torch.from_numpy(values)), torch.tensor(labels)))
    return DataSet(*parts)
