"""What an accuracy matrix says. ``matrix[i][j]``: accuracy on task j after training task i, as a fraction; rows may be
ragged (only j ≤ i) and the last ones may be missing while a run goes on."""

from collections.abc import Sequence

Matrix = Sequence[Sequence[float]]


def average_accuracy(matrix: Matrix) -> float | None:
    """Mean over the tasks of the last row (ACC, Lopez-Paz & Ranzato 2017, equation 2); None before the first row.

    >>> average_accuracy([[1.0], [0.5, 1.0]])
    0.75
    """
    return sum(matrix[-1]) / len(matrix[-1]) if matrix else None


def forgetting_by_task(matrix: Matrix) -> list[float]:
    """For each task but the last, its best accuracy before the last row minus that in the last row
    (Chaudhry et al. 2018, equation 3). Negative where later tasks helped.

    >>> forgetting_by_task([[1.0], [0.5, 1.0]])
    [0.5]
    """
    if not matrix:
        return []
    *earlier, last = matrix
    return [max(row[j] for row in earlier[j:]) - last[j] for j in range(len(last) - 1)]


def forgetting(matrix: Matrix) -> float | None:
    """Mean of ``forgetting_by_task``; None while there is only one task.

    >>> forgetting([[1.0], [0.5, 1.0]])
    0.5
    """
    drops = forgetting_by_task(matrix)
    return sum(drops) / len(drops) if drops else None


def backward_transfer(matrix: Matrix) -> float | None:
    """Mean change of each earlier task since it was learned (BWT, Lopez-Paz & Ranzato 2017, equation 3).

    >>> backward_transfer([[1.0], [0.5, 1.0]])
    -0.5
    """
    if len(matrix) < 2:
        return None
    last = matrix[-1]
    changes = [last[j] - matrix[j][j] for j in range(len(last) - 1)]
    return sum(changes) / len(changes)
