"""A screen that q leaves."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.screen import Screen
from textual.widgets import Static

from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import ExitStatus
from cl_tui.host.host import Host
from cl_tui.host.preferences import in_browser
from cl_tui.panes.base import Pane
from cl_tui.panes.notice import Notice
from engine.errors import EngineError, of_the_system

if TYPE_CHECKING:
    from textual.binding import ActiveBinding

T = TypeVar("T")
RESULT_SECONDS = 10.0
"""How long the result of a run, or the reason why something failed, is shown."""


def too_small(what: str, columns: int, lines: int, then: str = "Nothing has been stopped; q quits.") -> Static:
    """Shown instead of a screen that does not fit; app.tcss says when."""
    needed = f"The terminal is too small for {what}: it needs at least {columns} columns and {lines} lines. {then}"
    return Static(needed, id="too-small", markup=False)


class RootScreen(Screen[ExitStatus]):
    """q leaves it, while Esc closes dialogs over it. Its Notice answers keys. Footer and palette leave out actions
    ``refused`` now, help those that ``never`` work here; their keys still answer, with the reason."""

    KEYS_TITLE: ClassVar[str] = "View"
    """What the keys that this class declares are for, as a title in the help."""
    trains_in: Path | None = None
    """Where a new run that is started from here is saved; None if none may be started."""
    _offered: Hashable = ()
    """The values that determined the keys when the footer was last built."""
    _at_work = ""
    """What a thread is doing for a key, in words; one job at a time."""

    @property
    def never(self) -> frozenset[str]:
        """Actions of the screen or the program that are impossible here, or no longer possible."""
        return frozenset({"write", "share", "suspend_process"} if in_browser() else ())

    @property
    def refused(self) -> frozenset[str]:
        """Actions that are impossible at this moment."""
        return self.never

    @property
    def active_bindings(self) -> "dict[str, ActiveBinding]":
        own, refused = (self, self.app), self.refused
        found = super().active_bindings
        return {
            key: active
            for key, active in found.items()
            if active.node not in own or active.binding.action not in refused
        }

    def offer_by(self, *choices: Hashable) -> None:
        """Rebuilds the footer if ``choices``, which determine the keys, have changed."""
        if choices != self._offered:
            self._offered = choices
            self.refresh_bindings()

    @property
    def host(self) -> Host:
        assert isinstance(self.app, Host)
        return self.app

    def leave(self) -> None:
        """q: ends with ``Host.end``, at once or when everything is saved."""
        raise NotImplementedError

    def reply(self, text: str, seconds: float | None = None) -> None:
        """Answers a key with a sentence, for as long as Notice does or for ``seconds``."""
        self.query_one(Notice).answer(text, seconds)

    def forget_reply(self) -> None:
        self.query_one(Notice).forget()

    async def in_background(self, doing: str, job: Callable[[], T]) -> T | None:
        """The result of ``job``, run in its own thread; None if it fails, with the reason on the screen."""
        if self._at_work:
            self.reply(f"Still busy: {self._at_work}")
            return None
        self._at_work = doing
        self.reply(f"{doing}…", float("inf"))
        try:
            found = await run_in_background(self, job)
        except EngineError as error:
            self.reply(str(error), RESULT_SECONDS)
        except OSError as error:
            self.reply(of_the_system(error), RESULT_SECONDS)
        else:
            self.forget_reply()
            return found
        finally:
            self._at_work = ""
        return None

    def on_pane_said(self, message: Pane.Said) -> None:
        self.reply(message.text)
