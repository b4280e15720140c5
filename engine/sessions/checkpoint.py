"""Checkpoints: tensors and a cursor in one safetensors file, with a digest. No pickle: reading a file runs no code."""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import safetensors.torch
import torch
from annotated_types import Interval
from pydantic import FiniteFloat, NonNegativeInt, TypeAdapter
from safetensors import SafetensorError
from torch import Tensor

from engine.catalog.entries import MOST_TASKS
from engine.disk import open_plain, read_plain
from engine.errors import SessionDamaged, first_line, unreadable
from engine.record.events import Seconds, Text, Whole
from engine.settings.consistent import MOST_PARAMETERS


@dataclass(frozen=True)
class Cursor:
    """The position in training, and the state that goes with it."""

    task: Annotated[int, Interval(ge=0, le=MOST_TASKS)]
    """The task in training, counted from 0; the number of tasks when all are done."""
    task_step: Whole
    step: Whole
    elapsed: Seconds
    """Seconds of training so far."""
    log_length: Whole
    """Bytes of events.jsonl written by then."""
    device: Text
    threads: int
    versions: dict[Text, Text]
    constant: FiniteFloat | None
    """The penalty's constant; None if there is no penalty yet."""
    best: FiniteFloat | None = None
    """Score of the task's best epoch so far, if that epoch's weights are kept; minus that if lower is better."""


Kind = tuple[torch.dtype, tuple[int, ...]]


@dataclass(frozen=True)
class Header:
    """What a checkpoint says about its data."""

    tensors: dict[str, Kind]
    cursor: Cursor
    size: int
    """Bytes of the whole file."""


@dataclass(frozen=True)
class _Entry:
    dtype: str
    shape: list[NonNegativeInt]


_CURSOR = TypeAdapter(Cursor)
_ENTRIES = TypeAdapter(dict[str, _Entry])
_DTYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
_DTYPES |= {"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8}
_DTYPES |= {"U8": torch.uint8, "BOOL": torch.bool}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
MOST_BYTES = 24 * 8 * MOST_PARAMETERS
"""Upper bound on a checkpoint that is read without knowing its network."""
MOST_HEADER_BYTES = 1 << 20


def kind_of(tensor: Tensor) -> Kind:
    return tensor.dtype, tuple(tensor.shape)


def write(path: Path, tensors: Mapping[str, Tensor], cursor: Cursor) -> None:
    """Writes ``tensors``, which are on the CPU and must not change meanwhile, and ``cursor``. Raises OSError.

    The safetensors library would copy everything once more, or hide errors and the file's permissions.
    """
    text = json.dumps(asdict(cursor), allow_nan=False)
    header: dict[str, Any] = {"__metadata__": {"cursor": text, "digest": _digest(tensors, text)}}
    ordered = sorted(tensors.items(), key=lambda named: -named[1].element_size())  # largest first, so all are aligned
    end = 0
    for name, tensor in ordered:
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": tensor.shape, "data_offsets": [start, end]}
    lead = json.dumps(header, allow_nan=False).encode()
    lead += b" " * (-len(lead) % 8)
    with open(path, "wb") as file:
        file.write(len(lead).to_bytes(8, "little") + lead)
        for _, tensor in ordered:
            file.write(_bytes(tensor))


def read_header(path: Path) -> Header:
    """What the file says about its data, which is not read. Raises like ``read``."""
    with _naming(path), open_plain(path) as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MOST_HEADER_BYTES:
            raise ValueError(f"its header is longer than {MOST_HEADER_BYTES:,} bytes")
        document = json.loads(file.read(length))
        cursor = _CURSOR.validate_json(document.pop("__metadata__")["cursor"])
        entries = _ENTRIES.validate_python(document)
        tensors = {name: (_DTYPES[entry.dtype], tuple(entry.shape)) for name, entry in entries.items()}
        size = 8 + length + sum(dtype.itemsize * math.prod(shape) for dtype, shape in tensors.values())
        if (there := os.fstat(file.fileno()).st_size) != size:
            raise ValueError(f"it has {there:,} bytes instead of {size:,}")
        return Header(tensors, cursor, size)


def read(path: Path, most: int = MOST_BYTES) -> tuple[dict[str, Tensor], Cursor]:
    """Returns what ``write`` was given. A file of more than ``most`` bytes is not read.

    Raises SessionDamaged for a file that is truncated, changed or no checkpoint, SessionError if the disk fails.
    """
    with _naming(path):
        data = read_plain(path, most)
        tensors = safetensors.torch.load(data)
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        if metadata["digest"] != _digest(tensors, metadata["cursor"]):
            raise ValueError("its checksum does not fit")
        return tensors, _CURSOR.validate_json(metadata["cursor"])


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turns any error of a damaged file into SessionDamaged, and errors of the disk into SessionError."""
    try:
        yield
    except OSError as error:
        raise unreadable(f"checkpoint {path}", error) from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SessionDamaged(f"checkpoint {path} is damaged: {first_line(error)}") from None


def _digest(tensors: Mapping[str, Tensor], cursor: str) -> str:
    digest = hashlib.blake2b(cursor.encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    """The tensor's memory; numpy knows no bfloat16."""
    return tensor.flatten().view(torch.uint8).numpy().data
