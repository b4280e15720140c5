"""How many weights of each layer have which Ω, on one logarithmic axis. Zoomed: every layer, after any task."""

import math
from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.binding import BindingType
from textual.events import Blur, Key, Paste

from cl_tui.charts.bars import bars
from cl_tui.charts.style import Line, Palette
from cl_tui.host.ascii_filter import translated
from cl_tui.panes.as_of import as_of_cursor, when
from cl_tui.panes.base import Pane, keys, message
from cl_tui.panes.importance.modules import folded
from cl_tui.panes.importance.zoomed import LayerOptions, axis_line, chosen, draw_layers, share, shown_importance
from cl_tui.panes.view import View
from cl_tui.reports import session_facts, text
from cl_tui.reports.glossary import Number
from engine.catalog.methods import METHODS
from engine.record.history import History

TALLEST = 6
_SCRUB = "Zoomed: Ω after the previous task, or after the next"
_SCROLL = "Zoomed: scroll where there are more layers than fit"


class ImportancePane(Pane):
    BINDINGS: ClassVar[list[BindingType]] = keys(
        ("left", "scrub(-1)", "Task before", _SCRUB),
        ("right", "scrub(1)", "Next task", _SCRUB),
        ("home", "follow", "Newest", "Zoomed: the newest Ω again, from the top"),
        ("up", "scroll(-1)", "Up", _SCROLL),
        ("down", "scroll(1)", "Down", _SCROLL),
        ("pageup", "scroll(-10)", "Ten up", "… by ten layers"),
        ("pagedown", "scroll(10)", "Ten down", "… by ten layers"),
        ("slash", "filter", "Filter", "Zoomed: only layers whose names contain a text"),
        ("o", "by_task", "By task", "Zoomed: each layer after every task"),
        ("g", "group", "Modules", "Zoomed: the layers of a module together"),
    )
    HELP_TITLE = "Importance Ω by layer"
    HOW_TO_READ = (
        "One histogram per layer, on a logarithmic axis: weights on the right matter more. Heights (the square root of "
        "the count) can be compared only within a layer. '% zero' is the share of weights whose Ω is exactly 0 (for "
        "si --signed, 0 or less): these are free to change. If all are 0, nothing is protected. 'running' is what Ω "
        "would be if the task ended now. For si, Σω should equal the drop of the task's loss: within a quarter is "
        "good, within a factor of 2 fair. If it is too high, steps are noisy or large, and Ω is too large. Zoomed: "
        "'top 1 %' is the share of the layer's ΣΩ in its most important 1 % of weights: near 1 %, all weights matter "
        "alike."
    )

    def __init__(self) -> None:
        super().__init__()
        self.options = LayerOptions()

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        newest, view = view.history.importance, as_of_cursor(view)
        if METHODS[view.config.method].symbol and view.history.importance is None and newest is not None:
            return message("No importance is kept for steps before the end of task 1.", width, palette.muted)
        if self.zoomed and view.history.importance is not None and METHODS[view.config.method].symbol:
            return draw_layers(view.history, self.options, width, height, palette)
        return draw_importance(view, width, height, palette)

    def subtitle(self, view: View) -> str:
        history = as_of_cursor(view).history
        measured = history.importance
        if measured is None:
            return when(view)
        known = f"running, task {measured.task + 1}" if measured.running else f"after task {measured.task + 1}"
        if view.viewport.cursor is not None:
            return f"{when(view)} · {known}"
        if history.path is None:
            return known
        check = text.path_check(history.path, self.size.width >= 70)
        whole = f"{known} · {check}"
        in_ascii = self.is_attached and self._tones() == "none"
        return whole if len(translated(whole) if in_ascii else whole) <= self.size.width else check

    def numbers(self) -> list[Number]:
        from cl_tui.panes import numbers

        return numbers.of_importance(self.view) if self.view else []

    def data(self, view: View) -> list[dict[str, object]]:
        """A row per layer that matches the filter, of the Ω that is shown; counts by the lower end of their bins."""
        measured = shown_importance(as_of_cursor(view).history, self.options)
        if measured is None:
            return []
        decades = math.log10(measured.high / measured.low)
        rows: list[dict[str, object]] = []
        for layer in chosen(measured.layers, self.options):
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
        if not self.zoomed or not (self.options.typing or self.options.filter):
            return False
        self._set(typing=False, filter="", first=0)
        return True

    def action_scrub(self, direction: int) -> None:
        history = self._zoomed_on("look back through the tasks")
        if history is None:
            return
        count = len(history.importances)
        place = count if self.options.place is None else min(self.options.place, count)
        if count == 0:
            self.say("No task has ended: there is no earlier Ω to look back at")
        elif not 0 <= place + direction <= count:
            self.say("This is the newest Ω" if direction > 0 else "This is the Ω after the first task")
        else:
            self._set(place=place + direction if place + direction < count else None)

    def action_scroll(self, layers: int) -> None:
        history = self._zoomed_on("scroll through the layers")
        measured = shown_importance(history, self.options) if history else None
        if measured is not None:
            last = max(len(chosen(measured.layers, self.options)) - 1, 0)
            self._set(first=min(max(self.options.first + layers, 0), last))

    def action_filter(self) -> None:
        if self._zoomed_on("filter its layers"):
            self._set(typing=True)

    def action_by_task(self) -> None:
        if self._zoomed_on("see each layer after every task"):
            self._set(by_task=not self.options.by_task, first=0)

    def action_group(self) -> None:
        if self._zoomed_on("put its layers together"):
            self._set(grouped=not self.options.grouped, first=0)

    def action_follow(self) -> None:
        self._set(place=None, first=0)

    def on_key(self, event: Key) -> None:
        """While the filter is typed, keys are text; other keys keep their meaning. The keys that begin and end it are
        handled here too, not as bindings, so that fast typing reaches the filter."""
        if not self.zoomed:
            return
        typed = self.options.filter
        if not self.options.typing:
            if event.key != "slash":
                return
            self.action_filter()
        elif event.key == "enter":
            self._set(typing=False)
        elif event.key == "escape":
            self.back_out()
        elif event.key == "backspace":
            self._set(filter=typed[:-1], first=0)
        elif event.key == "ctrl+u":
            self._set(filter="", first=0)
        elif event.is_printable and event.character:
            self._set(filter=typed + event.character, first=0)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: Paste) -> None:
        if self.options.typing and self.zoomed:
            self._set(filter=self.options.filter + "".join(filter(str.isprintable, event.text)), first=0)
            event.stop()

    def on_blur(self, event: Blur) -> None:
        if self.options.typing:
            self._set(typing=False)

    def _zoomed_on(self, wish: str) -> History | None:
        """What is known at the crosshair, if there is an Ω and room for details; else says what ``wish`` misses."""
        if self.view is None:
            return None
        history, method = as_of_cursor(self.view).history, METHODS[self.view.config.method]
        if self.zoomed and history.importance is not None:
            return history
        none = f"{method.title} keeps no importance: nothing to see here"
        none = "No importance has been measured yet" if method.symbol else none
        self.say(none if self.zoomed else f"Zoom the importance (z) to {wish}")
        return None

    def _set(self, **changes: object) -> None:
        self.options = replace(self.options, **changes)  # type: ignore[arg-type]
        if self.view is not None:
            self.show(self.view)


def draw_importance(view: View, width: int, height: int, palette: Palette) -> list[Line]:
    method, measured = METHODS[view.config.method], view.history.importance
    if not method.symbol:
        protects = method.protects or "nothing protects earlier tasks"
        return message(f"{method.title} keeps no importance: {protects}.", width, palette.muted)
    if measured is None:
        return message("No importance yet: it will be measured by the end of task 1.", width, palette.muted)
    room = max(height - 1, 1)
    layers = folded(measured.layers, room)
    filled = session_facts.filled(measured)
    name_width = min(max(cell_len(layer.name) for layer in layers), max(6, width // 3))
    with_mean = width >= 70
    plot_width = width - name_width - 1 - len(" 100 % zero") - (len("  mean 1.2e-10") if with_mean else 0)
    tall = min(max(room // len(layers), 1), TALLEST)
    visible = [layers[place] for place in session_facts.spread(len(layers), max(room // tall, 1))]
    lines: list[Line] = []
    gap = tall > 2
    bins, span = (0, len(layers[0].counts)), (filled.start, filled.stop)
    charts = bars([layer.counts for layer in visible], bins, span, max(plot_width, 0), tall - gap)
    for layer, chart in zip(visible, charts, strict=True):
        for row, bar in enumerate([""] * gap + chart):
            base = row == tall - 1
            name = set_cell_size(text.short_name(layer.name, name_width) if base else "", name_width)
            line = [Segment(f"{name} ", palette.text), Segment(bar, palette.importance)]
            if base:
                line.append(Segment(f"{share(layer.zeros, layer.size):>6} zero", palette.muted))
                if with_mean:
                    line.append(Segment(f"  mean {text.quantity(layer.mean)}", palette.muted))
            lines.append(line)
    hidden = len(layers) - len(visible)
    axis = axis_line(*session_facts.edges(measured, filled), plot_width)
    note = f" +{hidden} more" if hidden > 0 else ""
    lines.append([Segment(f"{'Ω':>{name_width}} ", palette.muted), Segment(axis + note, palette.muted)])
    return lines
