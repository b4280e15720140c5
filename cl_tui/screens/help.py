"""Help: the keys, taken from the bindings themselves, and how to read each pane."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from cl_tui.widgets.pane import Pane


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Close")]

    def __init__(self, bindings: Iterable[BindingType], panes: Iterable[Pane]) -> None:
        super().__init__()
        self._bindings_shown = list(bindings)
        self._panes = list(panes)

    def compose(self) -> ComposeResult:
        box = VerticalScroll()
        box.border_title = "Help"
        box.border_subtitle = "Esc closes · ↑ ↓ scroll"
        with box:
            parts = [("Keys", self._keys()), *((pane.HELP_TITLE, pane.HOW_TO_READ) for pane in self._panes)]
            yield Static(Content("\n\n").join(_section(title, text) for title, text in parts))

    def _keys(self) -> str:
        """One line per action; keys with the same action stand together."""
        keys: dict[str, list[str]] = {}
        for binding in Binding.make_bindings(self._bindings_shown):
            if binding.tooltip:
                shown = keys.setdefault(binding.tooltip, [])
                key = self.app.get_key_display(binding)
                if key not in shown:
                    shown.append(key)
        return "\n".join(f"{' '.join(shown):<10} {does}" for does, shown in keys.items())


def _section(title: str, text: str) -> Content:
    return Content.from_markup("[bold $text-accent]$title[/]\n$text", title=title, text=text)
