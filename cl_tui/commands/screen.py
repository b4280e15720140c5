"""The program in the whole terminal, and what is said when it ends."""

import os
import sys
from typing import TYPE_CHECKING

from cl_tui.commands.arguments import UsageError
from cl_tui.host.terminal import complain, wrapped

if TYPE_CHECKING:
    from textual.screen import Screen

    from cl_tui.host.exit_status import ExitStatus
    from engine.sessions.session import Session

PATIENCE_SECONDS = 10.0
"""How long to wait for the engine after the screen broke."""
LAST_LINES = 20
"""How many printed lines are repeated after the screen broke."""
WITHOUT_SCREEN = "add --headless to train without one"


def no_screen() -> str:
    """Why no screen can be shown here, or ''."""
    from cl_tui.host.terminal import unfit

    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        return "the screen needs a terminal"
    return unfit(os.environ)


def require_terminal(instead: str) -> None:
    if why := no_screen():
        raise UsageError(f"{why}: {instead}")


def watch_training(session: "Session", pace: float | None) -> int:
    """Trains with the screen; returns the exit code."""
    from cl_tui.screens.monitor import MonitorScreen
    from engine.training.runner import EngineThread

    engine = EngineThread(session, pace)
    exit_code = show_screen(MonitorScreen(engine, pace))
    engine.control.stop()  # if the screen broke, the engine is still training
    engine.join(PATIENCE_SECONDS)
    return exit_code


def show_screen(first: "Screen[ExitStatus]") -> int:
    """Runs the program in the whole terminal, starting with ``first``; returns the exit code."""
    from cl_tui.host.background_colour import asked
    from cl_tui.host.terminal import size_known

    size_known()
    with asked(os.environ) as light:
        from cl_tui.app.app import ClTui
        from cl_tui.app.themes import DEFAULT, suiting
        from cl_tui.host.capture import Captured, capturing
        from cl_tui.host.preferences import in_browser

        captured = Captured()
        app = ClTui(first, captured, DEFAULT if in_browser() else suiting(os.environ, light))
    with capturing(captured):
        ended = app.run()
    if ended is None:  # the screen broke and said why; the last printed lines may explain more
        for line in captured.since(captured.count - LAST_LINES):
            print(line.text, file=sys.stderr)
        return app.return_code or 1
    return tell(ended) if ended.message else ended.exit_code


def tell(ended: "ExitStatus") -> int:
    """Prints how a run ended; returns the exit code."""
    from cl_tui.host.exit_status import INTERRUPTED

    if ended.exit_code in (0, INTERRUPTED):
        print(wrapped(ended.message, sys.stdout))
    else:
        complain(f"cl-tui: {ended.message}")
    return ended.exit_code
