"""summary.json: the results of a finished session, in the schema that ``batch --json`` shares."""

import hashlib
import json
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, ValidationError, model_validator

from engine import strict_json
from engine.catalog.own_loop import KNOWN, OWN_LOOP
from engine.commands import command
from engine.disk import read_plain, write_whole
from engine.errors import SessionDamaged, first_line, unreadable
from engine.record import metrics
from engine.record.classes import classes
from engine.record.figures import figures
from engine.record.history import History
from engine.record.one_class import one_class_tasks, without
from engine.record.score import ACCURACY, score_info
from engine.settings.run import RunConfig

MOST_SUMMARY_BYTES = 1 << 26
"""Largest accepted summary.json; the matrix of a thousand tasks takes a third of this."""
NAMED = ("method", "benchmark", "scenario", "model", "seed")
"""Settings that a summary has beside ``hyperparameters``."""
_SUM = ',\n  "checksum": "'


def summary(name: str, config: RunConfig, history: History) -> dict[str, Any]:
    """The schema that summary.json and 'batch --json' share; it is only ever extended.

    Accuracies are fractions, and null if a task is unseen or was not measured. If ``score`` names another score, it
    stands in the same entries, in its ``unit``; positive forgetting and negative backward transfer mean that it became
    worse.

    ``one_class_tasks``, counted from 0, are the tasks with nothing to distinguish; ``without_one_class_tasks`` has the
    three averages over the others, and is null if all tasks count.

    ``full_accuracy_matrix`` has the accuracies on later tasks too, and is null if they were not measured, as
    ``initial_accuracies``, before the first step, and ``classes``, the accuracy of each class after the last task.
    """
    tasks = len(history.tasks)
    one_class, forked = one_class_tasks(config), history.forked
    matrix = [[*row, *[None] * (tasks - len(row))] for row in history.matrix]
    return {
        **settled(name, config),
        "score": history.score.name,
        "unit": history.score.unit,
        "accuracy_matrix": matrix,
        "average_accuracy": metrics.average_accuracy(history.matrix),
        "forgetting": metrics.forgetting(history.matrix, history.score),
        "backward_transfer": metrics.backward_transfer(history.matrix, history.score),
        **figures(config.scenario, history),
        "full_accuracy_matrix": _full_matrix(history),
        "initial_accuracies": history.initial or None,
        "classes": _classes(history),
        "one_class_tasks": one_class,
        "without_one_class_tasks": without(history.matrix, one_class) if one_class else None,
        "forked": {key: getattr(forked, key) for key in ("parent", "task", "step")} if forked else None,
        "interventions": [
            *({"step": of.step, "before": of.before, "strength": of.strength} for of in history.strengths),
            *({"step": of.step, "why": of.why} for of in history.plans),
        ],
        "path_integral": [path.ratio for path in history.paths] or None,
        "steps": history.step,
        "seconds": round(history.elapsed, 3),
        "steps_per_second": round(history.step / history.elapsed, 1) if history.elapsed else None,
    }


def _full_matrix(history: History) -> list[list[float | None]] | None:
    if not any(history.later):
        return None
    return [[*row, *[None] * (len(history.tasks) - len(row))] for row in history.full_matrix]


def _classes(history: History) -> list[dict[str, Any]] | None:
    if not (told := classes(history)):
        return None
    newest = zip(told[-1].tasks, told[-1].names, told[-1].accuracies, strict=True)
    return [{"task": task, "name": name, "accuracy": accuracy} for task, name, accuracy in newest]


def settled(name: str, config: RunConfig) -> dict[str, Any]:
    """The entries of a summary that the folder's name and config.toml determine. A hyperparameter is null if the run
    does not read it."""
    named = {key: getattr(config, key) for key in NAMED}
    others = {key: value for key, value in config.plain().items() if key not in NAMED}
    if config.benchmark == OWN_LOOP:
        others = {key: value if key in (*KNOWN, *config.method_options.kept) else None for key, value in others.items()}
    return {"name": name, **named, "hyperparameters": others}


def write_summary(folder: Path, found: Mapping[str, Any], sums: bool) -> None:
    """Writes summary.json. Raises OSError."""
    text = strict_json.dumps(found, indent=2)
    if sums:
        text = text.removesuffix("\n}")
        text += f'{_SUM}{checksum(text.encode())}"\n}}'
    write_whole(folder / "summary.json", text.encode() + b"\n")


class _Averages(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    average_accuracy: float | None
    forgetting: float | None
    backward_transfer: float | None


class _Forked(BaseModel):
    parent: str
    task: NonNegativeInt | None
    step: NonNegativeInt


class _Intervention(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False)

    step: NonNegativeInt
    before: NonNegativeFloat = 0.0
    strength: NonNegativeFloat = 0.0
    why: str = ""


class _Result(_Averages):
    """The part of summary.json that lists and tables show."""

    hyperparameters: dict[str, Any]
    score: str = ACCURACY.name
    unit: str = ""
    accuracy_matrix: list[list[float | None]]
    one_class_tasks: list[NonNegativeInt] = []
    without_one_class_tasks: _Averages | None = None
    forked: _Forked | None = None
    interventions: list[_Intervention] = []
    steps: NonNegativeInt
    seconds: NonNegativeFloat
    steps_per_second: NonNegativeFloat | None

    @model_validator(mode="after")
    def _plausible(self) -> Self:
        rows = self.accuracy_matrix
        for number, row in enumerate(rows, start=1):
            if len(row) != len(rows) or row[number:] != [None] * (len(rows) - number):
                raise ValueError(f"row {number} of the accuracies does not have one number for each task seen")
        averages = [known for known in (self, self.without_one_class_tasks) if known]
        score = score_info(self.score)
        changes = [change for known in averages for change in (known.forgetting, known.backward_transfer)]
        plausible = not score.fraction or all(change is None or -1 <= change <= 1 for change in changes)
        if not plausible or not score.allows([*chain(*rows), *(known.average_accuracy for known in averages)]):
            raise ValueError(score.bounds)
        return self


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
