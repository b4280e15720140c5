"""A screen that offers only what it can do."""

from collections.abc import Hashable
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

    _offered: Hashable = ()
    """What decided about the keys when the footer was last built."""

    @property
    def never(self) -> frozenset[str]:
        """Actions of the screen or the program that cannot be done here, or no longer."""
        return frozenset({"write", "suspend_process"} if in_browser() else ())

    @property
    def refused(self) -> frozenset[str]:
        """Those that cannot be done at this moment."""
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
        """Builds the footer again where ``choices``, which decide about the keys, are others than before."""
        if choices != self._offered:
            self._offered = choices
            self.refresh_bindings()
