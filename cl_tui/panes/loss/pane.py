"""Task loss and penalty over the steps of a run: the pane, its keys, and its navigation."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.binding import BindingType
from textual.events import (
    MouseDown,
    MouseEvent,
    MouseMove,
    MouseScrollDown,
    MouseScrollLeft,
    MouseScrollRight,
    MouseScrollUp,
    MouseUp,
)
from textual.message import Message

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import Pane, keys, message
from cl_tui.panes.loss.axes import (
    FEWEST_STEPS,
    SCALES,
    UNITS,
    CurveOptions,
    holding,
    knows_epochs,
    magnified,
    seen_steps,
    shifted,
    step_at,
    task_of,
)
from cl_tui.panes.view import View, Viewport
from cl_tui.reports.glossary import Number

if TYPE_CHECKING:
    from cl_tui.charts.canvas import TimeAxis
    from cl_tui.panes.loss.cache import CurveCache

MOST_ROWS = 100_000
"""Most rows of data step by step; if there are more steps, each row is one column."""

_ZOOM_IN = "Zoom in, around the crosshair or the newest step (also: wheel)"
_READ = "Read the values of a step; Esc removes the crosshair"


class CurvesPane(Pane):
    BINDINGS: ClassVar[list[BindingType]] = keys(
        ("left", "crosshair('columns', -1)", "Crosshair left", _READ),
        ("right", "crosshair('columns', 1)", "Crosshair right", _READ),
        ("shift+left", "crosshair('columns', -10)", "Ten columns left", "… by ten columns"),
        ("shift+right", "crosshair('columns', 10)", "Ten columns right", "… by ten columns"),
        ("ctrl+left", "crosshair('steps', -1)", "One step left", "… by exactly one step"),
        ("ctrl+right", "crosshair('steps', 1)", "One step right", "… by exactly one step"),
        ("plus,equals_sign,up", "magnify(0.5)", "Zoom in", _ZOOM_IN),
        ("minus,down", "magnify(2.0)", "Zoom out", "Zoom out"),
        ("pageup", "shift(-0.5)", "Earlier", "Earlier steps"),
        ("pagedown", "shift(0.5)", "Later", "Later steps"),
        ("home", "follow", "Whole run", "The whole run again"),
        ("o", "only_task", "Only one task", "Only the task under the crosshair or in training, or all tasks"),
        ("y", "scale", "Scale", "Y axis automatic, logarithmic, linear"),
        ("u", "unit", "Unit", "X axis in steps, epochs, seconds"),
        ("m", "mean", "Mean", "The mean with its band, or the values themselves"),
        ("h", "extra", "Rate", "Also the learning rate, the gradient norm, or the distance ‖θ−θ*‖, below the loss"),
    )
    HELP_TITLE = "Loss and penalty"
    HOW_TO_READ = (
        "The line is the mean loss on the current task alone (with joint and replay, on all examples of a step); the "
        "shaded band holds 80 % of its values. Sparse dots: the penalty that holds earlier tasks' weights; for lwf, "
        "how far the network is from what its teacher answers, times N−1 in task N, as a step weighs it against the "
        "loss. Dashed: the loss of guessing. ┊ is a task border or, with its value below, a change of the strength; ▲ "
        "a warning (W lists them); ✖ a step whose value was not finite. On a logarithmic axis ('log') a penalty of 0 "
        "or less has no dots. m shows the values themselves: each column from the smallest to the largest, so that a "
        "single spike stays visible. h adds the learning rate, the norm of the gradient, or ‖θ−θ*‖, how far the "
        "weights are from where the penalty pulls them."
    )

    @dataclass
    class OptionsChanged(Message):
        """The way of drawing the curves has changed, and may be remembered."""

        options: CurveOptions

    def __init__(self) -> None:
        super().__init__()
        self.options = CurveOptions()
        self._extra = ""
        """The quantity drawn below the loss."""
        self._record: CurveCache | None = None

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        if not view.history.curve.length:
            return message("The curves begin with the first steps.", width, palette.muted)
        from cl_tui.panes.loss.cache import CurveCache
        from cl_tui.panes.loss.chart import draw_curves

        if self._record is None:
            self._record = CurveCache()
        self._record.follow(view.history)
        return draw_curves(view, self._record, width, height, palette, self.options, self.zoomed, self._extra)

    def subtitle(self, view: View) -> str:
        """What differs from the plain whole run; everything, with its keys, if the pane is zoomed."""
        options = self.options
        raw = "raw" if options.curves == "raw" else ""
        steps = view.viewport.steps
        part = f"steps {steps[0] + 1:,}–{steps[1]:,}" if steps else ""
        if self.zoomed:
            return f"y {options.y} · u {options.x} · m {raw or 'mean'} · + − {part or 'whole run'}"
        return " · ".join(filter(None, (options.y if options.y != "auto" else "", raw, part)))

    # How the curves are drawn

    def _draw_with(self, options: CurveOptions, said: str) -> None:
        self.options = options
        self.post_message(self.OptionsChanged(options))
        if self.view is not None:
            self.show(self.view)
        self.say(said)

    def action_scale(self) -> None:
        y = SCALES[(SCALES.index(self.options.y) + 1) % len(SCALES)]
        said = {"auto": "chosen to fit", "log": "logarithmic", "linear": "linear, from 0"}[y]
        self._draw_with(replace(self.options, y=y), f"y axis: {said}")

    def action_unit(self) -> None:
        x = UNITS[(UNITS.index(self.options.x) + 1) % len(UNITS)]
        said = f"x axis in {'seconds of training' if x == 'seconds' else x}"
        if x == "epochs" and self.view and self.view.history.tasks and not knows_epochs(self.view.history):
            x, said = "seconds", "x axis in seconds of training: this session did not record how long an epoch is"
        self._draw_with(replace(self.options, x=x), said)

    def action_mean(self) -> None:
        if self.options.curves == "mean":
            self._draw_with(replace(self.options, curves="raw"), "The values, from the smallest to the largest")
        else:
            self._draw_with(replace(self.options, curves="mean"), "The mean, and a band of 80 % of the values")

    def action_extra(self) -> None:
        from cl_tui.panes.loss.extras import EXTRAS, known

        if self.view is None or not self.view.history.curve.length:
            self.say("No step has been taken yet: there is nothing to read")
            return
        there = ["", *(name for name in EXTRAS if known(self.view.history, name))]
        if len(there) == 1:
            self.say("This session tells no learning rate, gradient norm or distance")
            return
        self._extra = there[(there.index(self._extra) + 1) % len(there)] if self._extra in there else ""
        self.say(f"Below the loss: {EXTRAS[self._extra].title}" if self._extra else "The loss alone")
        self.show(self.view)

    # Navigation

    def action_crosshair(self, by: Literal["columns", "steps"], count: int) -> None:
        if (seen := self._seen()) is None:
            return
        view, time = seen
        newest, here = view.history.curve.length, view.viewport.cursor
        first, last = int(time.edges[0]) + 1, max(min(int(time.edges[-1]), newest), 1)
        if here is None:
            self._move(cursor=max(first, last) if first <= newest else newest)
            return
        cell = time.cell(here)
        if by == "steps":
            step = here + count
        elif cell is None:
            step = first if here < first else last
        else:
            step = step_at(time, cell + count, here, count)
        step = min(max(step, 1), newest)
        if step == here:
            self.say(f"Step {newest:,} is the newest" if count > 0 else "Step 1 is the first")
        else:
            self._move(cursor=step, steps=holding(view, step))

    def action_magnify(self, factor: float) -> None:
        if (seen := self._seen()) is None:
            return
        view, time = seen
        viewport, newest = view.viewport, view.history.curve.length
        anchor = viewport.cursor if viewport.cursor is not None else newest
        if time.cell(anchor) is None:
            anchor = int(time.edges[0] + time.edges[-1]) // 2
        steps = magnified(view, anchor, factor)
        if steps != viewport.steps:
            self._move(steps=steps)
        else:
            self.say("This is the whole run" if factor > 1 else f"{FEWEST_STEPS} steps: cannot zoom in further")

    def action_shift(self, share: float) -> None:
        if (seen := self._seen()) is None:
            return
        (view, _), steps = seen, shifted(seen[0], share)
        if steps is None:
            self.say("The whole run is shown: + zooms in")
        elif steps == view.viewport.steps:
            self.say("The run ends here" if share > 0 else "The run begins here")
        else:
            self._move(steps=steps)

    def action_only_task(self) -> None:
        if (seen := self._seen()) is None:
            return
        viewport, history = seen[0].viewport, seen[0].history
        if not history.tasks:
            self.say("No task is known yet")
            return
        task = task_of(history, viewport.cursor or history.curve.length)
        steps = (history.starts[task], history.starts[task + 1])
        self._move(steps=None if viewport.steps == steps else steps)
        if viewport.steps != steps:
            self.say(f"Only task {task + 1}: {history.tasks[task].name}")

    def action_follow(self) -> None:
        if self.view is None:
            return
        if self.view.viewport == Viewport():
            self.say("This is the whole run, up to the newest step")
        else:
            self._move(cursor=None, steps=None)

    def _move(self, **changed: "int | tuple[int, int] | None") -> None:
        """Asks the screen for this view, from which the next key starts."""
        assert self.view is not None
        viewport = replace(self.view.viewport, **changed)  # type: ignore[arg-type]
        if viewport != self.view.viewport:
            self.view = replace(self.view, viewport=viewport)
            self.post_message(self.ViewportChanged(viewport))

    def _seen(self) -> "tuple[View, TimeAxis] | None":
        """The view that is drawn, and its time axis; says so if there is nothing yet."""
        if self.view is not None and self.view.history.curve.length:
            return self.view, self._time(self.view)
        self.say("No step has been taken yet: there is nothing to read")
        return None

    def _time(self, view: View) -> "TimeAxis":
        from cl_tui.panes.loss.cache import time_axis
        from cl_tui.panes.loss.chart import layout

        plot_width = layout(view, *self.size, self.zoomed).plot_width
        return time_axis(view.history, seen_steps(view), self.options.x, 2 * plot_width)

    # The mouse

    def on_mouse_down(self, event: MouseDown) -> None:
        if event.button == 1 and self._point(event):
            self.capture_mouse()

    def on_mouse_move(self, event: MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._point(event)

    def on_mouse_up(self, event: MouseUp) -> None:
        if self.app.mouse_captured is self:
            self.release_mouse()

    @on(MouseScrollUp)
    @on(MouseScrollDown)
    @on(MouseScrollLeft)
    @on(MouseScrollRight)
    def scrolled(self, event: MouseEvent) -> None:
        """Zooms in or out around the step under the mouse; sideways, or with Shift, earlier or later."""
        event.stop()
        event.prevent_default()
        step = self._pointed(event, clamped=True)
        if step is None or self.view is None:
            return
        later = isinstance(event, MouseScrollDown | MouseScrollRight)
        if event.shift or isinstance(event, MouseScrollLeft | MouseScrollRight):
            self._move(steps=shifted(self.view, 0.125 if later else -0.125))
        else:
            self._move(steps=magnified(self.view, step, 2.0 if later else 0.5))

    def _point(self, event: MouseEvent) -> bool:
        """Puts the crosshair under the mouse, if that is over the plot."""
        step = self._pointed(event, clamped=self.app.mouse_captured is self)
        if step is None or self.view is None:
            return False
        self._move(cursor=min(step, self.view.history.curve.length))
        return True

    def _pointed(self, event: MouseEvent, clamped: bool) -> int | None:
        """The step under the mouse; beside the plot None, or the outermost step if ``clamped``."""
        if self.view is None or not self.view.history.curve.length:
            return None
        from cl_tui.charts.canvas import GUTTER

        time = self._time(self.view)
        cells = (len(time.edges) - 1) // 2
        x, y = event.get_content_offset_capture(self)
        cell = x - GUTTER
        if not clamped and not (0 <= cell < cells and 0 <= y < self.size.height):
            return None
        return time.step(min(max(cell, 0), cells - 1))

    # Copying and saving

    def numbers(self) -> list[Number]:
        from cl_tui.panes import numbers

        return numbers.of_curves(self.view) if self.view else []

    def data(self, view: View) -> list[dict[str, object]]:
        """One row per step in view, with the columns of ``sessions export --csv``. Above MOST_ROWS steps, one row per
        column, from ``first_step`` to ``last_step``, with the lowest and the highest value."""
        if not view.history.curve.length:
            return []
        from cl_tui.exports.csv_files import STEP_COLUMNS, step_rows
        from cl_tui.panes.loss.rows import rows_by_column

        first, last = seen_steps(view)
        last = min(last, view.history.curve.length)
        if last - first <= MOST_ROWS:
            rows = step_rows(view.config, view.history, first, last)
            return [dict(zip(STEP_COLUMNS, row, strict=True)) for row in rows]
        return rows_by_column(view.history.curve, self._time(view))
