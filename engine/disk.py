"""Files that may come from anybody, read with care, and files of which others see the whole or nothing."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO


def expanded(path: str) -> str:
    """``path`` with ~ and ~user as a shell replaces them, which leaves the ~ in --data-dir=~/d and in a file alone.

    >>> import os
    >>> expanded("~/d") == os.path.join(os.path.expanduser("~"), "d"), expanded("./~"), expanded("train")
    (True, './~', 'train')
    """
    return os.path.expanduser(path)


def open_plain(path: Path) -> BinaryIO:
    """Raises OSError, and ValueError for what is no plain file: a link may lead anywhere, and a pipe never ends."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise ValueError("it is not a plain file")
    return open(path, "rb")


def read_plain(path: Path, most: int) -> bytes:
    """Raises OSError, and ValueError where there are more than ``most`` bytes."""
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise ValueError(f"it is larger than {most:,} bytes")
        return file.read()


def write_whole(path: Path, data: bytes) -> None:
    replace_whole(path, lambda beside: beside.write_bytes(data))


def replace_whole(path: Path, write: Callable[[Path], object]) -> None:
    """What ``write`` puts into a file beside, synced and renamed to ``path``.

    A reader, and the disk after a loss of power, have the old file or the new one, never half of one. Raises OSError.
    """
    beside = path.with_name(path.name + ".part")
    try:
        with naming(path):
            beside.unlink(missing_ok=True)  # a kill may have left it; a stranger may have made it a link
            write(beside)
            sync(beside)
            os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):  # there is a worse error to tell; the next one who writes removes it
            beside.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """An OSError within that names no file names this one."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def sync(path: Path) -> None:
    """A file's content, or the names in a folder, to the disk. Raises OSError."""
    if path.is_dir() and os.name != "posix":
        return  # Windows has no such thing for folders
    opened = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
