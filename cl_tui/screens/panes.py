"""Watching a run, live or in a replay: panes that show one View, and the keys to explore it."""

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from cl_tui.host.apart import run_apart
from cl_tui.host.background import run_in_background
from cl_tui.host.preferences import Preferences
from cl_tui.host.system import Load
from cl_tui.panes import files as pane_files
from cl_tui.panes.accuracy.pane import AccuracyPane
from cl_tui.panes.base import Pane, keys
from cl_tui.panes.confusion.pane import ConfusionPane
from cl_tui.panes.forgotten.pane import ForgottenPane
from cl_tui.panes.header import HeaderLine, TaskLine
from cl_tui.panes.held.pane import HeldPane
from cl_tui.panes.importance.pane import ImportancePane
from cl_tui.panes.log import LogPane
from cl_tui.panes.loss.axes import CurveOptions
from cl_tui.panes.loss.pane import CurvesPane
from cl_tui.panes.notice import Notice, WarningLine
from cl_tui.panes.retold import Retold
from cl_tui.panes.system import strip
from cl_tui.panes.tasks.pane import TasksPane
from cl_tui.panes.turned.pane import TurnedPane
from cl_tui.panes.view import View, Viewport
from cl_tui.reports.card import card, same_seed
from cl_tui.screens.advising import AdvisingScreen
from cl_tui.screens.card import ANALYSIS
from cl_tui.screens.dialogs import SaveDialog
from cl_tui.screens.footer import KeysLine
from cl_tui.screens.panes_grid import PanesGrid
from cl_tui.screens.root import too_small
from engine.errors import EngineError
from engine.record.events import SHOWN_FILE
from engine.record.held import Neurons
from engine.record.shown import Shown
from engine.record.watchdog import alarms
from engine.sessions.listing import each_session
from engine.sessions.session import Session

if TYPE_CHECKING:
    from engine.analysis.figures import PutBack
    from engine.record.events import Packed

T = TypeVar("T")
PANES: tuple[type[Pane], ...] = (
    TasksPane,
    AccuracyPane,
    CurvesPane,
    ImportancePane,
    ForgottenPane,
    HeldPane,
    LogPane,
    ConfusionPane,
    TurnedPane,
)
"""In the order of their numbers, and of the keys 1 to 9 that go to them. Layouts say where each stands."""
POLL_SECONDS = 0.1
BYTES_A_SECOND = 25_000
"""What redraws may write: the terminal may be at the other end of a slow line."""
SELDOM_SECONDS = 3.0
"""Most seconds between two redraws of what changes all the time."""


class PanesScreen(AdvisingScreen):
    """Subclasses define what is shown (``current_view``), and what other keys do."""

    BINDINGS: ClassVar[list[BindingType]] = keys(
        ("escape", "back", "Back", "Leave the crosshair, the zoomed axis, or the zoomed pane"),
        ("C", "copy", "Copy", "Copy the pane's data as CSV"),
        ("w", "write", "Write", "Write the pane to a file: SVG, CSV or JSON"),
        ("Y", "tree", "Tree", "The forks and choices of strength of this session's family"),
        ("c", "compare", "Compare", "Compare with the sessions of other methods that have the same seed"),
        ("A", "analyse", "Analyse", "Measure what the method did, and where the forgetting comes from"),
    )
    ALLOW_IN_MAXIMIZED_VIEW = "HeaderLine, TaskLine, WarningLine, Notice, Footer, .in-zoom, #too-small"
    HORIZONTAL_BREAKPOINTS = [(0, "-too-narrow"), (32, "-narrow"), (60, "-wide-enough")]  # noqa: RUF012 (as Textual declares it)
    AUTO_FOCUS = "TasksPane"

    def __init__(self) -> None:
        super().__init__()
        self.viewport = Viewport()
        self.view: View | None = None
        self.news = ""
        """The last notable event, for the line below the panes."""
        self._drawn_at = 0.0
        self._written_before = 0
        """Bytes that the terminal had got before the last redraw."""
        self.shown: Shown | None = None
        """What the session keeps to look at, as it was last read."""
        self._shown_at: int | None = None
        """When that was written, in nanoseconds."""
        self.retold: Retold | None = None
        """What was computed for a session that keeps nothing to look at."""

    def current_view(self) -> View:
        """The View of this moment."""
        raise NotImplementedError

    def news_of(self, before: View | None, view: View) -> str:
        """The most notable event between two views, or nothing."""
        raise NotImplementedError

    def choices(self, view: View) -> tuple[Hashable, ...]:
        """What in ``view`` determines the keys that the footer offers."""
        return ()

    @property
    def benchmark(self) -> str:
        return self.current_view().config.benchmark

    def redraw_soon(self) -> None:
        self.call_after_refresh(self.redraw)

    def load(self, view: View) -> Load | None:
        """How busy the machine is, where it trains the run."""
        return None

    def redraw_interval(self, view: View) -> float:
        """Least seconds between two redraws of ``view``."""
        return 0.0

    def compose(self) -> ComposeResult:
        yield HeaderLine()
        yield TaskLine()
        with PanesGrid(id="panes"):
            for number, kind in enumerate(PANES, start=1):
                pane = kind()
                pane.number = number if number < 10 else None
                yield pane
        yield from self.compose_below()
        yield WarningLine()
        yield Notice()
        yield KeysLine(palette=True)
        yield too_small("the monitor", 32, 18)

    def compose_below(self) -> ComposeResult:
        """Other widgets between the panes and the notice."""
        yield from ()

    def on_mount(self) -> None:
        self.set_interval(POLL_SECONDS, self.poll)
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw_soon())
        self.apply_preferences(self.host.preferences)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.redraw()
        self.call_after_refresh(self.start)

    def start(self) -> None:
        """Starts what the screen shows, after the first frame."""
        raise NotImplementedError

    def apply_preferences(self, preferences: Preferences) -> None:
        """Applies the remembered layout, scales and curves, and the zoom of this program run."""
        self.apply_layout(preferences)
        curves = self.query_one(CurvesPane)
        curves.options = CurveOptions(preferences.y, preferences.x, preferences.curves)
        curves.renew()
        if self.host.zoomed is not None:
            zoomed = self.query_one(self.host.zoomed)
            self.set_focus(zoomed)
            self.maximize(zoomed)
        elif self.maximized is not None:
            self.minimize()
        self.call_after_refresh(self.redraw)

    def on_curves_pane_options_changed(self, message: CurvesPane.OptionsChanged) -> None:
        options = message.options
        self.host.remember(y=options.y, x=options.x, curves=options.curves)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def poll(self) -> None:
        """Runs ten times a second: redraws if there is anything new, as often as ``redraw_interval`` and the terminal
        allow."""
        self._look_for_shown()
        now = time.monotonic()
        view = self._whole_view()
        written = (self.host.written - self._written_before) / BYTES_A_SECOND
        interval = max(self.redraw_interval(view), min(written, SELDOM_SECONDS))
        if view.differs(self.view) and now - self._drawn_at >= interval:
            self.redraw()

    def _look_for_shown(self) -> None:
        """Reads what the session keeps to look at, when that is there and whenever it is another."""
        try:
            written = (self.folder / SHOWN_FILE).stat().st_mtime_ns
        except OSError:
            return
        if written != self._shown_at:
            self._shown_at = written
            self.run_worker(self._read_shown(), group="shown", exclusive=True)

    async def _read_shown(self) -> None:
        self.shown = await run_in_background(self, partial(Shown.read, self.folder))
        self.redraw()

    def _whole_view(self) -> View:
        """The View of this moment, with what was computed for it and the baseline."""
        view = self.current_view()
        if self.retold is not None and view.shown is None:
            view = self.retold.into(view)
        return self.before_baseline(view)

    def redraw(self) -> None:
        before, view = self.view, self._whole_view()
        self.view, self._drawn_at, self._written_before = view, time.monotonic(), self.host.written
        self.news = self.news_of(before, view) or self.news
        self.query_one(HeaderLine).show(view)
        self.query_one(TaskLine).show(view)
        if view.differs(before):
            for pane in self.query(Pane):
                pane.show(view)
        self.query_one(WarningLine).say(self.warning(view))
        notice = self.query_one(Notice)
        news = f"{view.activity}…" if view.loading and not view.trouble else self.news
        notice.say(news, strip(view, self.load(view), notice.content_size.width))
        self.offer_by(*self.choices(view))

    def warning(self, view: View) -> str:
        """Current problems, for as long as they last."""
        if view.trouble:
            return view.trouble
        found = alarms(view.history, view.config)
        more = f"  W: all {len(found)}" if len(found) > 1 else "  W: remedy"
        return f"{found[0].text}{more}" if found else ""

    def reply(self, text: str, seconds: float | None = None) -> None:
        super().reply(text, seconds)
        self.redraw()

    def on_warning_line_clicked(self) -> None:
        self.action_warnings()

    async def on_header_line_clicked(self, message: HeaderLine.Clicked) -> None:
        actions = {"warnings"} if message.warnings else {"play", "pause", "proceed"}
        found = next((key.binding for key in self.active_bindings.values() if key.binding.action in actions), None)
        if found is not None:
            await self.run_action(found.action)

    def on_forgotten_pane_step_wanted(self, message: ForgottenPane.StepWanted) -> None:
        self.viewport = replace(self.viewport, cursor=message.step)
        self.redraw()

    @work
    async def on_forgotten_pane_layers_wanted(self, message: ForgottenPane.LayersWanted) -> None:
        where = (self.folder.parent, self.folder.name)

        def compute() -> "PutBack":
            found: PutBack = run_apart(f"{ANALYSIS}:put_back", *where, message.task, message.ended)
            return found

        pane = self.query_one(ForgottenPane)
        doing = f"Putting layers back to the end of task {message.task + 1}, one at a time"
        if (found := await self._computed(pane, doing, compute)) is not None:
            pane.put_back(found)

    @work
    async def on_forgotten_pane_examples_wanted(self) -> None:
        where = (self.folder.parent, self.folder.name)

        def compute() -> "tuple[Shown, tuple[Packed, ...]]":
            found: tuple[Shown, tuple[Packed, ...]] = run_apart(f"{ANALYSIS}:retold", *where)
            return found

        pane = self.query_one(ForgottenPane)
        doing = "Testing the network of each task's checkpoint, in the background"
        if (found := await self._computed(pane, doing, compute)) is not None:
            self.retold = Retold(*found)
            self.redraw()

    async def _computed(self, pane: ForgottenPane, doing: str, compute: Callable[[], T]) -> T | None:
        pane.busy = doing
        try:
            return await self.in_background(doing, compute)
        finally:
            pane.busy = ""
            if self.children:  # else the screen was left meanwhile
                self.redraw()

    def on_accuracy_pane_confusion_wanted(self, message: AccuracyPane.ConfusionWanted) -> None:
        pane = self.query_one(ConfusionPane)
        if message.step is not None:
            self.viewport = replace(self.viewport, cursor=message.step)
        pane.at(message.task)
        self.set_focus(pane)
        self.show_alone(pane)
        self.redraw()

    @work
    async def on_held_pane_neurons_wanted(self, message: HeldPane.NeuronsWanted) -> None:
        where = (self.folder.parent, self.folder.name)

        def read() -> Neurons | str:
            try:
                found: Neurons = run_apart("engine.analysis.neurons:neurons", *where, message.layers, message.shape)
            except EngineError as error:
                return str(error)
            return found

        message.pane.take(await run_in_background(self, read))

    def on_pane_viewport_changed(self, message: Pane.ViewportChanged) -> None:
        self.viewport = message.viewport
        self.redraw()

    def show_alone(self, pane: Pane | None) -> None:
        before = self.maximized
        super().show_alone(pane)
        self.host.zoomed = type(pane) if pane else None
        for each in (before, pane):
            if isinstance(each, Pane):
                each.renew()

    def action_copy(self) -> None:
        if self.view is not None:
            self.reply(pane_files.copy_pane(self.app, self.active_pane, self.view))

    def action_write(self) -> None:
        if self.app.is_web:
            self.reply("A page in a browser writes no files: C copies the pane's data")
        elif self.view is not None:
            pane = self.active_pane
            self.app.push_screen(SaveDialog(f"{self.view.session}-{pane_files.name_of(pane)}"), self._write)

    def _write(self, kind: pane_files.Kind | None) -> None:
        if kind is None or self.view is None:
            return
        try:
            path = pane_files.save_pane(self.active_pane, self.view, kind, pane_files.started_in())
        except EngineError as error:
            self.reply(str(error))
        else:
            self.reply(f"Saved as {path}")

    @work
    async def action_compare(self) -> None:
        view, folder = self.view, self.folder.parent
        if view is None:
            return

        def others() -> list[str]:
            return same_seed(card(view.session, view.config, view.history, each_session(folder)))

        found = await self.in_background("Looking for sessions with the same seed", others)
        if found is None:
            return
        if found:
            from cl_tui.screens.compare import CompareScreen

            self.app.push_screen(CompareScreen(folder, [*found, view.session], self.trains_in is None))
        else:
            self.reply("No finished session of another method has this seed and these settings")

    def action_analyse(self) -> None:
        from cl_tui.screens.analyse import AnalyseScreen

        if self.trains_in is None:
            self.reply("This screen is read-only: it cannot analyse sessions")
        elif self.view is not None:
            self.app.push_screen(AnalyseScreen(Session.open(self.trains_in, self.view.session)))

    def action_tree(self) -> None:
        from cl_tui.screens.tree import TreeScreen

        self.app.push_screen(TreeScreen(self.folder.parent, self.folder.name, self.look_at, self.trains_in is None))

    def look_at(self, step: int) -> None:
        """Puts the crosshair there."""
        if self.view is not None and self.view.history.step:
            self.viewport = replace(self.viewport, cursor=min(max(step, 1), self.view.history.step))
            self.redraw()

    def action_back(self) -> None:
        """The crosshair and the zoomed axis are layers too."""
        if isinstance(self.focused, Pane) and self.focused.back_out():
            self.focused.renew()
        elif self.viewport.cursor is not None:
            self.viewport = Viewport(steps=self.viewport.steps)
            self.redraw()
        elif self.viewport.steps is not None:
            self.viewport = Viewport()
            self.redraw()
        else:
            super().action_back()
