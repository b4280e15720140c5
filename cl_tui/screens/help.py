"""Help: what the pane in focus means, then all keys, taken from the bindings themselves, and the other panes. What is
typed filters it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key, Resize
from textual.screen import ModalScreen
from textual.widgets import Static

from cl_tui.host.ascii_filter import translated
from cl_tui.host.host import Host

COLUMN = 50
"""Least cells of a column of keys."""


@dataclass(frozen=True)
class Section:
    title: str
    text: str
    """How to read it; may be empty."""
    bindings: Sequence[Binding]
    first: bool = False
    """Whether it stands above all others, in the whole width."""


class HelpScreen(ModalScreen[str | None]):
    """Returns the key that the user chose to press, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Close"),
        Binding("question_mark", "dismiss(None)", "Close"),
        Binding("up", "move(-1)", "Up", priority=True),
        Binding("down", "move(1)", "Down", priority=True),
        Binding("enter", "choose", "Do it"),
        Binding("backspace", "rub_out", "Shorten the filter"),
    ]

    def __init__(self, sections: Iterable[Section]) -> None:
        super().__init__()
        self._sections = list(sections)
        self._typed = ""
        self._chosen = 0
        """The line, among those that the filter leaves, which Enter does."""
        self._columns = self._left = 0

    def compose(self) -> ComposeResult:
        self._columns = columns = self._fitting
        box = VerticalScroll()
        box.border_title = "Help"
        sections = [self._spelled(section) for section in self._sections]
        rest = [section for section in sections if not section.first]
        with box:
            yield from (Part(section, self._keys(section.bindings)) for section in sections if section.first)
            for kind in (
                [section for section in rest if not section.text],
                [section for section in rest if section.text],
            ):
                with Horizontal():
                    for own in divided(kind, columns):
                        with Vertical():
                            yield from (Part(section, self._keys(section.bindings)) for section in own)

    def _spelled(self, section: Section) -> Section:
        """With words for signs before its lines are broken, where signs are not drawn."""
        if not (isinstance(self.app, Host) and self.app.ascii_charts):
            return section
        bindings = [replace(binding, tooltip=translated(binding.tooltip)) for binding in section.bindings]
        return replace(section, title=translated(section.title), text=translated(section.text), bindings=bindings)

    @property
    def _fitting(self) -> int:
        return min(max(self.app.size.width * 9 // 10 // COLUMN, 1), 3)

    def on_screen_resume(self) -> None:
        self._typed, self._chosen = "", 0
        self._filter()
        self.query_one(VerticalScroll).scroll_home(animate=False)

    async def on_resize(self, event: Resize) -> None:
        if self._columns and self._fitting != self._columns:
            await self.recompose()
            self._filter()

    def _keys(self, bindings: Iterable[Binding]) -> list["Line"]:
        """A line for each thing that keys do."""
        keys: dict[str, list[str]] = {}
        first: dict[str, str] = {}
        for binding in bindings:
            if binding.tooltip:
                shown = keys.setdefault(binding.tooltip, [])
                first.setdefault(binding.tooltip, binding.key)
                key = self.app.get_key_display(binding)
                if key not in shown:
                    shown.append(key)
        return [Line(" ".join(shown), does, first[does]) for does, shown in keys.items()]

    def on_key(self, event: Key) -> None:
        if event.is_printable and event.character and event.key != "question_mark":
            self._typed += event.character
            self._chosen = 0
            self._filter()
            event.stop()

    def _filter(self) -> None:
        left = 0
        for part in self.query(Part):
            left += part.only(self._typed, self._chosen - left)
        box = self.query_one(VerticalScroll)
        doing = "Enter does the marked key · " if self._typed and left else ""
        box.border_title = Content.from_markup("Help: $typed", typed=self._typed) if self._typed else "Help"
        nothing = f"Nothing is called '{self._typed}' · " if self._typed and not left else ""
        arrows = "choose" if left and self._typed else "scroll"
        box.border_subtitle = Content(f"{nothing}{doing}type to filter · ↑ ↓ {arrows} · Esc")
        self._left = left

    def action_back(self) -> None:
        """Esc removes the filter first."""
        if not self._typed:
            self.dismiss(None)
            return
        self._typed, self._chosen = "", 0
        self._filter()

    def action_rub_out(self) -> None:
        self._typed, self._chosen = self._typed[:-1], 0
        self._filter()

    def action_move(self, by: int) -> None:
        if not self._typed:
            self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
        elif self._left:
            self._chosen = (self._chosen + by) % self._left
            self._filter()

    def action_choose(self) -> None:
        marked = [line for part in self.query(Part) for line in part.marked]
        if marked:
            self.dismiss(marked[0].key)


@dataclass(frozen=True)
class Line:
    shown: str
    """The keys, as they are shown."""
    does: str
    key: str
    """The first of them, to press it."""


class Part(Vertical):
    """A section: its title, how to read it, and a line for each thing that its keys do."""

    def __init__(self, section: Section, lines: list[Line]) -> None:
        super().__init__()
        self._section, self.lines = section, lines
        self.marked: list[Line] = []
        self._table = KeyTable(lines)

    def compose(self) -> ComposeResult:
        section = self._section
        yield Static(Content.from_markup("[bold $text-accent]$title[/]", title=section.title), classes="title")
        if section.text:
            yield Static(section.text, markup=False, classes="text")
        yield self._table

    def only(self, typed: str, chosen: int) -> int:
        """Shows what contains ``typed``, and marks line ``chosen`` of it; returns how many lines are left."""
        words = typed.lower().split()
        titled = all(word in self._section.title.lower() for word in words)
        left = [
            line for line in self.lines if titled or all(word in f"{line.shown} {line.does}".lower() for word in words)
        ]
        read = titled or all(word in self._section.text.lower() for word in words)
        self.display = bool(left) or (read and bool(self._section.text))
        self.marked = [left[chosen]] if typed and 0 <= chosen < len(left) else []
        self._table.show(left, self.marked)
        if self.marked:
            self._table.scroll_visible(animate=False)
        return len(left)


class KeyTable(Static):
    """A line per action; what it does wraps within its own column."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self.lines = [(line.shown, line.does) for line in lines]

    def show(self, lines: list[Line], marked: list[Line]) -> None:
        self.display = bool(lines)
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(no_wrap=True, min_width=10)
        table.add_column()
        for line in lines:
            style = "reverse" if line in marked else ""
            table.add_row(Text(line.shown, "bold" if not style else "bold reverse"), Text(line.does, style))
        self.update(table)


def divided(sections: Sequence[Section], columns: int) -> list[list[Section]]:
    """``sections`` in order in columns of about the same height."""
    heights = [2 + len(section.bindings) + len(section.text) // COLUMN for section in sections]
    made: list[list[Section]] = [[] for _ in range(columns)]
    passed = 0
    for section, height in zip(sections, heights, strict=True):
        made[min((passed + height // 2) * columns // max(1, sum(heights)), columns - 1)].append(section)
        passed += height
    return made
