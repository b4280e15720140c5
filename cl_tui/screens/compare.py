"""Compares sessions: groups over seeds, the settings that differ, overlaid curves, and matrices."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Footer, Static

from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.comparison.pane import ComparePane, GroupsPane, MatrixPane, OverlayPane, SettingsPane
from cl_tui.panes.notice import Notice, WarningLine
from cl_tui.reports.comparison import check, compare, read
from cl_tui.reports.groups import Comparison
from cl_tui.screens.root import too_small
from cl_tui.screens.zooming import ZoomingScreen
from engine.errors import EngineError
from engine.sessions.listing import Listed


class CompareScreen(ZoomingScreen):
    """Compares the sessions ``names``, which a thread reads while the screen is already open."""

    KEYS_TITLE = "Compare"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "next_curves", "Curves", tooltip="Curves of accuracy, loss or penalty"),
        Binding("m", "next_matrix", "Matrix", tooltip="The next matrix, or difference from the first group"),
        Binding("r", "reload", "Reload", tooltip="Read the sessions again"),
        Binding("escape", "back", "Back", tooltip="Leave the crosshair, the zoomed pane, or this screen"),
    ]
    ALLOW_IN_MAXIMIZED_VIEW = "#title, WarningLine, Notice, Footer, #too-small"
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (32, "-narrow"), (60, "-wide-enough"), (120, "-wide")]  # noqa: RUF012 (as Textual declares it)
    AUTO_FOCUS = "GroupsPane"

    def __init__(self, sessions_dir: Path, names: Sequence[str]) -> None:
        super().__init__()
        self._folder = sessions_dir
        self._names = list(names)
        self.found: Comparison | None = None
        self.error: EngineError | None = None
        self._reading = False

    def compose(self) -> ComposeResult:
        yield Static(self._title(), id="title", markup=False)
        with Container(id="panes"):
            yield from (GroupsPane(), OverlayPane(), SettingsPane(), MatrixPane())
        yield WarningLine()
        yield Notice()
        yield Footer(compact=True, show_command_palette=False)
        yield too_small("a comparison", 32, 18, "q quits.")

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
            self.found = await run_in_background(self, partial(compare, sessions))
        except EngineError as error:
            self.error = error
        finally:
            self._reading = False
        if self.found is not None:
            for pane in self.query(ComparePane):
                pane.show_comparison(self.found)
        self.query_one("#title", Static).update(self._title())
        notes = self.found.notes if self.found else ()
        more = f"  (and {len(notes) - 1} more, on the left)" if len(notes) > 1 else ""
        self.query_one(WarningLine).say(str(self.error) if self.error else f"{notes[0]}{more}" if notes else "")
        self.query_one(Notice).say("")

    def _title(self) -> str:
        if self.found is None:
            return f"compare · {len(self._names)} sessions"
        benchmarks = dict.fromkeys(group.benchmark for group in self.found.groups)
        scenarios = dict.fromkeys(group.scenario for group in self.found.groups)
        return " · ".join(["compare", self.found.counted, *benchmarks, *scenarios])

    def action_next_curves(self) -> None:
        self.query_one(OverlayPane).next_kind()

    def action_next_matrix(self) -> None:
        self.query_one(MatrixPane).next_matrix()

    def leave(self) -> None:
        """q: goes to the screen below, or leaves the program."""
        error = self.error if self.found is None else None
        self.host.end(self, ExitStatus(error.exit_code, str(error)) if error else ExitStatus(0, ""))
