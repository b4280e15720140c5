"""The keys at the bottom of a screen, as many as fit."""

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

FIRST = ("play", "pause", "proceed")
LAST = ("note", "delete", "share", "app.share", "help", "leave", "app.leave")
"""Actions that stand at the end, in this order. Of these, narrow terminals keep help and quit alone."""
KEPT = LAST[4:]


class KeysLine(Footer):
    """Leaves out the keys that do not fit, but never help and quit."""

    def __init__(self, palette: bool = False) -> None:
        super().__init__(compact=True, show_command_palette=palette)
        self._composed_for = 0

    def compose(self) -> ComposeResult:
        self._composed_for = self.app.size.width
        yield from fitting(list(super().compose()), self._composed_for - 2)

    def on_resize(self, event: Resize) -> None:
        if event.size.width != self._composed_for:
            self.call_after_refresh(self.recompose)


def fitting(keys: list[Widget], room: int) -> list[FooterKey]:
    """In the order of ``FIRST`` and ``LAST``, without those for which ``room`` is too narrow."""
    every = [key for key in keys if isinstance(key, FooterKey)]
    palette = [key for key in every if key.has_class("-command-palette")]
    shown = [key for key in every if key not in palette]
    shown.sort(key=lambda key: LAST.index(key.action) + 1 if key.action in LAST else -(key.action in FIRST))
    while _width(shown) > room:
        spare = [key for key in shown if key.action not in KEPT]
        if not spare:
            break
        shown.remove(next((key for key in reversed(spare) if key.action in LAST), spare[-1]))
    return [*shown, *(palette if _width([*shown, *palette]) < room else [])]


def _width(keys: list[FooterKey]) -> int:
    return sum(cell_len(key.key_display) + cell_len(key.description) + 2 for key in keys) - 1
