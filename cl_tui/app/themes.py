"""Themes whose colours everyone can distinguish, and which theme suits a terminal."""

from collections.abc import Mapping

from rich.console import Console
from textual.theme import Theme

DEFAULT = "nord"
SIXTEEN = "ansi-dark"
"""The theme for terminals with at most sixteen colours, where others would be rounded to unreadable colours."""

# Okabe & Ito (2008), "Color Universal Design": colours that are distinct with every kind of colour vision.
_ORANGE, _SKY, _GREEN, _YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
_BLUE, _VERMILION, _PURPLE = "#0072B2", "#D55E00", "#CC79A7"

THEMES = (
    Theme(
        name="okabe-ito-dark",
        primary=_SKY,
        secondary=_PURPLE,
        accent=_YELLOW,
        success=_BLUE,
        warning=_ORANGE,
        error=_VERMILION,
        foreground="#E6E6E6",
        background="#16181D",
        surface="#1C1F26",
        panel="#272B34",
        dark=True,
    ),
    Theme(
        name="okabe-ito-light",
        primary=_BLUE,
        secondary="#A14F7C",
        accent=_BLUE,
        success=_SKY,
        warning=_ORANGE,
        error=_VERMILION,
        foreground="#20242C",
        background="#FAFAFA",
        surface="#F0F1F3",
        panel="#E1E4E9",
        dark=False,
    ),
)
"""Blue is good, orange to vermilion is poor: the heat map goes through both, never from green to red."""


def suiting(environment: Mapping[str, str]) -> str:
    """The theme for a first start.

    >>> suiting({"TERM": "xterm-256color"}), suiting({"TERM": "linux"})
    ('nord', 'ansi-dark')
    """
    console = Console(force_terminal=True, _environ=environment)
    return DEFAULT if console.color_system in ("256", "truecolor") else SIXTEEN
