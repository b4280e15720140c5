"""The scores after each task (row) on each task (column) as a heat map: with numbers if there is room, else in colours
alone, with two rows a line where they would not fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.bars import BLOCKS
from cl_tui.charts.colour_scale import ColourScale, halves, level_style, sign_at
from cl_tui.charts.style import Line, Palette
from cl_tui.charts.ticks import spaced
from cl_tui.panes.as_of import AccuracyTable
from cl_tui.panes.base import FEWEST, out_of_view, window
from cl_tui.panes.view import View
from cl_tui.reports import text
from engine.record.events import PROBE
from engine.record.history import History
from engine.record.score import WIDTH, ScoreInfo

WIDEST = 12
"""Most cells for a column."""
_TALLEST = 4
"""Most lines for a row."""
_LONGEST_BAR = 60
_BELOW = 4
"""Lines that a map with tall rows leaves for what stands above and below it."""
_SPACED = 7
"""Cells of a column from which on a blank separates it from the next."""
_BOLD = Style(bold=True)
_POINTED = Style(reverse=True, bold=True)


@dataclass(frozen=True, eq=False)
class Scores:
    """What the map shows: a row for each ended task and one for the task in training, NaN where there is no score."""

    rows: np.ndarray
    alike: np.ndarray
    """The same on the same test examples as the newest row, from which losses are computed."""

    @classmethod
    def of(cls, history: History, table: AccuracyTable, whole: History) -> "Scores":
        """Those of ``history``, a part of the ``whole`` that ``table`` knows."""
        ended, count = len(history.matrix), len(history.tasks)
        rows = alike = table.matrix(whole)[:ended]
        if history.look is None:
            return cls(rows, alike)
        newest = np.pad(np.array(history.probe), (0, count - len(history.probe)), constant_values=np.nan)
        if history.look.part == PROBE:
            looks = table.looks(whole)
            alike = looks.accuracies[looks.ended][:ended]
        return cls(np.vstack([rows, newest]), np.vstack([alike, newest]))

    @classmethod
    def of_matrix(cls, history: History) -> "Scores":
        rows = np.full((len(history.matrix), len(history.tasks)), np.nan)
        for row, scores in zip(rows, history.matrix, strict=True):
            row[: len(scores)] = scores
        return cls(rows, rows)

    def best(self, score: ScoreInfo) -> np.ndarray:
        found: np.ndarray = (np.fmax if score.higher else np.fmin).reduce(self.alike, axis=0, initial=np.nan)
        return found

    def drops(self, score: ScoreInfo) -> np.ndarray:
        """How much worse each task is than its best before; NaN for a task that has not ended."""
        if len(self.alike) < 2:
            return np.full(self.rows.shape[1], np.nan)
        found = drops(score, self.alike[:-1], self.alike[-1])
        found[len(self.alike) - 1 :] = np.nan
        return found


def drops(score: ScoreInfo, earlier: np.ndarray, now: np.ndarray) -> np.ndarray:
    """How much worse each task is ``now`` than its best in ``earlier``, of shape (looks, tasks)."""
    best = (np.fmax if score.higher else np.fmin).reduce(earlier, axis=0, initial=np.nan)
    found: np.ndarray = best - now if score.higher else now - best
    return found


@dataclass(frozen=True)
class _Shape:
    """How the map fits its room."""

    label: int
    cell: int
    tall: int
    """Lines of a row; 0 if two rows share a line."""
    numbers: bool
    columns: range
    rows: range
    cut: bool
    """Whether a line says how many tasks are out of view."""
    pointed: tuple[int, int] | None
    """The column and row of the cell that is pointed at."""

    @property
    def gap(self) -> int:
        """Cells between two columns."""
        return 1 if self.cell >= _SPACED else 0


def _shape(
    history: History, score: ScoreInfo, width: int, height: int, palette: Palette, pan: tuple[int, int] | None
) -> _Shape:
    count, now = len(history.tasks), min(history.task, len(history.tasks) - 1)
    label = max(len(str(count)), len("lost")) + 1
    each = min((width - label) // count, WIDEST)
    if each >= narrowest(score) and height > count:
        tall = min(max((height - _BELOW - 1) // count, 1), max(each // 2, 1), _TALLEST)
        return _Shape(label, each, tall, True, range(count), range(count), False, pan)
    label = max(len(str(count)), len("now")) + 1
    room = max(height - 2, 1)  # without the line above and the scale below
    cell = max(min((width - label) // count, WIDEST), 1)
    halved = palette.coloured and palette.tones != "none" and (cell == 1 or count > room)
    columns = window(count, max((width - label) // cell, 1), None, pan[0] if pan else now)
    cut = height >= FEWEST and (len(columns) < count or count > (2 * room if halved else room))
    room = max(room - cut, 1)
    rows = window(count, 2 * room if halved else room, None, pan[1] if pan else now)
    tall = 0 if halved else min(max((height - _BELOW) // count, 1), max(cell // 2, 1), _TALLEST)
    return _Shape(label, cell, tall, False, columns, rows, cut, pan)


def draw_matrix(
    view: View,
    scale: ColourScale,
    scores: Scores,
    width: int,
    height: int,
    palette: Palette,
    pan: tuple[int, int] | None = None,
    with_best: bool = False,
) -> list[Line]:
    """The map; below it, as far as there is room, what the colours mean, the averages, what each task lost and, if
    asked, its best. ``pan``: the column and row that are pointed at."""
    history, score = view.history, view.history.score
    shape = _shape(history, score, width, height, palette, pan)
    lines = [
        _heads(history, shape, palette),
        *(_halved if not shape.tall else _rows)(view, scale, scores, shape, palette),
    ]
    if shape.cut:
        lines.append(out_of_view(shape.columns, shape.rows, len(history.tasks), width, palette))
    lost = scores.drops(score)
    newest = scores.alike[-1] if len(scores.alike) else np.full(0, np.nan)
    average = None if np.isnan(newest).all() else float(np.nanmean(newest))
    forgetting = None if np.isnan(lost).all() else float(np.nanmean(lost))
    below: list[tuple[int, Callable[[], Line]]] = [  # from the top, with how soon they are given up
        (2, lambda: _lost(score, lost, newest, shape, palette)),
        (3 if shape.numbers else 0, lambda: bar(scale, shape, width, palette)),
        (1, lambda: summary(history, average, forgetting, width, palette)),
    ]
    if with_best and shape.numbers:
        best = scores.best(score)
        below.insert(0, (4, lambda: _numbers("best", score, best, shape, [palette.muted] * len(best), palette)))
    kept = sorted(rank for rank, _ in below)[: max(height - len(lines), 0)]
    return [*lines, *(build() for rank, build in below if rank in kept)][:height]


def narrowest(score: ScoreInfo) -> int:
    """Fewest cells for a number of the matrix, with a blank."""
    return 4 if score.fraction else 6


def _name(row: int, scores: Scores, history: History) -> str:
    return "now" if row == len(history.matrix) and row < len(scores.rows) else str(row + 1)


def _rows(view: View, scale: ColourScale, scores: Scores, shape: _Shape, palette: Palette) -> list[Line]:
    """Each row in lines of its own."""
    history, score = view.history, scale.score
    now = min(history.task, len(history.tasks) - 1)
    levels, later = _levels(history, scale, scores, shape), _later(history, shape)
    values = _part(scores.rows, shape)
    values = np.where(np.isnan(values), later, values)
    gap, few = shape.gap, palette.tones != "full"
    lines: list[Line] = []
    for place, row in enumerate(shape.rows):
        current = row == now and view.training
        name = f"{_name(row, scores, history):<{shape.label}}"
        texts = [
            _number(score, value, shape.cell - gap, palette, level < 0)
            if shape.numbers
            else _sign(scale, value, level, shape.cell - gap, palette)
            for value, level in zip(values[place].tolist(), levels[place].tolist(), strict=True)
        ]
        for part in range(shape.tall):
            middle = part == shape.tall // 2
            line = [Segment(name if middle else " " * shape.label, palette.loss if current else palette.muted)]
            for column, said, level in zip(shape.columns, texts, levels[place].tolist(), strict=True):
                style = palette.muted if level < 0 else level_style(level, palette.coloured, few)
                style = style + _BOLD if current and level >= 0 else style
                style = style + _POINTED if (column, row) == shape.pointed else style
                line.append(Segment(said if middle else " " * (shape.cell - gap), style))
                if gap:
                    line.append(Segment(" ", palette.text))
            lines.append(line)
    return lines


def _number(score: ScoreInfo, value: float, width: int, palette: Palette, later: bool) -> str:
    """``later``: on a task that had not begun, in brackets if nothing has a colour."""
    if value != value:
        return centred("·", width)
    number = _short(score, value, width)
    if later and not palette.coloured:
        number = f"({number})" if len(number) < width - 2 else "·"
    return centred(number, width)


def _sign(scale: ColourScale, value: float, level: int, width: int, palette: Palette) -> str:
    """A blank on a colour; without colours the sign of the score. A task that had not begun has neither."""
    if value != value or level < 0:
        return f"{'·':>{width}}"
    return f"{' ' if palette.coloured else sign_at(scale.fraction(value)):>{width}}"


def _halved(view: View, scale: ColourScale, scores: Scores, shape: _Shape, palette: Palette) -> list[Line]:
    """Two rows a line, each half a cell high."""
    levels = _levels(view.history, scale, scores, shape)
    if len(levels) % 2:
        levels = np.vstack([levels, np.full((1, levels.shape[1]), -1)])
    uppers, lowers = levels[::2], levels[1::2]
    changes = (uppers[:, 1:] != uppers[:, :-1]) | (lowers[:, 1:] != lowers[:, :-1])
    few = palette.tones != "full"
    lines: list[Line] = []
    for place, (upper, lower) in enumerate(zip(uppers.tolist(), lowers.tolist(), strict=True)):
        row = shape.rows[2 * place]
        last = min(row + 1, shape.rows[-1])
        training = view.training and row <= len(view.history.matrix) <= last and len(scores.rows) > row
        numbered = row == 0 or (last + 1) % 10 == 0 or (row + 1) % 10 == 0
        name = "now" if training else str(row + 1 + (row % 10 == 8)) if numbered else ""
        name = f"▸{name}" if shape.pointed and row <= shape.pointed[1] <= last else name
        line = [Segment(f"{name:<{shape.label}}", palette.loss if training else palette.muted)]
        cuts = [0, *(np.flatnonzero(changes[place]) + 1).tolist(), len(upper)]
        for start, end in pairwise(cuts):
            above, below = upper[start], lower[start]
            sign, style = halves(above if above >= 0 else None, below if below >= 0 else None, few, palette.text)
            line.append(Segment(sign * shape.cell * (end - start), style))
        lines.append(line)
    return lines


def _part(rows: np.ndarray, shape: _Shape) -> np.ndarray:
    """The visible part of ``rows``, NaN below them."""
    seen = np.full((len(shape.rows), len(shape.columns)), np.nan)
    part = rows[shape.rows.start : shape.rows.stop, shape.columns.start : shape.columns.stop]
    seen[: len(part)] = part
    return seen


def _levels(history: History, scale: ColourScale, scores: Scores, shape: _Shape) -> np.ndarray:
    """The colour of each visible cell; −1 for no colour."""
    return scale.levels(_part(scores.rows, shape))


def _later(history: History, shape: _Shape) -> np.ndarray:
    """The visible scores on tasks that had not begun; NaN elsewhere."""
    found = np.full((len(shape.rows), len(history.tasks)), np.nan)
    for row, i in zip(found, shape.rows, strict=True):
        scores = history.later[i] if i < len(history.later) else ()
        row[i + 1 : i + 1 + len(scores)] = scores
    return found[:, shape.columns.start : shape.columns.stop]


def _heads(history: History, shape: _Shape, palette: Palette) -> Line:
    """Task names over the columns, or numbers if the names do not fit."""
    names = [history.tasks[task].name for task in shape.columns]
    if shape.cell >= 4:
        short = all(len(name) < shape.cell - 1 for name in names)
        heads = [name if short else str(task + 1) for name, task in zip(names, shape.columns, strict=True)]
        gap = shape.gap
        said = "".join(centred(head, shape.cell - gap) + " " * gap for head in heads)
    else:
        said = _column_numbers(shape.columns, shape.cell)
        if shape.pointed and not shape.tall:
            place = shape.columns.index(shape.pointed[0]) * shape.cell
            said = f"{said[:place]}▾{said[place + 1 :]}"
    return [Segment(f"{'':<{shape.label}}{said}", palette.muted)]


def _column_numbers(shown: range, cell: int) -> str:
    """Every fifth task's number, and the first, over the end of its column, as far as they do not touch."""
    numbers = ((place, str(task + 1)) for place, task in enumerate(shown, 1) if (task + 1) % 5 == 0 or place == 1)
    return spaced(((place * cell - len(number), number) for place, number in numbers), len(shown) * cell)


def bar(scale: ColourScale, shape: _Shape, width: int, palette: Palette) -> Line:
    """What the colours mean."""
    room = width - shape.label
    length = min(max(shape.cell * len(shape.columns), 28), room, _LONGEST_BAR)
    return [Segment(" " * shape.label, palette.text), *scale.bar(length, palette)]


def _short(score: ScoreInfo, found: float, width: int) -> str:
    """In a cell of ``width``."""
    if score.fraction and width < 6:
        return f"{100 * found:z.0f}"
    return score.value(found, min(width - 1, WIDTH))


def centred(text: str, width: int) -> str:
    """Right-aligned like numbers, with equal room on both sides of the longest, 100.0.

    >>> centred("98.7", 9), centred("99", 4)
    ('   98.7  ', ' 99 ')
    """
    right = max(1, (width - 5) // 2)
    return f"{text:>{width - right}}{'':{right}}"


def _lost(score: ScoreInfo, lost: np.ndarray, newest: np.ndarray, shape: _Shape, palette: Palette) -> Line:
    """What each task lost since its best: numbers, or bars up to the largest loss where they do not fit."""
    if not shape.numbers:
        shown = lost[shape.columns.start : shape.columns.stop]
        most = float(np.nanmax(shown, initial=0.0))
        levels = np.ceil(8 * np.clip(np.nan_to_num(shown), 0, None) / most) if most > 0 else np.zeros(len(shown))
        bars = "".join(" " * (shape.cell - 1) + BLOCKS[level] for level in levels.astype(int).tolist())
        return [Segment(f"{'−':<{shape.label}}", palette.muted), Segment(bars, palette.caution)]
    notable = [
        loss == loss and bool(score.fallen(loss, now))
        for loss, now in zip(lost.tolist(), newest.tolist(), strict=False)
    ]
    styles = [palette.caution if loss else palette.muted for loss in notable]
    return _numbers("lost", score, lost, shape, styles, palette)


def _numbers(
    name: str, score: ScoreInfo, values: np.ndarray, shape: _Shape, styles: Sequence[Style], palette: Palette
) -> Line:
    """A number of each task under its column."""
    line = [Segment(f"{name:<{shape.label}}", palette.muted)]
    gap = shape.gap
    for task in shape.columns:
        known = task < len(values) and values[task] == values[task]
        number = _short(score, float(values[task]), shape.cell - gap) if known else ""
        line.append(Segment(centred(number, shape.cell - gap) + " " * gap, styles[task] if known else palette.muted))
    return line


def summary(history: History, average: float | None, forgetting: float | None, width: int, palette: Palette) -> Line:
    """The matrix in two numbers, as far as they are known; and what they are measured on, if not whole test sets."""
    if average is None:
        return []
    score = history.score
    most = "100.0" if score.fraction else WIDTH * "0"
    line = [Segment("average ", palette.muted), Segment(score.value(average), palette.strong)]
    if width >= len(f"average {most}{score.mark}  lost {most}{score.points}"):
        line.append(Segment(score.mark, palette.muted))
    if forgetting is not None:
        word = "forgetting" if width >= len(f"average {most}{score.mark}  forgetting {most}{score.points}") else "lost"
        line += [Segment(f"  {word} ", palette.muted), Segment(score.value(forgetting), palette.strong)]
        if width >= len(f"average {most}  lost {most}{score.points}"):
            line.append(Segment(score.points, palette.muted))
    on = f"  on {text.probed_on(history)}"
    partial = history.look is not None and history.look.part == PROBE and text.WHOLE_TEST_SET not in on
    if partial and sum(segment.cell_length for segment in line) + len(on) <= width:
        line.append(Segment(on, palette.muted))
    return line
