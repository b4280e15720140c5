"""The lines below the panes: current problems; under them the news, the answer to a key, or how the run is doing."""

import math
import time

from rich.cells import cell_len
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

REPLY_SECONDS = 3.0
"""How long the answer to a key replaces the news."""
NEWS_SECONDS = 5.0
"""How long news replace the strip of the system, where both do not fit into the line."""


class Sentence(Static):
    """Text without markup, which is laid out again only if it changes."""

    def __init__(self, classes: str | None = None) -> None:
        super().__init__(markup=False, classes=classes)

    def put(self, text: str | Content, layout: bool = True) -> None:
        if text != self.content:
            self.update(text, layout=layout)


class Notice(Sentence):
    """Wraps a sentence that is longer than the terminal is wide."""

    def __init__(self) -> None:
        super().__init__()
        self._news = self._answer = ""
        self._strip = Content("")
        self._news_at = -math.inf
        self._timer: Timer | None = None

    def say(self, news: str, strip: Content | None = None) -> None:
        """Sets what is shown while there is no answer: both if they fit, else the news first and then the strip."""
        if news != self._news:
            self._news_at = time.monotonic()
        self._news, self._strip = news, strip or Content("")
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
        before, news, strip = self.content, Content(self._news), self._strip
        between = self.content_size.width - strip.cell_length - news.cell_length
        if self._answer or not strip:
            shown: str | Content = self._answer or self._news
        elif between >= 3:
            shown = Content.assemble(strip, " " * between, news)
        else:
            shown = self._news if time.monotonic() - self._news_at < NEWS_SECONDS else strip
        lines = [max(cell_len(str(each)) - 1, 0) // max(self.content_size.width, 1) for each in (before, shown)]
        self.put(shown, layout=lines != [0, 0])


class WarningLine(Sentence):
    """Shows a warning as long as it applies; without a warning it takes no room."""

    def on_mount(self) -> None:
        self.display = bool(self.content)

    def say(self, text: str) -> None:
        self.display = bool(text)
        self.put(f"⚠ {text}" if text else "")
