"""Home: the saved sessions and their commands. A thread reads the folder; the screen never waits.

Other screens are imported when they are opened: the list does not wait for them.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Footer, Input, Static

from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import INTERRUPTED, ExitStatus
from cl_tui.panes.base import keys
from cl_tui.panes.notice import Notice
from cl_tui.reports import session_facts, text
from cl_tui.screens.dialogs import ConfirmDialog, NameDialog
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.root import RootScreen, too_small
from cl_tui.screens.sessions_table import ORDERS, SessionsTable, arranged
from cl_tui.screens.zooming import NOTHING_OPEN
from engine.catalog.choices import benchmark_info
from engine.catalog.own_loop import OWN_LOOP
from engine.commands import command
from engine.errors import ConfigError, EngineError
from engine.sessions.folders import delete_session, rename_session
from engine.sessions.listing import Listed, each_session, read_session
from engine.sessions.names import check_name
from engine.sessions.session import Session
from engine.settings.own_code import require_trust
from engine.settings.run import moved
from engine.streams.files import prepare
from engine.text import some, visible
from engine.training.runner import EngineThread, device_problem

CHECK_SECONDS = 2.0
"""Seconds between two checks of the folder."""
PORTION_SECONDS = 0.1
"""How long rows are gathered before the first are shown; the time doubles after that."""
RESULT_SECONDS = 10.0
"""How long the result of a run, or the reason why something failed, is shown."""
_CHANGING = {"new_run", "resume", "fork", "rename", "delete", "analyse"}
"""Actions that write, or that compute for long."""

T = TypeVar("T")


class HomeScreen(RootScreen):
    """The first screen of ``cl-tui``. ``read_only``: no training and no changes from here."""

    KEYS_TITLE = "Sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new_run", "New run", tooltip="Choose what to train, and start it"),
        Binding("enter", "open", "Open", tooltip="Watch the session, or replay it"),
        Binding("r", "resume", "Resume", tooltip="Continue training where it stopped"),
        Binding(
            "f", "fork", "Fork", tooltip="Start a new session at the end of a task, with another method or strength"
        ),
        Binding("space", "mark", "Mark", tooltip="Mark the session, to compare or delete several", show=False),
        Binding("c", "compare", "Compare", tooltip="Compare the marked sessions"),
        Binding("m", "rename", "Rename", tooltip="Rename the session", show=False),
        Binding("d,delete", "delete", "Delete", tooltip="Delete the session, or the marked ones; asks first"),
        Binding("slash", "filter", "Filter", key_display="/", tooltip="Show only sessions that contain certain words"),
        *keys(
            ("A", "analyse", "Analyse", "Measure what the session's method did, and where the forgetting comes from"),
            ("o", "sort", "Sort", "Sort by age, name, method or accuracy"),
            ("escape", "back", "Back", "Leave the filter, or remove the marks"),
        ),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (32, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (12, "-high-enough")]  # noqa: RUF012 (as Textual declares it)
    AUTO_FOCUS = "SessionsTable"

    def __init__(self, sessions_dir: Path, read_only: bool = False) -> None:
        super().__init__()
        self._folder = sessions_dir
        self._read_only = read_only
        self.trains_in = None if read_only else sessions_dir
        self._sessions: dict[str, Listed] = {}
        self._marked: set[str] = set()
        self._order = "newest"
        self._reading = self._read_once = False
        self._read_again = False
        self._problem = ""
        """Why the folder cannot be read."""
        self._at_work = ""
        """What a thread is doing for a key, in words; one job at a time."""
        self._go_to = ""
        """The session to move the cursor to as soon as it appears."""

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        with Vertical(id="body"):
            yield SessionsTable()
            yield Static(id="nothing", markup=False)
            yield Static(id="detail", markup=False)
        yield Input(placeholder="words from the name, state, method or benchmark", id="filter", compact=True)
        yield Notice()
        yield Footer(compact=True, show_command_palette=False)
        yield too_small("the sessions", 32, 12)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.call_after_refresh(self._table.redraw))
        self._say_title()
        self.call_after_refresh(self.read_folder)
        self.set_interval(CHECK_SECONDS, self._tick)

    @property
    def _table(self) -> SessionsTable:
        return self.query_one(SessionsTable)

    @property
    def current(self) -> Listed | None:
        name = self._table.current
        return self._sessions.get(name) if name else None

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
        more = True
        try:
            while more:
                portion, more = await run_in_background(self, partial(_next_of, sessions, patience))
                found |= {listed.name for listed in portion}
                self._sessions |= {listed.name: listed for listed in portion}
                patience *= 2
                if more:
                    self._show()
        except OSError as error:
            self._problem = f"{error.filename or self._folder}: {error.strerror or error}"
        for gone in self._sessions.keys() - found:
            del self._sessions[gone]
            self._marked.discard(gone)
        self._reading, self._read_once = False, True
        self._show()
        if self._read_again:
            self.read_folder()

    # Showing it

    def _show(self) -> None:
        shown = arranged(self._sessions.values(), self.query_one("#filter", Input).value, self._order)
        self._table.show(shown, self._marked)
        if self._go_to in self._sessions:
            self._table.go_to(self._go_to)
            self._go_to = ""
        self._table.display = bool(shown)
        nothing = self.query_one("#nothing", Static)
        nothing.display = not shown and self._read_once
        nothing.update(self._nothing_there())
        self._say_title()
        self._say_detail()

    def _nothing_there(self) -> str:
        if self._sessions:
            return "No session has all of these words.\n\nEsc shows all again."
        if self._problem:
            return self._problem
        if self._read_only:
            return f"No sessions in {self._folder}."
        return (
            f"No sessions in {self._folder} yet.\n\n"
            "Press n for a new run. By default it trains Synaptic Intelligence on handwritten digits, "
            "needs no download, and takes half a minute in slow motion.\n\n"
            "Every run is saved and listed here, so that you can resume, replay, fork and compare it."
        )

    def _say_title(self) -> None:
        parts = [f"{len(self._sessions)} sessions" if len(self._sessions) != 1 else "1 session"]
        if not self._read_once:
            parts = ["looking…"]
        elif self._table.row_count != len(self._sessions):
            parts = [f"{self._table.row_count} of {parts[0]}"]
        running = sum(listed.state == "running" for listed in self._sessions.values())
        parts += [f"{running} running"] if running else []
        parts += [f"{len(self._marked)} marked"] if self._marked else []
        parts += [f"by {self._order}"] if self._order != "newest" else []
        parts += ["read-only"] if self._read_only else []
        if any(map(text.with_one_class, self._sessions.values())):
            parts.append(f"{text.ONE_CLASS} with tasks of one class")
        self.query_one("#title", Static).update(" · ".join([f"cl-tui  {self._folder}", *parts]))

    @property
    def never(self) -> frozenset[str]:
        return super().never | (_CHANGING if self._read_only else set())

    @property
    def refused(self) -> frozenset[str]:
        """Also actions that are not possible for the session under the cursor."""
        state, refused = self.current and self.current.state, self.never
        if state is None:
            return refused | _CHANGING - {"new_run"} | {"open", "mark"}
        if state not in ("stopped", "interrupted", "failed"):
            refused |= {"resume"}
        if state == "damaged":
            refused |= {"fork"}
        return refused

    def _say_detail(self) -> None:
        listed = self.current
        self.offer_by(listed and listed.state)
        lines = ["", ""]
        if listed is not None and listed.config is not None:
            lines[0] = session_facts.subtitle(listed.config)
            if listed.history is not None and (forked := listed.history.forked) is not None:
                lines[0] += f" · fork of {forked.parent} after {forked.place.removeprefix('the end of ')}"
        if listed is not None:
            lines[1] = session_facts.result(listed)
            if text.with_one_class(listed) and listed.history is not None and listed.config is not None:
                others = text.of_several_classes(listed.history, listed.config)
                lines[1] = f"{text.ONE_CLASS} {others}. {lines[1].replace(f'; {others}', '')}"
        detail = self.query_one("#detail", Static)
        detail.set_class(listed is not None and listed.state == "damaged", "-damaged")
        detail.update("\n".join(lines).strip("\n"))

    def on_data_table_row_highlighted(self) -> None:
        self._say_detail()

    # Work for a key

    async def _done(self, doing: str, job: Callable[[], T]) -> T | None:
        """The result of ``job``, run in its own thread; None if it fails, with the reason on the screen."""
        if self._at_work:
            self.reply(f"Still busy: {self._at_work}")
            return None
        self._at_work = doing
        self.reply(f"{doing}…", seconds=float("inf"))
        try:
            found = await run_in_background(self, job)
        except EngineError as error:
            self.reply(str(error), RESULT_SECONDS)
        except OSError as error:
            self.reply(visible(f"{error.filename or 'a file'}: {error.strerror or error}"), RESULT_SECONDS)
        else:
            self.query_one(Notice).forget()
            return found
        finally:
            self._at_work = ""
        return None

    def _chosen(self, wish: str, changes: bool = True) -> Listed | None:
        """The session under the cursor; None, with a message, if there is none or it may not be changed."""
        listed = self.current
        if listed is None:
            self.reply(f"There is no session to {wish}" + ("" if self._read_only else ": n starts a new run"))
        elif changes and self._read_only:
            self.reply(f"This screen is read-only: it cannot {wish} sessions")
            return None
        return listed

    def action_open(self) -> None:
        listed = self._chosen("open", changes=False)
        if listed is None:
            return
        from cl_tui.screens.watch import WatchScreen

        try:
            screen = WatchScreen(self._folder, listed.name, self._read_only)
        except EngineError as error:
            self.reply(str(error))
        else:
            self.app.push_screen(screen)

    def on_data_table_row_selected(self) -> None:
        self.action_open()

    def action_resume(self) -> None:
        listed = self._chosen("resume")
        if listed is None:
            return
        if listed.config is None:
            self.reply(listed.problem)
        elif listed.state == "finished":
            fork = "" if listed.config.benchmark == OWN_LOOP else "f forks it, "
            self.reply(f"{listed.name} is finished: {fork}n starts a new run")
        elif listed.state == "running":
            self.reply(f"{listed.name} is already being trained: Enter watches it")
        else:
            self._continue(listed.name, listed.config.benchmark)

    @work
    async def action_fork(self) -> None:
        listed = self._chosen("fork")
        if listed is None:
            return
        from cl_tui.screens.fork import ForkDialog
        from engine.training.fork import forkable, unforkable

        found = await self._done(f"Reading {listed.name}", partial(read_session, self._folder, listed.name))
        if found is None:
            return
        session = found.session
        if session is None or found.history is None:
            self.reply(found.problem)
            return
        if not forkable(session, found.history):
            self.reply(f"{found.name} cannot be forked: {unforkable(session.config)}")
        elif made := await self.app.push_screen_wait(ForkDialog(session, found.history)):
            self._continue(made.name, made.config.benchmark)

    @work
    async def _continue(self, name: str, benchmark: str) -> None:
        """Trains a session from its present state; asks first if its device is missing and another would be used."""
        found = await self._done(f"Preparing {benchmark}", partial(_opened, self._folder, name))
        if found is None:
            return
        session, problem = found
        if problem:
            question = (
                f"{problem}.\n\nTrain it here with --device auto? The last digits of its numbers may then differ."
            )
            if not await self.app.push_screen_wait(ConfirmDialog(f"Train {name}?", question, "Train", "Cancel")):
                return
            session.config = moved(session.config, {"device": "auto"})
        self._train(session, benchmark_info(benchmark).watch_pace)

    @work
    async def action_new_run(self) -> None:
        if self._read_only:
            self.reply("This screen is read-only: it cannot start runs")
            return
        from cl_tui.screens.new_run import NewRunScreen

        if made := await self.app.push_screen_wait(NewRunScreen(self._folder)):
            self._train(*made, new=True)

    @work
    async def _train(self, session: Session, pace: float | None, new: bool = False) -> None:
        self._go_to = session.name
        ended = await self.app.push_screen_wait(MonitorScreen(EngineThread(session, pace), pace))
        if new and ended.exit_code not in (0, INTERRUPTED):
            from cl_tui.batch.headless import discard_if_untrained

            await self._done("Cleaning up", partial(discard_if_untrained, session))
        self.reply(f"{session.name}: {ended.message.splitlines()[0]}", RESULT_SECONDS)
        self.read_folder()

    def action_analyse(self) -> None:
        listed = self._chosen("analyse")
        if listed is None:
            return
        if listed.session is None:
            self.reply(listed.problem)
        else:
            from cl_tui.screens.analyse import AnalyseScreen

            self.app.push_screen(AnalyseScreen(listed.session))

    def action_mark(self) -> None:
        listed = self._chosen("mark", changes=False)
        if listed is not None:
            self._marked ^= {listed.name}
            self._show()
            self._table.action_cursor_down()

    def action_compare(self) -> None:
        marked = [name for name in self._sessions if name in self._marked]
        if len(marked) < 2:
            self.reply("Mark two sessions or more with space, then c compares them")
            return
        damaged = next((name for name in marked if self._sessions[name].state == "damaged"), None)
        if damaged:
            self.reply(f"{damaged} is damaged and cannot be compared: space removes its mark")
            return
        from cl_tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(self._folder, marked))

    @work
    async def action_rename(self) -> None:
        listed = self._chosen("rename")
        if listed is None or self._refused_as_running([listed.name], "renamed"):
            return
        new = await self.app.push_screen_wait(
            NameDialog(f"Rename {listed.name}", listed.name, partial(self._name_problem, listed.name))
        )
        if new is None:
            return
        marked = self._marked & {listed.name}
        renaming = partial(rename_session, self._folder, listed.name, new)
        if kept := await self._done(f"Renaming {listed.name}", renaming):
            self._marked = self._marked - marked | ({kept} if marked else set())
            self._go_to = kept
        self.read_folder()

    def _name_problem(self, before: str, name: str) -> str:
        try:
            name = check_name(name)
        except ConfigError as error:
            return str(error)
        return f"Session {name} already exists." if name != before and name in self._sessions else ""

    @work
    async def action_delete(self) -> None:
        """Deletes the marked sessions, or the one under the cursor."""
        listed = self._chosen("delete")
        if listed is None:
            return
        names = [name for name in self._sessions if name in self._marked] or [listed.name]
        if self._refused_as_running(names, "deleted"):
            return
        what = "1 session" if len(names) == 1 else f"{len(names)} sessions"
        lost = f"Its log, checkpoints and result will be deleted from {self._folder}. This cannot be undone."

        def delete() -> None:  # up to the first that cannot be deleted
            for name in names:
                delete_session(self._folder, name)

        if await self.app.push_screen_wait(
            ConfirmDialog(f"Delete {what}?", f"{some(names)}\n\n{lost}", f"Delete {what}", "Keep")
        ):
            await self._done(f"Deleting {what}", delete)
            self.read_folder()

    def _refused_as_running(self, names: list[str], wish: str) -> bool:
        running = next((name for name in names if self._sessions[name].state == "running"), None)
        if running:
            self.reply(f"{running} is being trained: it cannot be {wish} until the training ends")
        return running is not None

    # Filter and order

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    def on_input_changed(self) -> None:
        self._show()

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
            self._show()
        else:
            self.reply(NOTHING_OPEN)

    def action_sort(self) -> None:
        orders = list(ORDERS)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._show()
        self.reply(f"Sorted by {self._order}")

    # Leaving

    def leave(self) -> None:
        self.host.end(self, ExitStatus(0, ""))


def _opened(folder: Path, name: str) -> tuple[Session, str]:
    """The session ready for training, or why its device cannot be used here. Raises EngineError."""
    session = Session.open(folder, name)
    how = command("resume", folder, name, "--trust-code")
    require_trust(session.config, f"session {name}", f"'{how}'")
    prepare(session.config.benchmark, Path(session.config.data_dir))
    return session, device_problem(session.config)


def _next_of(sessions: Iterator[Listed], patience: float) -> tuple[list[Listed], bool]:
    """Those read within ``patience`` seconds, and whether there may be more."""
    found, until = [], time.monotonic() + patience
    for listed in sessions:
        found.append(listed)
        if time.monotonic() > until:
            return found, True
    return found, False
