"""Ω of each neuron of the first layer as a picture of the inputs, from the newest checkpoint at a task's end."""

from collections.abc import Sequence
from pathlib import Path

from engine.analysis.ends import task_ends
from engine.errors import SessionMismatch
from engine.record.held import Neurons
from engine.sessions import checkpoint
from engine.sessions.session import Session
from engine.training.state import saved_penalty


def neurons(folder: Path, name: str, layers: Sequence[tuple[str, int]], shape: tuple[int, int]) -> Neurons:
    """``layers``: the name and size of each, in the order of the weights; ``shape``: of a picture of the inputs.
    Raises SessionTooYoung or SessionDamaged, or SessionMismatch if no neuron makes such a picture."""
    session = Session.open(folder, name)
    paths, ended = task_ends(session)
    refused = SessionMismatch(f"session {name}: the neurons of its first layer make no pictures of the inputs")
    place = next((place for place, (layer, _) in enumerate(layers) if layer.endswith("weight")), len(layers))
    if place + 1 >= len(layers) or layers[place + 1][0] != f"{layers[place][0].removesuffix('weight')}bias":
        raise refused
    start, size, count = sum(size for _, size in layers[:place]), layers[place][1], layers[place + 1][1]
    if size % (count * shape[0] * shape[1]):
        raise refused
    tensors, cursor = checkpoint.read(paths[-1])
    penalty = saved_penalty(tensors, cursor)
    if penalty is None or len(penalty.diagonal()) < start + size:
        raise SessionMismatch(f"session {name}: its checkpoint has no importance Ω of this network")
    own = penalty.diagonal()[start : start + size].clamp_min(0).float()
    return Neurons(ended - 1, own.view(count, -1, *shape).sum(1).numpy())
