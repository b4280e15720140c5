"""What went wrong, where, and what was saved."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from cl_tui.host.exit_status import ExitStatus
from cl_tui.reports import text as words
from engine.errors import EngineError
from engine.record.history import History


class FailureScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "dismiss", "View the run"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, error: EngineError, history: History, status: ExitStatus) -> None:
        super().__init__()
        self._error = error
        self._history = history
        self._status = status

    def compose(self) -> ComposeResult:
        history = self._history
        box = Vertical()
        box.border_title = "The run failed"
        with box:
            yield Static(str(self._error), markup=False)
            if history.tasks:
                yield Static("Where", classes="heading")
                yield Static(words.progress(history), markup=False)
            if history.failure is not None and history.failure.kept:
                yield Static("Kept", classes="heading")
                yield Static(history.failure.kept, markup=False)
            yield Static(f"\nEsc shows the run, q quits with exit code {self._status.exit_code}.", markup=False)
        yield Footer(compact=True, show_command_palette=False)
