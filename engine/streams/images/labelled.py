"""Folders of images as a data set."""

from collections.abc import Sequence

import torch

from engine.streams.examples import DataSet, Examples
from engine.streams.images.store import FolderImages
from engine.streams.pixels import Pixels


def labelled(read: FolderImages) -> DataSet:
    """A label counts the classes of all tasks, in the order of the tasks' and then the classes' names."""
    pixels = Pixels(read.values, digest=read.digest)
    return DataSet(
        _examples(pixels, [rows for task in read.tasks for rows in task.train]),
        _examples(pixels, [rows for task in read.tasks for rows in task.test]),
    )


def _examples(pixels: Pixels, by_class: Sequence[range]) -> Examples:
    counts = torch.tensor([len(rows) for rows in by_class])
    labels = torch.arange(len(by_class)).repeat_interleave(counts)
    rows = torch.cat([torch.arange(rows.start, rows.stop) for rows in by_class])
    return Examples(pixels, labels, rows=rows)
