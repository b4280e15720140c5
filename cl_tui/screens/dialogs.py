"""Small dialogs over a screen: to confirm what cannot be undone, and to enter a name."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Footer, Input, Static


class ConfirmScreen(ModalScreen[bool]):
    """Returns True only if the user says yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
        Binding("left,right", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, title: str, question: str, yes: str, no: str) -> None:
        super().__init__()
        self._title, self._question = title, question
        self._yes, self._no = yes, no

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = self._title
        with box:
            yield Static(self._question, markup=False)
            with Horizontal():
                yield Button(self._no, id="no", compact=True)
                yield Button(self._yes, id="yes", variant="error", compact=True)
        yield Footer(compact=True, show_command_palette=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class NameScreen(ModalScreen[str | None]):
    """Returns a name, or None. ``problem``: what is wrong with a name, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, title: str, name: str, problem: Callable[[str], str]) -> None:
        super().__init__()
        self._title, self._name_before, self._problem = title, name, problem

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = self._title
        with box:
            yield Input(self._name_before)
            yield Static("", id="problem", markup=False)
        yield Footer(compact=True, show_command_palette=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#problem", Static).update(self._problem(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value == self._name_before:
            self.dismiss(None)
        elif not self._problem(event.value):
            self.dismiss(event.value)
