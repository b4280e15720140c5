"""Checkpoints: tensors and a cursor in one safetensors file, with a digest. No pickle: reading a file runs no code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from torch import Tensor

from engine.disk import read_plain
from engine.errors import SessionDamaged, first_line, unreadable
from engine.record.events import Text
from engine.settings.run import MOST_PARAMETERS


@dataclass(frozen=True)
class Cursor:
    """The position in training, and the state that goes with it."""

    task: int
    """The task in training, counted from 0; the number of tasks when all are done."""
    task_step: int
    """Steps taken in the current task."""
    step: int
    """Steps taken in the whole run."""
    elapsed: float
    """Seconds of training so far."""
    log_length: int
    """Bytes of events.jsonl written by then."""
    device: Text
    threads: int
    versions: dict[Text, Text]
    constant: float | None
    """The penalty's constant; None if there is no penalty yet."""
    best: float | None = None
    """Accuracy of the current task's best epoch so far, if that epoch's weights are kept."""


_CURSOR = TypeAdapter(Cursor)
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""The name of each dtype in safetensors."""
MOST_VECTORS = 24
"""Upper bound on the vectors of size P in a checkpoint: weights, optimizer and method state, the same for the best
epoch, Ω and the anchor. No method has more."""
MOST_HEADER_BYTES = 1 << 20


def snapshot(tensors: Mapping[str, Tensor], earlier: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU that do not change while training continues.

    ``earlier``: a snapshot that is no longer needed; its memory is reused, which is faster than allocating.
    """
    copies = {}
    for name, tensor in tensors.items():
        place = earlier.get(name)
        fits = place is not None and (place.shape, place.dtype) == (tensor.shape, tensor.dtype)
        copies[name] = place.copy_(tensor) if place is not None and fits else tensor.detach().to("cpu", copy=True)
    return copies


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
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": tensor.shape, "data_offsets": [start, end]}
    lead = json.dumps(header, allow_nan=False).encode()
    lead += b" " * (-len(lead) % 8)
    with open(path, "wb") as file:
        file.write(len(lead).to_bytes(8, "little") + lead)
        for _, tensor in ordered:
            file.write(tensor.flatten().numpy().data)


def read(path: Path, parameters: int = MOST_PARAMETERS) -> tuple[dict[str, Tensor], Cursor]:
    """Returns what ``write`` was given. ``parameters``: the number the network has; no tensor is larger.

    Raises SessionDamaged for a file that is truncated, changed or no checkpoint, SessionError if the disk fails.
    """
    try:
        data = read_plain(path, MOST_HEADER_BYTES + MOST_VECTORS * 8 * parameters)
        tensors = safetensors.torch.load(data)
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        if metadata["digest"] != _digest(tensors, metadata["cursor"]):
            raise ValueError("its checksum does not fit")
        return tensors, _CURSOR.validate_json(metadata["cursor"])
    except OSError as error:
        raise unreadable(f"checkpoint {path}", error) from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SessionDamaged(f"checkpoint {path} is damaged: {first_line(error)}") from None


def _digest(tensors: Mapping[str, Tensor], cursor: str) -> str:
    digest = hashlib.blake2b(cursor.encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().numpy().data)
    return digest.hexdigest()
