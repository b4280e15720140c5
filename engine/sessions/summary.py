"""summary.json: the results of a finished session, in the schema that ``batch --json`` shares."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, ValidationError, field_validator

from engine import strict_json
from engine.commands import command
from engine.disk import read_plain, write_whole
from engine.errors import SessionDamaged, first_line, unreadable
from engine.record import metrics
from engine.record.history import History
from engine.record.one_class import one_class_tasks, without
from engine.settings.run import RunConfig

MOST_SUMMARY_BYTES = 1 << 26
"""Largest accepted summary.json; the matrix of a thousand tasks takes a third of this."""
NAMED = ("method", "benchmark", "scenario", "model", "seed")
"""Settings that a summary has beside ``hyperparameters``."""
_SUM = ',\n  "checksum": "'
"""Start of the last entry of summary.json."""


def summary(name: str, config: RunConfig, history: History) -> dict[str, Any]:
    """The schema that summary.json and 'batch --json' share. Accuracies are fractions; null if a task is unseen.

    ``one_class_tasks``, counted from 0, are the tasks with nothing to distinguish; ``without_one_class_tasks`` has the
    three averages over the others, and is null if all tasks count.
    """
    tasks = len(history.tasks)
    one_class = one_class_tasks(config)
    matrix = [[*row, *[None] * (tasks - len(row))] for row in history.matrix]
    return {
        **settled(name, config),
        "accuracy_matrix": matrix,
        "average_accuracy": metrics.average_accuracy(history.matrix),
        "forgetting": metrics.forgetting(history.matrix),
        "backward_transfer": metrics.backward_transfer(history.matrix),
        "one_class_tasks": one_class,
        "without_one_class_tasks": without(history.matrix, one_class) if one_class else None,
        "forked": {"parent": history.forked.parent, "task": history.forked.task} if history.forked else None,
        "path_integral": [path.ratio for path in history.paths] or None,
        "steps": history.step,
        "seconds": round(history.elapsed, 3),
        "steps_per_second": round(history.step / history.elapsed, 1) if history.elapsed else None,
    }


def settled(name: str, config: RunConfig) -> dict[str, Any]:
    """The entries of a summary that the folder's name and config.toml determine."""
    named = {key: getattr(config, key) for key in NAMED}
    return {
        "name": name,
        **named,
        "hyperparameters": {key: value for key, value in config.plain().items() if key not in NAMED},
    }


def write_summary(folder: Path, found: Mapping[str, Any], sums: bool) -> None:
    """Writes summary.json. Raises OSError."""
    text = strict_json.dumps(found, indent=2)
    if sums:
        text = text.removesuffix("\n}")
        text += f'{_SUM}{checksum(text.encode())}"\n}}'
    write_whole(folder / "summary.json", text.encode() + b"\n")


class _Averages(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    average_accuracy: Annotated[float, Field(ge=0, le=1)] | None
    forgetting: Annotated[float, Field(ge=-1, le=1)] | None
    backward_transfer: Annotated[float, Field(ge=-1, le=1)] | None


class _Result(_Averages):
    """The part of summary.json that lists and tables show."""

    hyperparameters: dict[str, Any]
    accuracy_matrix: list[list[Annotated[float, Field(ge=0, le=1)] | None]]
    one_class_tasks: list[NonNegativeInt] = []
    without_one_class_tasks: _Averages | None = None
    steps: NonNegativeInt
    seconds: NonNegativeFloat
    steps_per_second: NonNegativeFloat | None

    @field_validator("accuracy_matrix")
    @classmethod
    def _triangle(cls, matrix: list[list[float | None]]) -> list[list[float | None]]:
        for row, accuracies in enumerate(matrix):
            unseen = [accuracy is None for accuracy in accuracies]
            if unseen != [task > row for task in range(len(matrix))]:
                raise ValueError(f"row {row + 1} of the accuracies does not have one number for each task seen")
        return matrix


def read_summary(path: Path, sums: bool) -> dict[str, Any]:
    """The summary of the session in ``path``, without its checksum. Raises SessionError."""
    name, summary_path = path.name, path / "summary.json"
    try:
        data = read_plain(summary_path, MOST_SUMMARY_BYTES)
        found = json.loads(data)
        if sums:
            content, _, said = data.rpartition(_SUM.encode())
            if said != f'{checksum(content)}"\n}}\n'.encode():
                raise ValueError("its checksum does not fit")
            del found["checksum"]
        _Result.model_validate(found)
    except OSError as error:
        raise unreadable(f"session {name}: {summary_path}", error) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else first_line(error)
        raise SessionDamaged(
            f"session {name} is damaged: {summary_path}: {why}; move that file away, and "
            f"'{command('resume', summary_path.parent.parent, name)}' writes it again"
        ) from None
    return cast(dict[str, Any], found)


def checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
