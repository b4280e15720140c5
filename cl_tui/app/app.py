"""The Textual application around a first screen. Only the engine's thread imports torch, after the first frame."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.events import AppBlur, Event, Key
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widget import Widget

from cl_tui.app.keymap import Keymap
from cl_tui.app.legible import AsciiFilter, LegibleFilter, NarrowFilter
from cl_tui.app.themes import DEFAULT, THEMES, own_theme
from cl_tui.charts.marks import ambiguous
from cl_tui.exports.cells import svg
from cl_tui.host import preferences, signals
from cl_tui.host.ascii_filter import spelled, wanted
from cl_tui.host.capture import Captured, Line
from cl_tui.host.exit_status import INTERRUPTED, ExitStatus
from cl_tui.host.preferences import APPEARANCE, Preferences
from cl_tui.host.written import counting, written
from cl_tui.panes.base import Pane, keys
from cl_tui.panes.files import started_in, write_new
from cl_tui.panes.picture import grid_of
from cl_tui.reports.timeline import Falls, timeline
from cl_tui.screens.catalog import CATALOGS, CatalogScreen, Kind
from cl_tui.screens.help import HelpScreen
from cl_tui.screens.keys_here import ActionsDialog, offered, sections
from cl_tui.screens.log import LogScreen
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.panes import PanesScreen
from cl_tui.screens.root import RootScreen
from cl_tui.screens.share import Shared, ShareDialog, captions, film, picture, shown_session
from cl_tui.screens.theme import ThemeDialog
from engine.errors import EngineError
from engine.sessions.session import Session

FIRST_SCREEN_SECONDS = 0.05
"""Seconds between two checks whether the first screen is there, if a signal comes before it."""
_QUIT = "Save, quit, and print the command that resumes"


class ClTui(App[ExitStatus]):
    """Shows ``first``; ``run`` returns its ExitStatus. ``theme`` is used until the user chooses one.
    ``captured`` holds what is printed while the screen is up."""

    CSS_PATH = "app.tcss"
    TITLE = "cl-tui"
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys(
            ("T", "theme", "Theme", "Pick a theme, and see it before you choose"),
            ("0", "reset_appearance", "Reset appearance", "Reset theme, scales and curves to the defaults"),
            ("l", "log", "Log", "Printed lines, warnings, and the events of the run"),
        ),
        Binding("S", "share", "Share", tooltip="A picture of the pane or the screen, or the run as a film or a page"),
        Binding(
            "full_stop", "here", "Here", key_display=".", tooltip="What can be done with the pane in focus", show=False
        ),
        Binding("question_mark", "help", "Help", key_display="?", tooltip="Keys, and how to read the screen"),
        Binding("q", "leave", "Quit", tooltip=_QUIT),
        Binding("ctrl+c", "quit", "Quit", tooltip=_QUIT, show=False, priority=True),
        Binding(
            "ctrl+z", "suspend_process", "Suspend", tooltip="Back to the shell; fg returns", show=False, priority=True
        ),
        Binding("ctrl+p", "command_palette", "Palette", tooltip="All actions by name", show=False),
    ]

    def __init__(self, first: Screen[ExitStatus], captured: Captured | None = None, theme: str = DEFAULT) -> None:
        super().__init__()
        for known in THEMES:
            self.register_theme(known)
        self.first = first
        self.captured = captured or Captured()
        self.preferences, self._complaint = preferences.load()
        for name, own in self.preferences.themes.items():
            self.register_theme(own_theme(name, own))
        self._own_keys = Keymap(self.preferences.keys)
        self._first_theme = theme
        self.zoomed: type[Widget] | None = None
        self._quitting = False
        self._signals = contextlib.ExitStack()
        """Listens to signals from before the terminal is changed until it is restored."""
        self._ascii, self._legible, self._narrow = AsciiFilter(), LegibleFilter(), NarrowFilter()
        self._ambiguous = ambiguous(os.environ)
        self._apply_preferences()

    def _apply_preferences(self) -> None:
        chosen = self.preferences.theme
        self.theme = chosen if chosen in self.available_themes else self._first_theme
        self.ascii_charts = wanted(self.preferences.charts, os.environ)

    def get_driver_class(self) -> type[Driver]:
        return counting(super().get_driver_class())

    @property
    def written(self) -> int:
        return written(self._driver)

    def get_line_filters(self) -> Sequence[LineFilter]:
        signs = [self._ascii] if self.ascii_charts else [self._narrow] if self._ambiguous else []
        return [*super().get_line_filters(), self._legible, *signs]

    async def on_event(self, event: Event) -> None:
        """A key of the user's own is read as the one whose meaning it has, except where it is typed."""
        if isinstance(event, Key) and not event.is_forwarded and not self._typing(event):
            if not (meant := self._own_keys.meant(event.key)):
                return
            event.key = meant
        await super().on_event(event)

    def _typing(self, event: Key) -> bool:
        typed_into = self.focused is not None and self.focused.check_consume_key(event.key, event.character)
        return typed_into or isinstance(self.screen, HelpScreen)

    def get_key_display(self, binding: Binding) -> str:
        own = self._own_keys.own(binding.key)
        shown = super().get_key_display(binding if own == binding.key else binding.with_key(own))
        return spelled(shown) if self.ascii_charts else shown

    def remember(self, **chosen: object) -> None:
        self.preferences = self.preferences.model_copy(update=chosen)
        if problem := preferences.save(self.preferences):
            self.root.reply(problem)

    def get_default_screen(self) -> Screen[ExitStatus]:
        return self.first

    @property
    def root(self) -> RootScreen:
        """The current screen, below any dialog."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, RootScreen))

    def end(self, left: Screen[ExitStatus], status: ExitStatus) -> None:
        if self._quitting or left is self.first:
            self.exit(status, return_code=status.exit_code)
            return
        if left not in self.screen_stack:  # it has ended already
            return
        while self.screen is not left:
            self.pop_screen()
        left.dismiss(status)

    def on_mount(self) -> None:
        self.captured.take_prints()
        if self._complaint:
            self.call_after_refresh(lambda: self.root.reply(self._complaint))
        gc.set_threshold(2_000, 10, 100)  # a full collection stops the screen and the training for a tenth of a second
        self._heed_job_control()  # Textual has set its own handlers by now

    def on_app_blur(self, event: AppBlur) -> None:
        """Ignored in a browser: Textual sees a new page as without focus, and would show no keys until a click."""
        if self.is_web:
            event.prevent_default()

    # Signals

    def on_load(self) -> None:
        """Runs before the terminal is changed."""
        self._signals.enter_context(signals.heard(self._told_to_end, self._end_process, self._save))

    def on_unmount(self) -> None:
        self._signals.close()

    def _heed_job_control(self) -> None:
        loop = asyncio.get_running_loop()
        for name, handler in (("SIGTSTP", self.action_suspend_process), ("SIGCONT", self._come_back)):
            # not on every system, and only in the main thread
            with contextlib.suppress(AttributeError, NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(getattr(signal, name), handler)

    def _quit(self) -> None:
        self._quitting = True
        self.root.leave()

    def _told_to_end(self) -> None:
        """Does what q does, without a question: nobody is there to answer it."""
        if not self.first.is_mounted:  # Textual cannot close what it has not opened yet
            asyncio.get_running_loop().call_later(FIRST_SCREEN_SECONDS, self._told_to_end)
            return
        for monitor in self._monitors:
            monitor.sure = True
        self._quit()

    def _end_process(self) -> None:
        """Runs in another thread: saves, and leaves the screen as it is."""
        for monitor in self._monitors:
            monitor.hang_up()
        os._exit(INTERRUPTED)

    def _save(self) -> None:
        """Runs in another thread: saves a checkpoint of each run in training."""
        for monitor in self._monitors:
            monitor.engine.control.save()

    @property
    def _monitors(self) -> list[MonitorScreen]:
        return [screen for screen in self.screen_stack if isinstance(screen, MonitorScreen)]

    def action_suspend_process(self) -> None:
        """Ctrl-Z, or SIGTSTP: back to the shell, together with the process that started this one; ``fg`` returns."""
        if not (self._driver and self._driver.can_suspend and hasattr(signal, "SIGTSTP")):
            self.root.reply("There is no shell to return to here")
            return
        with self.suspend(), contextlib.ExitStack() as standing_still:
            for monitor in self._monitors:
                standing_still.enter_context(monitor.standing_still())
            for number in (signal.SIGTSTP, signal.SIGCONT):
                signal.signal(number, signal.SIG_DFL)
            os.kill(0, signal.SIGTSTP)  # no effect if no shell could continue it
            while signals.in_background():
                os.kill(0, signal.SIGTSTP)
        self._heed_job_control()

    def _come_back(self) -> None:
        """Restores the terminal, which a stop without warning (SIGSTOP) may have left in any state."""
        if self._driver and self._driver.can_suspend:
            with self.suspend():
                pass

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every key of the screen, and of Textual's own commands those that no key does."""
        for command in super().get_system_commands(screen):
            if command.title == "Screenshot":
                yield command._replace(help="Save a picture of the screen as an SVG file")
        for title, kind in CATALOGS.items():
            yield SystemCommand(title, f"Read about the {title.lower()}", partial(self._show_catalog, kind))
        offered = {"quit", "command_palette"}
        for node, binding, enabled, _ in screen.active_bindings.values():
            if enabled and binding.tooltip and binding.action not in offered:
                offered.add(binding.action)
                run = partial(self.run_action, binding.action, node)
                yield SystemCommand(binding.description, binding.tooltip, run)

    def _show_catalog(self, kind: Kind) -> None:
        self.push_screen(CatalogScreen(kind, self.root.trains_in))

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """Saves into the folder where the program was started, as for a pane's picture; a browser downloads it."""
        if self.is_web:
            return super().deliver_screenshot(filename, path, time_format)
        try:
            picture = svg(grid_of(self), "cl-tui")
            written = write_new(started_in(), "cl-tui-screenshot", "svg", picture)
        except EngineError as error:
            self.notify(str(error), title="Screenshot", severity="error", markup=False)
        else:
            self.notify(f"Saved as {written}", title="Screenshot", markup=False)
        return None

    async def action_quit(self) -> None:
        self._quit()

    def action_leave(self) -> None:
        self.root.leave()

    def action_help(self) -> None:
        """Builds each page once, by the kind of screen and its keys: building it takes longer than a key press may."""
        never = self.screen.never if isinstance(self.screen, RootScreen) else frozenset[str]()
        focused = self._pane_in_focus
        name = f"help of {type(self.screen).__name__}, {type(focused).__name__} without {sorted(never)}"
        if not self.is_screen_installed(name):
            self.install_screen(HelpScreen(sections(self.screen, type(self), focused, never)), name)
        self.push_screen(name, self._press)

    def action_here(self) -> None:
        """What can be done with the pane in focus, or on this screen if it has none."""
        pane = self._pane_in_focus
        found = offered(self.screen, pane)
        self.push_screen(ActionsDialog(pane.HELP_TITLE if pane else "What can be done here", found), self._press)

    @property
    def _pane_in_focus(self) -> Pane | None:
        focused = self.screen.focused
        return focused if isinstance(focused, Pane) else None

    def _press(self, key: str | None) -> None:
        """Does what ``key``, chosen from a list, does."""
        if key is not None:
            self.simulate_key(self._own_keys.own(key))

    def action_share(self) -> None:
        root, pane = self.root, self._pane_in_focus
        session = shown_session(root)

        def chosen(kind: Shared | None) -> None:
            if kind in ("film", "gif", "cast"):
                assert session is not None
                self._share_film(kind, session)
            elif kind is not None:
                self.call_after_refresh(self._share_picture, kind, pane, session)

        if self.is_web:
            root.reply("A page in a browser writes no files")
        else:
            self.push_screen(ShareDialog(pane is not None, session is not None), chosen)

    def _share_picture(self, kind: Shared, pane: Pane | None, session: Session | None) -> None:
        try:
            caption = captions(session) if session is not None else []
            path = picture(self, kind, pane, session.name if session is not None else "cl-tui", caption)
        except EngineError as error:
            self.root.reply(str(error))
        else:
            self.root.reply(f"Saved as {path}")

    @work
    async def _share_film(self, kind: Shared, session: Session) -> None:
        root, size = self.root, (self.size.width, self.size.height)
        path = await root.in_background("Making the film", partial(film, kind, session, size))
        if path is not None:
            root.reply(f"Saved as {path}")

    def action_theme(self) -> None:
        before = self.theme

        def chosen(name: str | None) -> None:
            self.theme = name or before
            if name:
                self.remember(theme=name)
                self.root.reply(f"Theme: {name}")

        self.push_screen(ThemeDialog(list(self.available_themes), before), chosen)

    def action_reset_appearance(self) -> None:
        self.remember(**Preferences().model_dump(include=set(APPEARANCE)))
        self.zoomed = None
        self._apply_preferences()
        self.screen.refresh(layout=True)
        for screen in self.screen_stack:
            if isinstance(screen, PanesScreen):
                screen.apply_preferences(self.preferences)
        self.root.reply("Theme, scales and curves are reset to the defaults")

    def action_log(self) -> None:
        root, falls = self.root, Falls()

        def happened() -> list[Line]:
            if not isinstance(root, PanesScreen):
                return []
            view = root.current_view()
            return timeline(view.history, view.config, falls)

        self.push_screen(LogScreen(self.captured, happened))
