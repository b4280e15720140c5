"""Careful reading of untrusted files, and atomic writing."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from engine.errors import ConfigError


def expanded(path: str, setting: str = "") -> str:
    """``path``, of this ``setting`` if any, with ~ and ~user expanded, which a shell does not do in --data-dir=~/d, nor
    in a file. Raises ConfigError for an unknown user.

    >>> import os
    >>> expanded("~/d") == os.path.join(os.path.expanduser("~"), "d"), expanded("./~"), expanded("train")
    (True, './~', 'train')
    """
    found = os.path.expanduser(path)
    if path.startswith("~") and found == path:
        user = path[1:].partition("/")[0].partition(os.sep)[0]
        why = f"there is no user {user} here" if user else "no home folder is known here"
        raise ConfigError(
            f"{f'{setting} = ' if setting else ''}{path}: {why}; for a folder whose name begins with ~, write ./{path}",
            setting,
        )
    return found


def open_plain(path: Path) -> BinaryIO:
    """Opens a regular file for reading. Raises OSError, and ValueError for anything else, such as a link or a pipe."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise ValueError("it is not a regular file")
    return open(path, "rb")


def read_plain(path: Path, most: int) -> bytes:
    """Reads a regular file. Raises OSError, and ValueError for anything else or for more than ``most`` bytes."""
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise ValueError(f"it is larger than {most:,} bytes")
        return file.read()


def beside(path: Path) -> Path:
    """The temporary file that becomes ``path`` when it is whole."""
    return path.with_name(path.name + ".part")


def write_whole(path: Path, data: bytes) -> None:
    replace_whole(path, lambda part: part.write_bytes(data))


def replace_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Lets ``write`` fill a temporary file, syncs it and renames it to ``path``.

    A reader, and the disk after a power failure, has either the old file or the new one, whole. Raises OSError.
    """
    part = beside(path)
    try:
        with naming(path):
            part.unlink(missing_ok=True)  # left by a killed process, or planted as a link
            write(part)
            sync(part)
            os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error matters more; the next write removes the file
            part.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds ``path`` to an OSError that names no file."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def sync(path: Path) -> None:
    """Flushes a file's content, or a folder's entries, to the disk. Raises OSError."""
    if path.is_dir() and os.name != "posix":
        return  # Windows cannot sync folders
    opened = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
