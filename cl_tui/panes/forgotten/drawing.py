"""What the pane shows of a View: groups beside other panes, all of it alone, the film, or a regression's curves."""

from dataclasses import dataclass, replace

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.as_of import as_of_cursor
from cl_tui.panes.base import message
from cl_tui.panes.forgotten.chosen import ORDERS, Chosen, Example, Spot
from cl_tui.panes.forgotten.column import Slots, draw_column, room
from cl_tui.panes.forgotten.film import draw_film
from cl_tui.panes.forgotten.found import Found, Group, Looks, find
from cl_tui.panes.forgotten.regression import Curves, curves, draw_regression
from cl_tui.panes.forgotten.story import Story, draw_alone
from cl_tui.panes.forgotten.tiles import Tiles, drawable
from cl_tui.panes.forgotten.zoomed import Scene, draw_zoomed
from cl_tui.panes.view import View
from engine.analysis.figures import PutBack
from engine.record.events import ANSWERS
from engine.record.shown import Shown

_NOTHING = "Nothing is forgotten: every example that was right when its task was learned is right now."


@dataclass(frozen=True)
class How:
    """How the pane stands on the screen."""

    zoomed: bool = False
    focused: bool = False


class Drawing:
    """Keeps what was computed, so that a redraw without new answers costs little."""

    def __init__(self) -> None:
        self.slots = Slots()
        self.spots: list[Spot] = []
        """What is where, as it was last drawn."""
        self.put_back: dict[tuple[int, int], PutBack] = {}
        """By the task, and how many tasks had ended."""
        self._tiles = Tiles()
        self._looks = Looks()
        self._kept: tuple[object, Found] | None = None
        self._curves: tuple[Found, list[Curves]] | None = None

    def lines(self, view: View, chosen: Chosen, how: How, width: int, height: int, palette: Palette) -> list[Line]:
        shown, self.spots = view.shown, []
        if shown is None:
            return []
        found = self.found(view, shown)
        if not found.answers:
            return message("Examples appear when the network is first tested.", width, palette.muted)
        if found.answers[0].right is None:
            history = as_of_cursor(view).history
            if self._curves is None or self._curves[0] is not found:
                self._curves = (found, curves(history, shown, view.viewport.cursor))
            return draw_regression(self._curves[1], history, chosen.task, width, height, palette)
        if chosen.alone and how.zoomed and chosen.example is not None:
            story = self.story(view, found, shown, chosen.example)
            if story is not None:
                group = found.group_of(chosen.example)
                rows = found.rows(group, ORDERS[chosen.order]) if group is not None else []
                fellows = [Example(chosen.example.task, row) for row in rows]
                return draw_alone(story, fellows, self._looks, self._tiles, width, height, palette)
        selected = select(found, chosen)
        if selected is None or filmed(view, chosen):
            ended = len(as_of_cursor(view).history.matrix)
            nothing = message(_NOTHING, width, palette.muted) if selected is None and ended else []
            lines = draw_film(found, shown, self._tiles, ended, width, height - len(nothing), palette)
            return [*lines, *nothing]
        group, example = selected
        if how.zoomed:
            return self._zoomed(view, found, shown, group, example, chosen, width, height, palette)
        fits = room(width, height, len(found.groups), drawable(shown, palette))
        calm = view.training and not view.paused and view.viewport.cursor is None
        arranged = self.slots.arranged(found, fits, ORDERS[chosen.order], calm)
        marked = group if how.focused else None
        return draw_column(found, arranged, shown, self._tiles, marked, width, height, palette, self.spots)

    def _zoomed(
        self,
        view: View,
        found: Found,
        shown: Shown,
        group: Group,
        example: Example | None,
        chosen: Chosen,
        width: int,
        height: int,
        palette: Palette,
    ) -> list[Line]:
        order = ORDERS[chosen.order]
        story = self.story(view, found, shown, example) if example is not None else None
        history = as_of_cursor(view).history
        back = self.back(group.task, len(history.matrix))
        scene = Scene(found, history, shown, group, found.rows(group, order), example, story, back, order)
        return draw_zoomed(scene, self._tiles, width, height, palette, self.spots)

    def found(self, view: View, shown: Shown) -> Found:
        told, cursor = view.history.packed.get(ANSWERS) or (), view.viewport.cursor
        key = (len(told), told[-1] if told else None, cursor, shown, len(view.history.matrix))
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, find(as_of_cursor(view).history, shown, cursor))
        return self._kept[1]

    def back(self, task: int, ended: int) -> PutBack | None:
        """The newest that is known when ``ended`` tasks have ended."""
        return max(
            (found for (of, until), found in self.put_back.items() if of == task and until <= ended),
            key=lambda found: found.ended,
            default=None,
        )

    def story(self, view: View, found: Found, shown: Shown, example: Example) -> Story | None:
        """None before its task was looked at."""
        if example.task >= len(found.answers):
            return None
        history, cursor = as_of_cursor(view).history, view.viewport.cursor
        self._looks.follow(view.history, shown)
        way = self._looks.way(example, cursor, example.task < len(history.matrix))
        if way is None:
            return None
        back = self.back(example.task, len(history.matrix))
        return Story(example, history, shown, found.answers[example.task], way, back, cursor)


def filmed(view: View, chosen: Chosen) -> bool:
    return chosen.film if chosen.film is not None else view.replaying and not view.paused


def select(found: Found, chosen: Chosen) -> tuple[Group, Example | None] | None:
    """The chosen group and example, or else the first; None if nothing is forgotten."""
    if not found.groups:
        return None
    if chosen.example is not None and (group := found.group_of(chosen.example)) is not None:
        return group, chosen.example
    group = next((one for one in found.groups if one.key == chosen.group), found.largest[0])
    rows = found.rows(group, ORDERS[chosen.order])
    return group, Example(group.task, rows[0]) if rows else None


def other_group(found: Found, chosen: Chosen, by: int, largest_first: bool) -> Chosen:
    """The group after or before the chosen one."""
    selected = select(found, chosen)
    if selected is None:
        return chosen
    groups = found.largest if largest_first else list(found.groups)
    place = min(max(groups.index(selected[0]) + by, 0), len(groups) - 1)
    group = groups[place]
    rows = found.rows(group, ORDERS[chosen.order])
    return replace(chosen, group=group.key, example=Example(group.task, rows[0]) if rows else None)


def other_example(found: Found, chosen: Chosen, by: int) -> Chosen:
    """The example after or before the chosen one, in the same group."""
    selected = select(found, chosen)
    group, example = selected or (None, None)
    if group is None or example is None:
        return chosen
    rows = found.rows(group, ORDERS[chosen.order])
    place = min(max(rows.index(example.row) + by, 0), len(rows) - 1)
    return replace(chosen, group=group.key, example=Example(group.task, rows[place]))
