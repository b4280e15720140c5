"""Ω by layer: how many weights have which importance, on a logarithmic axis shared by all layers.

Zoomed: every layer, after any task.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Blur, Key, Paste

from cl_tui.host.ascii_filter import translated
from cl_tui.panes.as_of import seen_at_cursor, when
from cl_tui.panes.base import Line, Palette, Pane, message
from cl_tui.panes.importance.zoomed import LayerLook, chosen, draw_layers, share, shown_importance
from cl_tui.panes.view import View
from cl_tui.reports import text as words
from engine.catalog.methods import METHODS
from engine.record.events import ImportanceMeasured

_EIGHTHS = " ▁▂▃▄▅▆▇█"
TALLEST = 6


_SCRUB = "Zoomed: Ω after the previous task, or after the next"
_SCROLL = "Zoomed: scroll where there are more layers than fit"


class ImportancePane(Pane):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "scrub(-1)", "Task before", tooltip=_SCRUB, show=False),
        Binding("right", "scrub(1)", "Next task", tooltip=_SCRUB, show=False),
        Binding("home", "follow", "Newest", tooltip="Zoomed: the newest Ω again, from the top", show=False),
        Binding("up", "scroll(-1)", "Up", tooltip=_SCROLL, show=False),
        Binding("down", "scroll(1)", "Down", tooltip=_SCROLL, show=False),
        Binding("pageup", "scroll(-10)", "Ten up", tooltip="… by ten layers", show=False),
        Binding("pagedown", "scroll(10)", "Ten down", tooltip="… by ten layers", show=False),
        Binding(
            "slash",
            "filter",
            "Filter",
            tooltip="Zoomed: only layers whose names contain a text",
            show=False,
        ),
        Binding("o", "by_task", "By task", tooltip="Zoomed: each layer after every task", show=False),
        Binding("g", "group", "Modules", tooltip="Zoomed: the layers of a module together", show=False),
    ]
    HELP_TITLE = "Importance Ω by layer"
    HOW_TO_READ = (
        "One histogram per layer, on a logarithmic axis: weights on the right matter more. Heights (the square root of "
        "the count) can be compared only within a layer. '% zero' is the share of weights whose Ω is exactly 0: these "
        "are free to change. If all are 0, nothing is protected. 'running' is what Ω would be if the task ended now. "
        "For si, Σω should equal the drop of the task's loss: within a quarter is good, within a factor of 2 fair. If "
        "it is too high, steps are noisy or large, and Ω is too large. Zoomed: 'top 1 %' is the share of the layer's "
        "ΣΩ in its most important 1 % of weights: near 1 %, all weights matter alike."
    )

    def __init__(self) -> None:
        super().__init__()
        self.look = LayerLook()

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        newest, view = view.history.importance, seen_at_cursor(view)
        if METHODS[view.config.method].symbol and view.history.importance is None and newest is not None:
            return message("No importance is kept for steps before the end of task 1.", width, palette.muted)
        if self.zoomed and view.history.importance is not None and METHODS[view.config.method].symbol:
            return draw_layers(view.history, self.look, width, height, palette)
        return draw_importance(view, width, height, palette)

    def subtitle(self, view: View) -> str:
        history = seen_at_cursor(view).history
        measured = history.importance
        if measured is None:
            return when(view)
        known = f"running, task {measured.task + 1}" if measured.running else f"after task {measured.task + 1}"
        if view.sight.cursor is not None:
            return f"{when(view)} · {known}"
        if not history.paths:
            return known
        check = words.path_check(history.paths[-1], self.size.width >= 70)
        whole = f"{known} · {check}"
        in_words = translated(whole) if self.is_attached and getattr(self.app, "ascii_charts", False) else whole
        return whole if len(in_words) <= self.size.width else check

    def data(self, view: View) -> list[dict[str, object]]:
        """A row per layer that matches the filter, of the Ω that is shown; counts by the lower end of their bins."""
        measured = shown_importance(seen_at_cursor(view).history, self.look)
        if measured is None:
            return []
        decades = math.log10(measured.high / measured.low)
        rows: list[dict[str, object]] = []
        for layer in chosen(measured.layers, self.look):
            row: dict[str, object] = {
                "layer": layer.name,
                "task": measured.task + 1,
                "step": measured.step,
                "running": measured.running,
                "weights": layer.size,
                "zeros": layer.zeros,
                "mean": layer.mean,
                "top_1_percent": layer.top,
            }
            bins = len(layer.counts)
            row |= {f"from_{measured.low * 10 ** (decades * n / bins):.3g}": c for n, c in enumerate(layer.counts)}
            rows.append(row)
        return rows

    def back_out(self) -> bool:
        """Closes the filter's input, or removes the filter."""
        if not self.zoomed or not (self.look.typing or self.look.filter):
            return False
        self._turn(typing=False, filter="", first=0)
        return True

    def action_scrub(self, direction: int) -> None:
        view = self._closely("look back through the tasks")
        if view is None:
            return
        history = seen_at_cursor(view).history
        count = len(history.importances)
        place = count if self.look.place is None else min(self.look.place, count)
        if count == 0:
            self._say("No task has ended: there is no earlier Ω to look back at")
        elif not 0 <= place + direction <= count:
            self._say("This is the newest Ω" if direction > 0 else "This is the Ω after the first task")
        else:
            self._turn(place=place + direction if place + direction < count else None)

    def action_scroll(self, layers: int) -> None:
        view = self._closely("scroll through the layers")
        measured = shown_importance(seen_at_cursor(view).history, self.look) if view else None
        if measured is not None:
            last = max(len(chosen(measured.layers, self.look)) - 1, 0)
            self._turn(first=min(max(self.look.first + layers, 0), last))

    def action_filter(self) -> None:
        if self._closely("filter its layers"):
            self._turn(typing=True)

    def action_by_task(self) -> None:
        if self._closely("see each layer after every task"):
            self._turn(by_task=not self.look.by_task, first=0)

    def action_group(self) -> None:
        if self._closely("put its layers together"):
            self._turn(grouped=not self.look.grouped, first=0)

    def action_follow(self) -> None:
        self._turn(place=None, first=0)

    def on_key(self, event: Key) -> None:
        """While the filter is typed, keys are text; other keys keep their meaning. The keys that begin and end it are
        handled here too, not as bindings, so that fast typing reaches the filter."""
        if not self.zoomed:
            return
        typed = self.look.filter
        if not self.look.typing:
            if event.key != "slash":
                return
            self.action_filter()
        elif event.key == "enter":
            self._turn(typing=False)
        elif event.key == "escape":
            self.back_out()
        elif event.key == "backspace":
            self._turn(filter=typed[:-1], first=0)
        elif event.key == "ctrl+u":
            self._turn(filter="", first=0)
        elif event.is_printable and event.character:
            self._turn(filter=typed + event.character, first=0)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: Paste) -> None:
        if self.look.typing and self.zoomed:
            self._turn(filter=self.look.filter + "".join(filter(str.isprintable, event.text)), first=0)
            event.stop()

    def on_blur(self, event: Blur) -> None:
        if self.look.typing:
            self._turn(typing=False)

    def _closely(self, wish: str) -> View | None:
        """The view, if there is an Ω and room for details; else says what is missing for ``wish``."""
        if self.view is None:
            return None
        if not self.zoomed:
            self._say(f"Zoom the importance (z) to {wish}")
        elif seen_at_cursor(self.view).history.importance is None:
            method = METHODS[self.view.config.method]
            none = f"{method.title} keeps no importance: nothing to see here"
            self._say("No importance has been measured yet" if method.symbol else none)
        else:
            return self.view
        return None

    def _say(self, text: str) -> None:
        from cl_tui.screens.panes import PanesScreen

        assert isinstance(self.screen, PanesScreen)
        self.screen.reply(text)

    def _turn(self, **changes: object) -> None:
        self.look = replace(self.look, **changes)  # type: ignore[arg-type]
        if self.view is not None:
            self.show(self.view)


def draw_importance(view: View, width: int, height: int, palette: Palette) -> list[Line]:
    method, measured = METHODS[view.config.method], view.history.importance
    if not method.symbol:
        text = f"{method.title} keeps no importance: nothing protects earlier tasks."
        return message(text, width, palette.muted)
    if measured is None:
        return message("No importance yet: it will be measured by the end of task 1.", width, palette.muted)
    layers = measured.layers
    first, last = _span(measured)
    name_width = min(max(cell_len(layer.name) for layer in layers), max(6, width // 3))
    with_mean = width >= 70
    plot_width = width - name_width - 1 - len(" 100 % zero") - (len("  mean 1.2e-10") if with_mean else 0)
    tall = min(max((height - 1) // len(layers), 1), TALLEST)
    fitting = (height - 1) // tall
    lines: list[Line] = []
    for layer in layers[:fitting]:
        columns = resampled(layer.counts[first:last], plot_width)
        bars = histogram(columns, tall - 1 if tall > 2 else tall)
        bars = [""] * (tall - len(bars)) + bars
        for row, text in enumerate(bars):
            base = row == tall - 1
            name = set_cell_size(layer.name, name_width) if base else " " * name_width
            line = [Segment(f"{name} ", palette.text), Segment(text, palette.importance)]
            if base:
                line.append(Segment(f"{share(layer.zeros, layer.size):>6} zero", palette.muted))
                if with_mean:
                    line.append(Segment(f"  mean {words.quantity(layer.mean)}", palette.muted))
            lines.append(line)
    hidden = len(layers) - fitting
    axis = _axis(measured, first, last, plot_width)
    note = f" +{hidden} more" if hidden > 0 else ""
    lines.append([Segment(f"{'Ω':>{name_width}} ", palette.muted), Segment(axis + note, palette.muted)])
    return lines


def _span(measured: ImportanceMeasured) -> tuple[int, int]:
    """The bins from the first to the last that any layer fills."""
    filled = [i for layer in measured.layers for i, count in enumerate(layer.counts) if count]
    return (min(filled), max(filled) + 1) if filled else (0, len(measured.layers[0].counts))


def _axis(measured: ImportanceMeasured, first: int, last: int, width: int) -> str:
    """'1e-8 ──── 0.01' under the histograms."""
    bins = len(measured.layers[0].counts)
    decades = math.log10(measured.high / measured.low)
    low, high = (words.quantity(float(f"{measured.low * 10 ** (decades * i / bins):.1g}")) for i in (first, last))
    return f"{low} {'─' * (width - len(low) - len(high) - 2)} {high}" if width > len(low) + len(high) + 2 else low


def resampled(counts: Sequence[int], width: int) -> list[float]:
    """Counts spread or gathered into ``width`` columns; the sum stays the same.

    >>> resampled([4, 2], 4), resampled([1, 2, 3, 4], 2)
    ([2.0, 2.0, 1.0, 1.0], [3.0, 7.0])
    """
    bins = len(counts)
    columns = [0.0] * max(width, 0)
    for column in range(len(columns)):
        left, right = column * bins / width, (column + 1) * bins / width
        for i in range(int(left), min(math.ceil(right), bins)):
            columns[column] += counts[i] * (min(right, i + 1) - max(left, i))
    return columns


def histogram(columns: Sequence[float], height: int) -> list[str]:
    """Bars of block characters, ``height`` rows from top to bottom; everything that is not 0 is visible. Heights follow
    the square root, so that small counts beside large ones are visible; the tallest leaves a gap to the line above.

    >>> histogram([0, 1, 16], 1), histogram([0, 4, 16], 2)
    ([' ▂▇'], ['  ▇', ' ██'])
    """
    top = max(columns, default=0)
    levels = [max(1, round((8 * height - 1) * math.sqrt(value / top))) if value > 0 else 0 for value in columns]
    return ["".join(_EIGHTHS[min(max(level - 8 * row, 0), 8)] for level in levels) for row in reversed(range(height))]
