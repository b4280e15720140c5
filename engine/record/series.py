"""What grows with a run: curves and lists of events, as views of shared memory. A view never changes, since only what
lies behind its end is written: appending is cheap, and a thread may read while another appends."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, overload

from engine.record.events import StepsTaken

if TYPE_CHECKING:
    import numpy as np


MOST = 50_000
"""Most events in a series; a run of a thousand tasks has fewer."""


class AtStep(Protocol):
    @property
    def step(self) -> int: ...


T = TypeVar("T", bound=AtStep)


class Series(Sequence[T], Generic[T]):
    """Events of one kind, in the order of their steps."""

    __slots__ = ("_items", "_length")

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items = list(items)
        self._length = len(self._items)

    def plus(self, item: T) -> "Series[T]":
        """These and ``item``. If another item already follows, they are copied. Raises ValueError for too many."""
        items, length = self._items, self._length
        if length == MOST:
            raise ValueError("there are too many events of its kind")
        if length < len(items) and items[length] != item:
            items = items[:length]
        if length == len(items):
            items.append(item)
        return self._view(items, length + 1)

    def until(self, step: int) -> "Series[T]":
        return self._view(self._items, bisect_right(self._items, step, hi=self._length, key=lambda item: item.step))

    @classmethod
    def _view(cls, items: list[T], length: int) -> "Series[T]":
        found = cls.__new__(cls)
        found._items, found._length = items, length
        return found

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            return [self._items[at] for at in range(*place.indices(self._length))]
        if not -self._length <= place < self._length:
            raise IndexError(place)
        return self._items[place % self._length]

    def __iter__(self) -> Iterator[T]:
        return islice(self._items, self._length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series | tuple):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))


class _Rows:
    """The memory of curves: an array of loss, penalty and seconds, which is replaced when it is full."""

    def __init__(self) -> None:
        self.array: np.ndarray | None = None


class Curve:
    """Task loss, penalty and seconds of training of every step; row k is step k+1.

    Only the newest curve may be extended, or an earlier one by the same steps again.
    """

    def __init__(self, length: int = 0, rows: _Rows | None = None) -> None:
        self.length = length
        self._rows = rows or _Rows()

    def until(self, step: int) -> "Curve":
        return Curve(min(step, self.length), self._rows)

    def extended(self, reports: Sequence[StepsTaken]) -> "Curve":
        """This curve plus the steps of ``reports``. Each report spreads its seconds evenly over its steps."""
        import numpy as np  # not at the top: the first frame comes before heavy imports

        reports = [report for report in reports if report.losses]
        if not reports:
            return self
        counts = np.array([len(report.losses) for report in reports])
        length = self.length + int(counts.sum())
        rows = self._rows.array
        if rows is None or length > len(rows):
            rows = np.empty((max(1024, 2 * length), 3))
            if self._rows.array is not None:
                rows[: self.length] = self._rows.array[: self.length]
            self._rows.array = rows
        new = rows[self.length : length]
        new[:, 0] = list(chain.from_iterable(report.losses for report in reports))
        new[:, 1] = list(chain.from_iterable(report.penalties for report in reports))
        began = rows[self.length - 1, 2] if self.length else 0.0
        ends = np.maximum.accumulate([began, *(report.elapsed for report in reports)])
        widths = (ends[1:] - ends[:-1]) / counts
        first = np.cumsum(counts) - counts
        within = np.arange(1, len(new) + 1) - np.repeat(first, counts)
        new[:, 2] = within * np.repeat(widths, counts) + np.repeat(ends[:-1], counts)
        new[first + counts - 1, 2] = ends[1:]
        return Curve(length, self._rows)

    def __eq__(self, other: object) -> bool:
        import numpy as np

        if not isinstance(other, Curve) or self.length != other.length:
            return False
        columns = (Curve.losses, Curve.penalties, Curve.seconds)
        return not self.length or all(np.array_equal(of(self), of(other), equal_nan=True) for of in columns)

    def losses(self, start: int = 0) -> "np.ndarray":
        """Task losses, shape (length − start,). Needs ``length`` > 0."""
        return self._column(0, start)

    def penalties(self, start: int = 0) -> "np.ndarray":
        """Penalties, shape (length − start,). Needs ``length`` > 0."""
        return self._column(1, start)

    def seconds(self, start: int = 0) -> "np.ndarray":
        """Seconds of training, without pauses, after each step, shape (length − start,). Needs ``length`` > 0."""
        return self._column(2, start)

    def _column(self, column: int, start: int) -> "np.ndarray":
        assert self._rows.array is not None
        return self._rows.array[start : self.length, column]
