"""Initial weights from a file, or torchvision's own."""

import hashlib
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.catalog.models.torchvision_nets import NAMES
from engine.errors import ConfigError, first_line
from engine.text import by, some
from engine.torchvision_import import torchvision_models

DEFAULT = "default"
NESTED = ("state_dict", "model_state_dict", "model")
"""Where a training loop's own checkpoint often keeps the state dict."""
COUNTERS = "num_batches_tracked"
"""Batch normalisation's counter, which no result depends on."""


@dataclass(frozen=True)
class Weights:
    source: str
    digest: str
    tensors: Mapping[str, Tensor]


def read_weights(where: str, model: str) -> Weights:
    """``where``: a path, or DEFAULT for the weights that torchvision publishes for ``model``. Raises ConfigError."""
    path = _downloaded(model) if where == DEFAULT else Path(where)
    source = f"torchvision's ({path.name})" if where == DEFAULT else str(path)
    try:
        tensors = _tensors(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise _unusable(f"{path}: {error.strerror or first_line(error)}") from None
    if not tensors:
        raise _unusable(f"{path} holds no weights")
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise _unusable(f"{path}: {name} has values that are not finite")
    return Weights(source, digest, tensors)


def _unusable(why: str) -> ConfigError:
    return ConfigError(f"weights = {why}", "weights")


def _downloaded(model: str) -> Path:
    """The file in torch's cache. Raises ConfigError."""
    if model not in NAMES:
        raise _unusable(f"{DEFAULT}: torchvision has none for model {model}; name a file, or leave it out")
    found = torchvision_models().get_model_weights(model).DEFAULT
    name: str = found.url.rpartition("/")[2]
    try:
        found.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise _unusable(
            f"{DEFAULT}: {found.url} could not be downloaded ({first_line(error)}); name a file of weights, or leave "
            f"it out to start from random weights"
        ) from None
    return Path(str(torch.hub.get_dir())) / "checkpoints" / name


def _tensors(path: Path) -> dict[str, Tensor]:
    """The file's tensors by name. Raises ConfigError or OSError."""
    with path.open("rb") as file:
        start = file.read(9)
    if not start:
        raise _unusable(f"{path} is empty")
    try:
        if start[8:] == b"{":
            found: object = load_file(path)
        else:
            with warnings.catch_warnings(action="ignore"):  # of pickles that torch has not written
                found = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, OSError, RuntimeError, ValueError, LookupError, EOFError) as error:
        pickled = isinstance(error, pickle.UnpicklingError) and "weights_only" in str(error).lower()
        why = "it holds more than tensors, which would have to be run" if pickled else "it is damaged or something else"
        raise _unusable(
            f"{path} is neither a safetensors file nor a state dict ({why}); torch.save(model.state_dict(), …) makes "
            f"a state dict"
        ) from None
    for key in NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise _unusable(f"{path} holds no state dict, but a {type(found).__name__}")
    tensors = {str(name): tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}
    if tensors and all(name.startswith("module.") for name in tensors):  # torch's DataParallel
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def put(weights: Weights, net: nn.Module) -> str:
    """Writes the weights that fit by name and shape into ``net``, in place; says what does not fit.

    Raises ConfigError if none fits.
    """
    own = dict(net.named_parameters(remove_duplicate=False)) | dict(net.named_buffers(remove_duplicate=False))
    head_was = getattr(net, "head_was", "head")
    missing, used = [], set()
    for name, tensor in own.items():
        there = name.replace("head.", f"{head_was}.", 1) if name.startswith("head.") else name
        stored = next((key for key in (name, there) if key in weights.tensors), None)
        found = weights.tensors[stored] if stored is not None else None
        if found is not None and _kind(found) == _kind(tensor):
            with torch.no_grad():
                tensor.copy_(found)
            used.add(stored)
        elif not name.endswith(COUNTERS):
            missing.append(f"{name} {by(tensor.shape)}" + (f" (there {by(found.shape)})" if found is not None else ""))
    if not used:
        names = some([f"{name} {by(tensor.shape)}" for name, tensor in weights.tensors.items()])
        raise _unusable(f"{weights.source}: none fits this network, which needs {some(missing)}; it has {names}")
    told = f"{len(used)} of the network's {len(used) + len(missing)} tensors are from {weights.source}"
    if missing:
        told += f"; random: {some(missing)}"
    if unused := [name for name in weights.tensors if name not in used and not name.endswith(COUNTERS)]:
        told += f"; not used: {some(unused)}"
    return told


def _kind(tensor: Tensor) -> tuple[torch.Size, bool]:
    return tensor.shape, tensor.is_floating_point()
