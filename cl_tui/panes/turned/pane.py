"""How many examples that were right when their task was learned are wrong now: at each probe of the shown ones, and at
tasks' ends of whole test sets."""

from typing import TYPE_CHECKING

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import as_of_cursor, when
from cl_tui.panes.base import Pane, message
from cl_tui.panes.view import View
from engine.record.events import WHOLE_ANSWERS
from engine.record.turned import ended_now, whole_turned

if TYPE_CHECKING:
    from engine.record.turned import Seen, Turning, Turns


class TurnedPane(Pane):
    HELP_TITLE = "Turned"
    HOW_TO_READ = (
        "How many of the shown examples were right at the end of their task and are wrong at each probe: the line "
        "rises where the network forgets, and falls where it recovers. The shown examples stay the same for the whole "
        "run: up to 64 of each task's evaluation subset. A dotted line is a task's end; there, the counts are of whole "
        "test sets. Zoomed: also the tasks that lost most, each line named by its task, and how many examples of each "
        "task are wrong now."
    )

    def __init__(self) -> None:
        super().__init__()
        self._turning: Turning | None = None
        self._whole: tuple[object, Seen | None] = (None, None)

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        if missing := without(view):
            return message(missing, width, palette.muted)
        turns = self._turns(view)
        if turns is None or not turns.learned.any():
            return message("Nothing can turn before the second task trains.", width, palette.muted)
        from cl_tui.panes.turned.drawing import draw_turned

        seen = self._whole_sets(view) or turns.at(view.viewport.cursor)
        return draw_turned(turns, seen, view, width, height, palette, self.is_attached and self.zoomed)

    def subtitle(self, view: View) -> str:
        turns = None if without(view) else self._turns(view)
        if turns is None or not len(turns.steps):
            return when(view)
        whole = self._whole_sets(view)
        seen, on = (whole, "of whole test sets") if whole else (turns.at(view.viewport.cursor), "shown")
        return " · ".join(part for part in (f"{seen.wrong:,} of {seen.right:,} {on}", when(view)) if part)

    def data(self, view: View) -> list[dict[str, object]]:
        """A row for each probe, and after them for each task's end: how many examples of each task are wrong that were
        right at its end, of the shown ones and of whole test sets."""
        turns = None if without(view) else self._turns(view)
        if turns is None:
            return []
        names = [f"task_{task + 1}" for task in range(turns.counts.shape[1])]
        probes = zip(turns.steps.tolist(), turns.counts.tolist(), turns.learned.sum(axis=1).tolist(), strict=True)
        rows: list[dict[str, object]] = [
            {"step": step, "of": "shown", "were_right": right, **dict(zip(names, counts, strict=True))}
            for step, counts, right in probes
        ]
        for end in view.history.packed.get(WHOLE_ANSWERS, ()):
            if (seen := whole_turned(view.history, end.phase)) is not None:
                counted = dict(zip(names, seen.counts, strict=False))
                rows.append({"step": end.step, "of": "whole test sets", "were_right": seen.right, **counted})
        return rows

    def _whole_sets(self, view: View) -> "Seen | None":
        """At a task's end, of whole test sets."""
        history = as_of_cursor(view).history
        ended = ended_now(history)
        key = (ended, history.packed.get(WHOLE_ANSWERS, ())[-1:])
        if self._whole[0] != key:
            self._whole = (key, None if ended is None else whole_turned(history, ended))
        return self._whole[1]

    def _turns(self, view: View) -> "Turns | None":
        if view.shown is None:
            return None
        if self._turning is None:
            from engine.record.turned import Turning  # with numpy

            self._turning = Turning()
        return self._turning.turns(view.history, view.shown)


def without(view: View) -> str:
    """Why no examples are shown, in a sentence; "" if they are."""
    if view.config.problem == "regression":
        return "The answers of a regression are neither right nor wrong."
    if view.shown is None:
        return "The examples to look at are not there: an older session keeps none."
    return ""
