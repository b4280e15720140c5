"""Help: the keys, taken from the bindings themselves, and how to read each pane."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static


@dataclass(frozen=True)
class Section:
    title: str
    text: str
    """How to read it; may be empty."""
    bindings: Sequence[Binding]


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Close")]

    def __init__(self, sections: Iterable[Section]) -> None:
        super().__init__()
        self._sections = list(sections)

    def compose(self) -> ComposeResult:
        box = VerticalScroll()
        box.border_title = "Help"
        box.border_subtitle = "Esc closes · ↑ ↓ scroll"
        with box:
            for section in self._sections:
                yield Static(Content.from_markup("[bold $text-accent]$title[/]", title=section.title), classes="title")
                if section.text:
                    yield Static(section.text, markup=False)
                yield KeyTable(self._keys(section.bindings))

    def _keys(self, bindings: Iterable[Binding]) -> dict[str, list[str]]:
        """The keys of each action, by what it does."""
        keys: dict[str, list[str]] = {}
        for binding in bindings:
            if binding.tooltip:
                shown = keys.setdefault(binding.tooltip, [])
                key = self.app.get_key_display(binding)
                if key not in shown:
                    shown.append(key)
        return keys


class KeyTable(Static):
    """A line per action; what it does wraps within its own column."""

    def __init__(self, keys: dict[str, list[str]]) -> None:
        self.lines = [(" ".join(shown), does) for does, shown in keys.items()]
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True, min_width=10)
        table.add_column()
        for line in self.lines:
            table.add_row(*line)
        super().__init__(table)
