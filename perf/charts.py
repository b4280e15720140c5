"""Milliseconds to build the loss and penalty pane, by the length of the run and the visible part, against a plotext
chart of the same size with 500 points of each curve; and to build the panes of what was
forgotten, confused, turned and held, with their pictures."""

import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import Literal

import numpy as np
import plotext
from rich.style import Style

from cl_tui.charts.canvas import steps_axis
from cl_tui.charts.style import Palette
from cl_tui.panes.confusion.drawing import Shown as Classes
from cl_tui.panes.confusion.drawing import draw_confusion
from cl_tui.panes.forgotten.chosen import Chosen, Example
from cl_tui.panes.forgotten.drawing import Drawing, How
from cl_tui.panes.held.drawing import draw_held
from cl_tui.panes.held.neurons import draw_neurons
from cl_tui.panes.loss.axes import CurveOptions, seen_steps
from cl_tui.panes.loss.cache import CurveCache
from cl_tui.panes.loss.chart import draw_curves, layout
from cl_tui.panes.painted import strips
from cl_tui.panes.turned.drawing import draw_turned
from cl_tui.panes.view import View, Viewport
from cl_tui.reports.held import Images
from engine.record.events import ANSWERS, Packed, RunStarted, StepsTaken, TaskInfo
from engine.record.history import History
from engine.record.mistakes import Mistakes, at_probe
from engine.record.series import Series
from engine.record.shown import EXAMPLES, Shown, ShownTask
from engine.record.turned import Turning
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


def forgetful(looks: int) -> tuple[History, Shown]:
    """Ten tasks of 64 pictures of 28×28; at each of ``looks``, a share of the earlier tasks that grows is wrong."""
    rng, tasks = np.random.default_rng(0), 10
    history = recorded(tasks * looks, tasks)
    shown, told = [], []
    for task in range(tasks):
        pictures = rng.integers(0, 256, (EXAMPLES, 28, 28, 1), dtype=np.uint8)
        names = (str(2 * task), str(2 * task + 1))
        shown.append(ShownTask(pictures, None, np.arange(EXAMPLES) % 2, names, np.arange(EXAMPLES)))
    for step in range(tasks, tasks * looks + 1, tasks):
        newest = (step - 1) // looks
        target = np.arange(EXAMPLES * (newest + 1)) % 2
        wrong = rng.random(len(target)) < step / (tasks * looks) * (target == 1)
        sure = rng.integers(128, 256, len(target))
        given = np.where(wrong, 1 - target, target)
        rows = np.stack([given, np.where(wrong, 255 - sure, sure), sure]).astype("u1")
        told.append(Packed.of(step, newest, ANSWERS, rows))
    history = replace(
        history, state="finished", task=tasks, packed={ANSWERS: Series(told)}, matrix=((0.5,) * tasks,) * tasks
    )
    return history, Shown(tuple(shown), together=False)


def pictures(history: History, shown: Shown, width: int, height: int) -> dict[str, Callable[[], object]]:
    """Names, and functions that draw the pane in each of its ways; the last one as if there were new answers."""
    view = View("charts", resolve({"method": "si", "device": "cpu"}), history, "", shown=shown)
    example = Example(0, 1)
    ways = {
        "beside others": (Chosen(), False),
        "zoomed": (Chosen(), True),
        "one example": (Chosen(example=example, alone=True), True),
        "the film": (Chosen(film=True), True),
    }

    def drawing(chosen: Chosen, zoomed: bool, fresh: bool = False) -> Callable[[], object]:
        pane = Drawing()
        columns = width if zoomed else width // 3

        def draw() -> object:
            seen = replace(view, viewport=Viewport(cursor=history.step - next(steps))) if fresh else view
            lines = pane.lines(seen, chosen, How(zoomed), columns, height, PALETTE)
            return strips(lines, columns, height, Style())

        steps = cycle(range(0, 100, 10))
        return draw

    sides = {f"forgotten, {name}": drawing(*way) for name, way in ways.items()}
    return sides | {"forgotten, zoomed, new answers": drawing(Chosen(), True, fresh=True)}


def counted(history: History, shown: Shown, width: int, height: int) -> dict[str, Callable[[], object]]:
    """Names, and functions that draw the panes of confusions, of what turned and of what is held, without a memory."""
    view = View("charts", resolve({"method": "si", "device": "cpu"}), history, "", shown=shown)
    rng, turning = np.random.default_rng(0), Turning()
    counts = rng.integers(0, 9, (100, 100)) + np.diag(np.arange(100) * 5)
    names = tuple(f"class {number}" for number in range(100))
    tasks = tuple(number // 10 for number in range(100))
    many = Mistakes(1, 9, tasks, names, counts, counts.sum(axis=1), np.full(100, 0.9))
    stack = [np.sqrt(rng.random((1, 28, 28))) for _ in range(6)]
    images = Images(stack[0], "tasks 1–4", stack[1], 4, tuple(stack[2:]), ("0 1", "2 3", "4 5", "6 7"), "A sentence.")

    def confused() -> object:
        found = at_probe(history, shown)
        assert found is not None
        return draw_confusion(Classes(found), width, height, PALETTE)

    def turned() -> object:
        found = turning.turns(history, shown)
        return draw_turned(found, found.at(None), view, width, height, PALETTE, zoomed=True)

    sides: dict[str, Callable[[], object]] = {
        "confusion, 20 classes, new answers": confused,
        "confusion, 100 classes": lambda: draw_confusion(Classes(many), width, height, PALETTE),
        "turned, zoomed": turned,
        "held, zoomed": lambda: draw_held(images, width, height, PALETTE),
        "held, a third": lambda: draw_held(images, width // 3, height // 3, PALETTE),
        "held, neurons": lambda: draw_neurons(np.concatenate([stack[2]] * 64), 0, width, height, PALETTE),
    }
    return sides


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
        history, shown = forgetful(10 if options.tiny else 400)
        width, height = columns - 4, rows - AROUND
        drawn = pictures(history, shown, width, height) | counted(history, shown, width, height)
        seconds = interleaved(drawn, rounds, CLOCKS[options.clock])
        for name, took in seconds.items():
            print(f"{columns}×{rows}  {name:46} {statistics.median(took) * 1e3:7.2f} ms", flush=True)


if __name__ == "__main__":
    main()
