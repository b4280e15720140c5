"""What was known of a run at a step, such as the crosshair's."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cl_tui.charts.colour_scale import ColourScale
from cl_tui.charts.style import Line
from cl_tui.panes.view import View
from cl_tui.reports.scale import axis
from cl_tui.reports.session_facts import probed_rows
from engine.record.chance import common_chance
from engine.record.events import ImportanceMeasured
from engine.record.history import History
from engine.record.metrics import Looks, Stability, stability

if TYPE_CHECKING:
    import numpy as np


def as_of(history: History, step: int | None) -> History:
    """The history with accuracies, progress and Ω as known at ``step``; the whole history if that is None.

    A running Ω is kept only while it is the newest, so at earlier steps the last task's final Ω replaces it.
    """
    if step is None or step >= history.step or not history.tasks:
        return history
    ended = min(bisect_right(history.starts, step) - 1, len(history.matrix))
    return replace(
        history,
        state="training",
        task=ended,
        between=0 < ended < len(history.tasks) and step == history.starts[ended],
        step=step,
        matrix=history.matrix[:ended],
        later=history.later[:ended],
        probed=history.probed[:ended],
        scores={part: scores.until(step) for part, scores in history.scores.items()},
        measured={name: measured.until(step) for name, measured in history.measured.items()},
        packed={name: packed.until(step) for name, packed in history.packed.items()},
        settled=history.evaluations.until(step),
        pending=None,
        importance=importance_as_of(history, step),
        importances=history.importances.until(step),
    )


def importance_as_of(history: History, step: int) -> ImportanceMeasured | None:
    """The newest Ω measured at or before ``step``."""
    if history.importance is not None and history.importance.step <= step:
        return history.importance
    known = history.importances.until(step)
    return known[-1] if known else None


def as_of_cursor(view: View) -> View:
    """The view at the crosshair's step; unchanged without a crosshair, or with it at the newest step."""
    known = as_of(view.history, view.viewport.cursor)
    return view if known is view.history else replace(view, history=known, paused=False)


def when(view: View) -> str:
    """'at step 1,234' for the lower border; nothing without a crosshair."""
    return "" if view.viewport.cursor is None else f"at step {view.viewport.cursor:,}"


class AccuracyTable:
    """All measurements of a run as arrays; each new History adds only what is new."""

    _tasks = -1
    """How many tasks the arrays are for; none before the first call of ``looks``, which the other methods need."""
    behind: "AccuracyTable | None" = None
    """The measurements of the baseline."""

    def _begin(self, tasks: int) -> None:
        import numpy as np

        self._tasks, self._count, self._taken = tasks, 0, (0, 0, 0)
        self._last: tuple[object, ...] = (None, None, None)
        blank = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, bool), np.empty((0, tasks)))
        self._arrays: tuple[np.ndarray, ...] = blank
        self._looks = Looks(*blank)
        self._matrix = np.full((tasks, tasks), np.nan)
        self._lowest = self._lowest_learned = math.inf
        self._best = -math.inf
        self._found: tuple[int | None, Stability] | None = None
        self._kept: tuple[object, list[Line]] | None = None

    def ends(self, history: History) -> tuple[float, float]:
        """The ends of an axis for the scores: it has all scores of learned tasks; before there is one, all scores.
        Accuracies reach from the lowest, rounded down to 5 points, to 100 %.
        """
        self.looks(history)
        lowest = self._lowest_learned if self._lowest_learned < math.inf else self._lowest
        if history.score.fraction:
            return min(int(20 * lowest) / 20 if lowest < math.inf else 0.0, 0.95), 1.0
        sign = history.score.sign
        return axis(history.score, sign * lowest, sign * self._best)

    def scale(self, view: View) -> ColourScale:
        """The colours of the scores, of which the whole run has the same."""
        self.looks(view.history)
        score = view.history.score
        worst = self._lowest_learned if self._lowest_learned < math.inf else self._lowest
        chance = common_chance(view.history, view.config)
        return ColourScale.of(score, (score.sign * worst, score.sign * self._best), chance)

    def stability(self, view: View) -> Stability:
        """The stability gap as known at the crosshair, or now."""
        looks, cursor = self.looks(view.history), view.viewport.cursor
        if self._found is None or self._found[0] != cursor:
            known = looks if cursor is None else looks.until(cursor)
            self._found = (cursor, stability(known, view.history.score))
        return self._found[1]

    def kept(self, key: object, draw: Callable[[], list[Line]]) -> list[Line]:
        """The lines that ``draw`` returns, drawn again only if ``key`` has changed or there are new measurements."""
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, draw())
        return self._kept[1]

    def looks(self, history: History) -> Looks:
        """All reported accuracies on the evaluation subsets. Arrays of earlier calls stay unchanged."""
        import numpy as np

        told = (history.probes, history.evaluations, history.probed)
        if self._tasks != len(history.tasks) or not self._continues(told):
            self._begin(len(history.tasks))
        new = probed_rows(history, self._taken)
        if not new:
            return self._looks
        if self._count + len(new) > len(self._arrays[0]):
            more = max(256, self._count + len(new))
            self._arrays = tuple(
                np.concatenate([array, np.empty((more, *array.shape[1:]), array.dtype)]) for array in self._arrays
            )
            self._arrays[3][self._count :] = np.nan
        steps, during, ended, accuracies = self._arrays
        sign = history.score.sign
        for n, (step, task, at_end, row) in enumerate(new, self._count):
            steps[n], during[n], ended[n] = step, task, at_end
            accuracies[n, : len(row)] = row
            if at_end:
                self._matrix[task, : task + 1] = history.matrix[task]
            good = [sign * value for value in row if value == value]
            self._lowest, self._best = min([self._lowest, *good]), max([self._best, *good])
            learned = [
                sign * value for value in row[: task + (at_end and not history.score.fraction)] if value == value
            ]
            self._lowest_learned = min([self._lowest_learned, *learned])
        self._count += len(new)
        self._taken = (len(told[0]), len(told[1]), len(told[2]))
        self._last = tuple(part[-1] if part else None for part in told)
        self._looks = Looks(*(array[: self._count] for array in self._arrays))
        self._found = self._kept = None
        return self._looks

    def matrix(self, history: History) -> "np.ndarray":
        """The accuracies on whole test sets at the ends of tasks, shape (T, T); NaN if there is none."""
        self.looks(history)
        return self._matrix

    def _continues(self, told: tuple[Sequence[object], ...]) -> bool:
        """Whether the stored data are the beginning of the present data; not so after a replay went back."""
        return all(
            len(part) >= taken and (not taken or part[taken - 1] is last)
            for part, taken, last in zip(told, self._taken, self._last, strict=True)
        )
