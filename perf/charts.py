"""Milliseconds to build the loss and penalty pane, by the length of the run and the visible part, against a plotext
chart of the same size with 500 points of each curve."""

import statistics
from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import plotext
from rich.style import Style

from cl_tui.charts.canvas import steps_axis
from cl_tui.charts.style import Palette
from cl_tui.panes.loss.axes import CurveOptions, seen_steps
from cl_tui.panes.loss.cache import CurveCache
from cl_tui.panes.loss.chart import draw_curves, layout
from cl_tui.panes.painted import strips
from cl_tui.panes.view import View, Viewport
from engine.record.events import RunStarted, StepsTaken, TaskInfo
from engine.record.history import History
from engine.settings.run import resolve
from perf.measure import CLOCKS, arguments, interleaved, ratios

CURVES: tuple[Literal["mean", "raw"], ...] = ("mean", "raw")
POINTS = 500
"""Points of each curve in the plotext chart."""
LENGTHS = ((1_000, 5), (100_000, 5), (1_000_000, 100))
"""Steps and tasks of a run."""
AROUND = 5
"""Lines of a terminal outside the zoomed pane's content: header, notice, footer, two lines of border."""
PALETTE = Palette(muted=Style(dim=True), loss=Style(color="cyan"), penalty=Style(color="yellow"))


def recorded(length: int, tasks: int) -> History:
    """A run of noisy curves that fall within each task."""
    rng = np.random.default_rng(0)
    within = np.arange(length) % (length // tasks)
    losses = np.exp(-within / 1000 + rng.normal(0, 1, length)).tolist()
    penalties = (0.1 * (1 - np.exp(-within / 500)) + rng.uniform(0.001, 0.01, length)).tolist()
    infos = tuple(TaskInfo(f"task {task}", length // tasks, 2, max(1, length // tasks // 10)) for task in range(tasks))
    history = History().apply(RunStarted(0.0, infos, "cpu", 1, {}))
    return history.apply(StepsTaken(length, length / 1000, tuple(losses), tuple(penalties)))


def pane(
    history: History, seen: int, options: CurveOptions, width: int, height: int
) -> tuple[str, Callable[[], object]]:
    """A name, which says where the columns come from, and a function that draws the newest ``seen`` steps."""
    record = CurveCache()
    record.follow(history)
    length = history.curve.length
    viewport = Viewport(cursor=length - seen // 2, steps=None if seen == length else (length - seen, length))
    view = View("charts", resolve({"method": "si", "device": "cpu"}), history, "training", viewport=viewport)

    def draw() -> object:
        record.follow(history)
        return strips(draw_curves(view, record, width, height, PALETTE, options, zoomed=True), width, height, Style())

    time = steps_axis(seen_steps(view), 2 * layout(view, width, height, zoomed=True).plot_width)
    source = "steps" if record.step_by_step(time) else "envelope"
    return f"{seen:,} of {length:,} steps, {source}{', ' + options.curves}", draw


def with_plotext(history: History, width: int, height: int) -> None:
    places = np.linspace(0, history.curve.length - 1, POINTS).astype(int)
    plotext.clear_figure()
    plotext.plot_size(width, height)
    plotext.yscale("log")
    for values in (history.curve.losses(), history.curve.penalties()):
        plotext.plot((places + 1).tolist(), values[places].tolist(), marker="braille")
    plotext.build()


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    lengths = LENGTHS[:1] if options.tiny else LENGTHS
    rounds = 1 if options.tiny else options.rounds
    for columns, rows in ((80, 24), (200, 50)):
        for length, tasks in lengths:
            history = recorded(length, tasks)
            sides: dict[str, Callable[[], object]] = {"plotext": partial(with_plotext, history, columns, rows)}
            for seen in sorted({length, length // 5, length // 20, 200}, reverse=True):
                for curves in CURVES:
                    name, draw = pane(history, seen, CurveOptions(curves=curves), columns - 4, rows - AROUND)
                    sides[name] = draw
            seconds = interleaved(sides, rounds, CLOCKS[options.clock])
            for name, took in seconds.items():
                ratio = f"   plotext ÷ this = {ratios(seconds['plotext'], took)[1]:.0f}" if name != "plotext" else ""
                print(f"{columns}×{rows}  {name:46} {statistics.median(took) * 1e3:7.2f} ms{ratio}", flush=True)


if __name__ == "__main__":
    main()
