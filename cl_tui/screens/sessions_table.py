"""The table of saved sessions: one row each, redrawn if something changed."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from statistics import fmean
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from cl_tui.charts.bars import sparkline
from cl_tui.reports import text
from cl_tui.reports.tables import ago
from engine.record import metrics
from engine.record.history import History
from engine.record.score import ScoreInfo
from engine.sessions.listing import Listed, SessionState

SIGNS: dict[SessionState, tuple[str, str]] = {
    "running": ("▶", "sessions--running"),
    "finished": ("✔", "sessions--good"),
    "stopped": ("■", "sessions--muted"),
    "interrupted": ("⚠", "sessions--caution"),
    "failed": ("✖", "sessions--bad"),
    "damaged": ("✖", "sessions--bad"),
}

NARROWEST_NAME, WIDEST_NAME = 12, 44


@dataclass(frozen=True)
class Column:
    """``width`` includes a blank on the right; shown in screens of ``least`` to ``most`` columns."""

    heading: str
    width: int
    content: Callable[[Listed, int], str]
    least: int = 0
    most: float = math.inf
    right: bool = False
    style: str = ""
    others: bool | None = None
    """Shown if some scores of the list are no accuracies, or only if there are none; None for always."""


def arranged(sessions: Iterable[Listed], needles: str, order: str) -> list[Listed]:
    """Sessions that contain every word of ``needles``, in any case; ``order``: one of ORDERS."""
    wanted = needles.casefold().split()
    return sorted((of for of in sessions if all(word in _described(of) for word in wanted)), key=ORDERS[order])


def _newest(listed: Listed) -> tuple[bool, float, str]:
    """Runs in training first, so that rows do not jump with each report; then by the last change."""
    running = listed.state == "running"
    return not running, -(listed.created if running else listed.changed), listed.name


ORDERS: dict[str, Callable[[Listed], Any]] = {
    "newest": _newest,
    "name": lambda listed: listed.name.casefold(),
    "method": lambda listed: (_setting(listed, "method") or "~", -_strength(listed), listed.name),
    "accuracy": lambda listed: (*_rank(listed.history), listed.name),
}


def _described(listed: Listed) -> str:
    told, config = f"{listed.name} {listed.state}", listed.config
    if config is not None:
        told += f" {config.method} {config.benchmark} {config.scenario} seed {config.seed} {config.preset or ''}"
    return told.casefold()


def _setting(listed: Listed, name: str) -> str:
    return str(getattr(listed.config, name)) if listed.config else ""


def _strength(listed: Listed) -> float:
    if listed.config is None:
        return 0.0
    return listed.history.strength(listed.config) if listed.history else listed.config.strength


def average(history: History | None) -> float | None:
    """The average score over the tasks seen."""
    return fmean(history.accuracies) if history and history.accuracies else None


def _rank(history: History | None) -> tuple[bool, str, float]:
    """The best first; sessions with the same score stay together, those without one come last."""
    found = average(history)
    if history is None or found is None or math.isnan(found):
        return (True, "", 0.0)
    return (False, history.score.heading, -history.score.lost(found, 0.0))


def _state(listed: Listed, word: bool) -> str:
    """The state's sign, its ``word``, and how much is done."""
    history, parts = listed.history, [SIGNS[listed.state][0], *([listed.state] if word else [])]
    if listed.state != "finished" and history and history.tasks:
        parts.append(text.share_done(history))
    return " ".join(parts)


def _score(listed: Listed, others: bool) -> str:
    return text.marked(average(listed.history), listed, others)


def _method(listed: Listed, width: int) -> str:
    return text.method_and_strength(listed.config.method, _strength(listed)) if listed.config else ""


def _forgetting(listed: Listed, width: int) -> str:
    """An accuracy's in points."""
    history = listed.history
    return text.marked(metrics.forgetting(history.matrix, history.score) if history else None, listed)


def _change(listed: Listed, width: int) -> str:
    history = listed.history
    forgotten = metrics.forgetting(history.matrix, history.score) if history else None
    return "" if history is None or forgotten is None else history.score.change(forgotten)


def _curve(listed: Listed, width: int) -> str:
    """The average score after each task; a dot for a task that is not yet seen."""
    history = listed.history
    if listed.config is None or history is None:
        return ""
    averages = [fmean(row) for row in (*history.matrix, history.probe) if row]
    return sparkline(_heights(history.score, averages), listed.config.tasks, width - 1)


def _heights(score: ScoreInfo, values: Sequence[float]) -> list[float]:
    """From 0 to 1: an accuracy or R² as it is, and 0 below that; any other score from its worst to its best.

    >>> from engine.record.score import R2, RMSE
    >>> _heights(R2, [0.5, -3.0, math.nan]), _heights(RMSE, [1.0, 3.0, 2.0])
    ([0.5, 0.0, 0.0], [1.0, 0.0, 0.5])
    """
    known = [value for value in values if not math.isnan(value)]
    worst, best = (score.worst(known), score.best(known)) if known else (0.0, 0.0)
    if not score.sized:
        worst, best = 0.0, 1.0
    heights = [(value - worst) / (best - worst) if best != worst else 1.0 for value in values]
    return [max(0.0, min(height, 1.0)) if height == height else 0.0 for height in heights]


NAME = Column("session", 0, lambda listed, width: text.shortened(listed.name, width - 1))
COLUMNS = (
    NAME,
    Column("state", 19, lambda listed, width: _state(listed, word=True), least=52),
    Column("state", 8, lambda listed, width: _state(listed, word=False), most=51),
    Column("method", 13, _method, least=52),
    Column("benchmark", 16, lambda listed, width: _setting(listed, "benchmark"), least=100),
    Column("scenario", 9, lambda listed, width: _setting(listed, "scenario"), least=112),
    Column("seed", 5, lambda listed, width: _setting(listed, "seed"), least=112, right=True),
    Column("acc. %", 7, lambda listed, width: _score(listed, others=False), right=True, others=False),
    Column("score", 14, lambda listed, width: _score(listed, others=True), right=True, others=True),
    Column("forgetting, points", 19, _forgetting, least=138, right=True, others=False),
    Column("forgetting", 14, _change, least=138, right=True, others=True),
    Column("by task", 9, _curve, least=70, most=149, style="sessions--curve"),
    Column("after each task", 22, _curve, least=150, style="sessions--curve"),
    Column("ago", 9, lambda listed, width: _ago(listed), least=66, right=True, style="sessions--muted"),
)


class SessionsTable(DataTable[Text], inherit_bindings=False):
    """Rows by session name; the screen handles the actions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", "Up", show=False),
        Binding("down", "cursor_down", "Down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
        Binding("home", "scroll_top", "Top", show=False),
        Binding("end", "scroll_bottom", "Bottom", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {*(style for _, style in SIGNS.values()), "sessions--curve"}

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=0, header_height=1)
        self._others = False
        """Whether some scores are no accuracies."""
        self._columns_shown: list[tuple[Column, int]] = []
        self._shown: dict[str, tuple[Listed, bool, str]] = {}
        """The session, mark and time since the last change that each row was drawn from, in the table's order."""

    @property
    def current(self) -> str | None:
        names = list(self._shown)
        return names[self.cursor_row] if self.cursor_row < len(names) else None

    def show(self, sessions: Sequence[Listed], marked: AbstractSet[str]) -> None:
        """Shows these rows in this order; the cursor stays on its session."""
        self._others = any(of.history is not None and not of.history.score.fraction for of in sessions)
        columns = self._fitting_columns()
        names = [listed.name for listed in sessions]
        before = list(self._shown)
        if columns != self._columns_shown or names[: len(before)] != before:
            self._refill(sessions, marked, columns)
            return
        for listed in sessions:
            draw = self._update if listed.name in self._shown else self._add
            draw(listed, listed.name in marked)

    def redraw(self) -> None:
        """Draws all rows again, in the theme's colours and with the columns that fit."""
        marked = {name for name, (_, is_marked, _) in self._shown.items() if is_marked}
        self._refill([listed for listed, _, _ in self._shown.values()], marked, self._fitting_columns())

    def on_resize(self) -> None:
        if self._fitting_columns() != self._columns_shown:
            self.redraw()

    def go_to(self, name: str) -> None:
        if name in self._shown:
            self.move_cursor(row=list(self._shown).index(name), animate=False)

    def _refill(self, sessions: Sequence[Listed], marked: AbstractSet[str], columns: list[tuple[Column, int]]) -> None:
        current, row, top = self.current, self.cursor_row, self.scroll_offset.y
        with self.prevent(DataTable.RowHighlighted):
            self.clear(columns=columns != self._columns_shown)
            if columns != self._columns_shown:
                self._columns_shown = columns
                self.add_column("", width=2, key="mark")
                for column, width in columns:
                    self.add_column(_cell(column, column.heading, width), width=width, key=column.heading)
            self._shown = {}
            for listed in sessions:
                self._add(listed, listed.name in marked)
            if current in self._shown:
                row = list(self._shown).index(current)
            self.move_cursor(row=min(row, max(0, len(sessions) - 1)), scroll=False)
        self.scroll_to(y=top, animate=False, force=True)
        self.call_after_refresh(self._scroll_cursor_into_view)

    def _fitting_columns(self) -> list[tuple[Column, int]]:
        space = self.scrollable_content_region.width
        told = [column for column in COLUMNS if column.others in (None, self._others)]
        fitting = [column for column in told if column.least <= space <= column.most]
        rest = space - 2 - sum(column.width for column in fitting)
        name = min(max(rest, NARROWEST_NAME), WIDEST_NAME)
        return [(column, name if column is NAME else column.width) for column in fitting]

    def _add(self, listed: Listed, marked: bool) -> None:
        self._shown[listed.name] = (listed, marked, _ago(listed))
        self.add_row(*self._cells(listed, marked), key=listed.name)

    def _update(self, listed: Listed, marked: bool) -> None:
        before = self._shown[listed.name]
        drawn = (listed, marked, _ago(listed))
        if before[0] is listed and before[1:] == drawn[1:]:
            return
        self._shown[listed.name] = drawn
        keys = ["mark", *(column.heading for column, _ in self._columns_shown)]
        old = self.get_row(listed.name)
        for key, was, cell in zip(keys, old, self._cells(listed, marked), strict=True):
            if was != cell:
                self.update_cell(listed.name, key, cell)

    def _cells(self, listed: Listed, marked: bool) -> list[Text]:
        cells = [Text("●" if marked else " ", style=self.get_component_rich_style("sessions--running", partial=True))]
        for column, width in self._columns_shown:
            cell = _cell(column, column.content(listed, width), width)
            name = column.style or (SIGNS[listed.state][1] if column.heading == "state" else "")
            if name:
                cell.stylize(self.get_component_rich_style(name, partial=True))
            cells.append(cell)
        return cells


def _cell(column: Column, text: str, width: int) -> Text:
    """One line, cut with an ellipsis; the last character stays blank."""
    cell = Text(text, no_wrap=True, end="")
    cell.truncate(max(1, width - 1), overflow="ellipsis")
    if column.right:
        cell.align("right", width - 1)
    return cell


def _ago(listed: Listed) -> str:
    return ago(time.time() - listed.changed).removesuffix(" ago")
