"""Themes whose colours everyone can distinguish, and which theme suits a terminal."""

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from textual.theme import Theme

from cl_tui.host.preferences import OwnTheme

DEFAULT = "nord"
LIGHT = "okabe-ito-light"
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
"""On dark and on light."""
THEMES = [
    Theme(f"okabe-ito-{shade}", dark=shade == "dark", **{part: pair[place] for part, pair in _PARTS.items()})
    for place, shade in enumerate(("dark", "light"))
]


def own_theme(name: str, own: OwnTheme) -> Theme:
    """A theme of the user's own, on the colours of Okabe & Ito."""
    suiting = {part: pair[not own.dark] for part, pair in _PARTS.items()}
    chosen = own.model_dump(exclude={"dark"}, exclude_none=True)
    return Theme(name, dark=own.dark, **suiting | chosen)


def suiting(environment: Mapping[str, str], light: Callable[[], bool] = lambda: False) -> str:
    """The theme for a first start, where ``light`` finds out whether the terminal is.

    >>> suiting({"TERM": "xterm-256color"}), suiting({"TERM": "linux"})
    ('nord', 'ansi-dark')
    >>> suiting({"TERM": "xterm-256color"}, lambda: True)
    'okabe-ito-light'
    """
    console = Console(force_terminal=True, _environ=environment)
    if console.color_system not in ("256", "truecolor"):
        return SIXTEEN
    return LIGHT if light() else DEFAULT
