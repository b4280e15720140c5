"""A dialog for the format in which to save a pane: a picture, or a table."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, OptionList
from textual.widgets.option_list import Option

from cl_tui.panes.files import Kind

_KINDS: dict[Kind, str] = {
    "svg": "s  SVG, the picture",
    "csv": "c  CSV, a table",
    "json": "j  JSON, for programs",
}


class SaveScreen(ModalScreen[Kind | None]):
    """Returns the chosen format, or None. ``name``: the name of the saved file, '<session>-<pane>'."""

    DEFAULT_CSS = """
    SaveScreen {
        align: center middle;

        & > Vertical {
            width: 44;
            max-width: 96%;
            height: auto;
            border: round $accent;
            border-title-color: $accent;
            background: $surface;
            padding: 1 1;
        }

        & OptionList, & OptionList:focus {
            height: auto;
            border: none;
            padding: 0;
            background: $surface;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "dismiss('svg')", "SVG"),
        Binding("c", "dismiss('csv')", "CSV"),
        Binding("j", "dismiss('json')", "JSON"),
        Binding("escape", "dismiss(None)", "Cancel"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name_of_file = name

    def compose(self) -> ComposeResult:
        box = Vertical()
        box.border_title = f"Save {self._name_of_file}"
        with box:
            yield OptionList(*(Option(said, id=kind) for kind, said in _KINDS.items()))
        yield Footer(compact=True, show_command_palette=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(next(kind for kind in _KINDS if kind == event.option_id))
