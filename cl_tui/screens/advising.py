"""What stands beside a run: a baseline behind its curves, and its warnings with what a key can do about them."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from cl_tui.host.background import run_in_background
from cl_tui.panes.base import keys
from cl_tui.panes.view import View
from cl_tui.reports.ending import resume_line
from cl_tui.screens.arranging import ArrangingScreen
from cl_tui.screens.baseline import NONE, RUN, BaselineDialog, Behind, comparable, start_none
from cl_tui.screens.fork import ForkDialog
from cl_tui.screens.warnings import WarningsDialog, told
from engine.errors import EngineError
from engine.record.alarm import Cure
from engine.sessions.session import Session
from engine.training.fork import forkable

MADE_SECONDS = 10.0
"""How long it is said that a session was made, with the command that trains it."""


class AdvisingScreen(ArrangingScreen):
    BINDINGS: ClassVar[list[BindingType]] = keys(
        ("B", "baseline", "Baseline", "A session of the same benchmark, dim behind the accuracies; or run none now"),
        ("W", "warnings", "Warnings", "All warnings, with what can be done; Enter applies it"),
    )
    view: View | None
    behind: Behind | None = None
    """The baseline."""

    @property
    def folder(self) -> Path:
        """The session's."""
        raise NotImplementedError

    @property
    def steers(self) -> bool:
        """Whether the strength can be changed now."""
        return False

    def set_strength(self, strength: float | None) -> None:
        """Of the run that this screen ``steers``."""
        raise NotImplementedError

    def on_unmount(self) -> None:
        self._put_behind(None)

    def before_baseline(self, view: View) -> View:
        """``view`` with the baseline behind it."""
        return replace(view, baseline=self.behind.newest) if self.behind is not None else view

    def _put_behind(self, session: Session | None) -> None:
        if self.behind is not None:
            self.behind.end()
        self.behind = Behind(session) if session is not None else None

    def _session(self) -> Session:
        return Session.open(self.folder.parent, self.folder.name)

    @work(exclusive=True, group="baseline")
    async def action_baseline(self) -> None:
        self.reply("Looking for sessions of this benchmark…")
        folder = self.folder.parent
        try:
            session = self._session()
            found = await run_in_background(self, partial(comparable, folder, session))
            self.reply("")
            now = self.behind.session.name if self.behind is not None else ""
            dialog = BaselineDialog(session, found, now, self.trains_in is not None)
            chosen = await self.app.push_screen_wait(dialog)
            if chosen is None:
                return
            if chosen == NONE:
                self._put_behind(None)
                self.reply("No baseline")
            elif chosen == RUN:
                made = await run_in_background(self, partial(start_none, folder, session))
                self._put_behind(made)
                self.reply(f"none trains as session {made.name}, in a process of its own", MADE_SECONDS)
            else:
                self._put_behind(Session.open(folder, chosen))
                self.reply(f"Behind the accuracies: {chosen}")
        except EngineError as error:
            self.reply(str(error))
        except OSError as error:
            self.reply(f"the baseline cannot be trained: {error.strerror or error}")

    @work(exclusive=True, group="warnings")
    async def action_warnings(self) -> None:
        if self.view is None or not self.view.history.tasks:
            self.reply("No warnings: nothing is trained yet")
            return
        history, config = self.view.history, self.view.config
        try:
            session = self._session()
        except EngineError as error:
            self.reply(str(error))
            return
        forks = forkable(session, history) if self.trains_in is not None else []
        found = told(history, config, self.steers, forks)
        if not found:
            self.reply("No warnings so far")
            return
        cure = await self.app.push_screen_wait(WarningsDialog(found, config))
        if cure is not None:
            await self._apply(cure, session)

    async def _apply(self, cure: Cure, session: Session) -> None:
        if cure.fork is None:
            self.set_strength(cure.strength)
            return
        assert self.view is not None
        dialog = ForkDialog(session, self.view.history, cure.fork, cure.method, cure.strength)
        made = await self.app.push_screen_wait(dialog)
        if made is not None:
            self.reply(f"Forked. To train it: {resume_line(made)}", MADE_SECONDS)
