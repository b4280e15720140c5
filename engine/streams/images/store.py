"""Reads folders of images, once, into a memory map of resized images in the user's cache."""

import contextlib
import hashlib
import math
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import UnidentifiedImageError

from engine.errors import BenchmarkError, first_line
from engine.streams.images import cache, reading
from engine.streams.images.layout import TRAIN, ImageTask, Listing, TaskFolder, listing, task_folders
from engine.streams.progress import QUIET, Progress
from engine.text import some

VERSION = 1
"""Of how an image becomes bytes: another one makes new entries in the cache."""
LARGEST_COMMON = 256
"""Images that all have the same size keep it, if neither side is longer."""
DEFAULT_SIZE = 64
CHUNK_BYTES = 2**24
MOST_TOGETHER = 512
WORKERS = min(8, os.cpu_count() or 1)
MOST_NAMED = 30

Made = TypeVar("Made")


@dataclass(frozen=True)
class FolderImages:
    values: np.ndarray
    """Bytes of shape (N, 1 or 3, H, W), in a memory map."""
    digest: str
    """Of ``values`` and their shape, as ``Pixels`` has it."""
    tasks: tuple[ImageTask, ...]
    notes: tuple[str, ...]


class Shape(NamedTuple):
    height: int
    width: int
    grey: bool
    note: str

    def of(self, count: int) -> tuple[int, int, int, int]:
        return count, 1 if self.grey else 3, self.height, self.width


class Stored(NamedTuple):
    values: np.ndarray
    digest: str
    note: str


def read_images(folder: Path, resize: int | None = None, progress: Progress = QUIET) -> FolderImages:
    """The images in ``folder``, resized to squares with this side; without ``resize``, images with a common size keep
    it, and others get DEFAULT_SIZE.

    Raises ConfigError if the folder is not laid out as expected, and BenchmarkError, which names all files that cannot
    be used.
    """
    folder = Path(os.path.abspath(folder))
    tasks = task_folders(folder)
    progress.tell(f"looking for images in {folder.name}")
    found = listing(folder, tasks, progress.check)
    wrong, notes = _missing(folder, tasks, found)
    stored = None
    if not wrong and not found.bad:
        stored = _cached(found.key(folder, _how(resize)), len(found.files))
    if stored is None:
        stored = _made(folder, found, wrong, resize, progress)
    progress.tell("dividing the images into tasks")
    rows = _rows(tasks, found.counts)
    notes = [f"{stored.note}{_skipped(folder, found.skipped)}", *notes]
    return FolderImages(stored.values, stored.digest, rows, tuple(f"images in {folder}: {note}" for note in notes))


def _how(resize: int | None) -> str:
    return f"{VERSION} {resize}"


def _rows(tasks: Sequence[TaskFolder], counts: Sequence[int]) -> tuple[ImageTask, ...]:
    ends = np.cumsum(counts).tolist()
    rows = iter([range(end - count, end) for end, count in zip(ends, counts, strict=True)])
    return tuple(
        ImageTask(task.name, task.classes, *(tuple(next(rows) for _ in task.classes) for _ in range(2)))
        for task in tasks
    )


def _missing(folder: Path, tasks: Sequence[TaskFolder], found: Listing) -> tuple[list[str], list[str]]:
    """What makes training impossible, and what should be known."""
    wrong, untested = [], []
    for task, rows in zip(tasks, _rows(tasks, found.counts), strict=True):
        begin = task.folder.relative_to(folder)
        for name, train, test in zip(task.folders, rows.train, rows.test, strict=True):
            if not train:
                wrong.append(f"{begin / TRAIN / name} has no images")
            elif not test:
                untested.append(str(begin / name))
        if not any(rows.test):
            wrong.append(f"{begin / task.test} has no images")
    if not untested:
        return wrong, []
    return wrong, [f"trained but not tested, because there are no test images: {', '.join(untested)}"]


def _skipped(folder: Path, paths: Sequence[str]) -> str:
    """
    >>> _skipped(Path("d"), ["d/train/cat/notes.txt"])
    '; skipped: train/cat/notes.txt'
    """
    return (
        f"; skipped: {some([path.removeprefix(str(folder)).lstrip(os.sep) for path in sorted(paths)])}" if paths else ""
    )


def _cached(key: str, count: int) -> Stored | None:
    entry = cache.find(key)
    if entry is None:
        return None
    try:
        values = np.load(entry.pixels, "r", allow_pickle=False)
    except (OSError, ValueError):  # removed by another process
        return None
    digest, note = entry.about.get("digest"), entry.about.get("note")
    right = values.ndim == 4 and len(values) == count and values.dtype == np.uint8
    return Stored(values, digest, note) if right and isinstance(digest, str) and isinstance(note, str) else None


def _made(folder: Path, found: Listing, wrong: list[str], resize: int | None, progress: Progress) -> Stored:
    """The images, resized now, or meanwhile by another process."""
    with contextlib.ExitStack() as held:
        held.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # Pillow's, about odd files
        shape = _shape(found, resize, progress)
        if wrong or found.bad:
            for _ in _decoded(found, shape, progress):
                pass
            _refuse(folder, found, wrong)
        key, needed = found.key(folder, _how(resize)), math.prod(shape.of(len(found.files)))
        try:
            held.enter_context(cache.making(progress))
        except cache.NoCache as error:
            return _temporary(folder, found, shape, str(error), progress)
        if (stored := _cached(key, len(found.files))) is not None:
            return stored
        about = {"note": shape.note, "made": time.time(), "shape": shape.of(len(found.files))}
        about["source"] = os.fsencode(folder).decode(errors="backslashreplace")
        with cache.new(key, needed, about) as path:
            about["digest"] = _write(path, folder, found, shape, progress)
    stored = _cached(key, len(found.files))
    if stored is None:
        raise BenchmarkError(f"{cache.root()} lost the resized images as soon as they were written: start again")
    return stored


def _temporary(folder: Path, found: Listing, shape: Shape, why: str, progress: Progress) -> Stored:
    """In a file that is removed when the process ends."""
    handle, name = tempfile.mkstemp(prefix="cl-tui-", suffix=".npy")
    os.close(handle)
    path = Path(name)
    try:
        digest = _write(path, folder, found, shape, progress)
        values = np.load(path, "r", allow_pickle=False)
    except OSError as error:
        raise BenchmarkError(
            f"the resized images cannot be kept: {why}, nor can {path.parent} ({error.strerror or error}): make room, "
            f"or name another folder in CL_TUI_CACHE_DIR"
        ) from None
    finally:
        with contextlib.suppress(OSError):  # Windows removes no open file
            path.unlink()
    return Stored(values, digest, f"{shape.note}; they are read again by each run, because {why}")


def _shape(found: Listing, resize: int | None, progress: Progress) -> Shape:
    """The shape that all images get."""
    sizes: Counter[tuple[int, int]] = Counter()
    grey = True
    for file, known in _each(reading.header, found, MOST_TOGETHER, "checking images", progress):
        if isinstance(known, str):
            found.bad[file] = known
        else:
            sizes[known.height, known.width] += 1
            grey = grey and known.grey
    (height, width), _ = sizes.most_common(1)[0] if sizes else ((DEFAULT_SIZE, DEFAULT_SIZE), 0)
    common = len(sizes) == 1
    before = f"{height}×{width}" if common else f"of {len(sizes):,} sizes"
    if resize is not None:
        height = width = resize
    elif not common or max(height, width) > LARGEST_COMMON:
        height = width = DEFAULT_SIZE
    after = f"{height}×{width}"
    hint = " (--resize changes that)" if resize is None else ""
    resized = "" if common and before == after else f", resized to {after}{hint}"
    kind = "grey" if grey else "colour"
    return Shape(height, width, grey, f"{len(found.files):,} images, {before}, in {kind}{resized}")


def _decoded(found: Listing, shape: Shape, progress: Progress) -> Iterator[np.ndarray]:
    """The images in order; those that cannot be read are added to the bad ones instead."""
    height, width, grey, _ = shape
    read = partial(reading.pixels, height=height, width=width, grey=grey)
    together = max(2 * WORKERS, min(MOST_TOGETHER, CHUNK_BYTES // math.prod(shape.of(1))))
    for file, image in _each(read, found, together, "resizing images", progress):
        if isinstance(image, str):
            found.bad[file] = image
        else:
            yield image


def _write(path: Path, folder: Path, found: Listing, shape: Shape, progress: Progress) -> str:
    """Writes the images and returns their digest. Raises BenchmarkError, naming all files that cannot be read."""
    whole = shape.of(len(found.files))
    digest = hashlib.sha256(f"torch.uint8 {whole}".encode())
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": whole})
        for image in _decoded(found, shape, progress):
            file.write(image.data)
            digest.update(image.data)
    if found.bad:
        _refuse(folder, found, [])
    return digest.hexdigest()[:32]


def _each(
    function: Callable[[str], Made], found: Listing, together: int, doing: str, progress: Progress
) -> Iterator[tuple[str, Made | str]]:
    """``function`` of each file that is not known to be bad, in order, or why it failed. Computes in threads."""
    paths = [file.path for file in found.files if file.path not in found.bad]
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(paths), together):
            progress.tell(f"{doing}: {start:,} of {len(paths):,}")
            progress.check()
            some = paths[start : start + together]
            yield from zip(some, pool.map(partial(_tried, function), some), strict=True)


def _tried(function: Callable[[str], Made], path: str) -> Made | str:
    try:
        return function(path)
    except UnidentifiedImageError:
        return f"it is damaged, or no image ({', '.join(map(str.lower, reading.FORMATS))})"
    except OSError as error:
        return error.strerror or first_line(error)
    except Exception as error:  # on a damaged file Pillow may raise almost anything
        return first_line(error)


def _refuse(folder: Path, found: Listing, wrong: Iterable[str]) -> None:
    """Raises BenchmarkError, naming all that is wrong: in a file if it is much."""
    bad = (f"{os.path.relpath(path, folder)}: {why}" for path, why in sorted(found.bad.items()))
    lines = [*wrong, *bad]
    told = "; ".join(lines[:MOST_NAMED])
    if len(lines) > MOST_NAMED:
        told += f"; and {len(lines) - MOST_NAMED:,} more"
        with contextlib.suppress(OSError):
            path = cache.root().with_name("bad-files.txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.fsencode("".join(f"{line}\n" for line in lines)))
            told += f", all of them in {path}"
    raise BenchmarkError(
        f"{folder} has files that cannot be used: {told}. Correct them, or move them out of the folder"
    )
