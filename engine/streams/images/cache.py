"""The user's cache of resized images. An entry is a folder that appears whole or not at all.

<cache>/images/lock                  held while an entry is made
               <key>/pixels.npy      the images, uint8 of shape (N, C, H, W)
               <key>/about.json      their digest, where they are from; its time of change is that of the last use
               <key>.part/           an entry in the making, or what a killed process left of one
"""

import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import platformdirs

from engine.disk import expanded, read_plain, sync
from engine.errors import BenchmarkError, ConfigError
from engine.streams.progress import Progress
from engine.text import visible

DEFAULT_GB = 20.0
PIXELS, ABOUT = "pixels.npy", "about.json"
MOST_BYTES = 1_000_000
"""Largest accepted about.json."""
POLL_SECONDS = 0.2
_PART = re.compile(r"[0-9a-f]{32}\.part")


class NoCache(Exception):
    """The cache cannot be written; the text says why."""


@dataclass(frozen=True)
class Entry:
    path: Path
    about: dict[str, Any]
    size: int
    """Size in bytes."""
    used: float
    """Time of its last use, in seconds since 1970."""

    @property
    def pixels(self) -> Path:
        return self.path / PIXELS

    @property
    def images(self) -> str:
        """Their number and kind, safe to show."""
        return visible(str(self.about.get("note", "?"))).partition(" (--resize")[0]

    @property
    def source(self) -> str:
        """The folder that the images are from, safe to show."""
        return visible(str(self.about.get("source", "?")))


def root() -> Path:
    """The folder of the cache: CL_TUI_CACHE_DIR, or else the system's default."""
    chosen = os.environ.get("CL_TUI_CACHE_DIR")
    return (Path(expanded(chosen)) if chosen else platformdirs.user_cache_path("cl-tui", appauthor=False)) / "images"


def limit() -> int:
    """Most bytes of all entries: CL_TUI_CACHE_GB, or else 20 GB. Raises ConfigError."""
    chosen = os.environ.get("CL_TUI_CACHE_GB")
    try:
        size = float(chosen) if chosen else DEFAULT_GB
        if size >= 0:
            return int(size * 1e9)
    except (ValueError, OverflowError):
        pass
    raise ConfigError(f"CL_TUI_CACHE_GB = {chosen}: give the most gigabytes that the cache may take, such as 20")


def find(key: str) -> Entry | None:
    """A whole entry, which counts as used now."""
    entry = _read(root() / key)
    if entry is not None:
        with contextlib.suppress(OSError):  # read-only
            os.utime(entry.path / ABOUT)
    return entry


def entries() -> list[Entry]:
    """All entries, the most recently used first. Raises OSError if the folder cannot be read."""
    try:
        names = [entry.name for entry in os.scandir(root()) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    found = [entry for name in names if not name.endswith(".part") and (entry := _read(root() / name))]
    return sorted(found, key=lambda entry: (-entry.used, entry.path))


def _read(path: Path) -> Entry | None:
    """None if the entry is missing or damaged."""
    try:
        about = json.loads(read_plain(path / ABOUT, MOST_BYTES))
        size = os.stat(path / PIXELS, follow_symlinks=False).st_size
        if isinstance(about, dict) and about.get("size") == size:
            return Entry(path, about, size, os.stat(path / ABOUT).st_mtime)
    except (OSError, ValueError, RecursionError):
        pass
    return None


@contextlib.contextmanager
def making(progress: Progress) -> Iterator[None]:
    """Holds the cache's lock; first removes what killed processes left. Raises NoCache, or what ``progress`` raises."""
    lock = filelock.FileLock(root() / "lock")
    try:
        root().mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while not lock.is_locked:
                progress.check()
                with contextlib.suppress(filelock.Timeout):
                    lock.acquire(timeout=POLL_SECONDS)
                    break
                progress.tell("waiting for another process that reads images")
        with tempfile.TemporaryFile(dir=root()):
            pass
    except (OSError, NotImplementedError) as error:
        lock.release()
        raise NoCache(f"{root()} cannot be written ({getattr(error, 'strerror', None) or error})") from None
    try:
        for left in root().glob("*.part"):
            if _PART.fullmatch(left.name):
                _discard(left)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def new(key: str, bytes_needed: int, about: dict[str, Any]) -> Iterator[Path]:
    """A file for the pixels; the entry appears when ``with`` succeeds. The lock must be held.

    Entries that were not used for the longest time make room. Raises BenchmarkError if the disk is full.
    """
    part = root() / f"{key}.part"
    make_room(bytes_needed)
    try:
        if shutil.disk_usage(root()).free < bytes_needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part.mkdir()
        yield part / PIXELS
        text = json.dumps(about | {"size": (part / PIXELS).stat().st_size}, allow_nan=False)
        (part / ABOUT).write_text(text, encoding="utf-8")
        for written in (part / PIXELS, part / ABOUT, part):
            sync(written)
        _discard(root() / key)  # damaged
        part.rename(root() / key)
        sync(root())
    except OSError as error:
        raise BenchmarkError(
            f"the resized images cannot be written to {root()}: {error.strerror or error}; they need "
            f"{bytes_needed / 1e9:.3g} GB: make room, choose a smaller --resize, or name another folder in "
            f"CL_TUI_CACHE_DIR"
        ) from None
    finally:
        _discard(part)


def make_room(bytes_needed: int) -> None:
    """Removes the entries that were not used for the longest time, until the new one is within the limit or alone."""
    known, most = entries(), limit()
    total = sum(entry.size for entry in known)
    for entry in reversed(known):
        if total + bytes_needed <= most:
            break
        remove(entry)
        total -= entry.size


def remove(entry: Entry) -> bool:
    """Whether it is gone. A process that uses it keeps it until it ends, where the system allows to remove it."""
    hidden = entry.path.with_name(entry.path.name + ".part")
    try:
        entry.path.rename(hidden)
    except OSError:
        return not entry.path.exists()
    _discard(hidden)
    return True


def _discard(folder: Path) -> None:
    """Removes the files that an entry has, and nothing else."""
    for name in (PIXELS, ABOUT):
        with contextlib.suppress(OSError):
            (folder / name).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()
