"""The horizontal axis of the curves: tasks of equal width, steps, or seconds. On it, a place is a whole number."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cl_tui.charts.canvas import TimeAxis, steps_axis
from cl_tui.panes.comparison.board import Board, Clock
from cl_tui.panes.tasks.lines import beginning
from cl_tui.reports.groups import Group

if TYPE_CHECKING:
    import numpy as np

FINE = 1000
"""Places of a task, and of a second."""


@dataclass(frozen=True, eq=False)
class ClockAxis:
    clock: Clock
    first: int
    last: int
    borders: tuple[int, ...]
    """The places at which tasks end; empty if the groups' tasks do not end at the same ones."""
    names: tuple[str, ...]
    """Of the tasks, if they are the same."""

    @classmethod
    def of(cls, board: Board) -> "ClockAxis":
        """From the end of the first task where tasks are counted and the curve is the score, since before it there is
        nothing to forget."""
        groups = [board.group(k) for k in board.drawn] or list(board.found.groups)
        most = max(groups, key=lambda group: len(group.tasks))
        ends = [tuple(places(board.clock, group, group.starts)) for group in groups]
        same = all(of == ends[0][: len(of)] or of[: len(ends[0])] == ends[0] for of in ends)
        longest = max(ends, key=len)
        later = board.clock == "tasks" and board.kind == "accuracy" and max(group.ended for group in groups) > 1
        return cls(
            board.clock,
            FINE if later else 0,
            max(max(of) for of in ends),
            longest[1:] if same or board.clock == "tasks" else (),
            most.tasks,
        )

    def time(self, width: int) -> TimeAxis:
        return steps_axis((self.first, self.last), 2 * width)

    def labels(self, width: int) -> str:
        """The names of the tasks, or the ends of the axis."""
        if self.clock != "tasks":
            low, high = self.told(self.first), f"{self.told(self.last)} {self.clock}"
            return f"{low}{high:>{max(width - len(low), 0)}}"
        axis, row, free = self.time(width), [" "] * width, 0
        for number, (place, name) in enumerate(zip(self.borders, self.names, strict=False), start=1):
            each = max(width * FINE // max(self.last - self.first, 1), 1)
            text = f"{number}: {beginning(name, max(each - len(str(number)) - 4, 4))}"
            if len(text) > each - 1:
                text = str(number)
            at = axis.cell(max(place, self.first + 1))
            start = min(max((at or 0) - len(text) // 2, 0), width - len(text))
            if start >= free:
                row[start : start + len(text)] = text
                free = start + len(text) + 1
        return "".join(row)

    def told(self, place: float) -> str:
        """A place in words."""
        if self.clock == "steps":
            return f"{place:,.0f}"
        if self.clock == "seconds":
            return f"{place / FINE:,.3g}"
        return f"{place / FINE:.2f} tasks"


def places(clock: Clock, group: Group, steps: "np.ndarray | tuple[int, ...]") -> list[int]:
    """Where ``steps`` of a group lie."""
    import numpy as np

    if clock == "steps":
        return [int(step) for step in steps]
    if clock == "tasks":
        known, at = group.starts, np.arange(len(group.starts)) * FINE
    else:
        known, at = group.starts[: len(group.seconds)], np.array(group.seconds) * FINE
    if len(known) < 2:
        return [0 for _ in steps]
    beyond = (at[-1] - at[-2]) / max(known[-1] - known[-2], 1)
    found = np.interp(steps, known, at) + np.maximum(np.asarray(steps) - known[-1], 0) * beyond
    return [round(value) for value in found.tolist()]


def step_at(clock: Clock, group: Group, place: float) -> float:
    """The step of a group at a place of the axis."""
    import numpy as np

    if clock == "steps":
        return place
    known = group.starts if clock == "tasks" else group.starts[: len(group.seconds)]
    at = np.arange(len(known)) * FINE if clock == "tasks" else np.array(group.seconds) * FINE
    return float(np.interp(place, at, known)) if len(known) > 1 else 0.0
