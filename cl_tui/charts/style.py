"""Lines of a drawing, and the styles that they are drawn in."""

from dataclasses import dataclass
from typing import Literal

from rich.segment import Segment
from rich.style import Style

Line = list[Segment]
Tones = Literal["full", "four", "two", "none"]
"""How many colours pictures have: as many as they need, four, two without colour, or none, in ASCII."""


@dataclass(frozen=True)
class Palette:
    """The styles for drawing functions, taken from the theme by the names in app.tcss."""

    text: Style = Style()
    muted: Style = Style()
    strong: Style = Style()
    good: Style = Style()
    caution: Style = Style()
    bad: Style = Style()
    loss: Style = Style()
    penalty: Style = Style()
    importance: Style = Style()
    accent: Style = Style()
    band: Style = Style()
    """The background of a band around a curve."""
    selected: Style = Style()
    """The background of what is chosen, and what else marks it."""
    coloured: bool = False
    """Whether the terminal shows colours; otherwise signs replace them."""
    tones: Tones = "full"
