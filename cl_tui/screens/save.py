"""A dialog for the format in which to save a pane: a picture, or a table."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import OptionList

from cl_tui.panes.files import Kind
from cl_tui.screens.dialogs import Dialog

_KINDS: dict[Kind, str] = {"svg": "s  SVG, the picture", "csv": "c  CSV, a table", "json": "j  JSON, for programs"}


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
