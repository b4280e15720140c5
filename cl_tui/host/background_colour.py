"""Whether the terminal's background is light, so that a first start suits it."""

import contextlib
import os
import re
import select
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache

PATIENCE_SECONDS = 1.0
"""How long after the question a terminal may answer. Most take a few milliseconds, over a network as long as the way
there and back. An answer that came later would be taken for keys."""
_ASK = b"\x1b]11;?\x1b\\\x1b[c"
"""OSC 11, which asks for the background, and DA1, which every terminal answers, so that the wait ends."""
_COLOUR = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})")
_ATTRIBUTES = re.compile(rb"\x1b\[\?[\d;]*c")


@contextlib.contextmanager
def asked(environment: Mapping[str, str]) -> Iterator[Callable[[], bool]]:
    """Asks the terminal, and gives a function that says whether its background is light; False if that is not known.
    The answer comes while the caller does something else. On leaving, the terminal is as before."""
    if said := environment.get("COLORFGBG", "").rpartition(";")[2]:
        yield lambda: said in ("7", "15")
        return
    with _listening() as terminal:
        answer = cache(lambda: _answer(*terminal) if terminal else b"")
        yield lambda: is_light(answer())
        answer()  # else its characters would be taken for keys


def is_light(answer: bytes) -> bool:
    r"""
    >>> is_light(b"\x1b]11;rgb:ffff/ffff/eeee\x1b\\"), is_light(b"\x1b]11;rgb:1c/1c/1c\x07"), is_light(b"\x1b[?62c")
    (True, False, False)
    """
    if (found := _COLOUR.search(answer)) is None:
        return False
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return bool(0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5)


@contextlib.contextmanager
def _listening() -> Iterator[tuple[int, float] | None]:
    """The terminal, which was asked, without echo, and until when to wait; None where there is none."""
    if sys.platform == "win32" or sys.__stdin__ is None or sys.__stderr__ is None:
        yield None
        return
    import termios
    import tty

    with contextlib.ExitStack() as after:
        listening = None
        with contextlib.suppress(OSError, termios.error, ValueError):
            stdin, out = sys.__stdin__.fileno(), sys.__stderr__.fileno()
            if os.isatty(stdin) and os.isatty(out) and os.getpgrp() == os.tcgetpgrp(stdin):
                before = termios.tcgetattr(stdin)
                after.callback(termios.tcsetattr, stdin, termios.TCSADRAIN, before)
                tty.setcbreak(stdin, termios.TCSADRAIN)
                os.write(out, _ASK)
                listening = stdin, time.monotonic() + PATIENCE_SECONDS
        yield listening


def _answer(stdin: int, until: float) -> bytes:
    answer = b""
    while not _ATTRIBUTES.search(answer) and select.select([stdin], [], [], max(0.0, until - time.monotonic()))[0]:
        read = os.read(stdin, 1024)
        if not read:
            break
        answer += read
    return answer
