"""The line below the panes: a warning, or else the last notable thing that happened."""

from textual.widgets import Static


class Notice(Static):
    """Wraps where a sentence is longer than the terminal is wide."""

    def __init__(self) -> None:
        super().__init__(markup=False)

    def say(self, text: str, warning: bool = False) -> None:
        line = f"⚠ {text}" if warning else text
        if line != self.content:
            self.set_class(warning, "-warning")
            self.update(line)
