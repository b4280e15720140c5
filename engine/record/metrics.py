"""Metrics of continual learning. ``matrix[i][j]``: accuracy on task j after training task i, as a fraction, or another
score; rows may be ragged (only j ≤ i), and the last may be missing during a run. ``score`` says which direction is
worse: forgetting is how much worse a score has become, and backward transfer how much better."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

from engine.record.score import ACCURACY, ScoreInfo

Matrix = Sequence[Sequence[float]]


def average_accuracy(matrix: Matrix) -> float | None:
    """Mean over the tasks of the last row (ACC, Lopez-Paz & Ranzato 2017, equation 2); None before the first row.

    >>> average_accuracy([[1.0], [0.5, 1.0]])
    0.75
    """
    return sum(matrix[-1]) / len(matrix[-1]) if matrix else None


def forgetting_by_task(matrix: Matrix, score: ScoreInfo = ACCURACY) -> list[float]:
    """Best accuracy before the last row minus the accuracy in the last row, for each task except the last
    (Chaudhry et al. 2018, equation 3). Negative where later tasks helped.

    >>> from engine.record.score import RMSE
    >>> forgetting_by_task([[1.0], [0.5, 1.0]]), forgetting_by_task([[1.0], [1.75, 0.5]], RMSE)
    ([0.5], [0.75])
    """
    if not matrix:
        return []
    *earlier, last = matrix
    return [score.lost(score.best(row[j] for row in earlier[j:]), last[j]) for j in range(len(last) - 1)]


def forgetting(matrix: Matrix, score: ScoreInfo = ACCURACY) -> float | None:
    """Mean of ``forgetting_by_task``; None if there is only one task.

    >>> forgetting([[1.0], [0.5, 1.0]])
    0.5
    """
    drops = forgetting_by_task(matrix, score)
    return sum(drops) / len(drops) if drops else None


def after_each_task(matrix: Matrix) -> list[float]:
    """Accuracy on each task right after it was trained.

    >>> after_each_task([[1.0], [0.5, 0.75]])
    [1.0, 0.75]
    """
    return [row[task] for task, row in enumerate(matrix)]


def backward_transfer(matrix: Matrix, score: ScoreInfo = ACCURACY) -> float | None:
    """Mean change of each earlier task since it was learned (BWT, Lopez-Paz & Ranzato 2017, equation 3).

    >>> from engine.record.score import RMSE
    >>> backward_transfer([[1.0], [0.5, 1.0]]), backward_transfer([[1.0], [1.75, 0.5]], RMSE)
    (-0.5, -0.75)
    """
    if len(matrix) < 2:
        return None
    last = matrix[-1]
    changes = [score.lost(last[j], matrix[j][j]) for j in range(len(last) - 1)]
    return sum(changes) / len(changes)


def forward_transfer(full: Matrix, initial: Sequence[float], score: ScoreInfo = ACCURACY) -> float | None:
    """Mean over the tasks but the first of the accuracy directly before a task is learned minus that of the untrained
    network (FWT, Lopez-Paz & Ranzato 2017, equation 4), as far as both are known; None if there is no such task.

    ``full``: a matrix whose rows have later tasks too. ``initial``: the accuracies before the first step.

    >>> forward_transfer([[1.0, 0.75], [0.5, 1.0]], [0.5, 0.5])
    0.25
    """
    known = range(1, min(len(full) + 1, len(initial)))
    gains = [score.lost(full[j - 1][j], initial[j]) for j in known if len(full[j - 1]) > j]
    return sum(gains) / len(gains) if gains else None


def average_incremental_accuracy(matrix: Matrix) -> float | None:
    """Mean over the ends of tasks of the average accuracy on the tasks so far (Rebuffi et al. 2017).

    >>> average_incremental_accuracy([[1.0], [0.5, 1.0]])
    0.875
    """
    return sum(sum(row) / len(row) for row in matrix) / len(matrix) if matrix else None


def average_anytime_accuracy(probes: Matrix) -> float | None:
    """Mean over the probes during training of the average accuracy on the tasks so far (AAA, Caccia et al. 2022). A row
    for each probe.

    >>> average_anytime_accuracy([[0.5], [1.0], [0.5, 0.0], [0.5, 0.5]])
    0.5625
    """
    return average_incremental_accuracy(probes)


def sampling_error(accuracies: Sequence[float], examples: Sequence[int]) -> float:
    """Standard error of the mean of ``accuracies``, each measured on so many test ``examples``: how far it would differ
    on others. It does not know how much a run differs from one with another seed.

    >>> round(sampling_error([0.5, 0.5], [100, 100]), 4), sampling_error([1.0], [10])
    (0.0354, 0.0)
    """
    variances = (share * (1 - share) / max(count, 1) for share, count in zip(accuracies, examples, strict=False))
    return math.sqrt(sum(variances)) / max(len(accuracies), 1)


def figure(name: str, matrix: Matrix, score: ScoreInfo = ACCURACY) -> float | None:
    """``average_accuracy``, ``forgetting`` or ``backward_transfer`` of any score.

    >>> figure("forgetting", [[1.0], [0.5, 1.0]])
    0.5
    """
    if name == "average_accuracy":
        return average_accuracy(matrix)
    return {"forgetting": forgetting, "backward_transfer": backward_transfer}[name](matrix, score)


BY_TASK: Mapping[str, Callable[[Matrix], Sequence[float]]] = {
    "after the last task": lambda matrix: matrix[-1],
    "right after each task": after_each_task,
    "forgetting": forgetting_by_task,
}
"""What is known of each task at the end of a run."""


@dataclass(frozen=True, eq=False)
class Looks:
    """All measurements of a run on the same test examples, in order of time: N measurements of T tasks.

    ``steps`` (N,): the step after which it was measured. ``during`` (N,): the task in training then, counted from 0.
    ``ended`` (N,): whether it was measured at that task's end. ``accuracies`` (N, T): fractions, NaN for tasks not yet
    seen.
    """

    steps: "np.ndarray"
    during: "np.ndarray"
    ended: "np.ndarray"
    accuracies: "np.ndarray"

    def __len__(self) -> int:
        return len(self.steps)

    def until(self, step: int) -> "Looks":
        count = int(self.steps.searchsorted(step, side="right"))
        return Looks(self.steps[:count], self.during[:count], self.ended[:count], self.accuracies[:count])


@dataclass(frozen=True)
class Lowest:
    """The worst score on a task since it was learned, and when it was first measured."""

    accuracy: float
    step: int
    during: int
    """The task in training then, counted from 0."""


@dataclass(frozen=True, eq=False)
class Stability:
    """How low accuracies fell after a task was learned, and when, for T tasks. Of a score of which lower is better, the
    lowest is the highest, and the best the lowest."""

    lowest: list[Lowest | None]
    """Minimum over the measurements after a task's own training, for each task; None if there are none yet."""
    best: list[float | None]
    """Highest accuracy from the end of a task's own training on, for each task; None before that."""
    dips: "np.ndarray"
    """The stability gap at each task switch, shape (T, T): row k, column j is how far the accuracy on task j fell while
    task k was trained, below its value at the end of task k−1; 0 if it never fell. NaN except for j < k, and NaN in the
    rows of tasks that have not begun."""
    minimum: float | None
    """min-ACC: mean over the tasks before the newest of the lowest accuracy since each; None if there are none."""
    worst_case: float | None
    """WC-ACC: 1/k of the newest accuracy on the task in training, the k-th, plus 1 − 1/k of min-ACC. None at first."""

    def negated(self) -> "Stability":
        """Of scores that were negated to make the highest the best; dips are differences and stay."""
        return Stability(
            [low and replace(low, accuracy=-low.accuracy) for low in self.lowest],
            [None if value is None else -value for value in self.best],
            self.dips,
            None if self.minimum is None else -self.minimum,
            None if self.worst_case is None else -self.worst_case,
        )


def stability(looks: Looks, score: ScoreInfo = ACCURACY) -> Stability:
    """The metrics of De Lange et al. 2023, "Continual evaluation for lifelong learning: identifying the stability gap",
    and each dip separately. The paper measures after every step; here only the given measurements count."""
    found = _stability(looks if score.higher else replace(looks, accuracies=-looks.accuracies))
    return found if score.higher else found.negated()


def _stability(looks: Looks) -> Stability:
    import numpy as np

    count = looks.accuracies.shape[1]
    dips = np.full((count, count), np.nan)
    if not len(looks):
        return Stability([None] * count, [None] * count, dips, None, None)
    began = np.flatnonzero(np.diff(looks.during, prepend=-1))
    training = looks.during[began]
    lows = np.minimum.reduceat(looks.accuracies, began, axis=0)
    highs = np.maximum.reduceat(looks.accuracies, began, axis=0)
    old = training[:, None] > np.arange(count)

    ends = np.flatnonzero(looks.ended)
    stood = np.full((count, count), np.nan)
    stood[looks.during[ends]] = looks.accuracies[ends]
    switched = training > 0
    dips[training[switched]] = np.maximum(stood[training[switched] - 1] - lows[switched], 0.0)

    below = np.where(old & ~np.isnan(lows), lows, np.inf)
    deepest = below.argmin(axis=0)
    lowest: list[Lowest | None] = []
    for task, group in enumerate(deepest.tolist()):
        if below[group, task] == np.inf:
            lowest.append(None)
            continue
        row = int(began[group] + (looks.accuracies[began[group] :, task] == below[group, task]).argmax())
        lowest.append(Lowest(float(below[group, task]), int(looks.steps[row]), int(training[group])))

    above = np.where(old & ~np.isnan(highs), highs, -np.inf).max(axis=0)
    above = np.fmax(above, stood.diagonal())
    best = [value if value != -np.inf else None for value in above.tolist()]

    known = [found.accuracy for found in lowest if found]
    minimum = sum(known) / len(known) if known else None
    task = int(looks.during[-1])
    current = float(looks.accuracies[-1, task])
    worst = current if minimum is None else (current + task * minimum) / (task + 1)
    return Stability(lowest, best, dips, minimum, worst)
