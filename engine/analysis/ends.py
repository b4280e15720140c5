"""A session's checkpoints at the tasks' ends, and each task's own importance."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from torch import Tensor

from engine.catalog.methods import METHODS
from engine.commands import command
from engine.errors import SessionDamaged, SessionMismatch, SessionTooYoung
from engine.sessions import checkpoint
from engine.sessions.checkpoint import kind_of
from engine.sessions.session import Session
from engine.settings.run import RunConfig
from engine.training.state import RunState, saved_penalty

_TASK_END = re.compile(r"task-(\d+)-step-\d+\.safetensors")


@dataclass(frozen=True)
class End:
    """The parts of a checkpoint at a task's end that the analysis needs; tensors of shape (P,), on the CPU."""

    step: int
    network: dict[str, Tensor]
    importance: Tensor | None
    """Ω; None for a method without Ω, and for si except at the last task, where no other is needed."""
    path: Tensor | None
    """ω of the task; None except for si."""


def task_ends(session: Session) -> tuple[list[Path], int]:
    """The checkpoints at the tasks' ends, in task order, and the number of ended tasks; only the last checkpoint if
    others were not kept. Raises SessionTooYoung or SessionDamaged."""
    found: dict[int, Path] = {}
    for path in session.checkpoints():  # newest first: the newer of two for one task counts
        if match := _TASK_END.fullmatch(path.name):
            found.setdefault(int(match[1]), path)
    if not found:
        raise SessionTooYoung(
            f"no task of session {session.name} has ended yet, so there is nothing to analyse: "
            f"'{command('resume', session.path.parent, session.name)}' continues it"
        )
    ended = max(found)
    missing = [number for number in range(1, ended + 1) if number not in found]
    if missing and session.thinned:
        return [found[ended]], ended
    if missing:
        raise SessionDamaged(
            f"session {session.name} is damaged: {session.checkpoints_dir} has no checkpoint from the end of "
            f"task {missing[0]}"
        )
    return [found[number] for number in sorted(found)], ended


def read_end(path: Path, config: RunConfig, state: RunState, last: bool) -> End:
    """Reads a checkpoint. Raises SessionDamaged or SessionMismatch."""
    found, cursor = checkpoint.read(path, state.room)
    tensors = state.grown(found)

    def fitting(name: str, found: Tensor | None, like: Tensor = state.parameters.values) -> Tensor:
        if found is None:
            raise SessionDamaged(f"checkpoint {path} is damaged: it has no {name}")
        if kind_of(found) != kind_of(like):
            raise SessionMismatch(f"checkpoint {path} does not fit the network in config.toml")
        return found

    asked = bool(METHODS[config.method].symbol) and (last or config.method != "si")
    penalty = saved_penalty(tensors, cursor) if asked else None
    path_integral = tensors.get("method/path_integral")
    return End(
        step=cursor.step,
        network={name: fitting(name, tensors.get(name), tensor) for name, tensor in state.network().items()},
        importance=fitting("penalty", penalty.diagonal() if penalty else None) if asked else None,
        path=fitting("method/path_integral", path_integral) if config.method == "si" else None,
    )


def of_each_task(config: RunConfig, ends: Sequence[End]) -> tuple[str, list[Tensor]] | str:
    """What each task's own importance is, and its values, one vector of shape (P,) per task; or why there is none."""
    if config.method == "si":
        return "path integral ω", [end.path for end in ends if end.path is not None]
    omegas = [end.importance for end in ends if end.importance is not None]
    if not omegas:
        return without_penalty(config)
    if config.method == "l2":
        return "Ω of l2 is 1 everywhere, after every task"
    if config.option("recompute"):
        return "Ω is measured again on all tasks at each task's end, so no part of it belongs to a single task"
    gamma = config.option("gamma")
    kept = 1.0 if gamma is None else gamma
    added = [after.double() - kept * before.double() for before, after in pairwise(omegas)]
    words = "change of Ω with the task" if config.method == "rwalk" else "what the task added to Ω"
    return words, [omegas[0], *added]


def without_penalty(config: RunConfig) -> str:
    return f"method {config.method} has no importance Ω"
