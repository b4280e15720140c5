"""Compares sessions: curves, plasticity against stability, matrices, results, and the settings that differ."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Static

from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.base import Pane, keys
from cl_tui.panes.comparison.base import ComparePane
from cl_tui.panes.comparison.board import CLOCKS, ORDERS, Board, following
from cl_tui.panes.comparison.clock import ClockAxis
from cl_tui.panes.comparison.curves import GroupCurves
from cl_tui.panes.comparison.matrices import MatricesPane
from cl_tui.panes.comparison.results import ResultsPane
from cl_tui.panes.comparison.scatter import ScatterPane
from cl_tui.panes.comparison.settings import SettingsPane
from cl_tui.panes.notice import Notice, WarningLine
from cl_tui.reports.comparison import check, compare, read
from cl_tui.reports.group_curves import KINDS
from cl_tui.reports.groups import Comparison
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.root import too_small
from cl_tui.screens.zooming import ZoomingScreen
from engine.errors import EngineError
from engine.sessions.listing import Listed

PANES: tuple[type[ComparePane], ...] = (GroupCurves, ScatterPane, MatricesPane, ResultsPane, SettingsPane)
"""In the order of their numbers."""


class CompareScreen(ZoomingScreen):
    """Compares the sessions ``names``, which a thread reads while the screen is already open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("B", "baseline", "Baseline", tooltip="Compare the others with the selected group"),
        Binding("x", "clock", "Tasks / steps / seconds", tooltip="Curves over tasks of equal width, steps or seconds"),
        Binding("y", "kind", "Curves", tooltip="Curves of accuracy, loss or penalty"),
        Binding("o", "order", "Order", tooltip="Sort by result, forgetting, learned, speed or name"),
        Binding("u", "unfold", "Seeds", tooltip="List the seeds of the selected group, or no longer"),
        Binding("enter", "open", "Open", tooltip="Replay the selected session"),
        *keys(
            ("up", "choose(-1)", "Up", "The group above"),
            ("down", "choose(1)", "Down", "The group below"),
            ("r", "reload", "Reload", "Read the sessions again"),
            ("escape", "back", "Back", "Leave the crosshair, the zoomed pane, or this screen"),
        ),
    ]
    ALLOW_IN_MAXIMIZED_VIEW = "#title, WarningLine, Notice, Footer, #too-small"
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (32, "-narrow"), (100, "-wide-enough"), (150, "-wide")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (18, "-high-enough"), (40, "-high")]  # noqa: RUF012 (as Textual declares it)
    AUTO_FOCUS = "ResultsPane"

    def __init__(self, sessions_dir: Path, names: Sequence[str], read_only: bool = False) -> None:
        super().__init__()
        self._folder = sessions_dir
        self._names = list(names)
        self._read_only = read_only
        self.board: Board | None = None
        self.error: EngineError | None = None
        self._reading = False

    @property
    def found(self) -> Comparison | None:
        return self.board.found if self.board else None

    def compose(self) -> ComposeResult:
        yield Static(self._title(), id="title", markup=False)
        with Container(id="panes"):
            for number, kind in enumerate(PANES, start=1):
                pane = kind()
                pane.number = number
                yield pane
        yield WarningLine()
        yield Notice()
        yield KeysLine()
        yield too_small("a comparison", 32, 18, "q quits.")

    @property
    def panes_in_place(self) -> list[Pane]:
        """As app.tcss shows them."""
        wide = self.has_class("-wide")
        hidden: set[type[Pane]] = {SettingsPane}
        hidden |= set() if wide and self.has_class("-high") else {MatricesPane}
        hidden |= set() if wide or self.has_class("-wide-enough") else {ScatterPane}
        return [pane for pane in self.query(Pane) if type(pane) not in hidden]

    def on_mount(self) -> None:
        self.action_reload()

    def action_reload(self) -> None:
        if self._reading:
            self.reply("Still reading the sessions")
        else:
            self._read()

    @work
    async def _read(self) -> None:
        """Reads and compares in threads; the screen keeps its content until that is done."""
        self._reading, self.error = True, None
        sessions: list[Listed] = []
        try:
            await run_in_background(self, partial(check, self._folder, self._names))
            for number, name in enumerate(self._names, start=1):
                self.query_one(Notice).say(f"Reading {number} of {len(self._names)}: {name}…")
                sessions.append(await run_in_background(self, partial(read, self._folder, name)))
            found = await run_in_background(self, partial(compare, sessions))
        except EngineError as error:
            self.error = error
        else:
            self._show(self._as_before(Board.of(found)))
        finally:
            self._reading = False
        notes = self.found.notes if self.found else ()
        more = f"  (and {len(notes) - 1} more: 5)" if len(notes) > 1 else ""
        self.query_one(WarningLine).say(str(self.error) if self.error else f"{notes[0]}{more}" if notes else "")
        self.query_one(Notice).say("")

    def _as_before(self, board: Board) -> Board:
        """Looked at in the same way, if the groups are the same."""
        before = self.board
        if before is None or [g.title for g in before.found.groups] != [g.title for g in board.found.groups]:
            return board
        return replace(before, found=board.found)

    def _show(self, board: Board) -> None:
        self.board = board
        for pane in self.query(ComparePane):
            pane.show_board(board)
        self.query_one("#title", Static).update(self._title())

    def _title(self) -> str:
        board = self.board
        if board is None:
            return f"compare · {len(self._names)} sessions"
        benchmarks = dict.fromkeys(group.benchmark for group in board.found.groups)
        scenarios = dict.fromkeys(group.scenario for group in board.found.groups)
        baseline = f"baseline {board.marks[board.baseline].sign} {board.group(board.baseline).title}"
        parts = ["compare", board.found.counted, *benchmarks, *scenarios]
        room = self.size.width - 2 - len(baseline)
        for told in (" · ".join([*parts, "mean ± standard error over seeds"]), " · ".join(parts)):
            if len(told) + 1 < room:
                return f"{told:<{room}}{baseline}"
        return " · ".join(parts)

    def on_resize(self) -> None:
        super().on_resize()
        self.query_one("#title", Static).update(self._title())

    # Keys

    def _looked(self) -> Board | None:
        """What there is; if nothing, says so."""
        if self.board is None:
            self.reply("Still reading the sessions" if self._reading else "There is nothing to compare")
        return self.board

    def action_choose(self, by: int) -> None:
        if (board := self._looked()) is not None:
            self._show(board.moved(by))

    def action_baseline(self) -> None:
        if (board := self._looked()) is not None:
            self._show(replace(board, baseline=board.selected))
            self.reply(f"The others are compared with {board.group(board.selected).title}")

    def action_clock(self) -> None:
        if (board := self._looked()) is not None:
            clock = following(CLOCKS, board.clock)
            self._show(replace(board, clock=clock, cursor=None))
            self.reply(f"Over {'tasks of equal width' if clock == 'tasks' else clock}")

    def action_kind(self) -> None:
        if (board := self._looked()) is not None:
            self._show(replace(board, kind=following(KINDS, board.kind), cursor=None))

    def action_order(self) -> None:
        if (board := self._looked()) is not None:
            self._show(replace(board, order=following(ORDERS, board.order)))

    def action_unfold(self) -> None:
        if (board := self._looked()) is not None:
            self._show(board.other())

    def move_crosshair(self, by: int, width: int) -> None:
        """Moves it by so many cells of a chart that is ``width`` cells wide."""
        board = self.board
        if board is None or width < 2 or not any(board.group(k).has_any(board.kind) for k in board.drawn):
            return
        time = ClockAxis.of(board).time(width)
        here = time.cell(round(board.cursor)) if board.cursor is not None else None
        at = (width if by < 0 else -1) if here is None else here
        self._show(replace(board, cursor=float(time.step(min(max(at + by, 0), width - 1)))))

    def action_open(self) -> None:
        board = self._looked()
        if board is None:
            return
        from cl_tui.screens.watch import WatchScreen

        members = board.group(board.selected).members
        name = members[max(board.member, 0)].name
        try:
            screen = WatchScreen(self._folder, name, self._read_only)
        except EngineError as error:
            self.reply(str(error))
        else:
            self.app.push_screen(screen)

    def action_back(self) -> None:
        if self.board is not None and self.board.cursor is not None:
            self._show(replace(self.board, cursor=None))
        else:
            super().action_back()

    def leave(self) -> None:
        """q: goes to the screen below, or leaves the program."""
        error = self.error if self.found is None else None
        self.host.end(self, ExitStatus(error.exit_code, str(error)) if error else ExitStatus(0, ""))
