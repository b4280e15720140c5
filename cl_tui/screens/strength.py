"""The strength dialog: c or λ, changed in steps or typed."""

import math
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.validation import Function
from textual.widgets import Input, Static

from cl_tui.screens.dialogs import Dialog
from engine.settings.text import shown

TURN = math.sqrt(10)
"""Factor of a step; two steps are a power of ten."""
FIRST = 1e-3
"""The first step up from 0."""


class StrengthDialog(Dialog[float | None]):
    """Returns the strength to train with from the next step on, or None to keep the present one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "turn(1)", "Stronger", priority=True),
        Binding("down", "turn(-1)", "Weaker", priority=True),
        Binding("escape", "dismiss(None)", "Cancel"),
    ]

    def __init__(self, symbol: str, strength: float) -> None:
        super().__init__(f"Strength {symbol}")
        self._symbol = symbol
        self._strength = strength

    def content(self) -> ComposeResult:
        yield Static(f"Now {self._symbol} = {shown(self._strength)}. From the next step on:", markup=False)
        field = shown(self._strength)
        yield Input(field, validators=[Function(_usable, "0 or a larger number")], select_on_focus=True)
        yield Static("Enter applies it to the run; it is logged and marked on the curves.", markup=False)

    def action_turn(self, direction: int) -> None:
        """Rounds to two digits, so that turning up and down again gives the same numbers."""
        field = self.query_one(Input)
        value = float(field.value) if _usable(field.value) else self._strength
        turned = value * TURN**direction if value else (FIRST if direction > 0 else 0.0)
        field.value = shown(float(f"{turned:.2g}"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if _usable(event.value):
            chosen = float(event.value)
            self.dismiss(chosen if chosen != self._strength else None)
        else:
            self.query(Static).last().update(
                "This is not a strength: enter 0 or a larger number, for example 0.5 or 1e3."
            )


def _usable(text: str) -> bool:
    """
    >>> [_usable(text) for text in ("0", "1e3", "-1", "nan", "x", "")]
    [True, True, False, False, False, False]
    """
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and 0 <= value <= 1e15
