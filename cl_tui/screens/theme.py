"""The dialog that picks a theme; the screen below shows each as the cursor reaches it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList

from cl_tui.screens.dialogs import Dialog


class ThemeDialog(Dialog[str | None]):
    """Returns the name of the chosen theme, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "", "Keep"),
        Binding("escape", "dismiss(None)", "Cancel"),
    ]

    def __init__(self, names: list[str], now: str) -> None:
        super().__init__("Theme")
        self._names, self._now = names, now

    def content(self) -> ComposeResult:
        yield OptionList(*self._names, markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = self._names.index(self._now) if self._now in self._names else 0

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self.app.theme = self._names[event.option_index]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._names[event.option_index])
