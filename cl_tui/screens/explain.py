"""What a number is: its definition and formula, its value here, and how it was measured."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from cl_tui.reports.glossary import Number
from cl_tui.screens.dialogs import Dialog


class ExplainDialog(Dialog[None]):
    """The numbers of a pane; ↑ ↓ choose, and the chosen one is explained below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "", "Choose", key_display="↑ ↓"),
        Binding("escape,i,enter", "dismiss", "Close"),
    ]

    def __init__(self, pane: str, numbers: Sequence[Number]) -> None:
        super().__init__(f"The numbers of {pane}")
        self._numbers = numbers

    def content(self) -> ComposeResult:
        value = max((len(number.value) for number in self._numbers), default=0)
        yield OptionList(
            *(
                Option(Content.assemble((f"{number.value:>{value}}  ", "bold"), f"{number.term.name}, {number.where}"))
                for number in self._numbers
            )
        )
        yield Static(id="explained", markup=False)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        number = self._numbers[event.option_index]
        parts = [f"{number.term.name}: {number.term.meaning}."]
        if number.term.formula:
            parts.append(f"Computed as {number.term.formula}.")
        parts.append(f"Here {number.value}, {number.where}: {number.measured}.")
        self.query_one("#explained", Static).update("\n\n".join(parts))

    def on_option_list_option_selected(self) -> None:
        self.dismiss()
