"""How many of the shown examples that were right when their task was learned are wrong at each probe."""

from typing import TYPE_CHECKING

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import when
from cl_tui.panes.base import Pane, message
from cl_tui.panes.view import View

if TYPE_CHECKING:
    from engine.record.turned import Turning, Turns


class TurnedPane(Pane):
    HELP_TITLE = "Turned"
    HOW_TO_READ = (
        "How many of the shown examples were right at the end of their task and are wrong at each probe: the line "
        "rises where the network forgets, and falls where it recovers. The shown examples stay the same for the whole "
        "run: up to 64 of each task's evaluation subset. A dotted line is a task's end. Zoomed: also the tasks that "
        "lost most, each line named by its task, and how many examples of each task are wrong now."
    )

    def __init__(self) -> None:
        super().__init__()
        self._turning: Turning | None = None

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        if missing := without(view):
            return message(missing, width, palette.muted)
        turns = self._turns(view)
        if turns is None or not turns.learned.any():
            return message("Nothing can turn before the second task trains.", width, palette.muted)
        from cl_tui.panes.turned.drawing import draw_turned

        return draw_turned(turns, view, width, height, palette, self.is_attached and self.zoomed)

    def subtitle(self, view: View) -> str:
        turns = None if without(view) else self._turns(view)
        if turns is None or not len(turns.steps):
            return when(view)
        seen = turns.at(view.viewport.cursor)
        return " · ".join(part for part in (f"{seen.wrong:,} of {seen.right:,} shown", when(view)) if part)

    def data(self, view: View) -> list[dict[str, object]]:
        """A row for each probe: how many examples of each task are wrong that were right at its end."""
        turns = None if without(view) else self._turns(view)
        if turns is None:
            return []
        names = [f"task_{task + 1}" for task in range(turns.counts.shape[1])]
        rows = zip(turns.steps.tolist(), turns.counts.tolist(), turns.learned.sum(axis=1).tolist(), strict=True)
        return [
            {"step": step, "were_right": learned, **dict(zip(names, counts, strict=True))}
            for step, counts, learned in rows
        ]

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
