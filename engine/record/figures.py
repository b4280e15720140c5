"""The numbers that summarise a run besides the accuracies after its last task."""

import math
from collections.abc import Mapping

from engine.catalog.entries import AGNOSTIC, AWARE
from engine.record import metrics
from engine.record.history import History, Rows

OWN = {"task": AWARE, "class": AGNOSTIC}
"""How each scenario judges; in the domain scenario, it makes no difference whether the task is told."""
FIGURES = {
    "forward_transfer": "forward transfer",
    "average_incremental_accuracy": "average incremental accuracy",
    "average_anytime_accuracy": "average anytime accuracy",
    "task_aware_accuracy": "task-aware accuracy",
    "task_agnostic_accuracy": "task-agnostic accuracy",
}
"""What they are called, by their names in JSON."""


def figures(scenario: str, history: History) -> dict[str, float | None]:
    """By the keys of FIGURES; None where the history does not say it."""
    averages = {way: metrics.average_accuracy(rows) for way, rows in matrices(scenario, history).items()}
    known = {
        "forward_transfer": metrics.forward_transfer(history.full_matrix, history.initial, history.score),
        "average_incremental_accuracy": metrics.average_incremental_accuracy(history.matrix),
        "average_anytime_accuracy": metrics.average_anytime_accuracy([probe.row for probe in history.probes]),
        "task_aware_accuracy": averages.get(AWARE),
        "task_agnostic_accuracy": averages.get(AGNOSTIC),
    }
    return {key: None if value is None or math.isnan(value) else value for key, value in known.items()}


def matrices(scenario: str, history: History) -> Mapping[str, Rows]:
    """The accuracies on whole test sets, a row after each task, if the network is told the task (AWARE) and if it is
    not (AGNOSTIC). Empty unless both are known, as in the domain scenario, where they are the same."""
    own = OWN.get(scenario)
    other = AGNOSTIC if own == AWARE else AWARE
    if own is None or other not in history.scores or not history.matrix:
        return {}
    rows = {scored.phase: scored.row for scored in history.scores[other]}
    told = tuple(rows.get(task) or (math.nan,) * (task + 1) for task in range(len(history.matrix)))
    return {AWARE: history.matrix, AGNOSTIC: told} if own == AWARE else {AWARE: told, AGNOSTIC: history.matrix}
