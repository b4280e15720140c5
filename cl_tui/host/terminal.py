"""Whether the terminal can show a screen, its size, and sentences that fit it."""

import contextlib
import os
import sys
import textwrap
from collections.abc import Mapping
from typing import TextIO

from engine.text import visible

_ANSI_CURSOR = b"\x1b[%i%p1%d;%p2%dH"
"""terminfo's entry for moving the cursor, if it is the sequence that Textual sends."""

_USUAL = (24, 80)
"""Default lines and columns."""


def unfit(environment: Mapping[str, str]) -> str:
    """Why this terminal cannot show a screen, or ''.

    Textual does not ask terminfo: it sends xterm's sequences to any terminal. So names unknown to terminfo pass
    (xterm-kitty on an old server). Terminals without a name are refused, and terminals that say they can do nothing, or
    that terminfo knows to move the cursor in another way, or not at all.

    >>> unfit({"TERM": "dumb"}), unfit({"TERM": "xterm-kitty"})
    ('the screen cannot be shown on this terminal (TERM=dumb)', '')
    """
    name = environment.get("TERM", "")
    if not name and os.name == "posix":  # Windows needs none
        return "the screen cannot be shown while TERM is not set (xterm-256color fits most terminals)"
    if name in ("dumb", "unknown") or _moves_otherwise(name):
        return f"the screen cannot be shown on this terminal (TERM={visible(name)})"
    return ""


def _moves_otherwise(name: str) -> bool:
    """Whether terminfo knows this terminal and says that the ANSI sequence does not move its cursor."""
    try:
        import curses
    except ImportError:  # Windows
        return False
    try:
        curses.setupterm(name, 1)
    except curses.error:
        return False
    return not (curses.tigetstr("cup") or b"").startswith(_ANSI_CURSOR)


def size_known() -> None:
    """Gives a terminal without a size the default one: a serial line, or a container that gets its size a moment later.

    Otherwise Rich and Textual would each assume a different size, and draw endlessly.
    """
    if sys.platform == "win32" or sys.__stdout__ is None:
        return
    import termios

    with contextlib.suppress(OSError, termios.error):  # no terminal
        descriptor = sys.__stdout__.fileno()
        if 0 in termios.tcgetwinsize(descriptor):
            termios.tcsetwinsize(descriptor, _USUAL)


def wrapped(text: str, stream: TextIO) -> str:
    """``text`` wrapped between words if ``stream`` is a terminal, else unchanged."""
    try:
        width = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except OSError:
        width = 0
    if width <= 0:
        return text
    return "\n".join(
        textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False) for line in text.split("\n")
    )


def complain(text: str) -> None:
    """Prints a sentence on stderr."""
    print(wrapped(text, sys.stderr), file=sys.stderr)
