"""The Textual application around the monitor. It imports no torch: the engine's thread does, after the first frame."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from cl_tui.outcome import INTERRUPTED, Outcome
from cl_tui.screens.help import HelpScreen
from cl_tui.screens.monitor import PATIENCE_SECONDS, MonitorScreen
from cl_tui.widgets.pane import Pane
from engine.runner import EngineThread
from engine.session import Session

__all__ = ["ClTui", "Outcome"]

DEFAULT_THEME = "nord"
_QUIT = "Save, leave, and print the line that resumes"


class ClTui(App[Outcome]):
    """Trains ``session`` and shows it; ``run`` returns the Outcome."""

    CSS_PATH = "app.tcss"
    TITLE = "cl-tui"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "next_theme", "Theme", tooltip="Next theme", show=False),
        Binding("question_mark", "help", "Help", key_display="?", tooltip="This help"),
        Binding("q", "quit", "Quit", tooltip=_QUIT),
        Binding("ctrl+c", "quit", "Quit", tooltip=_QUIT, show=False, priority=True),
        Binding("ctrl+p", "command_palette", "Palette", tooltip="Every action by name", show=False),
    ]

    def __init__(self, session: Session, pace: float | None = None, *, engine: EngineThread | None = None) -> None:
        super().__init__()
        self.theme = DEFAULT_THEME
        self.monitor = MonitorScreen(engine or EngineThread(session, pace), pace)

    def get_default_screen(self) -> Screen[None]:
        return self.monitor

    def on_mount(self) -> None:
        gc.set_threshold(2_000, 10, 100)  # a full collection stops the screen and the training for a tenth of a second
        loop = asyncio.get_running_loop()
        for name, handler in (
            ("SIGINT", self.monitor.leave),
            ("SIGTERM", self.monitor.leave),
            ("SIGHUP", self._hang_up),
        ):
            # not on every system, and only in the main thread
            with contextlib.suppress(AttributeError, NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(getattr(signal, name), handler)

    def _hang_up(self) -> None:
        """Leaves; where the terminal itself is gone, without a screen to close, which would wait for it forever."""
        if _terminal_is_there():
            self.monitor.leave()
        else:
            self.monitor.engine.control.stop()
            threading.Thread(target=self._end_process, daemon=True).start()

    def _end_process(self) -> None:
        self.monitor.engine.join(PATIENCE_SECONDS)
        os._exit(INTERRUPTED)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Textual's own, and every key of the monitor."""
        yield from super().get_system_commands(screen)
        if screen is not self.monitor:
            return
        offered = {"quit", "command_palette"}
        for node, binding, enabled, _ in screen.active_bindings.values():
            if enabled and binding.tooltip and binding.action not in offered:
                offered.add(binding.action)
                run = partial(self.run_action, binding.action, node)
                yield SystemCommand(binding.description, binding.tooltip, run)

    async def action_quit(self) -> None:
        self.monitor.leave()

    def action_help(self) -> None:
        bindings = [*MonitorScreen.BINDINGS, *Pane.BINDINGS, *ClTui.BINDINGS]
        self.push_screen(HelpScreen(bindings, self.monitor.query(Pane)))

    def action_next_theme(self) -> None:
        names = list(self.available_themes)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        self.monitor.reply(f"Theme: {self.theme}")


def _terminal_is_there() -> bool:
    try:
        return sys.__stderr__ is not None and os.isatty(sys.__stderr__.fileno())
    except (OSError, ValueError):
        return False
