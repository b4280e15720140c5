"""Dialogs over a screen; the small ones confirm what cannot be undone, and ask for a name."""

from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Footer, Input, Static

T = TypeVar("T")


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
        yield Footer(compact=True, show_command_palette=False)


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
