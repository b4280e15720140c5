"""A checkpoint: tensors and a cursor in one safetensors file, with a digest. No pickle: opening one runs no code."""

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

from engine.config import MOST_PARAMETERS
from engine.disk import read_plain
from engine.errors import SessionDamaged, first_line, unreadable
from engine.events import Text


@dataclass(frozen=True)
class Cursor:
    """Where training stands, and what belongs to that moment."""

    task: int
    """The task in training, counted from 0; the number of tasks when all are done."""
    task_step: int
    """Steps taken in it."""
    step: int
    """Steps taken in the run."""
    elapsed: float
    """Seconds of training so far."""
    log_length: int
    """Bytes of events.jsonl that were written by then."""
    device: Text
    threads: int
    versions: dict[Text, Text]
    constant: float | None
    """The penalty's constant; None while there is no penalty."""
    best: float | None = None
    """Accuracy of the best epoch so far of the task in training, where that epoch's weights are kept."""


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
"""What safetensors calls each."""
MOST_VECTORS = 24
"""Weights, what the optimizer and the method keep, these again as they were after the best epoch, Ω and the anchor: no
method makes more of a checkpoint."""
MOST_HEADER_BYTES = 1 << 20


def snapshot(tensors: Mapping[str, Tensor], earlier: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, which stay as they are while training continues.

    ``earlier``: a snapshot that nobody needs any more; its memory is used again, since to get new takes longer.
    """
    copies = {}
    for name, tensor in tensors.items():
        place = earlier.get(name)
        fits = place is not None and (place.shape, place.dtype) == (tensor.shape, tensor.dtype)
        copies[name] = place.copy_(tensor) if place is not None and fits else tensor.detach().to("cpu", copy=True)
    return copies


def write(path: Path, tensors: Mapping[str, Tensor], cursor: Cursor) -> None:
    """``tensors`` lie on the CPU and nobody changes them meanwhile. Raises OSError.

    The format's own library would copy all of it once more, or hide its errors and the file's permissions.
    """
    text = json.dumps(asdict(cursor), allow_nan=False)
    header: dict[str, Any] = {"__metadata__": {"cursor": text, "digest": _digest(tensors, text)}}
    ordered = sorted(tensors.items(), key=lambda named: -named[1].element_size())  # so that all are aligned
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
    """What ``write`` was given. ``parameters``: how many the network has; no tensor is larger.

    Raises SessionDamaged for a file that is cut, changed or something else, SessionError where the disk fails.
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
