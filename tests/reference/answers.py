"""Answers for test examples, one example at a time."""

from collections.abc import Sequence

from torch import Tensor

from tests.reference.training import competing, place

JUDGED = {"": "domain", "task-aware": "task", "task-agnostic": "class"}
"""The scenario in which a network would be judged in this way."""


class SlowAnswers:
    """The answers after ``newest``, the last task seen. ``logits`` and ``labels``: of each task's test examples."""

    def __init__(
        self, way: str, sizes: Sequence[int], newest: int, logits: Sequence[Tensor], labels: Sequence[Sequence[int]]
    ) -> None:
        self.sizes = sizes[: newest + 1]
        self.found: list[tuple[int, int, int, int]] = []
        """(task, own label, right answer, answer), which count the outputs that compete."""
        self.competing = [competing(JUDGED[way], sizes, task, newest) for task in range(newest + 1)]
        for task, among in enumerate(self.competing):
            for row, label in zip(logits[task], labels[task], strict=True):
                values = [row[output].item() for output in among]
                answer = values.index(max(values))
                self.found.append((task, label, place(JUDGED[way], sizes, task, label), answer))

    def accuracies(self) -> list[float]:
        """Of each task."""
        return [_share([right == answer for of, _, right, answer in self.found if of == task]) for task in self.tasks]

    def by_class(self) -> list[list[float | None]]:
        """Of each class of each task; None without an example."""

        def accuracy(task: int, label: int) -> float | None:
            hits = [right == answer for *at, right, answer in self.found if at == [task, label]]
            return _share(hits) if hits else None

        return [[accuracy(task, label) for label in range(self.sizes[task])] for task in self.tasks]

    def confusion(self) -> list[list[int]]:
        """A row for each class, a column for each output that competes for any task; -1 where it does not."""
        columns = sorted({output for among in self.competing for output in among})
        rows = [
            [0 if output in self.competing[task] else -1 for output in columns]
            for task in self.tasks
            for _ in range(self.sizes[task])
        ]
        for task, label, _, answer in self.found:
            rows[sum(self.sizes[:task]) + label][columns.index(self.competing[task][answer])] += 1
        return rows

    @property
    def tasks(self) -> range:
        return range(len(self.sizes))


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)
