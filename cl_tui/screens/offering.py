"""A screen that offers only what it can do."""

from typing import TYPE_CHECKING

from textual.screen import Screen

from cl_tui.outcome import Outcome
from cl_tui.preferences import in_browser

if TYPE_CHECKING:
    from textual.binding import ActiveBinding


class OfferingScreen(Screen[Outcome]):
    """Footer and palette leave out what is ``refused`` now, the help what ``never`` can be done here.

    The keys are still answered, with the reason.
    """

    def __init__(self) -> None:
        super().__init__()
        self.never = frozenset({"write", "suspend_process"} if in_browser() else ())
        """Actions of the screen or the program."""

    @property
    def refused(self) -> frozenset[str]:
        return self.never

    @property
    def active_bindings(self) -> "dict[str, ActiveBinding]":
        own = (self, self.app)
        found = super().active_bindings
        return {
            key: active
            for key, active in found.items()
            if active.node not in own or active.binding.action not in self.refused
        }
