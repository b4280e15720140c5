"""A real disk that is full until there is room again, and a session's folder that vanishes and comes back."""

import contextlib
import ctypes
import functools
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine.sessions.session import Session
from engine.settings.run import RunConfig
from tests.torture.children import NAME, Child, config, finish, problems, together, undisturbed, where
from tests.torture.counts import Counts

DISK_BYTES = 1 << 20
LEFT_BYTES = (10_000, 50_000)
"""Room on the full disk: a session needs a little more."""
WAITS = "training is paused"
"""What a run says that cannot write."""
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000


def run(count: int, seed: int) -> Counts:
    return together(functools.partial(_one, seed), range(count))


def _one(seed: int, number: int) -> Counts:
    chosen = random.Random(f"{seed} {number}")
    settings = config(number)
    with tempfile.TemporaryDirectory() as temporary:
        whole = undisturbed(Path(temporary) / "whole", settings)
        folder = Path(temporary) / "disturbed"
        folder.mkdir()
        if number % 3 == 0:
            return _vanished(folder, settings, whole)
        with _small_disk(folder) as mounted:
            if not mounted:
                print("left out: no small disk may be mounted here")
                return Counts()
            return _full(folder, settings, whole, chosen)


def _full(folder: Path, settings: RunConfig, whole: Session, chosen: random.Random) -> Counts:
    """Room is made while it waits, or once it was told to stop."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(DISK_BYTES - chosen.randint(*LEFT_BYTES)))
    child = Child(folder, settings)
    waited = _waits(child)
    stopped = waited and chosen.random() < 0.5
    if stopped:
        child.signal(signal.SIGTERM)
        child.wait()
    ballast.unlink()
    ended = child.wait()
    what = f"{where(settings)}, a full disk"
    expected = 1 if stopped or not (folder / NAME).exists() else 0
    wrong = "" if ended.code == expected else str(ended)
    return Counts(faults=int(waited)) + problems(what, ended, wrong) + finish(folder, settings, whole, what)


def _vanished(folder: Path, settings: RunConfig, whole: Session) -> Counts:
    """As when a stick is pulled out, or a network goes."""
    child = Child(folder, settings)
    log = folder / NAME / "events.jsonl"
    while not child.ended and not (log.exists() and log.stat().st_size):
        time.sleep(0.001)
    (folder / NAME).rename(folder / "elsewhere")
    waited = _waits(child)
    (folder / "elsewhere").rename(folder / NAME)
    ended = child.wait()
    what = f"{where(settings)}, a folder that vanished"
    wrong = str(ended) if ended.code else ""
    return Counts(faults=int(waited)) + problems(what, ended, wrong) + finish(folder, settings, whole, what)


def _waits(child: Child) -> bool:
    """Until it says so; False where it ended instead."""
    while not child.ended:
        if WAITS in " ".join(child.output.read_text().split()):
            return True
        time.sleep(0.005)
    return False


@contextlib.contextmanager
def _small_disk(path: Path) -> Iterator[bool]:
    """Mounted on ``path``, for this process and its children alone; False where the system does not let one."""
    system = ctypes.CDLL(None)
    mounted = _may_mount() and system.mount(b"none", os.fsencode(path), b"tmpfs", 0, b"size=%d" % DISK_BYTES) == 0
    try:
        yield mounted
    finally:
        if mounted:
            system.umount(os.fsencode(path))


@functools.cache
def _may_mount() -> bool:
    """Takes this process to where it is root, of nothing but its own mounts."""
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    return True
