"""The matrix of scores: row = after task i, column = on task j. Zoomed: also each task's best, and all over time."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.accuracy import judged
from cl_tui.panes.as_of import AccuracyTable, as_of_cursor, when
from cl_tui.panes.base import Pane, arrows, keys, message
from cl_tui.panes.view import View
from cl_tui.reports import text
from cl_tui.reports.glossary import Number
from engine.record.history import History

_WITH_AXES = 50
"""Cells from which the title says what rows and columns are."""


class AccuracyPane(Pane):
    BINDINGS: ClassVar[list[BindingType]] = keys(
        *arrows("Point at a cell: Enter opens the confusion of that task at that time"),
        ("enter", "look", "Confusion", "The confusion at the cell that is pointed at; else zoom the pane, or back"),
        ("j", "judge", "Judged", "Zoomed: judged as if the task were told, or not"),
        ("home", "follow", "Follow", "Point at no cell, and follow the task in training again"),
    )
    HELP_TITLE = "Accuracy"
    HOW_TO_READ = (
        "Row: after training this task. Column: accuracy (%) on that task's test set, from chance (dark) to the best "
        "(bright), as the scale below says; without room for numbers each cell is a colour, and of very many tasks two "
        "rows share a line. '·' means not evaluated yet; it is not 0. Rows of ended tasks are measured on whole test "
        "sets, the row 'now' on the evaluation subset: some test examples of each class, the same for the whole run "
        "(all of a small test set). Read down a column: darker cells are forgetting. 'lost' is each task's forgetting: "
        "its best accuracy minus its newest, in points, both on the same test examples; the last line has the mean. "
        "Zoomed: also the accuracies on the subset over time, each line named by its task, avg the average of the "
        "tasks seen; ▲ is a warning. Numbers without a colour are on tasks that had not begun, for forward transfer. "
        "Zoomed, j shows the accuracies if the task is told (task-aware) or not (task-agnostic). The arrows point at a "
        "cell, and Enter opens the confusion of its task at its time."
    )

    @dataclass
    class ConfusionWanted(Message):
        """The confusion of ``task`` should be shown, as it was at ``step``; None for now."""

        task: int
        step: int | None

    def __init__(self) -> None:
        super().__init__()
        self._table = AccuracyTable()
        self._shown = ""
        """How the zoomed pane judges, of ``judged.others``; empty for the scenario's own way."""

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        if not view.history.tasks:
            what = "Scores" if view.config.problem == "regression" else "Accuracies"
            return message(f"{what} appear while the first task trains.", width, palette.muted)
        from cl_tui.panes.accuracy.grid import Scores, draw_matrix
        from cl_tui.panes.accuracy.zoomed import draw_accuracies

        if self.zoomed and self._shown:
            return self._draw_judged(view, width, height, palette)
        if self.zoomed and view.history.accuracies:
            return draw_accuracies(view, self._table, width, height, palette, self.pan)
        now = as_of_cursor(view)
        scores = Scores.of(now.history, self._table, view.history)
        return draw_matrix(now, self._table.scale(view), scores, width, height, palette, self.pan)

    def _draw_judged(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        from cl_tui.panes.accuracy.grid import Scores, draw_matrix

        now = as_of_cursor(view)
        history = judged.judged(view.config.scenario, now.history, self._shown)
        scale, scores = self._table.scale(view), Scores.of_matrix(history)
        return draw_matrix(
            replace(now, history=history), scale, scores, width, height, palette, self.pan, with_best=True
        )

    def action_pan(self, across: int, down: int) -> None:
        """Points at another cell: at first one of the newest row."""
        if self.view is not None and self.pan is None:
            history = as_of_cursor(self.view).history
            newest = max(len(history.matrix) - (history.look is None), 0)
            self.pan = (newest, newest)
            across = down = 0
        super().action_pan(across, down)

    def _cell(self, view: View) -> tuple[int, int, float] | None:
        """The row and the column that are pointed at, and the score there; None if there is none."""
        if self.pan is None:
            return None
        column, row = self.pan
        history = as_of_cursor(view).history
        rows = [*history.full_matrix, *([history.probe] if history.look is not None else [])]
        known = row < len(rows) and column < len(rows[row])
        return (row, column, rows[row][column]) if known else None

    async def action_look(self) -> None:
        if self.view is None or self.pan is None:
            await self.run_action("screen.unzoom" if self.zoomed else "screen.zoom")
            return
        history, (column, row), cell = as_of_cursor(self.view).history, self.pan, self._cell(self.view)
        if cell is None or column > row:
            begun = row > len(history.matrix) or (row == len(history.matrix) and history.look is None)
            self.say(f"Task {row + 1} has not begun" if begun else f"Task {column + 1} had not begun by then")
        else:
            ended = row < len(history.matrix)
            self.post_message(self.ConfusionWanted(column, history.starts[row + 1] if ended else None))

    def back_out(self) -> bool:
        """Points at no cell any more."""
        if self.pan is None:
            return False
        self.action_follow()
        return True

    def action_judge(self) -> None:
        if self.view is None:
            return
        others = judged.others(self.view.config.scenario, self.view.history)
        if not self.zoomed:
            self.say("Zoom the accuracies (z) to see them judged in another way")
        elif not others:
            ended = bool(self.view.history.matrix)
            self.say(f"There is one way of judging{'' if ended else ' before the end of a task'}")
        else:
            shown = ["", *others]
            self._shown = shown[(shown.index(self._shown) + 1) % len(shown)] if self._shown in shown else ""
            self.pan = None
            self.say(f"Shown: {judged.words(self._shown) or 'as the scenario judges'}")
            self.show(self.view)

    @property
    def how_to_read(self) -> str:
        return self.HOW_TO_READ + (text.other_score(self.view.history.score) if self.view else "")

    def title(self, view: View) -> str:
        score = view.history.score
        name = self.HELP_TITLE if score.fraction else f"{score.capital}{score.measured_in}"
        wide = self.is_attached and self.size.width >= _WITH_AXES
        return f"{name}{' %' * score.fraction} on task →, after task ↓" if wide and view.history.tasks else name

    def subtitle(self, view: View) -> str:
        shown = judged.words(self._shown) if self.zoomed else ""
        return " · ".join(part for part in (self._pointed(view), shown, when(view)) if part)

    def _pointed(self, view: View) -> str:
        """What the cell says that is pointed at."""
        if (cell := self._cell(view)) is None:
            return ""
        row, column, score = cell
        history = as_of_cursor(view).history
        after = f"after task {row + 1}" if row < len(history.matrix) else "now"
        told = "not tested" if math.isnan(score) else f"{history.score.value(score)}{history.score.mark}"
        return f"task {column + 1} {after}: {told}"

    def pannable(self, view: View) -> tuple[int, int]:
        count = max(0, len(view.history.tasks) - 1)
        return (count, count)

    def _history(self, view: View) -> History:
        history = as_of_cursor(view).history
        other = self.is_attached and self.zoomed and self._shown
        return judged.judged(view.config.scenario, history, self._shown) if other else history

    def numbers(self) -> list[Number]:
        from cl_tui.panes import numbers

        return numbers.of_tasks(self.view) if self.view else []

    def data(self, view: View) -> list[dict[str, object]]:
        """The matrix, a row after each task; the last row while a task trains. Accuracies as fractions."""
        history = self._history(view)
        looks = [
            (history.starts[task + 1], False, text.WHOLE_TEST_SET, row) for task, row in enumerate(history.full_matrix)
        ]
        if history.look is not None:
            looks.append((history.step, True, text.measured_on(history.look, history), history.probe))
        names = [f"task_{task + 1}" for task in range(len(history.tasks))]
        rows: list[dict[str, object]] = []
        for after, (step, running, on, row) in enumerate(looks):
            known = {name: row[task] if task < len(row) else None for task, name in enumerate(names)}
            rows.append({"after_task": after + 1, "step": step, "running": running, "measured_on": on, **known})
        return rows
