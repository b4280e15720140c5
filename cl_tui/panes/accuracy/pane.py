"""The matrix of scores: row = after task i, column = on task j. Zoomed: also each task's best, and all over time."""

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.accuracy.grid import draw_matrix
from cl_tui.panes.as_of import AccuracyTable, as_of_cursor, when
from cl_tui.panes.base import Pane
from cl_tui.panes.view import View
from cl_tui.reports import text


class AccuracyPane(Pane):
    HELP_TITLE = "Accuracy"
    HOW_TO_READ = (
        "Row: after training this task. Column: accuracy (%) on that task's test set. '·' means not evaluated yet; "
        "it is not 0. Rows of ended tasks are measured on whole test sets, the row 'now' on the evaluation subset: "
        "some test examples of each class, the same for the whole run (all of a small test set). Read down a "
        "column: falling numbers are forgetting. 'lost' is each task's forgetting: its best accuracy minus its newest, "
        "in points, both on the same test examples; the line below has the mean. Zoomed: also the accuracies on the "
        "subset over time, each line named by its task, avg the average of the tasks seen. With many tasks, "
        "each cell is a colour, or a sign in terminals without colours; the line below explains them."
    )

    def __init__(self) -> None:
        super().__init__()
        self._table = AccuracyTable()

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        if self.zoomed and view.history.accuracies:
            from cl_tui.panes.accuracy.zoomed import draw_accuracies

            return draw_accuracies(view, self._table, width, height, palette, self.pan)
        scale = self._table.scale(view.history)
        return draw_matrix(as_of_cursor(view), scale, width, height, palette, self.pan)

    @property
    def how_to_read(self) -> str:
        return self.HOW_TO_READ + (text.other_score(self.view.history.score) if self.view else "")

    def title(self, view: View) -> str:
        score = view.history.score
        return self.HELP_TITLE if score.fraction else f"{score.capital}{score.measured_in}"

    def subtitle(self, view: View) -> str:
        return when(view)

    def pannable(self, view: View) -> tuple[int, int]:
        count = max(0, len(view.history.tasks) - 1)
        return (count, count)

    def data(self, view: View) -> list[dict[str, object]]:
        """The matrix, a row after each task; the last row while a task trains. Accuracies as fractions."""
        history = as_of_cursor(view).history
        looks = [(history.starts[task + 1], False, text.WHOLE_TEST_SET, row) for task, row in enumerate(history.matrix)]
        if history.look is not None:
            looks.append((history.step, True, text.measured_on(history.look, history), history.probe))
        names = [f"task_{task + 1}" for task in range(len(history.tasks))]
        rows: list[dict[str, object]] = []
        for after, (step, running, on, row) in enumerate(looks):
            known = {name: row[task] if task < len(row) else None for task, name in enumerate(names)}
            rows.append({"after_task": after + 1, "step": step, "running": running, "measured_on": on, **known})
        return rows
