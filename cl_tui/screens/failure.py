"""What went wrong, where, and what was saved."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from cl_tui.host.exit_status import ExitStatus
from cl_tui.reports import text
from cl_tui.screens.dialogs import Dialog
from engine.errors import EngineError
from engine.record.history import History


class FailureDialog(Dialog[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "dismiss", "View the run"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, error: EngineError, history: History, status: ExitStatus) -> None:
        super().__init__("The run failed")
        self._error = error
        self._history = history
        self._status = status

    def content(self) -> ComposeResult:
        history = self._history
        yield Static(str(self._error), markup=False)
        if history.tasks:
            yield Static("Where", classes="heading")
            yield Static(text.progress(history), markup=False)
        if history.failure is not None and history.failure.kept:
            yield Static("Kept", classes="heading")
            yield Static(history.failure.kept, markup=False)
        yield Static(f"\nEsc shows the run, q quits with exit code {self._status.exit_code}.", markup=False)
