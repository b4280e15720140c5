"""What the network has forgotten: pictures of test examples that were right when learned and are wrong now."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.events import Click
from textual.message import Message

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import as_of_cursor, when
from cl_tui.panes.base import Pane, keys, message
from cl_tui.panes.forgotten.chosen import ORDERS, Chosen
from cl_tui.panes.view import View

if TYPE_CHECKING:
    from cl_tui.panes.forgotten.drawing import Drawing
    from cl_tui.panes.forgotten.found import Found
    from engine.analysis.figures import PutBack

CALM_SECONDS = 0.3
"""Until more pictures change, if not all could at once."""
_WIDE = 100


class ForgottenPane(Pane):
    BINDINGS: ClassVar[list[BindingType]] = keys(
        ("up", "group(-1)", "Up", "The group before: another class, or taken for another"),
        ("down", "group(1)", "Down", "The next group"),
        ("left", "example(-1)", "Left", "The example before"),
        ("right", "example(1)", "Right", "The next example"),
        ("enter", "follow_example", "Follow", "Zoom the pane, then follow one example alone, or back"),
        ("o", "order", "Order", "Order of the examples: most certain, first turned, last turned, at random"),
        ("t", "go_to_turn", "Its turn", "Take the replay, or the crosshair, to the step where it turned for good"),
        ("L", "put_back", "Layers", "Which layer did it: put layers back one at a time, from checkpoints"),
        ("p", "film", "Film", "The same 24 examples throughout, in frames that turn red; or groups"),
    )
    HELP_TITLE = "Forgotten"
    HOW_TO_READ = (
        "Test examples that were right when their task was learned and are wrong now, grouped by what they are (green) "
        "and what the network takes them for (orange); the most certain mistakes first. At a task's end the counts are "
        "of whole test sets; in between, of the examples that are looked at, at most 64 of each task ('of 32 4s'). "
        "Zoomed, the lower part follows the selected example: how sure the network was of the right answer each time "
        "it looked, when it was learned (✔), and when it turned for good (▲), which is not always the first time. "
        "L puts single layers back to the end of the task, one at a time: the layer that brings it back did it. In a "
        "replay that plays, and on p, the same 24 examples stay, each in a frame that is green while it is right and "
        "turns red at the moment it is forgotten. Of a regression: the targets, what was predicted when the task "
        "ended, and what is predicted now."
    )

    @dataclass
    class StepWanted(Message):
        """The replay, or the crosshair, should go to ``step``."""

        step: int

    @dataclass
    class LayersWanted(Message):
        """Layers should be put back to the end of ``task``, one at a time, in the network at a later task's end."""

        task: int
        ended: int
        """How many tasks had ended."""

    @dataclass
    class ExamplesWanted(Message):
        """The session's examples, and the answers at tasks' ends, should be computed from its checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen = Chosen()
        self.busy = ""
        """What is being computed in the background."""
        self._microscope: Drawing | None = None

    @property
    def microscope(self) -> "Drawing":
        if self._microscope is None:
            from cl_tui.panes.forgotten.drawing import Drawing

            self._microscope = Drawing()
        return self._microscope

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        if view.shown is None:
            return message(self._without_examples(view), width, palette.muted)
        from cl_tui.panes.forgotten.drawing import How

        how = How(self.is_attached and self.zoomed, self.is_attached and self.has_focus)
        lines = self.microscope.lines(view, self.chosen, how, width, height, palette)
        if self.microscope.slots.pending and self.is_attached:
            self.set_timer(CALM_SECONDS, self._again)
        return lines

    def _without_examples(self, view: View) -> str:
        if view.loading:
            return f"Examples to look at come with the data: {view.activity}…"
        if _awaited(view):
            return "Test examples come with the first probe. What is forgotten shows when the second task trains."
        if self.busy:
            return f"{self.busy}…"
        return (
            "This session keeps no examples to look at: an older version trained it. Enter computes them from its "
            "checkpoints at tasks' ends, in the background; that takes about as long as testing the network after "
            "each task did."
        )

    def put_back(self, found: "PutBack") -> None:
        self.microscope.put_back[found.task, found.ended] = found
        self._again()

    def title(self, view: View) -> str:
        width = self.size.width if self.is_attached else 0
        told = " right when learned, wrong now" if width >= 64 else " right once, wrong now" if width >= 50 else ""
        return f"{self.HELP_TITLE}{told}"

    def subtitle(self, view: View) -> str:
        found = self._found(view)
        if found is None or not found.lost:
            return when(view)
        return f"{found.told} {when(view)}".rstrip()

    def _found(self, view: View | None) -> "Found | None":
        return None if view is None or view.shown is None else self.microscope.found(view, view.shown)

    def _again(self) -> None:
        if self.view is not None:
            self.show(self.view)

    def on_focus(self) -> None:
        self._again()

    def on_blur(self) -> None:
        self._again()

    def back_out(self) -> bool:
        if not self.chosen.alone:
            return False
        self._choose(replace(self.chosen, alone=False))
        return True

    def on_click(self, event: Click) -> None:
        """Chooses the group, or the example, under the mouse."""
        at = event.get_content_offset(self)
        spot = None if at is None else next((one for one in self.microscope.spots if one.has(*at)), None)
        if spot is not None:
            self._choose(replace(self.chosen, group=spot.group, example=spot.example))

    # Keys

    def _choose(self, chosen: Chosen) -> None:
        self.chosen = chosen
        self._again()

    def _some(self) -> "Found | None":
        """What is forgotten; if nothing is, or the film is seen, says so."""
        from cl_tui.panes.forgotten.drawing import filmed

        found = self._found(self.view)
        if found is None or self.view is None or not found.groups:
            self.say("Nothing to choose: nothing is forgotten")
            return None
        if filmed(self.view, self.chosen) and not self.chosen.alone:
            self.say("The film stays with its examples; p shows groups")
            return None
        return found

    def action_group(self, by: int) -> None:
        from cl_tui.panes.forgotten.drawing import other_group

        found = self._found(self.view)
        if found is not None and found.answers and found.answers[0].right is None:
            last = max(len(found.answers) - 1, 0)
            self._choose(replace(self.chosen, task=min(max(self.chosen.task + by, 0), last)))
        elif (found := self._some()) is not None:
            by_task = self.zoomed and self.size.width >= _WIDE
            self._choose(other_group(found, self.chosen, by, largest_first=not by_task))

    def action_example(self, by: int) -> None:
        from cl_tui.panes.forgotten.drawing import other_example

        if (found := self._some()) is not None:
            self._choose(other_example(found, self.chosen, by))

    async def action_follow_example(self) -> None:
        from cl_tui.panes.forgotten.drawing import select

        if self.view is not None and self.view.shown is None:
            if _awaited(self.view):
                self.say("Test examples come with the first probe")
            elif self.busy or self.view.loading:
                self.say(f"{self.busy or 'The data are loaded first'}…")
            else:
                self.post_message(self.ExamplesWanted())
        elif not self.zoomed:
            await self.run_action("screen.zoom")
        elif self.chosen.alone:
            self._choose(replace(self.chosen, alone=False))
        elif (found := self._some()) is not None and (selected := select(found, self.chosen)) is not None:
            group, example = selected
            if example is None:
                self.say("None of this group is among the examples that are shown")
            else:
                self._choose(replace(self.chosen, group=group.key, example=example, alone=True))

    def action_order(self) -> None:
        order = (self.chosen.order + 1) % len(ORDERS)
        self.say(f"Order: {ORDERS[order]}{'' if ORDERS[order] == 'at random' else ' first'}")
        self._choose(replace(self.chosen, order=order))

    def action_go_to_turn(self) -> None:
        from cl_tui.panes.forgotten.drawing import select

        found = self._some()
        selected = select(found, self.chosen) if found is not None else None
        if found is None or selected is None:
            return
        group, example = selected
        step = found.turned(example) if example is not None else 0
        if example is None or not step:
            self.say("None of this group is among the examples that are shown")
            return
        self.chosen = replace(self.chosen, group=group.key, example=example)
        self.post_message(self.StepWanted(step))

    def action_put_back(self) -> None:
        from cl_tui.panes.forgotten.drawing import select

        found = self._some()
        selected = select(found, self.chosen) if found is not None else None
        if selected is None or self.view is None:
            return
        task, ended = selected[0].task, len(as_of_cursor(self.view).history.matrix)
        if self.busy:
            self.say(f"{self.busy}…")
        elif (task, ended) in self.microscope.put_back:
            self.say(f"Known already: layers put back to the end of task {task + 1}")
        elif task + 1 >= ended:
            self.say(f"Layers can be put back when a task has ended after task {task + 1}")
        else:
            self._choose(replace(self.chosen, group=selected[0].key, example=selected[1]))
            self.post_message(self.LayersWanted(task, ended))

    def action_film(self) -> None:
        from cl_tui.panes.forgotten.drawing import filmed

        if self.view is None or self.view.shown is None:
            self.say("There are no examples for a film")
            return
        film = not filmed(self.view, self.chosen)
        self.say("The same examples throughout" if film else "Groups of what is forgotten")
        self._choose(replace(self.chosen, film=film, alone=False))

    def data(self, view: View) -> list[dict[str, object]]:
        """The forgotten examples that are shown, a row each."""
        found, shown = self._found(view), view.shown
        return [] if found is None or shown is None else found.data(shown)


def _awaited(view: View) -> bool:
    """Whether the run has only begun and has told no examples yet."""
    return view.training and not view.history.matrix
