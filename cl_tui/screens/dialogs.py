"""Dialogs over a screen: to confirm what cannot be undone, to ask for a name or a format, to tell of a failure."""

from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static

from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.files import Kind
from cl_tui.reports import text
from cl_tui.screens.footer import KeysLine
from engine.errors import EngineError
from engine.record.history import History

T = TypeVar("T")
_KINDS: dict[Kind, str] = {"svg": "s  SVG, the picture", "csv": "c  CSV, a table", "json": "j  JSON, for programs"}


class Dialog(ModalScreen[T]):
    """A box with a heading over a screen, and the keys below. Subclasses define the content."""

    def __init__(self, heading: str) -> None:
        super().__init__()
        self._heading = heading

    def content(self) -> ComposeResult:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = self._heading
        with box:
            yield from self.content()
        yield KeysLine()


class ConfirmDialog(Dialog[bool]):
    """Returns True only if the user says yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
        Binding("left,right", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, title: str, question: str, yes: str, no: str) -> None:
        super().__init__(title)
        self._question, self._yes, self._no = question, yes, no

    def content(self) -> ComposeResult:
        yield Static(self._question, markup=False)
        with Horizontal():
            yield Button(self._no, id="no", compact=True)
            yield Button(self._yes, id="yes", variant="error", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class NameDialog(Dialog[str | None]):
    """Returns a name, or None. ``problem``: what is wrong with a name, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, title: str, name: str, problem: Callable[[str], str]) -> None:
        super().__init__(title)
        self._name_before, self._problem = name, problem

    def content(self) -> ComposeResult:
        yield Input(self._name_before)
        yield Static("", id="problem", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#problem", Static).update(self._problem(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value == self._name_before:
            self.dismiss(None)
        elif not self._problem(event.value):
            self.dismiss(event.value)


class SaveDialog(Dialog[Kind | None]):
    """Returns the chosen format, or None. ``name``: the name of the saved file, '<session>-<pane>'."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "dismiss('svg')", "SVG"),
        Binding("c", "dismiss('csv')", "CSV"),
        Binding("j", "dismiss('json')", "JSON"),
        Binding("escape", "dismiss(None)", "Cancel"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__(f"Save {name}")

    def content(self) -> ComposeResult:
        yield OptionList(*_KINDS.values())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(list(_KINDS)[event.option_index])


class FailureDialog(Dialog[None]):
    """What went wrong, where, and what was saved."""

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
