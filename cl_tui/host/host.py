"""What a screen may ask of the program around it."""

from typing import Protocol, runtime_checkable

from textual.screen import Screen
from textual.widget import Widget

from cl_tui.host.exit_status import ExitStatus
from cl_tui.host.preferences import Preferences


@runtime_checkable
class Host(Protocol):
    first: Screen[ExitStatus]
    """The screen that the program began with."""
    preferences: Preferences
    ascii_charts: bool
    """Whether the terminal shows ASCII only."""
    zoomed: type[Widget] | None
    """The kind of pane that fills screens of panes; not remembered from one start to the next."""

    @property
    def written(self) -> int:
        """Bytes that the terminal has got so far."""

    def remember(self, **chosen: object) -> None:
        """Keeps preferences for the next start; says so if they cannot be saved."""

    def end(self, left: Screen[ExitStatus], status: ExitStatus) -> None:
        """Returns to the screen below ``left``, which gets the status, or leaves the program."""
