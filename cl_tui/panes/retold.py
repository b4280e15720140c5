"""What was computed for a session that keeps no examples to look at: from its checkpoints at tasks' ends."""

from dataclasses import dataclass, field, replace

from cl_tui.panes.view import View
from engine.record.events import Packed
from engine.record.history import History
from engine.record.series import Series
from engine.record.shown import Shown


@dataclass(eq=False)
class Retold:
    shown: Shown
    told: tuple[Packed, ...]
    """In the order of the steps."""
    _merged: tuple[History, History] | None = field(default=None, init=False)
    """The newest history, without and with what is told."""

    def into(self, view: View) -> View:
        """``view`` with the examples, and with the answers up to its step."""
        if self._merged is None or self._merged[0] is not view.history:
            packed: dict[str, Series[Packed]] = dict(view.history.packed)
            for event in self.told:
                if event.step <= view.history.step:
                    packed[event.name] = packed.get(event.name, Series()).plus(event)
            self._merged = (view.history, replace(view.history, packed=packed))
        return replace(view, shown=self.shown, history=self._merged[1])
