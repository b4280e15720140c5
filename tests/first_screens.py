"""The program at each of its first screens, with sessions in a folder."""

from pathlib import Path
from typing import Any

from textual.screen import Screen
from textual.widgets import Static

from cl_tui.host.exit_status import ExitStatus
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.help import HelpScreen, KeyTable
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.watch import WatchScreen
from tests import runs, screen_data
from tests.screen_data import ToldEngine


def monitor(folder: Path) -> Screen[ExitStatus]:
    session = screen_data.session(folder)
    return MonitorScreen(ToldEngine(session, screen_data.history(2500)), None)


def replay(folder: Path) -> Screen[ExitStatus]:
    runs.finished(folder / "sessions", runs.tiny("si"), "calm-otter")
    return WatchScreen(folder / "sessions", "calm-otter", read_only=True)


def compared(folder: Path) -> Screen[ExitStatus]:
    for name, method in (("calm-otter", "si"), ("brave-fox", "ewc")):
        runs.finished(folder / "sessions", runs.tiny(method), name)
    return CompareScreen(folder / "sessions", ["calm-otter", "brave-fox"])


def home(folder: Path) -> Screen[ExitStatus]:
    runs.finished(folder / "sessions", runs.tiny("si"), "calm-otter")
    return HomeScreen(folder / "sessions", read_only=True)


def helped(screen: Screen[Any]) -> str:
    """What the help says, a line per action."""
    assert isinstance(screen, HelpScreen)
    return "\n".join(
        "\n".join(f"{keys:<10} {does}" for keys, does in part.lines)
        if isinstance(part, KeyTable)
        else str(part.content)
        for part in screen.query(Static)
    )


FIRST_SCREENS = [monitor, replay, compared, home]
