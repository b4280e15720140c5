"""Home: the saved sessions in blocks, and what the one under the cursor has learned and lost. A thread reads the
folder; the screen never waits."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.base import keys
from cl_tui.panes.notice import Notice
from cl_tui.panes.sessions.columns import DEFAULT
from cl_tui.panes.sessions.preview import PreviewPane
from cl_tui.panes.sessions.recipes import RecipesPane
from cl_tui.panes.sessions.table import SessionsTable
from cl_tui.reports import session_facts, text
from cl_tui.reports.arrangement import ORDERS, Block, Order, Row, arranged
from cl_tui.reports.filter import EXAMPLE, Filter, understood
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.root import too_small
from cl_tui.screens.session_actions import CHANGING, SessionActions
from cl_tui.screens.zooming import NOTHING_OPEN
from engine.sessions.listing import Listed, each_session

CHECK_SECONDS = 2.0
"""Seconds between two checks of the folder."""
PORTION_SECONDS = 0.1
"""How long rows are gathered before the first are shown; the time doubles after that."""


class HomeScreen(SessionActions):
    """The first screen of ``cl-tui``."""

    KEYS_TITLE = "Sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "unfold", "Unfold", key_display="→", tooltip="Show the row's seeds or forks"),
        Binding("slash", "filter", "Filter", key_display="/", tooltip=f"Show only what fits: words, or {EXAMPLE}"),
        *keys(
            ("left", "fold", "Fold", "Hide the row's seeds or forks, or go to the row above"),
            ("o", "sort", "Sort", "Sort inside each block by the next column"),
            ("O", "reverse", "Reverse", "Reverse the order inside each block"),
            ("v", "columns", "Columns", "Choose the columns"),
            ("escape", "back", "Back", "Leave the filter, or remove the marks"),
        ),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (32, "-wide-enough"), (120, "-with-preview")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (12, "-high-enough")]  # noqa: RUF012 (as Textual declares it)
    AUTO_FOCUS = "SessionsTable"

    def __init__(self, sessions_dir: Path, read_only: bool = False) -> None:
        super().__init__(sessions_dir, read_only)
        self._sessions: dict[str, Listed] = {}
        self._order = Order()
        self._filter = Filter(())
        self._reading = self._read_once = False
        self._read_again = False
        self._problem = ""
        """Why the folder cannot be read."""

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="list"):
                yield SessionsTable()
                yield Static(id="nothing", markup=False)
                yield RecipesPane()
                yield Static(id="detail", markup=False)
            yield PreviewPane(self._folder)
        yield Input(placeholder=f"words, or {EXAMPLE}", id="filter", compact=True)
        yield Notice()
        yield KeysLine()
        yield too_small("the sessions", 32, 12)

    def on_mount(self) -> None:
        self._table.chosen = self.host.preferences.home_columns or DEFAULT
        self._say_title()
        self.query_one(RecipesPane).display = False
        self.call_after_refresh(self.read_folder)
        self.set_interval(CHECK_SECONDS, self._tick)

    @property
    def _table(self) -> SessionsTable:
        return self.query_one(SessionsTable)

    @property
    def sessions(self) -> Mapping[str, Listed]:
        return self._sessions

    @property
    def row(self) -> Row | None:
        return self._table.current

    @property
    def current(self) -> Listed | None:
        row = self.row
        return row.urgent if row else None

    @property
    def block(self) -> Block | None:
        return self._table.current_block

    # Checking the folder

    def _tick(self) -> None:
        stack = self.app.screen_stack
        if all(screen.is_modal for screen in stack[stack.index(self) + 1 :]):
            self.read_folder()

    def on_screen_resume(self) -> None:
        if self._read_once:
            self.read_folder()

    @work
    async def read_folder(self) -> None:
        """Reads the folder in threads and shows the sessions in portions; once more if asked in between."""
        if self._reading:
            self._read_again = True
            return
        self._reading, self._read_again, self._problem = True, False, ""
        sessions, found, patience = each_session(self._folder, dict(self._sessions)), set[str](), PORTION_SECONDS
        more, changed = True, not self._read_once
        try:
            while more:
                portion, more = await run_in_background(self, partial(_next_of, sessions, patience))
                found |= {listed.name for listed in portion}
                new = {of.name: of for of in portion if self._sessions.get(of.name) is not of}
                self._sessions |= new
                changed = changed or bool(new)
                patience *= 2
                if more and new:
                    await self._arrange()
        except OSError as error:
            self._problem, changed = f"{error.filename or self._folder}: {error.strerror or error}", True
        for gone in self._sessions.keys() - found:
            del self._sessions[gone]
            self._marked.discard(gone)
            changed = True
        self._read_once = True
        if not self.children:  # the screen was left meanwhile
            return
        if changed or self._go_to:
            await self._arrange()
        else:
            self._table.repaint()  # their ages
        self._reading = False
        if self._read_again:
            self.read_folder()

    # Showing it

    async def _arrange(self) -> None:
        """Arranges the sessions in a thread, since there may be many."""
        chosen = self._filter, self._order, frozenset(self._marked)
        shown = await run_in_background(self, partial(_fitting, dict(self._sessions), self._filter))
        blocks = await run_in_background(self, partial(arranged, shown, self._order))
        if chosen == (self._filter, self._order, frozenset(self._marked)):
            self._show(shown, blocks)
        else:
            self._show()

    def _show(self, shown: Sequence[Listed] | None = None, blocks: Sequence[Block] | None = None) -> None:
        if shown is None or blocks is None:
            shown = _fitting(self._sessions, self._filter)
            blocks = arranged(shown, self._order)
        self._table.show(blocks, self._marked, self._order)
        if self._go_to in self._sessions and self._table.go_to(self._go_to):
            self._go_to = ""
        empty = self._read_once and not (self._sessions or self._problem or self._read_only)
        self._show_recipes(empty)
        self._table.display = bool(shown)
        nothing = self.query_one("#nothing", Static)
        nothing.display = not shown and self._read_once and not empty
        nothing.update(self._nothing_there())
        self._say_title(len(shown))
        self._say_detail()

    def _show_recipes(self, empty: bool) -> None:
        recipes = self.query_one(RecipesPane)
        if recipes.display != empty:
            recipes.display = empty
            self.set_class(empty, "-empty")
            (recipes if empty else self._table).focus()

    def on_recipes_pane_chosen(self, message: RecipesPane.Chosen) -> None:
        self.start(message.recipe.settings)

    def show_marks(self) -> None:
        self._table.show_marks(self._marked)
        self._table.action_move(1)
        self._say_title()

    def _nothing_there(self) -> str:
        if self._sessions:
            return "No session fits the filter.\n\nEsc shows all again."
        if self._problem:
            return self._problem
        return f"No sessions in {self._folder}."

    def _say_title(self, shown: int | None = None) -> None:
        parts = [f"{len(self._sessions)} sessions" if len(self._sessions) != 1 else "1 session"]
        if not self._read_once:
            parts = ["looking…"]
        elif shown is not None and shown != len(self._sessions):
            parts = [f"{shown} of {parts[0]}"]
        running = sum(listed.state == "running" for listed in self._sessions.values())
        parts += [f"{running} running"] if running else []
        parts += [f"{len(self._marked)} marked"] if self._marked else []
        by, reverse = self._order.by, self._order.reverse
        parts += [f"by {by}{', reversed' if reverse else ''}"] if self._order != Order() else []
        parts += ["read-only"] if self._read_only else []
        if any(map(text.with_one_class, self._sessions.values())):
            parts.append(f"{text.ONE_CLASS} with tasks of one class")
        self.query_one("#title", Static).update(" · ".join([f"cl-tui  {self._folder}", *parts]))

    @property
    def never(self) -> frozenset[str]:
        return super().never | (CHANGING if self._read_only else set())

    @property
    def refused(self) -> frozenset[str]:
        """Also actions that are not possible for the session under the cursor."""
        row, refused = self.row, self.never
        if row is None:
            return refused | CHANGING - {"new_run"} | {"open", "mark", "compare", "unfold", "filter"}
        if row.state not in ("stopped", "interrupted", "failed"):
            refused |= {"resume"}
        if row.state == "damaged":
            refused |= {"fork", "again", "compare", "analyse"}
        if not row.children:
            refused |= {"unfold"}
        return refused

    def _say_detail(self) -> None:
        """Below the table, or where there is room beside it."""
        row = self.row
        self.offer_by(row and (row.state, bool(row.children)))
        self.query_one(PreviewPane).preview(self.block, row)
        detail = self.query_one("#detail", Static)
        detail.set_class(row is not None and row.state == "damaged", "-damaged")
        detail.update("\n".join(_details(row)).strip("\n") if row else "")

    def on_sessions_table_moved(self) -> None:
        self._say_detail()

    def on_sessions_table_chosen(self) -> None:
        self.action_open()

    def on_sessions_table_sorted(self, message: SessionsTable.Sorted) -> None:
        """A click on the heading of the present order reverses it."""
        same = message.by == self._order.by
        self._sort(Order(message.by, reverse=same and not self._order.reverse))

    # Folding, filter, order, columns

    def unfold(self) -> bool:
        return self._table.unfold()

    def action_unfold(self) -> None:
        if not self.unfold():
            self.reply("There is nothing to unfold here")

    def action_fold(self) -> None:
        if not self._table.fold():
            self.reply("There is nothing to fold here")

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = understood(event.value)
        self._show()
        self.query_one(Notice).say(self._filter.problem)

    def on_input_submitted(self) -> None:
        """Leaves the field, and closes it if it is empty."""
        field = self.query_one("#filter", Input)
        field.set_class(bool(field.value), "-open")
        self._table.focus()

    def action_back(self) -> None:
        field = self.query_one("#filter", Input)
        if field.has_class("-open"):
            field.value = ""
            self.on_input_submitted()
        elif self._marked:
            self._marked = set()
            self._table.show_marks(self._marked)
            self._say_title()
        else:
            self.reply(NOTHING_OPEN)

    def action_sort(self) -> None:
        orders = list(ORDERS)
        self._sort(Order(orders[(orders.index(self._order.by) + 1) % len(orders)]))

    def action_reverse(self) -> None:
        self._sort(Order(self._order.by, not self._order.reverse))

    def _sort(self, order: Order) -> None:
        self._order = order
        self._show()
        self.reply(f"Sorted by {order.by} inside each block{', reversed' if order.reverse else ''}")

    @work
    async def action_columns(self) -> None:
        from cl_tui.screens.columns import ColumnsDialog

        chosen = await self.app.push_screen_wait(ColumnsDialog(self._table.chosen))
        if chosen is not None:
            self._table.chosen = chosen or DEFAULT
            self._table.repaint()
            self.host.remember(home_columns=() if set(chosen) == set(DEFAULT) else tuple(chosen))

    # Leaving

    def leave(self) -> None:
        self.host.end(self, ExitStatus(0, ""))


def _details(row: Row) -> list[str]:
    """Which session it is, and its result."""
    listed = row.urgent
    lines = ["", ""]
    if listed.config is not None:
        more = f" and {len(row.members) - 1} more" if len(row.members) > 1 else ""
        lines[0] = f"{listed.name}{more}: {session_facts.subtitle(listed.config)}"
        if listed.history is not None and (forked := listed.history.forked) is not None:
            lines[0] += f" · fork of {forked.parent} after {forked.place.removeprefix('the end of ')}"
    lines[1] = session_facts.result(listed)
    if text.with_one_class(listed) and listed.history is not None and listed.config is not None:
        others = text.of_several_classes(listed.history, listed.config)
        lines[1] = f"{text.ONE_CLASS} {others}. {lines[1].replace(f'; {others}', '')}"
    notes = listed.notes
    if notes.problem or notes.described:
        lines[1] = f"{notes.problem or notes.described} · {lines[1]}"
    return lines


def _fitting(sessions: Mapping[str, Listed], wanted: Filter) -> list[Listed]:
    return [listed for listed in sessions.values() if wanted.accepts(listed)]


def _next_of(sessions: Iterator[Listed], patience: float) -> tuple[list[Listed], bool]:
    """Those read within ``patience`` seconds, and whether there may be more."""
    found, until = [], time.monotonic() + patience
    for listed in sessions:
        found.append(listed)
        if time.monotonic() > until:
            return found, True
    return found, False
