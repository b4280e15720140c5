"""Draws loss and penalty, the values at the crosshair, and if there is room the current task and the layers."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts import braille
from cl_tui.charts.bars import bar
from cl_tui.charts.braille import Axis, Columns
from cl_tui.charts.canvas import GUTTER, Canvas, TimeAxis, framed, placed
from cl_tui.charts.style import Line, Palette
from cl_tui.charts.ticks import round_step, spaced
from cl_tui.panes.base import side_by_side
from cl_tui.panes.loss.axes import CurveOptions, knows_epochs, seen_steps, task_of
from cl_tui.panes.loss.cache import CurveCache, time_axis
from cl_tui.panes.view import View
from cl_tui.reports import text
from engine.catalog.methods import METHODS
from engine.record.chance import guess_loss
from engine.record.events import Measured
from engine.record.history import History
from engine.record.series import Curve

MARKS = 2
"""Cells right of a narrow plot, where L and P mark the current values."""
_LABELS, _WITH_LABELS = 12, 46
"""Cells right of a plot for its labels, and the width of a pane from which there are some."""
_LEAST_EXTRA = 4
"""Least lines of the quantity below the loss."""
_GAP = 3
"""Cells between the chart and the part beside it."""
_BORDER_CELLS = 5
"""Least width of a task in cells for its border to be drawn."""


@dataclass(frozen=True)
class Layout:
    width: int
    """Width of the chart with its labels."""
    height: int
    beside: int = 0
    """Cells on the right for the current task and the layers."""
    below: int = 0
    """Lines at the bottom for the layers."""

    @property
    def plot_width(self) -> int:
        return max(self.width - GUTTER - margin_of(self.width), 4)


def margin_of(width: int) -> int:
    """Cells right of the plot."""
    return _LABELS if width >= _WITH_LABELS else MARKS


def layout(view: View, width: int, height: int, zoomed: bool) -> Layout:
    """A zoomed pane has room for more, beside the chart or below it."""
    if not zoomed or height < 14:
        return Layout(width, height)
    if width >= 120:
        beside = min(width // 3, 64)
        return Layout(width - beside - _GAP, height, beside=beside)
    layers = _layers(view)
    below = min(layers + 1, height // 4 + 1) if layers else 0
    return Layout(width, height - below, below=below)


def draw_curves(
    view: View,
    record: CurveCache,
    width: int,
    height: int,
    palette: Palette,
    options: CurveOptions,
    zoomed: bool,
    extra: str = "",
) -> list[Line]:
    """The pane's lines. ``record`` has followed the view's history. ``extra``: the quantity below the loss."""
    parts = layout(view, width, height, zoomed)
    steps = seen_steps(view)
    below = draw_extra(view, extra, steps, parts, palette, options) if extra else []
    room = parts.height - 1 - len(below)
    chart = _chart(view, record, steps, parts.width, room, palette, options, zoomed) + below
    lines = [legend(view, width, palette, options), *chart]
    if parts.beside:
        aside = _aside(view, record, parts, palette, options)
        lines[1:] = side_by_side(chart, aside, parts.width + _GAP, palette.text)
    if parts.below:
        lines += draw_layers(view, width, parts.below, palette)
    return lines


def draw_extra(
    view: View, name: str, steps: tuple[int, int], parts: Layout, palette: Palette, options: CurveOptions
) -> list[Line]:
    """A chart of another quantity on the same time axis; nothing where there is no room, or it is not known."""
    from cl_tui.panes.loss import extras

    height = parts.height // 4
    if height < _LEAST_EXTRA or name not in extras.EXTRAS or not extras.known(view.history, name):
        return []
    time = time_axis(view.history, steps, options.x, 2 * parts.plot_width)
    lows, highs = extras.columns(view.history, name, time)
    axis = value_axis("auto", [Columns(lows, highs, np.zeros(len(lows), dtype=bool))])
    canvas = Canvas(parts.plot_width, height - 1, palette.muted)
    canvas.curve(braille.outline(lows, highs, axis, height - 1), palette.text)
    newest = view.viewport.cursor or view.history.curve.length
    value = extras.value_at(view.history, name, newest)
    extra = extras.EXTRAS[name]
    told = "" if value is None else f"{extra.sign} {text.quantity(value)}"
    head: Line = [Segment(" " * GUTTER, palette.muted), Segment(told, palette.strong)]
    rest = f"  {extra.title}"
    if GUTTER + len(told) + len(rest) <= parts.width:
        head.append(Segment(rest, palette.muted))
    return [head, *framed(canvas, axis, time, palette, text.quantity, view.viewport.cursor)[:-1]]


def _chart(
    view: View,
    record: CurveCache,
    steps: tuple[int, int],
    width: int,
    height: int,
    palette: Palette,
    options: CurveOptions,
    zoomed: bool,
    with_penalty: bool = True,
) -> list[Line]:
    """``height`` lines: the plot, the changes of strength, the tasks' numbers, the time axis."""
    history = view.history
    margin = margin_of(width)
    plot_width = max(width - GUTTER - margin, 4)
    time = time_axis(history, steps, options.x, 2 * plot_width)
    with_numbers = height >= 9
    changes = [] if height < 7 else _changes(history, time)
    plot_height = max(height - 1 - with_numbers - bool(changes), 1)

    canvas = Canvas(plot_width, plot_height, palette.muted)
    axis, ends = _plot(canvas, view, record, time, palette, options, with_penalty)
    if margin > MARKS:
        ends += _guesses(canvas, view, time, axis, palette)
    for cell, _ in changes:
        canvas.vertical(cell, "┊", palette.penalty)
    numbered = _numbered(history, time, plot_width)
    for step in (history.starts[task] for task in numbered):
        if time.edges[0] < step < time.edges[-1]:  # in the cell where the next step begins
            cell = int(np.searchsorted(time.edges, step, side="right") - 1) // 2
            canvas.vertical(cell, "┊", palette.muted)
    for warned in history.warnings:
        canvas.mark(time.cell(max(warned.step, 1)), palette.caution)
    rests = _written(canvas, ends, time, history.curve.length, margin, palette)
    *lines, _ = framed(canvas, axis, time, palette, text.quantity, view.viewport.cursor)
    for row, (rest, style) in rests.items():
        lines[row].append(Segment(rest, style))
    if changes:
        lines.append([Segment(" " * GUTTER + _change_labels(changes, view, plot_width), palette.penalty)])
    if with_numbers:
        lines.append([Segment(" " * GUTTER + _task_numbers(history, time, numbered, plot_width), palette.muted)])
    kind = "log axis" if axis.log else ""
    below = time.ticks(plot_width) if zoomed else time.ends(plot_width, kind)
    lines.append([Segment(f"{'log y' if zoomed and axis.log else '':<{GUTTER}}{below}", palette.muted)])
    return lines


_Ends = list[tuple[int, str, Style]]
"""Where lines end: the row, a label, and its style."""


def _plot(
    canvas: Canvas,
    view: View,
    record: CurveCache,
    time: TimeAxis,
    palette: Palette,
    options: CurveOptions,
    with_penalty: bool,
) -> tuple[Axis, _Ends]:
    """Draws the curves, the loss over the penalty, which never covers it."""
    height = canvas.cells.shape[0]
    raw = record.columns(time)
    with_penalty = with_penalty and (bool(METHODS[view.config.method].symbol) or _somewhere(raw[1]))
    kept = 1 + with_penalty
    newest: tuple[float, ...] = _values(view.history.curve, view.history.curve.length)
    drawn = list(raw[:kept])
    ink = palette.loss
    if options.curves == "mean":
        ink = palette.strong
        means = record.means(time)[:kept]
        low, high = (np.repeat(end, 2) for end in record.band(time))
        drawn = [Columns(mean, mean, columns.broken) for mean, columns in zip(means, raw, strict=False)]
        seen = [Columns(means[0], np.fmax(high, means[0]), drawn[0].broken), *drawn[1:]]
        axis = value_axis(options.y, seen)
        few = palette.tones in ("two", "none")
        canvas.shade(_between(low[::2], high[::2], axis, height), palette.band, dotted=few)
        newest = tuple(float(mean[np.isfinite(mean)][-1]) if np.isfinite(mean).any() else math.nan for mean in means)
    else:
        axis = value_axis(options.y, drawn)
    styles = (ink, palette.penalty)
    for number in reversed(range(kept)):
        dots = braille.outline(drawn[number].lows, drawn[number].highs, axis, height, dotted=number == 1)
        canvas.curve(dots, styles[number])
    broken = np.logical_or.reduce([found.broken for found in raw[:kept]])
    canvas.put(0, broken.reshape(-1, 2).any(axis=1), "✖", palette.bad)
    ends: _Ends = []
    for name, value, style in zip(("loss", "pen."), newest, styles, strict=False):
        if (row := axis.row(value, height)) is not None and len(ends) < kept:
            ends.append((row, f"{name} {text.quantity(value)}", style))
    return axis, ends


def _between(low: np.ndarray, high: np.ndarray, axis: Axis, height: int) -> np.ndarray:
    """The half cells from ``low`` to ``high``, shape (2·height, cells)."""
    tops, bottoms = axis.rows(high, height) // 2, axis.rows(low, height) // 2
    bottoms = np.where(bottoms < 0, 2 * height - 1, bottoms)  # on a logarithmic axis, below its lower end
    y = np.arange(2 * height)[:, None]
    found: np.ndarray = (tops >= 0) & (y >= tops) & (y <= bottoms)
    return found


def _guesses(canvas: Canvas, view: View, time: TimeAxis, axis: Axis, palette: Palette) -> _Ends:
    """Dashes at the loss of guessing, which may differ between tasks; its label at the right."""
    height, width = canvas.cells.shape
    history = view.history
    if not history.tasks:
        return []
    middles = (time.edges[:-2:2] + time.edges[2::2] + 1) // 2
    tasks = np.clip(np.searchsorted(history.starts, middles, side="right") - 1, 0, len(history.tasks) - 1)
    rows: dict[int, np.ndarray] = {}
    last = None
    for task in np.unique(tasks).tolist():
        loss = guess_loss(history, view.config, task)
        if loss is not None and axis.low < loss < axis.high and (row := axis.row(loss, height)) is not None:
            rows[row] = rows.get(row, np.zeros(width, dtype=bool)) | (tasks == task)
            last = row
    for row, cells in rows.items():
        canvas.dashes(row, palette.muted, cells)
    return [] if last is None else [(last, "guess", palette.muted)]


def _written(
    canvas: Canvas, ends: _Ends, time: TimeAxis, newest: int, margin: int, palette: Palette
) -> dict[int, tuple[str, Style]]:
    """Writes each label behind the newest step; returns what stands right of the plot. A narrow plot has letters."""
    height, width = canvas.cells.shape
    cell = time.cell(newest)
    if margin == MARKS:
        ends = [(row, label[0].upper(), style) for row, label, style in ends] if cell is not None else []
        return {row: (label, style) for row, (label, style) in placed(ends, height, palette.muted).items()}
    ends = [end for end in ends if cell is not None or end[1] == "guess"]
    rests = {}
    for row, (label, style) in placed(ends, height, palette.muted).items():
        start = width if cell is None or label == "guess" else min(cell + 1, width)
        rests[row] = (canvas.write(row, start, label, style)[:margin], style)
    return rests


def _somewhere(penalty: Columns) -> bool:
    """Whether it is anything but 0 in any column."""
    return bool(((penalty.lows < 0) | (penalty.highs > 0) | penalty.broken).any())


def value_axis(scale: str, curves: Sequence[Columns]) -> Axis:
    """From 0, or what is below it, to the largest value, or logarithmic; "auto" chooses. Without values above 0, never
    logarithmic."""
    lows = np.concatenate([columns.lows for columns in curves])
    highs = np.concatenate([columns.highs for columns in curves])
    fitting = braille.fitting_axis(lows, highs)
    if scale == "linear":
        below = lows[(lows < 0) & np.isfinite(lows)]
        return Axis(float(below.min()) if len(below) else 0.0, fitting.high, log=False)
    positive = lows[lows > 0]
    if scale == "log" and not fitting.log and len(positive) and fitting.high > 0:
        floor = float(np.quantile(positive, 0.05))
        return Axis(floor if floor < fitting.high else floor / 10, fitting.high, log=True)
    return fitting


def _values(curve: Curve, step: int) -> tuple[float, float]:
    return float(curve.losses(step - 1)[0]), float(curve.penalties(step - 1)[0])


# Tasks and changes of strength along the time axis


def _numbered(history: History, time: TimeAxis, width: int) -> list[int]:
    """The tasks in view, thinned to round numbers if there are many."""
    starts = history.starts
    first = max(bisect_right(starts, int(time.edges[0])) - 1, 0)
    last = min(bisect_left(starts, int(time.edges[-1])), len(history.tasks))
    room = max(1, width // _BORDER_CELLS)
    every = round_step(max(last - first, 1), room, whole=True)
    return [task for task in range(first, last) if every == 1 or (task + 1) % every == 0]


def _task_numbers(history: History, time: TimeAxis, tasks: Sequence[int], width: int) -> str:
    labels = []
    for task in tasks:
        first = max(history.starts[task], int(time.edges[0]))
        last = max(min(history.starts[task + 1], int(time.edges[-1])), first + 1)
        middle = (int(time.columns(np.array([first + 1, last])).sum()) + 1) // 4
        number = str(task + 1)
        labels.append((min(max(0, middle - len(number) // 2), width - len(number)), number))
    return spaced(labels, width)


def _changes(history: History, time: TimeAxis) -> list[tuple[int, float]]:
    found = [(time.cell(change.step + 1), change.strength) for change in history.strengths]
    return [(cell, strength) for cell, strength in found if cell is not None]


def _change_labels(changes: Sequence[tuple[int, float]], view: View, width: int) -> str:
    """A mark for each change, with its value if the next one leaves room for it."""
    symbol = METHODS[view.config.method].symbol
    row = [" "] * width
    for number, (cell, strength) in enumerate(changes):
        end = changes[number + 1][0] if number + 1 < len(changes) else width
        label = f"{symbol}={text.quantity(strength)}"
        shown = label if cell + len(label) < end or end == width else "·"
        shown = shown if cell + len(shown) <= width else "·"
        row[cell : cell + len(shown)] = shown
    return "".join(row)


# Text


def legend(view: View, width: int, palette: Palette, options: CurveOptions) -> Line:
    """The values at the crosshair; else what the lines mean, or in a narrow pane the current values."""
    curve = view.history.curve
    cursor = view.viewport.cursor
    if cursor is None and width >= _WITH_LABELS:
        line = [Segment("loss", palette.strong if options.curves == "mean" else palette.loss)]
        if options.curves == "mean":
            line += [Segment(", mean and ", palette.muted), Segment("80 % band", palette.text + palette.band)]
        if METHODS[view.config.method].symbol or _values(curve, curve.length)[1]:
            line += [Segment("   penalty", palette.penalty)]
        rate = _learning_rate(view.history, curve.length, "   ", palette)
        return line + rate if sum(len(part.text) for part in line + rate) <= width else line
    if cursor is None:
        wide = width >= len("L loss 1.2e-10   P penalty 1.2e-10")
        loss, penalty = _values(curve, curve.length)
        line = [Segment(f"L {'loss ' if wide else ''}{text.quantity(loss)}", palette.strong)]
        if METHODS[view.config.method].symbol or penalty:
            line.append(Segment(f"   P {'penalty ' if wide else ''}{text.quantity(penalty)}", palette.penalty))
        rate = _learning_rate(view.history, curve.length, "   ", palette)
        return line + rate if sum(len(part.text) for part in line + rate) <= width else line
    if cursor > curve.length:
        return [Segment(f"step {cursor:,}: not trained yet"[:width], palette.muted)]
    lines = (_readout(view, cursor, brevity, palette) for brevity in range(_BRIEFEST))
    fitting = (line for line in lines if sum(len(part.text) for part in line) <= width)
    return next(fitting, _readout(view, cursor, _BRIEFEST, palette))


_BRIEFEST = 4


def _readout(view: View, step: int, brevity: int, palette: Palette) -> Line:
    """The exact values of a step; with more ``brevity``, fewer words, and finally fewer digits."""
    history, curve = view.history, view.history.curve
    moment = where(history, step)
    whole, task = f"step {step:,} ({', '.join(moment)}): ", f"step {step:,} ({moment[0]}): "
    names = ("loss ", "penalty ") if brevity == 0 else ("L ", "P ")
    loss, penalty = _values(curve, step)
    shown = text.quantity if brevity >= 3 else "{:.6g}".format
    comma = ", " if brevity < 3 else " "
    head = [whole, whole, task, f"{step:,}: ", f"{step:,} "][brevity]
    line = [Segment(head, palette.strong), Segment(names[0] + shown(loss), palette.loss)]
    symbol = METHODS[view.config.method].symbol
    if symbol or penalty:
        line += [Segment(comma, palette.muted), Segment(names[1] + shown(penalty), palette.penalty)]
    if symbol and history.strengths and brevity < _BRIEFEST:
        line.append(Segment(f"{comma}{symbol}={text.quantity(history.strength(view.config, step))}", palette.muted))
    return line + (_learning_rate(history, step, comma, palette) if brevity < _BRIEFEST else [])


def _learning_rate(history: History, step: int, comma: str, palette: Palette) -> Line:
    """Nothing if it is the same throughout a task."""
    lr = history.learning_rate(step)
    return [] if lr is None else [Segment(f"{comma}lr {text.quantity(lr)}", palette.muted)]


def where(history: History, step: int) -> list[str]:
    """A step's task, epoch and time: ['task 2', 'epoch 3.1', '12.4 s'], as far as they are known."""
    found = []
    if history.tasks:
        task = task_of(history, step)
        found.append(f"task {task + 1}")
        if knows_epochs(history):
            found.append(f"epoch {(step - history.starts[task]) / history.tasks[task].epoch_steps:.1f}")
    found.append(f"{float(history.curve.seconds(step - 1)[0]):,.1f} s")
    return found


# Beside and below


def _aside(view: View, record: CurveCache, parts: Layout, palette: Palette, options: CurveOptions) -> list[Line]:
    """The loss of a single task, and the penalty by layer."""
    history = view.history
    height = parts.height - 1
    layers = _layers(view)
    for_layers = min(layers + 2, height // 2) if layers else 0
    lines: list[Line] = []
    if history.tasks:
        step = view.viewport.cursor or history.curve.length
        task = task_of(history, step)
        name = Segment(f"  {history.tasks[task].name}", palette.muted)
        lines.append([Segment(f"Loss of task {task + 1}", palette.strong), name])
        steps = (history.starts[task], history.starts[task + 1])
        room = height - for_layers - 1
        lines += _chart(view, record, steps, parts.beside, room, palette, options, zoomed=True, with_penalty=False)
    if for_layers:
        lines += [[], *draw_layers(view, parts.beside, for_layers - 1, palette)]
    return lines


def _layers(view: View) -> int:
    """How many layers will be listed, independent of the step."""
    measured = _penalties(view.history, view.history.step)
    return len(measured.values) if measured else 0


def _penalties(history: History, step: int) -> Measured | None:
    """Each layer's penalty at the newest probe up to ``step``; None if there was no penalty then."""
    probes, measured = history.probes.until(step), history.layer_penalties.until(step)
    return measured[-1] if measured and probes and measured[-1].step == probes[-1].step else None


def layer_penalties(view: View) -> tuple[int, list[tuple[str, float]]]:
    """The step of the newest measurement up to the crosshair, and each layer's name and penalty; (0, []) without."""
    history, cursor = view.history, view.viewport.cursor
    measured = _penalties(history, history.step if cursor is None else cursor)
    if measured is None:
        return 0, []
    values = [math.nan if value is None else value for value in measured.values]
    names = [layer.name for layer in history.importance.layers] if history.importance else []
    if len(names) != len(values):
        names = [f"layer {number + 1}" for number in range(len(values))]
    return measured.step, list(zip(names, values, strict=True))


def draw_layers(view: View, width: int, height: int, palette: Palette) -> list[Line]:
    """Each layer's share of the penalty, in the network's order; if not all fit, the largest and the others' total."""
    step, layers = layer_penalties(view)
    if not layers:
        return [[Segment("Penalty by layer: none at this step"[:width], palette.muted)]]
    room = height - 1
    whole = math.fsum(value for _, value in layers)
    rows = [(*layer, palette.text) for layer in layers]
    if len(layers) > room:
        rows = sorted(rows, key=lambda row: -row[1])[: max(room - 1, 0)]
        rest = whole - math.fsum(value for _, value, _ in rows)
        rows.append((f"and {len(layers) - len(rows)} more", rest, palette.muted))
    name_width = min(max(len(name) for name, _ in [*layers, *(row[:2] for row in rows)]), max(12, width // 3))
    bar_width = min(width - name_width - 18, 60)
    lines: list[Line] = [[Segment(f"Penalty by layer at step {step:,}"[:width], palette.strong)]]
    for name, value, style in rows[:room]:
        share = value / whole if whole > 0 and math.isfinite(value) and math.isfinite(whole) else 0.0
        numbers = f" {text.quantity(value):>7}{100 * share:>5.0f} %  "
        done = bar(min(max(share, 0.0), 1.0), bar_width, palette.penalty, palette.muted)
        lines.append(
            [
                Segment(f"{text.short_name(name, name_width):<{name_width}}", style),
                Segment(numbers, palette.muted),
                *done,
            ]
        )
    return lines
