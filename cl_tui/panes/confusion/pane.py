"""What each class is taken for, and what it lost: on whole test sets at a task's end, on the shown examples since."""

from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import as_of_cursor, when
from cl_tui.panes.base import Pane, keys, message
from cl_tui.panes.view import View
from cl_tui.reports.class_facts import TOLD
from engine.record.classes import ways
from engine.record.events import ANSWERS, CLASSES, MOST_CONFUSED
from engine.record.figures import OWN
from engine.record.series import Series

if TYPE_CHECKING:
    from cl_tui.panes.confusion.drawing import Shown
    from engine.record.mistakes import Mistakes

_POINT = "Point at a class: the line below says what it is taken for"
_TASK = "Only the classes of the task before, or of the next"


class ConfusionPane(Pane):
    BINDINGS: ClassVar[list[BindingType]] = keys(
        ("up", "point(-1)", "Class before", _POINT),
        ("down", "point(1)", "Next class", _POINT),
        ("left", "pan(-1, 0)", "Left", "Pan where there are more classes than fit"),
        ("right", "pan(1, 0)", "Right", "Pan where there are more classes than fit"),
        ("left_square_bracket", "task(-1)", "Task before", _TASK),
        ("right_square_bracket", "task(1)", "Next task", _TASK),
        ("o", "order", "Order", "Classes in the order of the tasks, or those that lost most first"),
        ("j", "judge", "Judged", "Judged as if the task were told, or not; at the ends of tasks"),
        ("home", "follow", "All", "The classes of all tasks again, in their order"),
    )
    HELP_TITLE = "Confusion"
    HOW_TO_READ = (
        "Row: a class. Column: what it is called, in percent of the class's examples. Right answers are on the "
        "diagonal, in the colours of accuracies; mistakes are orange. 'lost' is what the class lost since its task "
        "ended, in points, on the same examples. At the ends of tasks all test examples are counted, since then the "
        "shown ones, up to 64 of each task, which are rough. Where the numbers do not fit, each class is a point, with "
        "its task's number at the side, and small mistakes are drawn brighter than they are."
    )

    def __init__(self) -> None:
        super().__init__()
        self._of_task: int | None = None
        """The task whose classes are shown, counted from 0; None for all."""
        self._by_loss = False
        self._chosen: int | None = None
        """The place of the class that is pointed at."""
        self._way: str | None = None
        """How the answers are judged; None for the scenario's own way."""
        self._found: tuple[object, Mistakes | None] = (None, None)
        self._drawn: tuple[object, list[Line]] = (None, [])

    def at(self, task: int) -> None:
        """Shows the classes of one task, counted from 0."""
        self._of_task, self._chosen, self.pan = task, None, None
        if self.view is not None:
            self.show(self.view)

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        found = self.mistakes(view)
        if found is None:
            return message(_nothing(view), width, palette.muted)
        key = (found, self._task, self._by_loss, self._chosen, width, height, palette, self.pan)
        if self._drawn[0] != key:
            from cl_tui.panes.confusion.drawing import draw_confusion

            self._drawn = (key, draw_confusion(self._shown(found), width, height, palette, self.pan and self.pan[0]))
        return self._drawn[1]

    def mistakes(self, view: View) -> "Mistakes | None":
        """The newest at the crosshair's step, or now; None if nothing was told."""
        history = as_of_cursor(view).history
        own = OWN.get(view.config.scenario, "")
        way = self._way or own
        looks, ended = history.packed.get(ANSWERS) or Series(), len(history.matrix)
        live = view.shown is not None and way == own and looks and looks[-1].step > history.starts[ended]
        key = (
            (looks[-1], view.shown, ended) if live else (way, ended, view.shown, history.measured.get(CLASSES, ())[-1:])
        )
        if self._found[0] != key:
            from engine.record.mistakes import at_end, at_old_end, at_probe

            found = at_probe(history, view.shown) if live and view.shown is not None else at_end(history, way)
            if found is None and view.shown is not None and way == own:
                found = at_old_end(history, view.shown)
            self._found = (key, found)
        return self._found[1]

    def _shown(self, found: "Mistakes") -> "Shown":
        from cl_tui.panes.confusion.drawing import Shown

        task = self._of_task if self._of_task is not None and self._of_task <= found.phase else None
        return Shown(found, task, self._by_loss, self._chosen)

    def title(self, view: View) -> str:
        return f"{self.HELP_TITLE} is ↓ called →, % of the class"

    def subtitle(self, view: View) -> str:
        found = self.mistakes(view)
        if found is None:
            return when(view)
        most = max((len(task) for task in view.shown.tasks), default=0) if view.shown else 0
        on = f"{most} of each task" if found.live else f"whole test sets, after task {found.phase + 1}"
        told = f"if {TOLD[self._way]}" if self._way in TOLD else ""
        order = "most lost first" if self._by_loss else ""
        task = f"task {self._of_task + 1}" if self._of_task is not None and self._of_task <= found.phase else ""
        return " · ".join(part for part in (task, order, told, on, when(view)) if part)

    def pannable(self, view: View) -> tuple[int, int]:
        found = self.mistakes(view)
        return (0, 0) if found is None else (len(self._shown(found).columns) - 1, 0)

    def data(self, view: View) -> list[dict[str, object]]:
        """A row for each class: how many of its examples were taken for which; None where it did not compete."""
        found = self.mistakes(view)
        if found is None:
            return []
        return [
            {
                "task": task + 1,
                "class": name,
                "learned": learned,
                "right": right,
                **{f"as_{n}_{other}": None if c < 0 else c for n, (other, c) in enumerate(counts, start=1)},
            }
            for task, name, learned, right, row in zip(
                found.tasks,
                found.names,
                found.learned.tolist(),
                found.accuracies.tolist(),
                found.counts.tolist(),
                strict=True,
            )
            for counts in [zip(found.names, row, strict=True)]
        ]

    def back_out(self) -> bool:
        """No longer points at a class."""
        if self._chosen is None:
            return False
        self._set(_chosen=None)
        return True

    def action_point(self, direction: int) -> None:
        found = self.mistakes(self.view) if self.view is not None else None
        if found is None:
            self.say("There are no classes to point at yet")
            return
        last = len(self._shown(found).rows) - 1
        before = self._chosen if self._chosen is not None else -1 if direction > 0 else last + 1
        self._set(_chosen=min(max(before + direction, 0), last))

    def action_task(self, direction: int) -> None:
        found = self.mistakes(self.view) if self.view is not None else None
        if found is None:
            self.say("There are no classes yet")
            return
        places = [None, *range(found.phase + 1)]
        task = self._of_task if self._of_task in places else None
        place = places.index(task) + direction
        task = places[place % len(places)]
        self.say("The classes of all tasks" if task is None else f"The classes of task {task + 1}")
        self._set(_of_task=task, _chosen=None, pan=None)

    def action_order(self) -> None:
        self.say("In the order of the tasks" if self._by_loss else "The classes that lost most first")
        self._set(_by_loss=not self._by_loss, _chosen=None, pan=None)

    def action_judge(self) -> None:
        if self.view is None:
            return
        own = OWN.get(self.view.config.scenario, "")
        others = [way for way in ways(self.view.history) if way != own]
        if not others:
            self.say("There is one way of judging here" if not own else "The other way is counted at the ends of tasks")
            return
        way = None if self._way else others[0]
        self.say(f"Judged as if {TOLD[way or own]}")
        self._set(_way=way, _chosen=None)

    def action_follow(self) -> None:
        self._set(_of_task=None, _by_loss=False, _chosen=None, pan=None)

    def _set(self, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        if self.view is not None:
            self.show(self.view)


def _nothing(view: View) -> str:
    """Why there are no confusions."""
    history = view.history
    if view.config.problem == "regression":
        return "A regression has no classes that could be confused."
    if sum(task.classes for task in history.tasks[: history.task + 1]) > MOST_CONFUSED:
        return f"Confusions are counted for up to {MOST_CONFUSED} classes, and this run has more."
    return "Confusions appear with the first probe." if view.shown else "Confusions appear at the end of a task."
