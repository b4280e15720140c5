"""Tasks with a single class: there is nothing to distinguish, so accuracy on them means nothing."""

from collections.abc import Collection, Sequence
from statistics import mean

from engine.record import metrics
from engine.settings.run import RunConfig

Figures = dict[str, float | None]
"""``average_accuracy``, ``forgetting`` and ``backward_transfer``, as in summary.json."""


def one_class_tasks(config: RunConfig, seen: int | None = None) -> tuple[int, ...]:
    """The tasks, counted from 0, among the first ``seen`` (all by default) whose single class competes with no other.

    In the class scenario every class competes with the classes of all other tasks.

    >>> from engine.settings.run import resolve
    >>> one_class_tasks(resolve({"tasks": 7})), one_class_tasks(resolve({"tasks": 7}), 5)
    ((3, 4, 5, 6), (3, 4))
    >>> one_class_tasks(resolve({"tasks": 7, "scenario": "class"}))
    ()
    """
    if config.scenario == "class" or config.problem == "regression":
        return ()
    return tuple(task for task, count in enumerate(config.classes_by_task()[:seen]) if count == 1)


def without(matrix: metrics.Matrix, left_out: Collection[int]) -> Figures:
    """The figures of ``engine.record.metrics`` over the tasks not ``left_out``; None if no tasks remain.

    In the example: (0.625 + 0.25)/2 and (0.375 + 0.5)/2.

    >>> without([[1.0], [0.5, 0.75], [0.625, 0.25, 1.0]], (2,))
    {'average_accuracy': 0.4375, 'forgetting': 0.4375, 'backward_transfer': -0.4375}
    >>> without([[1.0], [1.0, 1.0]], (0, 1))
    {'average_accuracy': None, 'forgetting': None, 'backward_transfer': None}
    """
    last = matrix[-1] if matrix else ()
    kept = [task for task in range(len(last)) if task not in left_out]
    earlier = [task for task in kept if task < len(last) - 1]
    drops = metrics.forgetting_by_task(matrix)
    return {
        "average_accuracy": _mean([last[task] for task in kept]),
        "forgetting": _mean([drops[task] for task in earlier]),
        "backward_transfer": _mean([last[task] - matrix[task][task] for task in earlier]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None


def numbered(tasks: Sequence[int]) -> str:
    """
    >>> numbered((3,)), numbered((3, 4, 5)), numbered((0, 2))
    ('task 4', 'tasks 4–6', 'tasks 1, 3')
    """
    if len(tasks) == 1:
        return f"task {tasks[0] + 1}"
    if tasks[-1] - tasks[0] == len(tasks) - 1:
        return f"tasks {tasks[0] + 1}–{tasks[-1] + 1}"
    return f"tasks {', '.join(str(task + 1) for task in tasks)}"
