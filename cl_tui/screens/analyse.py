"""What 'cl-tui analyse' prints, as a screen: measured in the background, with what is being done; Esc cancels."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from cl_tui.host.background import run_in_background
from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.notice import Notice
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.root import RootScreen, too_small
from engine.commands import command
from engine.errors import EngineError, of_the_system
from engine.sessions.session import Session
from engine.settings.own_code import require_trust
from engine.settings.run import moved
from engine.streams.files import prepare

if TYPE_CHECKING:
    from engine.analysis.figures import Analysis

WIDEST = 120


class _Cancelled(Exception):
    """The user has left."""


class AnalyseScreen(RootScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", tooltip="Cancel the analysis, or leave it"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (32, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (18, "-high-enough")]  # noqa: RUF012 (as Textual declares it)
    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = Session(session.path, session.config, session.format, session.began)
        self.found: Analysis | None = None
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        yield Static(f"analyse · {self._session.name}", id="title", markup=False)
        with VerticalScroll():
            yield Static("Loading PyTorch…", id="page", markup=False)
        yield Notice()
        yield KeysLine()
        yield too_small("an analysis", 32, 18)

    def on_mount(self) -> None:
        self.measure()

    def on_unmount(self) -> None:
        self._left.set()

    @work
    async def measure(self) -> None:
        try:
            self.found = await run_in_background(self, self._analysed)
        except EngineError as error:
            self._tell(str(error))
        except OSError as error:
            self._tell(of_the_system(error))
        except _Cancelled:
            pass
        else:
            self._show()

    def _analysed(self) -> "Analysis":
        session = self._session
        if session.config.device != "cpu":
            session.config = moved(session.config, {"device": "auto"})
        how = command("analyse", session.path.parent, session.name, "--trust-code")
        require_trust(session.config, f"analysing session {session.name}", f"'{how}'")
        prepare(session.config.benchmark, Path(session.config.data_dir))
        from engine.analysis.measure import analyse

        return analyse(session, tell=self._progress)

    def _progress(self, doing: str) -> None:
        """From the measuring thread: shows what is being done, and ends it if the user has left."""
        if self._left.is_set():
            raise _Cancelled
        self.app.call_from_thread(self._tell, f"{doing[:1].upper()}{doing[1:]}… Esc cancels.")

    def _tell(self, text: str) -> None:
        self.query_one("#page", Static).update(text)

    def _show(self) -> None:
        from cl_tui.reports.analysis_page import analysis_page

        if self.found is not None:
            width = min(self.size.width - 6, WIDEST)
            self.query_one("#page", Static).update(analysis_page(self.found, self._session.config, width))

    def on_resize(self) -> None:
        self._show()

    def action_back(self) -> None:
        self.leave()

    def leave(self) -> None:
        self.host.end(self, ExitStatus(0, ""))
