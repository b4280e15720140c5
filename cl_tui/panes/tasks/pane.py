"""Task progress and scores. Zoomed: every task's learning history on a shared time axis, and the stability gap."""

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import AccuracyTable, when
from cl_tui.panes.base import Pane
from cl_tui.panes.tasks.lines import draw_tasks
from cl_tui.panes.view import View
from cl_tui.reports import text
from cl_tui.reports.glossary import Number


class TasksPane(Pane):
    HELP_TITLE = "Tasks"
    HOW_TO_READ = (
        "Each task: ✔ learned, ▶ in training, no sign if it waits. Its curve is its accuracy over time, from 0 to "
        "100 %, with chance dashed, and a baseline (B) dim. On the right the accuracy (%) when it was learned → now, "
        "both on the same examples: on the evaluation subset while a task is trained, else on the whole test set. − is "
        "what was lost, in points; ▼ says that the task is below chance, which is worse than guessing. Zoomed: "
        "each task's accuracy over time on the evaluation subset, some test examples of each class, the same for the "
        "whole run; the line above gives the scale and their number. 'Lowest' is the lowest accuracy since the task "
        "was learned, and in which task that was; a dip is how far it fell then, and min-ACC is the mean of the lowest."
    )

    def __init__(self) -> None:
        super().__init__()
        self._table = AccuracyTable()

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        start = self.pan[1] if self.pan else None
        if self.zoomed and view.history.tasks:
            from cl_tui.panes.tasks.zoomed import draw_histories

            return draw_histories(view, self._table, width, height, palette, start)
        return draw_tasks(view, self._table, width, height, palette, start)

    @property
    def how_to_read(self) -> str:
        return self.HOW_TO_READ + (text.other_score(self.view.history.score) if self.view else "")

    def subtitle(self, view: View) -> str:
        history = view.history
        if view.viewport.cursor is not None:
            return when(view)
        if not view.training or not history.rate or history.between or history.task >= len(history.tasks):
            return ""
        rate, steps = f"{text.rate(history.rate)} steps/s", history.tasks[history.task].steps
        if steps is None:
            return rate
        return f"{rate} · task {text.duration((steps - history.steps_done(history.task)) / history.rate)} left"

    def pannable(self, view: View) -> tuple[int, int]:
        return (0, max(0, len(view.history.tasks) - 1))

    def numbers(self) -> list[Number]:
        from cl_tui.panes import numbers

        return numbers.of_tasks(self.view, self.pan[1] if self.pan else None) if self.view else []

    def data(self, view: View) -> list[dict[str, object]]:
        """A row per task: progress, its scores since it was learned, and its dip in each later task."""
        if not view.history.tasks:
            return []
        from cl_tui.panes.tasks.zoomed import task_rows

        return task_rows(view, self._table.stability(view))
