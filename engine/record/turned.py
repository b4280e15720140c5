"""How many of the shown examples were right when their task was learned, and are wrong at each probe."""

import math
from typing import TYPE_CHECKING, NamedTuple

from engine.record.events import ANSWERS, WHOLE_ANSWERS, Packed
from engine.record.history import History
from engine.record.series import Series
from engine.record.shown import Shown, answers_of, whole_sets

if TYPE_CHECKING:
    import numpy as np


class Seen(NamedTuple):
    """At one probe."""

    counts: list[int]
    """How many examples of each task are wrong."""
    learned: list[int]
    """How many of them were right at the task's end; 0 before that."""

    @property
    def wrong(self) -> int:
        return sum(self.counts)

    @property
    def right(self) -> int:
        return sum(self.learned)


class Turns(NamedTuple):
    steps: "np.ndarray"
    """Of the probes, shape (N,)."""
    counts: "np.ndarray"
    """How many examples of each task are wrong now and were right at its end; NaN before that. Shape (N, tasks)."""
    learned: "np.ndarray"
    """How many examples of each task were right at its end; 0 before that. Shape (N, tasks)."""

    def at(self, step: int | None) -> Seen:
        """At the newest probe up to ``step``, or of all."""
        import numpy as np

        place = len(self.steps) if step is None else int(np.searchsorted(self.steps, step, side="right"))
        counts, learned = self.counts[:place][-1:], self.learned[:place][-1:]
        return Seen(np.nan_to_num(counts).sum(axis=0).astype(int).tolist(), learned.sum(axis=0).tolist())


def whole_turned(history: History, phase: int) -> Seen | None:
    """Of whole test sets, at the end of ``phase``; None if that is not told."""
    counts, learned = [], []
    for of in whole_sets(history, phase)[:phase]:
        if of.then is None:
            return None
        counts.append(int(((of.then == 0) & (of.now > 0)).sum()))
        learned.append(int((of.then == 0).sum()))
    return Seen(counts, learned) if counts else None


def ended_now(history: History) -> int | None:
    """The task at whose end ``history`` is, if its newest answers are to whole test sets, too."""
    looks, ends = history.packed.get(ANSWERS), history.packed.get(WHOLE_ANSWERS)
    return ends[-1].phase if looks and ends and ends[-1].step == looks[-1].step else None


class Turning:
    """Grows with a run: each History adds only what is new, and an earlier one, as in a replay, hides what is later."""

    def __init__(self) -> None:
        self._begin(None)

    def _begin(self, shown: Shown | None) -> None:
        self._shown = shown
        self._told: list[Packed] = []
        self._right: list[np.ndarray] = []
        """Which examples of each task were right in the newest answers while it was the newest task."""
        self._rows: list[tuple[list[float], list[int]]] = []
        self._found: Turns | None = None
        """What was returned last."""

    def turns(self, history: History, shown: Shown) -> Turns:
        """All that is known of ``history``."""
        import numpy as np

        told = history.packed.get(ANSWERS) or Series()
        both = min(len(told), len(self._told))
        if shown is not self._shown or (both and told[both - 1] != self._told[both - 1]):
            self._begin(shown)
        for event in told[len(self._told) :]:
            self._take(event, shown)
        if self._found is not None and len(self._found.steps) == len(told) == len(self._told):
            return self._found
        rows = self._rows[: len(told)]
        width = (len(shown.tasks),)
        self._found = Turns(
            np.array([event.step for event in self._told[: len(told)]], dtype=np.int64),
            np.array([counts for counts, _ in rows], dtype=float).reshape(-1, *width),
            np.array([learned for _, learned in rows], dtype=np.int64).reshape(-1, *width),
        )
        return self._found

    def _take(self, event: Packed, shown: Shown) -> None:
        wrong = [of.wrong for of in answers_of(event, shown)]
        del self._right[event.phase :]
        counts, learned = [math.nan] * len(shown.tasks), [0] * len(shown.tasks)
        for task, right in enumerate(self._right[: len(wrong)]):
            counts[task], learned[task] = float((right & wrong[task]).sum()), int(right.sum())
        if len(wrong) == event.phase + 1 and len(self._right) == event.phase:
            self._right.append(~wrong[event.phase])
        self._told.append(event)
        self._rows.append((counts, learned))
