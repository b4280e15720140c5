"""What a preview says of a session, and how it is drawn: matrix, curve, what was forgotten, settings, warning, note."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from cl_tui.charts.colour_scale import in_halves
from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import heading, side_by_side
from cl_tui.panes.sessions.columns import padded
from cl_tui.reports import session_facts, text
from cl_tui.reports.arrangement import Block, Row
from cl_tui.reports.card import fork_title, remedy
from cl_tui.reports.statistics import Estimate, with_error
from engine.catalog.choices import benchmark_info
from engine.record.history import History
from engine.sessions.listing import Listed, read_session
from engine.settings.run import WITHOUT_EFFECT

if TYPE_CHECKING:
    import numpy as np

    from engine.record.shown import Shown

_PICTURE = (14, 7)
"""Columns and rows of a picture."""
_SHORTEST_CHART, _TALLEST_CHART = 6, 14


@dataclass(frozen=True, eq=False)
class Lost:
    """What of one class is most often given another answer now."""

    right: str
    answer: str
    count: int
    picture: "np.ndarray | None"


@dataclass(frozen=True, eq=False)
class Read:
    """What the logs tell; empty if they cannot be read."""

    history: History | None = None
    baseline: History | None = None
    lost: tuple[Lost, ...] = ()
    """The most frequent first."""
    forgotten: int = 0
    """Examples of whole test sets that were right when learned and are wrong now."""
    learned: int = 0
    """Those that were right."""
    warnings: tuple[str, ...] = ()
    way_out: str = ""
    """What may mend it, in words."""


@dataclass(frozen=True, eq=False)
class Glance:
    block: Block
    row: Row
    baseline: Row | None
    listed: Listed
    read: Read | None = None
    """None until the logs are read."""

    @cached_property
    def differing(self) -> list[tuple[str, str, str]]:
        """What its benchmark, network and method do not say of themselves."""
        config = self.listed.config
        if config is None:
            return []
        usual = benchmark_info(config.benchmark).scenario
        scenario = [("scenario", config.scenario, usual)] if config.scenario != usual else []
        others = [of for of in session_facts.differing(config) if of[0] not in WITHOUT_EFFECT - {"preset"}]
        return scenario + others


# Reading, in a thread of its own


def read(folder: Path, listed: Listed, baseline: Listed | None) -> Read:
    """Raises EngineError or OSError."""
    found = read_session(folder, listed.name)
    if found.history is None or found.config is None:
        return Read()
    other = read_session(folder, baseline.name).history if baseline is not None else None
    mended = remedy(found.config, found.history)
    lost, forgotten, learned = _forgotten(folder / listed.name, found.history)
    return Read(
        found.history,
        other,
        lost,
        forgotten,
        learned,
        tuple(session_facts.warnings(found.config, found.history)),
        fork_title(mended) if mended else "",
    )


def _forgotten(path: Path, history: History) -> tuple[tuple[Lost, ...], int, int]:
    from engine.record.shown import Shown, forgotten

    phase = len(history.matrix) - 1
    found = sorted(forgotten(history, phase), key=lambda of: -of.count) if phase > 0 else []
    shown = Shown.read(path) if found else None
    if shown is None:
        return (), 0, 0
    learned = {(of.task, of.target): of.learned for of in found}
    lost = []
    for of in found[:8]:
        task = shown.tasks[of.task]
        names = shown.names if shown.together else task.names
        if of.target < len(task.names) and of.answer < len(names):
            picture = _picture(history, shown, of.task, of.target, of.answer)
            lost.append(Lost(task.names[of.target], names[of.answer], of.count, picture))
    return tuple(lost), sum(of.count for of in found), sum(learned.values())


def _picture(history: History, shown: "Shown", task: int, target: int, answer: int) -> "np.ndarray | None":
    """The example of the class that is most certainly given the other answer; None if there is no picture."""
    from engine.record.shown import answers

    pictures = shown.tasks[task].pictures
    told = answers(history, shown)
    if pictures is None or task >= len(told) or told[task].sure is None:
        return None
    of_class = shown.tasks[task].targets == target
    fits = of_class & (told[task].given == answer)
    sure = told[task].sure
    assert sure is not None
    if not fits.any():
        fits = of_class
    if not fits.any():
        return None
    place = int((sure * fits).argmax())
    found: np.ndarray = pictures[place]
    return found


# Drawing


def draw(glance: Glance, width: int, height: int, palette: Palette) -> list[Line]:
    """The sections that have room, the most important first, in a fixed order."""
    if glance.listed.config is None:
        return [*_head(glance, width, palette), *_wrapped(glance.listed.problem, width, palette.bad)][:height]
    made: dict[str, list[Line]] = {"head": _head(glance, width, palette)}
    left = height - len(made["head"])
    sections: tuple[tuple[str, Callable[[Glance, int, int, Palette], list[Line]]], ...] = (
        ("matrices", _matrices),
        ("warning", _warning),
        ("note", _note),
        ("forgotten", _lost),
        ("curve", _curve),
        ("settings", _settings),
    )
    for name, section in sections:
        lines = section(glance, width, left - 1, palette)
        if lines and len(lines) + 1 <= left:
            made[name] = lines
            left -= len(lines) + 1
    ordered = [made[name] for name in ("matrices", "curve", "forgotten", "settings", "warning", "note") if name in made]
    return [*made["head"], *(line for lines in ordered for line in ([], *lines))][:height]


def _wrapped(sentence: str, width: int, style: Style) -> list[Line]:
    return [[Segment(line, style)] for line in wrap(sentence, max(width, 8))]


def _head(glance: Glance, width: int, palette: Palette) -> list[Line]:
    row, block, count = glance.row, glance.block, len(glance.row.members)
    name = row.first.name if count == 1 else f"{count} seeds"
    lines = [heading(row.method or row.first.name, f"{block.title}, {name}", width, palette)]
    if row.accuracy is None:
        return [*lines, *_wrapped(session_facts.result(glance.listed), width, palette.muted)[:2]]
    told = with_error(row.accuracy, score=row.score)
    figures: Line = [Segment(told, palette.strong), Segment(f" {row.score.title}", palette.muted)]
    others = _against(glance, palette)
    for other in others:
        if sum(of.cell_length for of in (*figures, *other)) + 3 <= width:
            figures += [Segment("   "), *other]
    if row.state != "finished":
        lines += _wrapped(session_facts.result(glance.listed), width, palette.muted)[:2]
    return [*lines, figures]


def _against(glance: Glance, palette: Palette) -> list[Line]:
    """How far it is above ``none``, and what ``joint`` reached."""
    row, found = glance.row, []
    if glance.baseline is not None and glance.baseline.accuracy is not None and row.accuracy is not None:
        one, other = row.accuracy, glance.baseline.accuracy
        errors = [error for error in (one.error, other.error) if error is not None]
        change = Estimate(one.mean - other.mean, math.hypot(*errors) if len(errors) == 2 else None)
        better = row.score.lost(one.mean, other.mean) >= 0
        told = with_error(change, sign="+", score=row.score).replace("-", "−", 1)
        found.append([Segment(told, palette.good if better else palette.penalty), Segment(" to none", palette.muted)])
    joint = [of for of in glance.block if of.first.config and of.first.config.method == "joint" and of is not row]
    if joint and joint[0].accuracy is not None:
        told = with_error(Estimate(joint[0].accuracy.mean), score=row.score)
        found.append([Segment(told, palette.text), Segment(" joint", palette.muted)])
    return found


def _names(glance: Glance) -> list[str]:
    history = glance.read.history if glance.read else glance.listed.history
    tasks = history.tasks if history else ()
    return [task.name for task in tasks] or [str(number + 1) for number in range(glance.block.tasks)]


def _matrices(glance: Glance, width: int, height: int, palette: Palette) -> list[Line]:
    """The scores after each task, and beside them how they differ from those of none."""
    matrix, tasks = glance.row.matrix, glance.block.tasks
    if not matrix or height < 3:
        return []
    baseline = glance.baseline.matrix if glance.baseline else ()
    room = (width - 2) // 2
    mean = ", mean of seeds" if len(glance.row.members) > 1 else ""
    named = glance.row.score.title
    left = [[Segment(f"{named}{mean}" if cell_len(named + mean) <= room else named, palette.muted)]]
    cell = min(room // max(tasks, 1), 6)
    if cell < 4 or tasks + 2 > height:
        return [*left, *_halves(glance, room, height - 1, palette)]
    scale = glance.block.task_scale
    for seen in matrix:
        left.append([Segment(f"{_short(glance, v):^{cell}}", scale.style(v, palette)) for v in seen])
    left.append(_under(glance, cell, tasks, palette))
    if not baseline:
        return left
    right: list[Line] = [[Segment("against none" + (", points" if glance.row.score.fraction else ""), palette.muted)]]
    for seen, other in zip(matrix, baseline, strict=False):
        right.append([_change(glance, a - b, cell, palette) for a, b in zip(seen, other, strict=False)])
    right.append(_under(glance, cell, tasks, palette))
    return side_by_side(left, right, room + 2, palette.text)


def _short(glance: Glance, value: float) -> str:
    return f"{100 * value:.0f}" if glance.row.score.fraction and value == value else glance.row.score.value(value, 5)


def _under(glance: Glance, cell: int, tasks: int, palette: Palette) -> Line:
    names = _names(glance)[:tasks]
    short = [name if cell_len(name) < cell else str(number + 1) for number, name in enumerate(names)]
    return [Segment("".join(f"{name:^{cell}}" for name in short), palette.muted)]


def _change(glance: Glance, change: float, cell: int, palette: Palette) -> Segment:
    score = glance.row.score
    better = score.lost(change, 0.0)
    if score.fraction:
        told = f"{100 * change:+.0f}".replace("-", "−").replace("+0", "0").replace("−0", "0")
    else:
        told = score.value(change, 5)
    notable = score.fallen(abs(better), 1.0)
    ink = palette.muted if not notable else palette.loss if better > 0 else palette.penalty
    return Segment(f"{told:^{cell}}", ink)


def _halves(glance: Glance, width: int, height: int, palette: Palette) -> list[Line]:
    """Two rows of the matrix to a line, as colours alone."""
    import numpy as np

    matrix, tasks = glance.row.matrix, glance.block.tasks
    size = max(1, math.ceil(tasks / min(width, 2 * height)))
    count = math.ceil(tasks / size)
    values = np.full((count, count), math.nan)
    for number in range(count):
        of = matrix[min((number + 1) * size, tasks) - 1] if (number + 1) * size <= len(matrix) + size - 1 else ()
        of = of if (number * size) < len(matrix) else ()
        for column in range(min(count, math.ceil(len(of) / size))):
            values[number, column] = float(np.mean(of[column * size : (column + 1) * size]))
    scale = glance.block.task_scale
    return in_halves([[scale.fraction(value) for value in row] for row in values.tolist()], palette)


def _curve(glance: Glance, width: int, height: int, palette: Palette) -> list[Line]:
    """The average over the tasks so far, with that of none behind it."""
    read = glance.read
    tall = min(height, _TALLEST_CHART)
    if tall < _SHORTEST_CHART + 1:
        return []
    seed = f", seed {glance.listed.config.seed}" if glance.listed.config else ""
    head = heading(f"{glance.row.score.capital} over time", f"mean over the tasks so far{seed}", width, palette)
    if read is None:
        return [head, [Segment("reading…", palette.muted)], *([[]] * (tall - 2))]
    if read.history is None or not read.history.tasks:
        return []
    import numpy as np

    from cl_tui.charts.canvas import Series, line_chart
    from cl_tui.reports.group_curves import seen_accuracy

    lines = []
    config = glance.listed.config
    named = config.method if config else ""
    for history, name, ink in ((read.baseline, "none", palette.muted), (read.history, named, palette.loss)):
        points = seen_accuracy(history) if history is not None else []
        if points:
            xs, ys = (np.array(of, dtype=float) for of in zip(*points, strict=True))
            last = f"{name} {_short(glance, float(ys[-1]))}"
            lines.append(Series(last, xs, ys, ink))
    if not lines:
        return []
    history, score = read.history, glance.row.score
    end = history.step if history.open else history.total_steps
    values = (min(float(line.ys.min()) for line in lines), 1.0) if score.fraction else None
    borders = [start for start in history.starts[1:-1] if start is not None]
    drawn = line_chart(lines, (0, max(end, 1)), width, tall - 1, palette, score.tick, borders=borders, values=values)
    return [head, *drawn]


def _lost(glance: Glance, width: int, height: int, palette: Palette) -> list[Line]:
    """The most frequent confusions, each with a picture."""
    from cl_tui.charts.pictures import half_blocks

    read = glance.read
    columns, rows = _PICTURE
    if read is None or not read.lost or height < 2:
        return []
    count = max(1, min(len(read.lost), (width + 2) // (columns + 2)))
    head = heading("Forgotten", "", width, palette, f"{read.forgotten:,} of {read.learned:,}")
    lines: list[Line] = [head]
    chosen = read.lost[:count]
    pictures = [of.picture for of in chosen]
    drawn = [[] if of is None else half_blocks(of, columns, rows, palette) for of in pictures]
    if any(drawn) and height >= rows + 2:
        for number in range(rows):
            line: Line = []
            for shown in drawn:
                line += [*(shown[number] if number < len(shown) else [Segment(" " * columns)]), Segment("  ")]
            lines.append(line)
    names: Line = []
    for of in chosen:
        told = [
            Segment(text.shortened(of.right, 5), palette.good),
            Segment(" → ", palette.muted),
            Segment(text.shortened(of.answer, 5), palette.penalty),
            Segment(f" {of.count:,}", palette.strong),
        ]
        names += [*padded(told, columns), Segment("  ")]
    return [*lines, names]


def _settings(glance: Glance, width: int, height: int, palette: Palette) -> list[Line]:
    """Key, value and default of each, several to a line."""
    found = glance.differing
    if height < 2 or not found:
        return []
    lines: list[Line] = [[]]
    for key, value, usual in found:
        value = text.shortened(value, max(width - cell_len(f"{key}  ({usual})"), 6))
        told = [Segment(f"{key.replace('_', ' ')} ", palette.muted), Segment(value, palette.text)]
        told.append(Segment(f" ({usual})   ", palette.muted))
        cells = sum(segment.cell_length for segment in (*lines[-1], *told))
        if lines[-1] and cells > width + 3:
            lines.append([])
        lines[-1] += told
    room = min(height - 1, 4)
    if len(lines) > room:
        lines = [*lines[: room - 1], [*padded(lines[room - 1], max(width - 1, 1)), Segment("…", palette.muted)]]
    return [heading("Differs from the defaults", "", width, palette), *lines]


def _warning(glance: Glance, width: int, height: int, palette: Palette) -> list[Line]:
    """The newest warning, and what may mend it."""
    read = glance.read
    if read is None or not (read.warnings or read.way_out):
        return []
    seed = f"seed {glance.listed.config.seed}" if glance.listed.config and len(glance.row.members) > 1 else ""
    lines: list[Line] = [heading("Warning" if read.warnings else "Remedy", seed, width, palette)]
    for sentence in read.warnings[-1:]:
        first, *rest = _wrapped(sentence, width - 2, palette.text)
        lines += [[Segment("▲ ", palette.caution), *first], *([Segment("  "), *line] for line in rest[:3])]
    if read.way_out and not read.warnings:
        told = f"{read.way_out[0].lower()}{read.way_out[1:]}"
        lines.append([Segment("F ", palette.loss), Segment(text.shortened(told, width - 2), palette.text)])
    return lines


def _note(glance: Glance, width: int, height: int, palette: Palette) -> list[Line]:
    notes = glance.listed.notes
    lines: list[Line] = [heading("Note", " ".join(f"#{tag}" for tag in notes.tags), width, palette)]
    if notes.problem:
        return [*lines, *_wrapped(notes.problem, width, palette.bad)[:3]]
    if not notes.note:
        return [
            *lines,
            [Segment("none yet; ", palette.muted), Segment("N", palette.loss), Segment(" writes one", palette.muted)],
        ]
    return [*lines, *_wrapped(notes.note, width, palette.text)[: max(1, min(height - 1, 4))]]
