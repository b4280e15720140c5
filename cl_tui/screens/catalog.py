"""What 'cl-tui methods', 'presets' and the like print, as a screen: names on the left, the page of each beside them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from rich.console import RenderableType
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from cl_tui.host.exit_status import ExitStatus
from cl_tui.panes.notice import Notice
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.root import too_small
from cl_tui.screens.training import TrainingScreen
from engine.catalog.choices import NAMES

Kind = Literal["method", "preset", "benchmark", "model"]


CATALOGS: Mapping[str, Kind] = {
    "Methods": "method",
    "Presets": "preset",
    "Benchmarks": "benchmark",
    "Networks": "model",
}


def page_of(kind: Kind, name: str) -> RenderableType:
    """What the command prints about an entry."""
    from cl_tui.batch.reproduce import preset_page
    from cl_tui.reports.catalog_page import benchmark_page, method_page, model_page

    pages: Mapping[Kind, Callable[[Any], RenderableType]] = {
        "method": method_page,
        "preset": preset_page,
        "benchmark": benchmark_page,
        "model": model_page,
    }
    return pages[kind](NAMES[kind][name])


class CatalogScreen(TrainingScreen):
    """``folder``: where a new run is saved; None if nothing can be trained from here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,enter", "new_run", "New run with it", tooltip="Open the form for a new run with what is chosen"),
        Binding("tab", "app.focus_next", "Page", tooltip="To the page and back, to scroll it", show=False),
        Binding("escape", "back", "Back", tooltip="Leave this screen"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (60, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    VERTICAL_BREAKPOINTS = [(0, "-too-low"), (18, "-high-enough")]  # noqa: RUF012 (as Textual declares it)
    AUTO_FOCUS = "OptionList"

    def __init__(self, kind: Kind, folder: Path | None) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.names = list(NAMES[kind])
        self._title = next(title for title, of in CATALOGS.items() if of == kind)
        self._folder = folder

    def compose(self) -> ComposeResult:
        yield Static(f"{self._title} · {len(self.names)}", id="title", markup=False)
        with Horizontal():
            yield OptionList(*(Option(name, id=name) for name in self.names), markup=False)
            with VerticalScroll():
                yield Static(id="page", markup=False)
        yield Notice()
        yield KeysLine()
        yield too_small("the list", 60, 18)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self.query_one("#page", Static).update(page_of(self.kind, str(event.option.id)))
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def on_option_list_option_selected(self) -> None:
        self.action_new_run()

    @property
    def never(self) -> frozenset[str]:
        return super().never | (frozenset() if self._folder else {"new_run"})

    @work
    async def action_new_run(self) -> None:
        if self._folder is None:
            self.reply("This screen is read-only: it cannot start runs")
            return
        from cl_tui.screens.new_run import NewRunScreen

        option = self.query_one(OptionList).highlighted_option
        chosen: dict[str, str] = {self.kind: str(option.id)} if option is not None else {}
        if made := await self.app.push_screen_wait(NewRunScreen(self._folder, chosen)):
            session, pace = made
            self.train(session, pace, new=True)

    def action_back(self) -> None:
        self.leave()

    def leave(self) -> None:
        self.host.end(self, ExitStatus(0, ""))
