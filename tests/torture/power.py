"""Loss of power: what a disk may hold afterwards is rebuilt from the trace of a run, and gone on with.

The disk that is assumed:

- Power is lost between any two file operations.
- A file's content is what it was when an fsync of the file last succeeded. What was written or cut later is there
  wholly, not at all, up to any byte, as zeros of the right length, or in some pieces of 512 bytes and not in others.
- What is named in a folder is what was when an fsync of the folder last succeeded. Each name that was made, renamed or
  removed later is so or is not yet: up to some moment, or whichever of them. A rename is whole or has not happened, and
  nothing follows from an fsync of the file itself.
- An fsync that fails has synced nothing, and one that succeeds later does not make up for it: what should have been
  synced then may be missing in the same ways for good, until it is written again.
"""

import errno
import functools
import json
import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from engine.settings.run import RunConfig
from tests.torture.children import NAME, Child, config, finish, together, undisturbed, where
from tests.torture.counts import Counts
from tests.torture.faulty import Action, Fault, Operation, Traced, read_trace

EACH = 15
"""Losses of power in one run."""
PIECE = 512
PARTLY = ("all", "none", "torn", "zeros", "pieces")
"""How much of a change is there."""


class On(Enum):
    """Where a change is."""

    DISK = auto()
    ITS_WAY = auto()
    NO_WAY = auto()
    """An fsync that should have brought it to the disk has failed."""


@dataclass
class Change:
    """Of a file: ``data`` at ``offset``, or a cut to ``offset`` bytes where there is none."""

    offset: int
    data: bytes | None
    on: On = On.ITS_WAY

    def apply(self, content: bytearray) -> None:
        end = self.offset + len(self.data or b"")
        content.extend(bytes(max(0, end - len(content))))
        if self.data is None:
            del content[end:]
        else:
            content[self.offset : end] = self.data

    def apply_partly(self, how: str, content: bytearray, chosen: random.Random) -> None:
        if how == "none" or (self.data is None and chosen.random() < 0.5):
            return
        if how == "all" or self.data is None:
            self.apply(content)
        elif how == "torn":
            Change(self.offset, self.data[: chosen.randint(0, len(self.data))]).apply(content)
        elif how == "zeros":
            Change(self.offset, bytes(len(self.data))).apply(content)
        else:
            for start in range(-(self.offset % PIECE), len(self.data), PIECE):
                piece = self.data[max(start, 0) : start + PIECE]
                if chosen.random() < 0.5:
                    Change(self.offset + max(start, 0), piece).apply(content)


@dataclass
class File:
    changes: list[Change] = field(default_factory=list)

    @property
    def content(self) -> bytes:
        """As the processes saw it."""
        content = bytearray()
        for change in self.changes:
            change.apply(content)
        return bytes(content)

    def after_loss(self, chosen: random.Random) -> bytes:
        content = bytearray()
        on_their_way = sum(change.on is On.ITS_WAY for change in self.changes)
        how, left = chosen.choice(PARTLY), chosen.randint(0, on_their_way)
        for change in self.changes:
            if change.on is On.DISK:
                change.apply(content)
            elif change.on is On.NO_WAY:
                change.apply_partly(chosen.choice(PARTLY), content, chosen)
            elif how == "torn":  # what came before is whole, what comes later is not there
                change.apply_partly("all" if left > 0 else how if left == 0 else "none", content, chosen)
                left -= 1
            else:
                change.apply_partly(how, content, chosen)
        return bytes(content)


@dataclass
class Naming:
    """What some names in a folder stand for from now on, all at once; None for a name that is gone."""

    names: dict[str, "File | Folder | None"]
    on: On = On.ITS_WAY


@dataclass
class Folder:
    changes: list[Naming] = field(default_factory=list)

    @property
    def content(self) -> dict[str, "File | Folder"]:
        return _named(self.changes)

    def after_loss(self, chosen: random.Random) -> dict[str, "File | Folder"]:
        arrived = []
        in_order, left = chosen.random() < 0.5, chosen.randint(0, len(self.changes))
        for change in self.changes:
            if change.on is On.ITS_WAY and in_order:
                left -= 1
                happened = left >= 0
            else:
                happened = change.on is On.DISK or chosen.random() < 0.5
            if happened:
                arrived.append(change)
        return _named(arrived)


def _named(changes: Iterable[Naming]) -> dict[str, File | Folder]:
    names: dict[str, File | Folder | None] = {}
    for change in changes:
        names |= change.names
    return {name: node for name, node in names.items() if node is not None}


class Disk:
    """What was done in one folder, which was there before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = Folder()

    def find(self, path: str | Path) -> File | Folder | None:
        node: File | Folder | None = self._root
        for part in Path(path).relative_to(self._path).parts:
            node = node.content.get(part) if isinstance(node, Folder) else None
        return node

    def do(self, traced: Traced) -> None:
        node, name = self.find(traced.path), Path(traced.path).name
        if traced.operation is Operation.SYNC and node is not None:
            well = traced.result == 0 and traced.action is Action.NONE
            for change in node.changes:
                if change.on is On.ITS_WAY:
                    change.on = On.DISK if well else On.NO_WAY
        if traced.result < 0:
            return
        match traced.operation, node:
            case Operation.CREATE, None:
                self._name(traced.path, {name: File()})
            case Operation.CREATE, File() if traced.offset:
                node.changes.append(Change(0, None))
            case Operation.WRITE, File():
                node.changes.append(Change(traced.offset, traced.data))
            case Operation.TRUNCATE, File():
                node.changes.append(Change(traced.offset, None))
            case Operation.MKDIR, None:
                self._name(traced.path, {name: Folder()})
            case Operation.REMOVE, File() | Folder():
                self._name(traced.path, {name: None})
            case Operation.RENAME, File() | Folder():
                assert Path(traced.other).parent == Path(traced.path).parent, "between folders nothing is renamed"
                self._name(traced.path, {name: None, Path(traced.other).name: node})

    def _name(self, path: str, names: dict[str, File | Folder | None]) -> None:
        folder = self.find(Path(path).parent)
        assert isinstance(folder, Folder)
        folder.changes.append(Naming(names))

    def after_loss(self, path: Path, chosen: random.Random) -> None:
        """Makes what may be left as the folder ``path``."""
        _make(self._root, path, chosen)


def _make(node: File | Folder, path: Path, chosen: random.Random) -> None:
    if isinstance(node, File):
        path.write_bytes(node.after_loss(chosen))
    else:
        path.mkdir()
        for name, inside in node.after_loss(chosen).items():
            _make(inside, path / name, chosen)


def run(count: int, seed: int) -> Counts:
    runs = -(-count // EACH)
    return together(functools.partial(_some, seed, -(-count // runs)), range(runs))


def _some(seed: int, count: int, number: int) -> Counts:
    chosen = random.Random(f"{seed} {number}")
    settings = config(number)
    counts = Counts()
    with tempfile.TemporaryDirectory() as temporary:
        whole = undisturbed(Path(temporary) / "whole", settings)
        folder = Path(temporary) / "traced"
        trace = _lives(folder, settings, chosen)
        for loss in range(count):
            moment = _moment(trace, chosen)
            disk = Disk(folder.resolve())
            for traced in trace[:moment]:
                disk.do(traced)
            left = Path(temporary) / f"left-{loss}"
            disk.after_loss(left, chosen)
            before = f" before {trace[moment]}" if moment < len(trace) else ""
            what = f"{where(settings)}, power lost at operation {moment}{before}"
            counts += Counts(power_losses=1) + finish(left, settings, whole, what, _promised(disk, folder))
        return counts


def _moment(trace: Sequence[Traced], chosen: random.Random) -> int:
    """Anywhere; more often at the end, or beside an operation of a kind, each kind being as likely."""
    how = chosen.random()
    if how < 0.3:
        return chosen.randint(0, len(trace))
    if how < 0.5:
        return chosen.randint(len(trace) - 12, len(trace))
    kind = chosen.choice(sorted({traced.operation for traced in trace}))
    numbers = [number for number, traced in enumerate(trace) if traced.operation is kind]
    return chosen.choice(numbers) + chosen.randint(0, 1)


def _lives(folder: Path, settings: RunConfig, chosen: random.Random) -> list[Traced]:
    """The trace of a run to its end, in one go or killed in between, some of its fsyncs failing or none."""
    trace: list[Traced] = []
    for _ in range(chosen.choice([1, 2])):
        at = chosen.randrange(50)
        fault = chosen.choice(
            [
                Fault(),
                Fault(at, chosen.randint(1, 3), Action.REFUSE, errno.EIO, frozenset({Operation.SYNC})),
                Fault(4 * at, 1, Action.KILL_BEFORE),
            ]
        )
        child = Child(folder, settings, fault)
        child.wait()
        trace += read_trace(child.trace)
    return trace


def _promised(disk: Disk, folder: Path) -> int:
    """As ``children.promised`` at that moment."""
    log = disk.find(folder.resolve() / NAME / "events.jsonl")
    if not isinstance(log, File):
        return 0
    told = (json.loads(line) for line in log.content.splitlines(keepends=True) if line.endswith(b"\n"))
    return max((event["step"] for event in told if event["event"] in ("saved", "run-resumed")), default=0)
