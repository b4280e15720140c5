"""The dialog for the note, the tags and the pin of a session."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Checkbox, Input, Label, Static

from cl_tui.screens.dialogs import Dialog
from engine.errors import ConfigError
from engine.sessions.notes import LONGEST_NOTE, Notes, tags_of


class NotesDialog(Dialog[Notes | None]):
    """Returns what was written, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "keep", "Keep", priority=True),
        Binding("escape", "dismiss(None)", "Cancel"),
    ]

    def __init__(self, what: str, notes: Notes) -> None:
        super().__init__(f"Note on {what}")
        self._notes = notes

    def content(self) -> ComposeResult:
        yield Horizontal(Label("note"), Input(self._notes.note, id="note", max_length=LONGEST_NOTE))
        yield Horizontal(Label("tags"), Input(" ".join(self._notes.tags), id="tags", placeholder="paper figure-3"))
        yield Horizontal(Label("pinned"), Checkbox("first in its block", self._notes.pinned, id="pinned", compact=True))
        yield Static(self._notes.problem, id="problem", markup=False)

    def _tags(self) -> tuple[str, ...] | None:
        """Says what is wrong with them."""
        problem = self.query_one("#problem", Static)
        try:
            tags = tags_of(self.query_one("#tags", Input).value)
        except ConfigError as error:
            problem.update(str(error))
            return None
        problem.update(self._notes.problem)
        return tags

    def on_input_changed(self) -> None:
        self._tags()

    def on_input_submitted(self) -> None:
        self.action_keep()

    def action_keep(self) -> None:
        tags = self._tags()
        if tags is not None:
            note, pinned = self.query_one("#note", Input).value.strip(), self.query_one("#pinned", Checkbox).value
            self.dismiss(Notes(note, tags, pinned))
