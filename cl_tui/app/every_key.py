"""All keys, for a list outside the screens."""

from cl_tui.app.app import ClTui
from cl_tui.screens.compare import CompareScreen
from cl_tui.screens.home import HomeScreen
from cl_tui.screens.keys_here import PROGRAM, declared_by_class
from cl_tui.screens.monitor import MonitorScreen
from cl_tui.screens.panes import PANES
from cl_tui.screens.watch import WatchScreen

OWNERS: tuple[type, ...] = (MonitorScreen, WatchScreen, HomeScreen, CompareScreen, *PANES, ClTui)


def every_key() -> list[tuple[str, str, str]]:
    """Each key with what it is for and what it does."""
    found = dict[tuple[str, str], tuple[str, str, str]]()
    for owner in OWNERS:
        for base, key in declared_by_class(owner):
            title = getattr(base, "KEYS_TITLE", None) or getattr(base, "HELP_TITLE", PROGRAM)
            found.setdefault((key.key, key.tooltip), (key.key, str(title), key.tooltip))
    return list(found.values())
