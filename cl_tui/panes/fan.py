"""The fan: what the run would become at several strengths, drawn ahead of what it was."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import Pane, heading
from cl_tui.panes.view import View
from cl_tui.reports import text
from cl_tui.reports.scale import axis
from cl_tui.reports.session_facts import probed_rows
from engine.record.history import History
from engine.record.metrics import sampling_error
from engine.record.score import ScoreInfo
from engine.settings.text import shown
from engine.training.futures import Future, Futures

if TYPE_CHECKING:
    import numpy as np

    from cl_tui.charts.braille import Axis
    from cl_tui.charts.canvas import Canvas, TimeAxis

Past = Sequence[tuple[int, Sequence[float]]]
"""Steps, and the scores on the evaluation subsets there."""
NEWEST = 20
"""Steps over which the loss at the end of a future is averaged."""
PAST = 0.8
"""Steps of the past that the charts show ÷ those of the future."""
GUTTER = 7
"""Cells left of the charts, for the values."""
LABELS = 24
"""Cells right of them, for the strengths and where they end."""
_MARKS = ("▼", "●", "▲", "◆")
"""Of the strengths, from the weakest to the strongest, the second of which is the present one."""


@dataclass(frozen=True)
class Fan:
    """A look ahead as the user sees it."""

    symbol: str = "c"
    strengths: tuple[float, ...] = ()
    """Ascending."""
    present: float = 0.0
    chosen: float = 0.0
    steps: int = 200
    futures: Futures = field(default_factory=Futures)
    activity: str = ""
    """What the engine does, before it can look ahead."""

    def future(self, strength: float) -> Future | None:
        return self.futures.of(strength, self.steps)

    def name(self, strength: float) -> str:
        return f"{self.symbol} = {shown(strength)}"

    def mark(self, strength: float) -> str:
        return _MARKS[min(max(1 + self.strengths.index(strength) - self.strengths.index(self.present), 0), 3)]

    def factor(self, strength: float) -> str:
        """
        >>> fan = Fan(strengths=(0.1, 1.0, 10.0), present=1.0)
        >>> [fan.factor(strength) for strength in fan.strengths]
        ['÷ 10', 'now', '× 10']
        """
        if strength == self.present:
            return "now"
        if not self.present or not strength:
            return ""
        factor = strength / self.present
        return f"× {factor:.3g}" if factor > 1 else f"÷ {1 / factor:.3g}"


def kept(row: Sequence[float], task: int) -> float:
    """The mean of the tasks before ``task``; NaN in the first."""
    earlier = row[:task]
    return fmean(earlier) if earlier else math.nan


def learned(row: Sequence[float], task: int) -> float:
    return row[task] if len(row) > task else math.nan


def average(row: Sequence[float], task: int) -> float:
    """Over the tasks so far, where the look ahead begins."""
    return kept(row, task + 1)


class FanPane(Pane, inherit_bindings=False):
    HELP_TITLE = "Strength"
    HOW_TO_READ = (
        "The upper chart has the average over the earlier tasks: what is kept. The lower chart has the task in "
        "training: what is learned. From the line at the present step on, each curve is a short training at one "
        "strength, which the engine did in memory and has already discarded. Where curves lie on each other, their "
        "colours take turns. The table says where they end. Until Enter, the run and its log are as they were."
    )

    fan = Fan()
    _rows: tuple[History, list[tuple[int, tuple[float, ...]]]] | None = None

    def title(self, view: View) -> str:
        fan = self.fan
        what = f"Strength {len(fan.strengths)} futures"
        waits = f"training waits at step {fan.futures.step:,}, "
        long = f"{what} from here, {fan.steps} steps each; {waits}nothing is logged until you choose"
        short = f"{what}, {fan.steps} steps each; nothing is logged until you choose"
        return long if len(long) <= self.size.width else short

    def draw(self, view: View, width: int, height: int, palette: Palette) -> list[Line]:
        if self._rows is None or self._rows[0] is not view.history:
            self._rows = (view.history, [(step, row) for step, _, _, row in probed_rows(view.history)])
        return drawn(self.fan, view, self._rows[1], width, height, palette)

    def data(self, view: View) -> list[dict[str, object]]:
        """A row for each test of each future."""
        fan, task = self.fan, self.fan.futures.task
        return [
            {
                "strength": future.strength,
                "step": step,
                "kept": kept(row, task) if task else None,
                "learned": learned(row, task),
            }
            for future in fan.futures.known
            for step, row in zip(future.probed, future.rows, strict=True)
        ]


def drawn(fan: Fan, view: View, past: Past, width: int, height: int, palette: Palette) -> list[Line]:
    task, score, tasks = fan.futures.task, view.history.score, view.history.tasks
    table = _table(fan, view, width, palette)
    told = _told(fan, view, width, palette)
    roomy = height >= len(table) + len(told) + 16
    gap: list[Line] = [[]] if roomy else []
    lines: list[Line] = [*gap]
    room = height - len(lines) - len(table) - len(told) - 2 * len(gap) - 1
    names = [f"Task {task + 1}, what is learned: {score.heading}"]
    if task:
        earlier = f"Tasks 1–{task}" if task > 1 else "Task 1"
        names.insert(0, f"{earlier}, what is kept: {'average ' if task > 1 else ''}{score.heading}")
    rooms = [room] if len(names) == 1 else [room - room * 2 // 5, room * 2 // 5]
    if min(rooms) >= 3 and width > GUTTER + LABELS + 10 and tasks:
        values = (kept, learned)[-len(names) :]
        for number, (name, of, rows) in enumerate(zip(names, values, rooms, strict=True)):
            lines.append([Segment(name, palette.strong)])
            lines += _chart(fan, view, past, of, (width, rows - 1 - len(gap) * (number < len(names) - 1)), palette)
            lines += gap if number < len(names) - 1 else []
        lines.append(_steps(_time(fan, view, width), fan, palette))
    return [*lines, *gap, *table, *gap, *told]


def _styles(fan: Fan, palette: Palette) -> dict[float, Style]:
    colours = {"▼": palette.importance, "●": palette.loss, "▲": palette.good, "◆": palette.text}
    return {strength: colours[fan.mark(strength)] for strength in fan.strengths}


def _time(fan: Fan, view: View, width: int) -> "TimeAxis":
    from cl_tui.charts.canvas import steps_axis

    now = fan.futures.step
    last = max([now + fan.steps, *(one.probed[-1] for one in fan.futures.known if one.done and one.probed)])
    end = min(last, view.history.total_steps)
    return steps_axis((max(now - int(PAST * fan.steps), 0), max(end, now + 1)), 2 * (width - GUTTER - LABELS))


def _chart(
    fan: Fan, view: View, past: Past, value: Callable[[Sequence[float], int], float], size: tuple[int, int], to: Palette
) -> list[Line]:
    import numpy as np

    from cl_tui.charts import braille
    from cl_tui.charts.apart import label_rows, taking_turns
    from cl_tui.charts.canvas import Canvas, line_columns, value_labels

    width, height = size
    task, score, time = fan.futures.task, view.history.score, _time(fan, view, width)
    there = [(strength, future) for strength in fan.strengths if (future := fan.future(strength)) and future.rows]
    now_row = [(future.probed[0], future.rows[0]) for _, future in there[:1]]
    before = _points([*past, *now_row], value, task, since=int(time.edges[0]))
    curves = [before, *(_points(zip(of.probed, of.rows, strict=True), value, task) for _, of in there)]
    lines = [line_columns(np.array([x for x, _ in of]), np.array([y for _, y in of]), time) for of in curves]
    across = _axis(score, [y for of in curves for _, y in of])
    outlines = [braille.outline(lows, highs, across, height) for lows, highs in lines]
    canvas = Canvas(width - GUTTER - LABELS, height, to.muted)
    canvas.curve(outlines[0], to.text)
    styles = _styles(fan, to)
    for (strength, _), dots in zip(there, taking_turns(outlines[1:]), strict=True):
        canvas.curve(dots, _style(fan, strength, styles))
    now = time.cell(fan.futures.step) or 0
    _mark(canvas, fan, there, [highs for _, highs in lines[1:]], across, now)
    canvas.vertical(now, "│", to.muted)
    for ended, start in enumerate(view.history.starts[1:-1], start=1):
        cell = time.cell(start + 1)
        canvas.vertical(cell, "┊", to.muted)
        said = f"task {ended} ends"
        if cell is not None and cell > len(said):
            _write(canvas, height - 1, cell - len(said), said, to.muted)
    labels = value_labels(across, height, score.tick)
    rows = [
        [Segment(f" {labels.get(row, ''):>{GUTTER - 3}}  ", to.muted), *cells]
        for row, cells in enumerate(canvas.lines())
    ]
    ends = [(strength, points[-1][1]) for (strength, _), points in zip(there, curves[1:], strict=True) if points]
    ends.sort(key=lambda end: -end[1])
    places = label_rows([across.row(end, height) or 0 for _, end in ends], height)
    for (strength, end), place in zip(ends, places, strict=True):
        if place >= 0:
            weight = to.strong if strength == fan.chosen else to.text
            mark = Segment(f" {fan.mark(strength)} ", styles[strength])
            rows[place] += [mark, Segment(f"{fan.name(strength):<12} {score.value(end):>6}", weight)]
    return rows


def _points(
    rows: Iterable[tuple[int, Sequence[float]]],
    value: Callable[[Sequence[float], int], float],
    task: int,
    since: int = 0,
) -> list[tuple[int, float]]:
    found = [(step, value(row, task)) for step, row in rows if step >= since]
    return [(step, of) for step, of in found if math.isfinite(of)]


def _axis(score: ScoreInfo, values: Sequence[float]) -> "Axis":
    from cl_tui.charts.braille import Axis

    low, high = min(values, default=0.0), max(values, default=1.0)
    if not score.fraction:
        return Axis(*axis(score, *((low, high) if score.higher else (high, low))), log=False)
    low, high = math.floor(10 * low + 1e-9) / 10, math.ceil(10 * high - 1e-9) / 10
    return Axis(low, max(high, low + 0.1), log=False)


def _style(fan: Fan, strength: float, styles: Mapping[float, Style]) -> Style:
    return styles[strength] + Style(bold=strength == fan.chosen, dim=strength != fan.chosen)


def _mark(
    canvas: "Canvas",
    fan: Fan,
    there: Sequence[tuple[float, Future]],
    values: "Sequence[np.ndarray]",
    across: "Axis",
    now: int,
) -> None:
    """Marks on each curve, at places of its own, which tell them apart without colour."""
    height, width = canvas.cells.shape
    for number, ((strength, _), of) in enumerate(zip(there, values, strict=True)):
        for cell in range(now + 4 + 5 * number, width, 5 * len(there)):
            row = across.row(float(of[2 * cell]), height)
            if row is not None:
                _write(canvas, row, cell, fan.mark(strength), None)


def _write(canvas: "Canvas", row: int, cell: int, said: str, style: Style | None) -> None:
    """``style``: by default that of what is there."""
    for place, sign in enumerate(said, start=cell):
        canvas.cells[row, place] = ord(sign)
        if style is not None:
            import numpy as np

            canvas.put(row, np.arange(canvas.cells.shape[1]) == place, sign, style)


def _steps(time: "TimeAxis", fan: Fan, palette: Palette) -> Line:
    width = (len(time.edges) - 1) // 2
    low, last, now = f"{int(time.edges[0]):,}", f"{int(time.edges[-1]):,}", f"now {fan.futures.step:,}"
    at = min(max((time.cell(fan.futures.step) or 0) - 3, 0), width - len(now))
    before = f"{low if len(low) < at else '':<{at}}"
    after = f"{last:>{width - at - len(now)}}" if len(last) < width - at - len(now) else ""
    return [
        Segment(" " * GUTTER + before, palette.muted),
        Segment(now, palette.loss),
        Segment(after, palette.muted),
    ]


# The table


@dataclass(frozen=True)
class Cell:
    """A column of the table."""

    heading: str
    texts: tuple[str, ...]
    """One for each strength; empty while it is not known."""
    weight: int
    """Columns with the least weight are left out first."""
    strong: bool = False

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.heading, *self.texts))) + 2


def _table(fan: Fan, view: View, width: int, palette: Palette) -> list[Line]:
    task, score = fan.futures.task, view.history.score
    ends = [one.rows[-1] if (one := fan.future(strength)) and one.rows else () for strength in fan.strengths]
    now = next((row for strength, row in zip(fan.strengths, ends, strict=True) if strength == fan.present), ())

    def column(name: str, weight: int, of: Callable[[Sequence[float]], float], strong: bool = False) -> Cell:
        return Cell(name, tuple(score.value(of(row)) if row else "" for row in ends), weight, strong)

    columns = [
        Cell("", tuple(map(fan.factor, fan.strengths)), 20),
        *([column(f"kept 1–{task}" if task > 1 else "kept 1", 30, lambda row: kept(row, task), True)] if task else []),
        column("new task", 29, lambda row: learned(row, task)),
        *([column("average", 28, lambda row: average(row, task), True)] if task else []),
    ]
    for number in range(task if task > 1 else 0):
        columns.append(column(f"task {number + 1}", 9 - number, partial(learned, task=number)))
    for name, weight, told in (("loss", 15, _loss), ("penalty", 14, _penalty)):
        columns.append(Cell(name, tuple(told(fan.future(strength)) for strength in fan.strengths), weight))
    gains = [
        average(row, task) - average(now, task) if row and now and strength != fan.present else math.nan
        for strength, row in zip(fan.strengths, ends, strict=True)
    ]
    columns.append(Cell("", tuple(map(score_change(score), gains)), 25))
    names = [f"{fan.mark(strength)} {fan.name(strength)}" for strength in fan.strengths]
    first = 4 + max(map(cell_len, names), default=0)
    while len(columns) > 1 and first + sum(column.width for column in columns) > width:
        columns.remove(min(columns, key=lambda column: column.weight))
    lines = [heading(f"In {fan.steps} steps", f"against {fan.name(fan.present)}", width, palette)]
    lines.append([Segment(" " * first + "".join(f"{of.heading:>{of.width}}" for of in columns), palette.muted)])
    styles, least = _styles(fan, palette), _least(fan, view) or 0.0
    for place, strength in enumerate(fan.strengths):
        chosen = strength == fan.chosen
        usual = palette.strong if chosen else palette.text
        line = [
            Segment(" ▶ " if chosen else "   ", palette.loss),
            Segment(names[place][0], styles[strength]),
            Segment(f"{names[place][1:]:<{first - 4}}", usual),
        ]
        for of in columns[:-1]:
            line.append(Segment(f"{of.texts[place]:>{of.width}}", usual if of.strong or chosen else palette.text))
        better = score.sign * gains[place]
        style = palette.good if better > least else palette.caution if better < -least else usual
        last = columns[-1]
        line.append(Segment(f"{last.texts[place]:>{last.width}}", style if not last.heading else palette.text))
        lines.append(line)
    return lines


def score_change(score: ScoreInfo) -> Callable[[float], str]:
    def told(change: float) -> str:
        if math.isnan(change):
            return ""
        sign = "+" if change > 0 else "−" if change < 0 else "±"
        return f"{sign}{score.value(abs(change))} average"

    return told


def _loss(future: Future | None) -> str:
    return f"{fmean(future.losses[-NEWEST:]):.3g}" if future and future.losses else ""


def _penalty(future: Future | None) -> str:
    return f"{future.penalties[-1]:.3g}" if future and future.penalties else ""


def _told(fan: Fan, view: View, width: int, palette: Palette) -> list[Line]:
    """What is going on, and how much the numbers say."""
    return [
        [Segment(line, palette.text if number == 0 else palette.muted)]
        for number, sentence in enumerate(filter(None, (going_on(fan, view), _certainty(fan, view))))
        for line in wrap(sentence, max(width, 20))
    ]


def going_on(fan: Fan, view: View) -> str:
    futures, task = fan.futures, fan.futures.task
    missing = [strength for strength in fan.strengths if not ((one := fan.future(strength)) and one.done)]
    if view.trouble:
        return view.trouble
    if fan.activity:
        return "Waiting for the end of the step…" if fan.activity == "training" else f"{fan.activity.capitalize()}…"
    if futures.waiting and futures.seconds is not None:
        took = text.duration(futures.seconds)
        return f"{len(missing)} × {fan.steps} steps, about {took}: Enter trains them, Esc leaves everything as it is"
    if missing:
        took = f", about {text.duration(futures.seconds)} in all" if futures.seconds else ""
        return f"Training {fan.name(missing[0])}{took}…"
    broken = [f"{fan.name(one.strength)}: {one.broken}" for one in futures.known if one.broken]
    if broken:
        return "; ".join(broken)
    if not task:
        return "In the first task nothing is held yet, so a strength matters only after its end"
    return ""


def _certainty(fan: Fan, view: View) -> str:
    least = _least(fan, view)
    if least is None:
        return ""
    points = f"{100 * least:.0f}" if least >= 0.01 else f"{max(100 * least, 0.1):.1f}"
    return f"Measured on {text.probed_on(view.history)}: under {points} points say little."


def _least(fan: Fan, view: View) -> float | None:
    """The smallest difference of two averages that says something: two standard errors. None if it is not known."""
    present, started = fan.future(fan.present), view.history.started
    if not view.history.score.fraction or started is None or not present or not present.rows:
        return None
    counts = started.subset_examples or started.test_examples
    return 2 * math.sqrt(2) * sampling_error(present.rows[-1][: max(fan.futures.task, 1)], counts) if counts else None
