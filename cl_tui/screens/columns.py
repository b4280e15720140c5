"""The dialog that chooses the columns of the table of sessions."""

from collections.abc import Collection
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import SelectionList

from cl_tui.panes.sessions.columns import COLUMNS, METHOD
from cl_tui.screens.dialogs import Dialog


class ColumnsDialog(Dialog[tuple[str, ...] | None]):
    """Returns the names of the chosen columns, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "keep", "Keep", priority=True),
        Binding("escape", "dismiss(None)", "Cancel"),
    ]

    def __init__(self, chosen: Collection[str]) -> None:
        super().__init__("Columns, as far as they have room")
        self._chosen = chosen

    def content(self) -> ComposeResult:
        yield SelectionList[str](
            *(
                (Content(f"{column.name:<12}{column.does}"), column.name, column.name in self._chosen)
                for column in COLUMNS.values()
                if column.name != METHOD
            )
        )

    def action_keep(self) -> None:
        self.dismiss((METHOD, *self.query_one(SelectionList).selected))
