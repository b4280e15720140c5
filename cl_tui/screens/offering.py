"""A screen that offers only possible actions."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

from textual.screen import Screen

from cl_tui.host.exit_status import ExitStatus
from cl_tui.host.preferences import in_browser

if TYPE_CHECKING:
    from textual.binding import ActiveBinding


class OfferingScreen(Screen[ExitStatus]):
    """Footer and palette leave out actions ``refused`` now; help leaves out those that ``never`` work here.

    The keys still answer, with the reason.
    """

    _offered: Hashable = ()
    """The values that determined the keys when the footer was last built."""

    @property
    def never(self) -> frozenset[str]:
        """Actions of the screen or the program that are impossible here, or no longer possible."""
        return frozenset({"write", "suspend_process"} if in_browser() else ())

    @property
    def refused(self) -> frozenset[str]:
        """Actions that are impossible at this moment."""
        return self.never

    @property
    def active_bindings(self) -> "dict[str, ActiveBinding]":
        own, refused = (self, self.app), self.refused
        found = super().active_bindings
        return {
            key: active
            for key, active in found.items()
            if active.node not in own or active.binding.action not in refused
        }

    def offer_by(self, *choices: Hashable) -> None:
        """Rebuilds the footer if ``choices``, which determine the keys, have changed."""
        if choices != self._offered:
            self._offered = choices
            self.refresh_bindings()
