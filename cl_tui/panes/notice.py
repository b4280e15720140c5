"""The lines below the panes: current problems; under them the news, the answer to a key, or how the run is doing."""

import math
import time
from itertools import zip_longest

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.visual import Visual
from textual.widgets import Static

from cl_tui.panes.painted import differing

REPLY_SECONDS = 3.0
"""How long the answer to a key replaces the news."""
NEWS_SECONDS = 5.0
"""How long news replace the strip of the system, where both do not fit into the line."""


HIGH = 36
"""Lines of a terminal from which a line is kept for warnings."""


class Sentence(Static):
    """Text without markup, which is laid out again only if it changes; in place, only parts that differ are painted."""

    def __init__(self, classes: str | None = None) -> None:
        super().__init__(markup=False, classes=classes)
        self._before: list[Strip] | None = None
        """What stands there, while it is changed in place."""

    def put(self, text: str | Content, layout: bool = True) -> None:
        before = self.content
        styles = [of.spans if isinstance(of, Content) else [] for of in (before, text)]
        if text != before or styles[0] != styles[1]:
            if self.size and not layout:
                self._before = [self.render_line(y) for y in range(self.size.height)]
            self.update(text, layout=layout)
            self._before = None

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> "Sentence":
        if self._before is not None and not regions and not layout:
            after = Visual.to_strips(self, self.visual, *self.size, self.visual_style)
            whole = [line.extend_cell_length(self.size.width) for line in after]  # a short text has short lines
            lines = enumerate(zip_longest(self._before, whole, fillvalue=Strip.blank(self.size.width)))
            regions = tuple(Region(start, y, end - start, 1) for y, two in lines for start, end in differing(*two))
            if not regions:
                return self
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


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
        news, strip = Content(in_one_line(self._news, self.content_size.width)), self._strip
        before, between = self.content, self.content_size.width - strip.cell_length - news.cell_length
        if self._answer or not strip:
            shown: str | Content = self._answer or news
        elif between >= 3:
            shown = Content.assemble(strip, " " * between, news)
        else:
            shown = news if time.monotonic() - self._news_at < NEWS_SECONDS else strip
        lines = [max(cell_len(str(each)) - 1, 0) // max(self.content_size.width, 1) for each in (before, shown)]
        self.put(shown, layout=lines != [0, 0])


def in_one_line(told: str, width: int) -> str:
    """Without the parenthesis at the end, if only that makes it longer than a line.

    >>> in_one_line("average 90 % (worst: task 1)", 28), in_one_line("average 90 % (worst: task 1)", 20)
    ('average 90 % (worst: task 1)', 'average 90 %')
    """
    short = told[: told.rfind(" (")] if told.endswith(")") else told
    return short if cell_len(told) > width >= cell_len(short) else told


class WarningLine(Sentence):
    """Shows a warning as long as it applies. Without a warning it takes room only in a high terminal, where panes thus
    stay where they are. A click lists all."""

    class Clicked(Message):
        pass

    def on_mount(self) -> None:
        self.display = self._stays

    @property
    def _stays(self) -> bool:
        return self.app.size.height >= HIGH

    def say(self, text: str) -> None:
        shown = f"▲ {text}" if text else ""
        lines = [cell_len(str(each)) <= self.content_size.width for each in (self.content, shown)]
        self.put(shown, layout=not self.display or lines != [True, True])
        self.display = bool(text) or self._stays

    def on_click(self) -> None:
        self.post_message(self.Clicked())
