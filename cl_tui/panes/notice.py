"""The lines below the panes: current problems; and under them the news, or for a while the answer to a key."""

import math

from textual.timer import Timer
from textual.widgets import Static

REPLY_SECONDS = 3.0
"""How long the answer to a key replaces the news."""


class Sentence(Static):
    """Text without markup, which is laid out again only if it changes."""

    def __init__(self, classes: str | None = None) -> None:
        super().__init__(markup=False, classes=classes)

    def put(self, text: str, layout: bool = True) -> None:
        if text != self.content:
            self.update(text, layout=layout)


class Notice(Sentence):
    """Wraps a sentence that is longer than the terminal is wide."""

    def __init__(self) -> None:
        super().__init__()
        self._news = self._answer = ""
        self._timer: Timer | None = None

    def say(self, news: str) -> None:
        """Sets the text shown while there is no answer."""
        self._news = news
        self._show()

    def answer(self, text: str, seconds: float | None = None) -> None:
        """Shows an answer for REPLY_SECONDS, or for ``seconds``; until ``forget`` if that is infinite."""
        self.forget()
        self._answer = text
        seconds = REPLY_SECONDS if seconds is None else seconds
        if math.isfinite(seconds):
            self._timer = self.set_timer(seconds, self.forget)
        self._show()

    def forget(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer, self._answer = None, ""
        self._show()

    def _show(self) -> None:
        self.put(self._answer or self._news)


class WarningLine(Sentence):
    """Shows a warning as long as it applies; without a warning it takes no room."""

    def on_mount(self) -> None:
        self.display = bool(self.content)

    def say(self, text: str) -> None:
        self.display = bool(text)
        self.put(f"⚠ {text}" if text else "")
