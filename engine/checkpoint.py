"""A checkpoint: tensors and a cursor in one safetensors file, with a digest. No pickle: opening one runs no code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from engine.errors import SessionDamaged, first_line


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
    device: str
    threads: int
    versions: dict[str, str]
    constant: float | None
    """The penalty's constant; None while there is no penalty."""
    best: float | None = None
    """Accuracy of the best epoch so far of the task in training, where that epoch's weights are kept."""


_CURSOR = TypeAdapter(Cursor)


def encode(tensors: Mapping[str, Tensor], cursor: Cursor) -> bytes:
    """The file's bytes."""
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(asdict(cursor))
    return safetensors.torch.save(on_cpu, {"cursor": text, "digest": _digest(on_cpu, text)})


def read(path: Path) -> tuple[dict[str, Tensor], Cursor]:
    """What ``encode`` was given. Raises SessionDamaged for a file that is cut, changed or something else."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if metadata["digest"] != _digest(tensors, metadata["cursor"]):
            raise ValueError("its checksum does not fit")
        return tensors, _CURSOR.validate_json(metadata["cursor"])
    except (OSError, SafetensorError, ValueError, KeyError, ValidationError) as error:
        raise SessionDamaged(f"checkpoint {path} is damaged: {first_line(error)}") from None


def _digest(tensors: Mapping[str, Tensor], cursor: str) -> str:
    digest = hashlib.blake2b(cursor.encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
