"""The whole screen in ASCII, for terminals that can show nothing else: one filter over everything that is drawn."""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

Charts = Literal["auto", "braille", "ascii"]

_POOR_TERMINALS = ("linux", "vt")
"""How TERM begins where there are no braille dots in the font."""
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python itself puts into LC_CTYPE where the locale is C (PEP 538)."""

_KINDS = {
    "bars": ("▁▂▃▄▅▆▇█▀▔", ".:-=+*%##-"),
    "edges": ("▉▊▋▌▍▎▏▐▕", "|||||||||"),
    "lines": ("─│┊┤━┃═║╸╺╴╶", "-|:+=|=|===-"),
    "corners": ("╭╮╰╯┌┐└┘┏┓┗┛", "++++++++++++"),
    "pointers and keys": ("←↑→↓▶▲▼◀⏎⌫", "<^>v>^v<E<"),
    "states": ("●■◌⏸✔✖⚠", "o#.=+x!"),
    "signs": ("·•…–—−×÷±≤≥√∂‖", ".*.---x/+<>vd|"),
    "Greek": ("ΔΣΩαγδεθλμξω", "DSOagdetlmxw"),
}
_SIGNS = {sign: plain for signs, plains in _KINDS.values() for sign, plain in zip(signs, plains, strict=True)}
"""Every sign that the screens draw and that has no plain letter in it."""
_BRAILLE = 0x2800
_LEFT, _TOP = 0x01 | 0x02 | 0x04 | 0x40, 0x01 | 0x02 | 0x08 | 0x10
"""The dots in the left column of a cell, and those in its upper half."""


class AsciiFilter(LineFilter):
    """Draws every character in ASCII, in as many cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(translated(text), style, control) for text, style, control in segments]


def translated(text: str) -> str:
    """
    >>> translated("✔ Ω² ━━╸── ▁▄█ 日本 é")
    '+ O2 ===-- .=# ???? e'
    """
    return text if text.isascii() else "".join(map(_ascii, text))


@lru_cache(4096)
def _ascii(character: str) -> str:
    if character.isascii():
        return character
    if character in _SIGNS:
        return _SIGNS[character]
    if 0 <= ord(character) - _BRAILLE < 256:
        return _dots(ord(character) - _BRAILLE)
    width, plain = cell_len(character), unicodedata.normalize("NFKD", character)[0]
    return plain.ljust(width)[:width] if plain.isascii() else "?" * width


def _dots(dots: int) -> str:
    """A braille cell as one character: high, low or both, and heavier where both of its columns have dots.

    >>> [_dots(ord(cell) - 0x2800) for cell in "⠀⠁⡀⡇⠉⣀⣿"]
    [' ', "'", '.', ':', '"', '_', '#']
    """
    heavy = bool(dots & _LEFT and dots & ~_LEFT)
    high, low = bool(dots & _TOP), bool(dots & ~_TOP)
    return (" .':", ' _"#')[heavy][2 * high + low]


def wanted(charts: Charts, environment: Mapping[str, str]) -> bool:
    """Whether to draw in ASCII; ``auto`` goes by the terminal's name and by the locale.

    A locale that is not set at all, as in many containers, is taken to be UTF-8.

    >>> [wanted("auto", {"LANG": lang, "LC_CTYPE": "C.UTF-8"}) for lang in ("de_DE.UTF-8", "", "C")]
    [False, False, True]
    """
    if charts != "auto":
        return charts == "ascii"
    if environment.get("TERM", "").startswith(_POOR_TERMINALS):
        return True
    language = environment.get("LANG", "")
    names = [environment.get("LC_ALL"), environment.get("LC_CTYPE"), language]
    if language in ("C", "POSIX") and names[1] in _COERCED:
        names[1] = None
    locale = next((name for name in names if name), "UTF-8")
    return "UTF8" not in locale.upper().replace("-", "")
