"""Faults below Python's file calls: faulty.c, built for as long as it is needed, and the trace that it writes."""

import ctypes
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("faulty.c")
LIBRARY = "CL_TUI_TORTURE_LIBRARY"
"""The environment variable that tells a process with which library it was started."""
FOR_EVER = 1 << 40
"""More operations than any run does."""


class Operation(IntEnum):
    """As in faulty.c; CREATE is any opening of a file to write."""

    OPEN, READ, CREATE, WRITE, SYNC, TRUNCATE, RENAME, REMOVE, MKDIR, CLOSE = range(10)


class Action(IntEnum):
    """What becomes of an operation. Half of a write is done where its name says so; other operations are whole."""

    NONE, REFUSE, DO_AND_REFUSE, SHORT, SHORT_THEN_REFUSE, KILL_BEFORE, KILL_AFTER, KILL_HALFWAY = range(8)


READING = frozenset({Operation.OPEN, Operation.READ})
CHANGING = frozenset(Operation) - READING
GROWING = frozenset({Operation.CREATE, Operation.WRITE, Operation.MKDIR})
"""What a full disk refuses."""


@dataclass(frozen=True)
class Fault:
    """``action`` for ``count`` of the ``operations``, the first of them being number ``at``, counted from 0."""

    at: int = 0
    count: int = 0
    action: Action = Action.NONE
    error: int = 0
    operations: frozenset[Operation] = CHANGING

    def __str__(self) -> str:
        error = f" with {os.strerror(self.error)}" if self.error else ""
        many = "for ever" if self.count == FOR_EVER else f"×{self.count}"
        return f"{self.action.name.lower()}{error} {many} from operation {self.at}"


@dataclass(frozen=True)
class Traced:
    """One operation as it was done."""

    operation: Operation
    path: str
    other: str = ""
    """Where a file was renamed to."""
    action: Action = Action.NONE
    result: int = 0
    error: int = 0
    offset: int = 0
    """Of a write; the length to which a file is cut; 1 for a file that is made empty as it is opened."""
    data: bytes = b""

    def __str__(self) -> str:
        to = f" to {self.other}" if self.other else ""
        return f"{self.operation.name.lower()} {self.path}{to}"


_RECORD = struct.Struct("=iiiiqiii4x")


def missing() -> str:
    """Why there can be no faults here; "" where there can."""
    if sys.platform != "linux":
        return "faults are injected with LD_PRELOAD, on Linux only"
    if shutil.which("cc") is None:
        return "faults need a C compiler, cc"
    return ""


def with_library(main: Callable[[], int]) -> int:
    """``main()`` in a process that was started with the library: this one, or the same command once more."""
    if LIBRARY in os.environ or missing():
        return main()
    with tempfile.TemporaryDirectory() as folder:
        library = str(Path(folder) / "faulty.so")
        subprocess.run(["cc", "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        environment = os.environ | {"LD_PRELOAD": library, LIBRARY: library}
        return subprocess.run(sys.orig_argv, env=environment).returncode


def arm(folder: Path, trace: int, fault: Fault) -> None:
    """From now on, in this process, what is done in ``folder`` is written to the file ``trace``, and ``fault`` befalls
    it."""
    which = sum(1 << operation for operation in fault.operations)
    library = ctypes.CDLL(os.environ[LIBRARY])
    library.arm(
        os.fsencode(folder.resolve()),
        trace,
        ctypes.c_uint(which),
        ctypes.c_long(fault.at),
        ctypes.c_long(fault.count),
        fault.action,
        fault.error,
    )


def read_trace(path: Path) -> Iterator[Traced]:
    """Its whole records: while it grows, the last may be there only in part."""
    trace, place = path.read_bytes(), 0
    while place + _RECORD.size <= len(trace):
        operation, action, result, error, offset, *lengths = _RECORD.unpack_from(trace, place)
        place += _RECORD.size
        if place + sum(lengths) > len(trace):
            return
        parts = []
        for length in lengths:
            parts.append(trace[place : place + length])
            place += length
        name, other, data = parts
        yield Traced(Operation(operation), name.decode(), other.decode(), Action(action), result, error, offset, data)


def injected(path: Path) -> list[Traced]:
    """The operations of a trace that were not done as asked."""
    return [traced for traced in read_trace(path) if traced.action is not Action.NONE]
