"""What an empty folder of sessions shows: three runs to start, with the results that they will have."""

from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from cl_tui.charts.colour_scale import ColourScale, in_halves
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.painted import Painted
from cl_tui.panes.sessions.columns import on_cursor, padded
from cl_tui.reports import session_facts, text
from engine.catalog.recipes import RECIPES, Recipe
from engine.record import metrics
from engine.record.score import ACCURACY
from engine.settings.run import resolve

QUESTION = "A network learns one task after another. What does it forget?"


class RecipesPane(Painted, can_focus=True):
    COMPONENT_CLASSES: ClassVar[set[str]] = {"sessions--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "Start", tooltip="Train the chosen recipe, and watch it"),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        *(
            Binding(str(number), f"start({number - 1})", recipe.title, tooltip=recipe.why, show=False)
            for number, recipe in enumerate(RECIPES, start=1)
        ),
    ]

    class Chosen(Message):
        def __init__(self, recipe: Recipe) -> None:
            super().__init__()
            self.recipe = recipe

    def __init__(self) -> None:
        super().__init__(id="recipes")
        self._at = 0

    def action_move(self, by: int) -> None:
        self._at = min(max(self._at + by, 0), len(RECIPES) - 1)
        self.repaint()

    def action_start(self, number: int | None = None) -> None:
        self._at = self._at if number is None else number
        self.repaint()
        self.post_message(self.Chosen(RECIPES[self._at]))

    def on_click(self, event: Click) -> None:
        number = (event.y - 2) // self._pitch(self.size.height)
        if 0 <= number < len(RECIPES):
            if number == self._at:
                self.action_start()
            else:
                self.action_move(number - self._at)

    @staticmethod
    def _pitch(height: int) -> int:
        """Lines from one recipe to the next."""
        return max(5, min(7, (height - 2) // len(RECIPES)))

    def drawing(self, width: int, height: int, palette: Palette) -> list[Line]:
        lines: list[Line] = [[Segment(QUESTION, palette.strong)], []]
        back = self.get_component_rich_style("sessions--cursor")
        for number, recipe in enumerate(RECIPES):
            told = _told(recipe, number, number == self._at, min(width, 100), palette)
            if number == self._at:
                told[0] = on_cursor(padded(told[0], min(width, 100)), back, palette)
            lines += [*told, *([[]] * (self._pitch(height) - len(told)))]
        return lines


def _told(recipe: Recipe, number: int, on: bool, width: int, palette: Palette) -> list[Line]:
    """Title, why, the true result, and the command; on the right the matrix."""
    config, matrix = resolve(recipe.settings), recipe.matrix
    average, lost, last = sum(matrix[-1]) / len(matrix[-1]), metrics.forgetting(matrix) or 0.0, matrix[-1][-1]
    result: Line = [Segment(f"average {100 * average:.0f} %", palette.strong), Segment("   lost ", palette.text)]
    result.append(Segment(f"{100 * lost:.0f} points", palette.penalty if lost > 0.3 else palette.text))
    ink = palette.penalty if last < 0.9 else palette.text
    result += [Segment("   last task ", palette.text), Segment(f"{100 * last:.0f} %", ink)]
    cell = 2 if width < 90 else 4
    thumbnail = _thumbnail(recipe, cell, palette)
    lines: list[Line] = [
        [
            Segment("▸ " if on else "  ", palette.loss),
            Segment(f"{number + 1} ", palette.loss),
            Segment(recipe.title, palette.strong),
            Segment(f"   {text.method_and_strength(config.method, config.strength)}", palette.muted),
        ],
        [Segment(f"    {recipe.why}", palette.text)],
        [Segment("    "), *result],
        [Segment(f"    {session_facts.command(config, Path())}", palette.muted)],
    ]
    room = width - cell * len(matrix) - 2
    if room < 40:
        return lines
    beside = [*lines[:1], *(padded(line, room) for line in lines[1:])]
    return [beside[0], *([*line, *thumb] for line, thumb in zip(beside[1:], thumbnail, strict=False))]


def _thumbnail(recipe: Recipe, cell: int, palette: Palette) -> list[Line]:
    """Two rows of the matrix to a line, each task ``cell`` columns wide."""
    rows = recipe.matrix
    scale = ColourScale.of(ACCURACY, [value for row in rows for value in row], 0.5)
    return in_halves([[scale.fraction(value) for value in row] for row in rows], palette, cell)
