"""The leaderboard."""

import math

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from cl_tui.charts.style import Line, Palette
from cl_tui.panes.base import heading
from cl_tui.panes.race.view import RaceView
from cl_tui.reports.standings import Entry, Standing
from engine.record.chance import common_chance
from engine.record.score import ScoreInfo

MOVED = 5
"""Cells for how many places a run has gained."""
BAR = 20
"""Fewest cells of the line from the worst to the best."""


def board(view: RaceView, width: int, height: int, palette: Palette) -> list[Line]:
    """A heading, the columns' names, and at most ``height`` − 2 runs, with the chosen one in view."""
    score, entries = view.entries[0].history.score, view.entries
    names = max(cell_len(entry.label) for entry in entries) + 2
    left = 4 + names
    columns = _columns(view, width - left)
    bar = width - left - sum(of for _, of in columns) - 2
    title = f"average {score.title} over the tasks so far{score.measured_in}"
    lines: list[Line] = [heading("Leaderboard", title, width, palette)]
    head = " " * left + "".join(f"{name:>{of}}" for name, of in columns)
    line: Line = [Segment(head, palette.muted)]
    if bar >= BAR:
        low, high = _ends(view)
        ends = f"{score.tick(low)}{' chance' if _chance(view) == low else ''}", score.tick(high)
        line.append(Segment(f"  {ends[0]}{ends[1]:>{bar - len(ends[0])}}", palette.muted))
    lines.append(line)
    standings = {of.entry: of for of in view.standings}
    room = max(height - 2, 1)
    first = max(0, min(view.order.index(view.chosen) - room // 2, len(view.order) - room))
    for at in view.order[first : first + room]:
        lines.append(_row(view, entries[at], standings[at], columns, (names, bar), palette))
    return lines


def _columns(view: RaceView, room: int) -> list[tuple[str, int]]:
    """Names and widths of the columns that fit."""
    ended = len(view.standings[0].places)
    places = "place after task " + " ".join(map(str, range(1, ended + 1))) + " now"
    worst = max([12, *(cell_len(_worst(entry, of)) + 2 for entry, of in _pairs(view))])
    found: list[tuple[str, int]] = []
    wanted = [("average", 9), ("behind", 13), ("forgetting", 12), ("worst task", worst)]
    if ended and len(places) < 60:
        wanted.append((f"{places}{' ' * MOVED}", len(places) + MOVED + 2))
    for name, of in wanted:
        if sum(width for _, width in found) + of <= room:
            found.append((name, of))
    return found


def _pairs(view: RaceView) -> list[tuple[Entry, Standing]]:
    return [(view.entries[of.entry], of) for of in view.standings]


def _worst(entry: Entry, of: Standing) -> str:
    if of.worst is None:
        return ""
    history = entry.history
    return f"{history.tasks[of.worst].name[:12]}  {history.score.full(history.accuracies[of.worst])}"


def _row(
    view: RaceView, entry: Entry, of: Standing, columns: list[tuple[str, int]], sizes: tuple[int, int], to: Palette
) -> Line:
    names, bar = sizes
    score, chosen, mark = entry.history.score, view.chosen == of.entry, view.marks[of.entry]
    known = not math.isnan(entry.average)
    line: Line = [
        Segment(f"{of.place if known else '–':<2}", to.strong),
        Segment(f"{mark.sign} ", mark.style(to)),
        Segment(set_cell_size(entry.label, names), to.selected if chosen else to.text),
    ]
    for name, width in columns:
        if name == "average":
            line.append(Segment(f"{score.value(entry.average):>{width}}", to.strong))
        elif name == "behind":
            line.append(Segment(f"{_behind(of, score):>{width}}", to.muted if of.even else to.text))
        elif name == "forgetting":
            lost = of.forgetting
            told = "" if lost is None else score.value(lost)
            line.append(Segment(f"{told:>{width}}", to.caution if lost and lost > 0 else to.text))
        elif name == "worst task":
            line.append(Segment(f"{_worst(entry, of):>{width}}", to.text))
        else:
            line += _places(of, width, to)
    if bar >= BAR:
        line += _bar(view, entry, bar, mark.sign, to)
    return line


def _behind(of: Standing, score: ScoreInfo) -> str:
    if of.place == 1 or math.isnan(of.behind):
        return ""
    return f"−{score.value(abs(of.behind))}{' even' if of.even else '     '}"


def _places(of: Standing, width: int, to: Palette) -> Line:
    """The place at each end of a task, under its number, and how many it has gained since."""
    past = " ".join(f"{place:>{len(str(task))}}" for task, place in enumerate(of.places, start=1))
    moved = f"▲{of.gained}" if of.gained > 0 else f"▼{-of.gained}" if of.gained < 0 else ""
    before = width - MOVED - 4 - len(past)
    return [
        Segment(" " * before + past, to.muted),
        Segment(f" {of.place:>3}", to.strong),
        Segment(f" {moved:<{MOVED - 1}}", to.good if of.gained > 0 else to.caution),
    ]


def _chance(view: RaceView) -> float | None:
    first = view.entries[0]
    return common_chance(first.history, first.config)


def _ends(view: RaceView) -> tuple[float, float]:
    """From chance, or what is below it, to the best possible; for other scores from the worst to the best so far."""
    known = [entry.average for entry in view.entries if not math.isnan(entry.average)]
    score, chance = view.entries[0].history.score, _chance(view)
    if score.fraction:
        low = math.floor(10 * min(known, default=0.0) + 1e-9) / 10
        return (chance if chance is not None and chance <= min(known, default=1.0) else low), 1.0
    return (score.worst(known), score.best(known)) if known else (0.0, 1.0)


def _bar(view: RaceView, entry: Entry, width: int, sign: str, to: Palette) -> Line:
    low, high = _ends(view)
    mark = view.marks[view.entries.index(entry)]
    if math.isnan(entry.average):
        return [Segment(f"  {'─' * width}", to.muted)]
    share = (entry.average - low) / (high - low) if high != low else 1.0
    place = round(min(max(share, 0.0), 1.0) * (width - 1))
    return [
        Segment("  " + "━" * place, mark.style(to)),
        Segment(sign, mark.style(to)),
        Segment("─" * (width - place - 1), to.muted),
    ]
