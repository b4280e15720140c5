"""Themes whose colours everyone can distinguish, and which theme suits a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from textual.theme import Theme

DEFAULT = "nord"
SIXTEEN = "ansi-dark"
"""The theme for terminals with at most sixteen colours, where others would be rounded to unreadable colours."""

# Okabe & Ito (2008), "Color Universal Design": colours that are distinct with every kind of colour vision.
_ORANGE, _SKY, _GREEN, _YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
_BLUE, _VERMILION, _PURPLE = "#0072B2", "#D55E00", "#CC79A7"

_PARTS: dict[str, tuple[Any, Any]] = {
    "primary": (_SKY, _BLUE),
    "secondary": (_PURPLE, "#A14F7C"),
    "accent": (_YELLOW, _BLUE),
    "success": (_BLUE, _SKY),
    "warning": (_ORANGE, _ORANGE),
    "error": (_VERMILION, _VERMILION),
    "foreground": ("#E6E6E6", "#20242C"),
    "background": ("#16181D", "#FAFAFA"),
    "surface": ("#1C1F26", "#F0F1F3"),
    "panel": ("#272B34", "#E1E4E9"),
}
"""On dark and on light. The heat map goes from vermilion (poor) through orange to blue (good), never green to red."""
THEMES = [
    Theme(f"okabe-ito-{shade}", dark=shade == "dark", **{part: pair[place] for part, pair in _PARTS.items()})
    for place, shade in enumerate(("dark", "light"))
]


def suiting(environment: Mapping[str, str]) -> str:
    """The theme for a first start.

    >>> suiting({"TERM": "xterm-256color"}), suiting({"TERM": "linux"})
    ('nord', 'ansi-dark')
    """
    console = Console(force_terminal=True, _environ=environment)
    return DEFAULT if console.color_system in ("256", "truecolor") else SIXTEEN
