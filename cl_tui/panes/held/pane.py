"""What Ω of the first layer holds, what the newest task pulls, and where the one is more than the other."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.message import Message

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import as_of_cursor, when
from cl_tui.panes.base import Pane, keys, message
from cl_tui.panes.view import View
from engine.catalog.methods import METHODS
from engine.record.events import CONFLICT, HELD, HELD_OWN, PULLED
from engine.record.held import Neurons
from engine.record.series import Series

if TYPE_CHECKING:
    from cl_tui.reports.held import Images

_TASK = "What one task alone added to Ω: the task before, or the next"
_SCROLL = "Scroll through the neurons"


class HeldPane(Pane):
    BINDINGS: ClassVar[list[BindingType]] = keys(
        ("left_square_bracket", "task(-1)", "Task before", _TASK),
        ("right_square_bracket", "task(1)", "Next task", _TASK),
        ("enter", "neurons", "Neurons", "Zoom the pane, then the neurons of the first layer as pictures, or back"),
        ("up", "scroll(-1)", "Up", _SCROLL),
        ("down", "scroll(1)", "Down", _SCROLL),
        ("pageup", "scroll(-5)", "Five up", "… by five rows"),
        ("pagedown", "scroll(5)", "Five down", "… by five rows"),
        ("home", "follow", "All", "What all tasks hold again"),
    )
    HELP_TITLE = "Held"
    HOW_TO_READ = (
        "Left: where Ω of the first layer holds the weights, summed to one picture of the inputs, or a picture of each "
        "filter of a convolution. Right: where the newest task pulls, Σ|g| of the same weights. Each picture has a "
        "scale of its own. The map compares their shares: orange where a point has more of all pull than of all Ω, "
        "blue where it has more of Ω, up to 8 times, dark where both have the same share or there is little of either. "
        "The sentence counts single weights: how much of the task's change fell on the fewest weights that hold half "
        "of the layer's Ω. 'Who holds the top pixels': how the tasks share Ω on the fewest pixels that hold half of it."
    )

    @dataclass
    class NeuronsWanted(Message):
        """Ω of each neuron should be read from the newest checkpoint at a task's end."""

        pane: "HeldPane"
        layers: list[tuple[str, int]]
        """The name and size of each, in the order of the weights."""
        shape: tuple[int, int]
        """Of a picture of the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self._of_task: int | None = None
        """Whose part of Ω is shown, counted from 0; None for all."""
        self.neurons: Neurons | str | None = None
        """What is shown instead of the images: neurons, or why there are none yet."""
        self._first = 0
        """The first visible row of neurons."""
        self._found: tuple[object, Images | None] = (None, None)
        self._drawn: tuple[object, list[Line]] = (None, [])

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        if self.neurons is not None and self.is_attached and self.zoomed:
            return self._draw_neurons(self.neurons, width, height, palette)
        found = self.images(view)
        if found is None:
            return message(_nothing(view), width, palette.muted)
        key = (found, width, height, palette)
        if self._drawn[0] != key:
            from cl_tui.panes.held.drawing import draw_held

            self._drawn = (key, draw_held(found, width, height, palette))
        return self._drawn[1]

    def _draw_neurons(self, found: Neurons | str, width: int, height: int, palette: Palette) -> list[Line]:
        if isinstance(found, str):
            return message(found, width, palette.muted)
        key = (found, self._first, width, height, palette)
        if self._drawn[0] != key:
            from cl_tui.panes.held.neurons import draw_neurons

            self._drawn = (key, draw_neurons(found.images, self._first, width, height, palette))
        return self._drawn[1]

    def images(self, view: View) -> "Images | None":
        """At the crosshair's step, or now; None if nothing was told, or Ω says nothing."""
        history = as_of_cursor(view).history
        told = [history.packed.get(name) or Series() for name in (HELD, HELD_OWN, PULLED)]
        key = (self._of_task, *(of[-1] if of else None for of in told), (history.measured.get(CONFLICT) or ())[-1:])
        if self._found[0] != key:
            from cl_tui.reports.held import images

            self._found = (key, images(history, view.config, self._of_task))
        return self._found[1]

    def subtitle(self, view: View) -> str:
        if self.neurons is not None and self.is_attached and self.zoomed:
            if isinstance(self.neurons, str):
                return ""
            return f"{len(self.neurons.images)} neurons by their Ω, after task {self.neurons.task + 1}"
        found = self.images(view)
        layer = found.layer if found is not None else ""
        return " · ".join(part for part in (layer, when(view)) if part)

    def data(self, view: View) -> list[dict[str, object]]:
        """A row for each point of the pictures: its Ω, its pull, and what each task added to its Ω."""
        found = self.images(view)
        if found is None:
            return []
        names = [f"held_by_task_{task + 1}" for task in range(len(found.parts))]
        parts = [part.ravel().tolist() for part in found.parts]
        count, rows, columns = found.held.shape
        places = ((n, y, x) for n in range(count) for y in range(rows) for x in range(columns))
        values = zip(places, found.held.ravel().tolist(), found.pulled.ravel().tolist(), *parts, strict=True)
        return [
            {"picture": n + 1, "row": y + 1, "column": x + 1, "held": held, "pulled": pull}
            | dict(zip(names, of_tasks, strict=True))
            for (n, y, x), held, pull, *of_tasks in values
        ]

    def back_out(self) -> bool:
        """From the neurons to the images."""
        if self.neurons is None or not self.zoomed:
            return False
        self._show(neurons=None, first=0)
        return True

    def take(self, found: Neurons | str) -> None:
        """What NeuronsWanted asked for, unless nobody waits for it any more."""
        if self.neurons is not None:
            self._show(neurons=found, first=0)

    def action_task(self, direction: int) -> None:
        told = as_of_cursor(self.view).history.packed.get(HELD_OWN) if self.view is not None else None
        if not told or self.view is None or self.images(self.view) is None:
            self.say("No task has ended: there is no Ω of a single task")
            return
        if not _apart(self.view):
            self.say("Ω is measured again on all tasks at each end: no part of it belongs to a single task")
            return
        places = [None, *sorted({of.phase for of in told})]
        task = self._of_task if self._of_task in places else None
        self._of_task = places[(places.index(task) + direction) % len(places)]
        self.say(
            "What all tasks before the newest hold" if self._of_task is None else f"Task {self._of_task + 1} alone"
        )
        self.show(self.view)

    async def action_neurons(self) -> None:
        if not self.zoomed:
            await self.run_action("screen.zoom")
        elif self.neurons is not None:
            self.back_out()
        elif self.view is None or (found := self.images(self.view)) is None:
            self.say("There is no Ω of a first layer to look into")
        elif len(found.held) > 1:
            self.say("These are the filters already, one picture each")
        else:
            self._show(neurons="Reading the newest checkpoint at a task's end…", first=0)
            importance = self.view.history.importance
            layers = [(layer.name, layer.size) for layer in importance.layers] if importance is not None else []
            _, height, width = found.held.shape
            self.post_message(self.NeuronsWanted(self, layers, (height, width)))

    def action_scroll(self, rows: int) -> None:
        if self.neurons is None or isinstance(self.neurons, str) or not self.zoomed:
            self.say("Zoom (z) and press Enter for the neurons, which scroll")
            return
        from cl_tui.panes.held.neurons import last_row

        last = last_row(len(self.neurons.images), *self.size)
        self._show(neurons=self.neurons, first=min(max(self._first + rows, 0), last))

    def action_follow(self) -> None:
        self._of_task = None
        self._show(neurons=self.neurons, first=0)

    def _show(self, neurons: Neurons | str | None, first: int) -> None:
        self.neurons, self._first = neurons, first
        if self.view is not None:
            self.show(self.view)


def _apart(view: View) -> bool:
    """Whether a part of Ω belongs to each task."""
    return view.config.method != "l2" and not view.config.option("recompute")


def _nothing(view: View) -> str:
    """Why there is no image."""
    method = METHODS[view.config.method]
    if not method.symbol:
        return f"{method.title} keeps no importance: {method.protects or 'nothing holds the weights'}."
    if view.history.importance is not None:
        return "Ω of the first layer makes no picture here, or this session is older and tells none."
    return "No importance yet: it will be measured by the end of task 1."
