"""The lock of the process that trains a session, and the refusal of links in its folder."""

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import filelock

from engine.errors import SessionError, SessionLocked


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    refuse_links(path)
    lock = filelock.FileLock(path / "lock")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lock.acquire(timeout=1)
    except filelock.Timeout:
        if isinstance(lock, filelock.SoftFileLock):
            raise _no_locks(path) from None
        raise SessionLocked(f"session {path.name} is being trained by another process: wait for it to end") from None
    except NotImplementedError:
        raise _no_locks(path) from None
    except OSError as error:
        raise SessionError(f"session {path.name} cannot be locked: {error.strerror}") from None
    try:
        if isinstance(lock, filelock.SoftFileLock):  # filelock's fallback, which outlives a process that died
            raise _no_locks(path)
        yield
    finally:
        lock.release()


def in_training(folder: Path) -> bool:
    if (here := trained_here(folder)) is not None:
        return here
    try:
        with filelock.FileLock(folder / "lock").acquire(blocking=False):
            return False
    except filelock.Timeout:
        return True
    except OSError:
        return False


def trained_here(folder: Path) -> bool | None:
    """Whether a process on this machine trains the session in ``folder``; None if only its lock could tell. Writes
    nothing. A lock held on another machine is visible only if the shared folder supports that."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        lock = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in (errno.EAGAIN, errno.EACCES) else None
    finally:
        os.close(lock)
    return False


def _no_locks(path: Path) -> SessionError:
    return SessionError(
        f"session {path.name} cannot be locked: its folder's file system has no locks, so two processes could train "
        f"it at once; use a --sessions-dir on another disk"
    )


def refuse_links(path: Path) -> None:
    """Raises SessionError if the folder ``path``, or an entry in it, is a link, which may lead anywhere."""
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        for link in [path, *entries]:
            if link.is_symlink():
                what = "is a link" if link is path else f"contains a link, {link.name}"
                raise SessionError(
                    f"session {path.name} {what}, which may point anywhere: replace it with what it points to"
                )
