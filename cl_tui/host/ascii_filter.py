"""Text in ASCII, for terminals that show nothing else: which terminals those are, and how characters are replaced."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, TextIO, cast

Charts = Literal["auto", "braille", "ascii"]

_POOR_TERMINALS = ("linux", "vt")
"""Beginnings of TERM for terminals without braille in their fonts."""
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""Values that Python itself puts into LC_CTYPE in the C locale (PEP 538)."""

_KINDS = {
    "bars": ("▁▂▃▄▅▆▇█▀▔▒", ".:-=+*%##-%"),
    "edges": ("▉▊▋▌▍▎▏▐▕", "|||||||||"),
    "lines": ("─│┊┤━┃═║╸╺╴╶╱╲├", "-|:+=|=|===-/\\+"),
    "corners": ("╭╮╰╯┌┐└┘┏┓┗┛", "++++++++++++"),
    "pointers": ("←↑→↓▶▸▲▼▾◀⏎⌫", "<^>v>>^vv<E<"),
    "states": ("●■◌⏸✔✖⚠○★◆◇□△", "o#.=+x!0*&%HA"),
    "signs": ("·•…–—−×÷±≤≥√∂‖", ".*.---x/+<>vd|"),
    "Greek": ("ΔΣΩαγδεθλμξω", "DSOagdetlmxw"),
}
_SIGNS = {sign: plain for signs, plains in _KINDS.values() for sign, plain in zip(signs, plains, strict=True)}
"""Each non-ASCII character that the screens draw and that contains no ASCII letter, as one ASCII character."""
_GREEK = {"Δ": "Delta", "Σ": "sum", "Ω": "Omega", "α": "alpha", "γ": "gamma", "δ": "delta", "ε": "epsilon"}
_GREEK |= {"θ": "theta", "λ": "lambda", "μ": "mu", "ξ": "xi", "ω": "omega"}
_WORDS = _GREEK | {"…": "...", "←": "<-", "→": "->", "↑": "Up", "↓": "Down", "⏎": "Enter", "⌫": "Backspace"}
_WORDS |= {"±": "+-", "≤": "<=", "≥": ">=", "√": "sqrt", "½": "1/2"}
"""Names of characters, used if there is room."""
_RAISED = dict(zip("²ᵀᵗᵃˢʳᵏ", "2Ttasrk", strict=True))
_LOWERED = dict(zip("ᵢⱼₜₙₖ₀₁₂", "ijtnk012", strict=True))
_LONGER = re.compile(f"[{''.join([*_WORDS, *_RAISED, *_LOWERED])}]")
_ESCAPE_OR_CHARACTER = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x1b\x07]*(?:\x07|\x1b\\)|.", re.DOTALL)
_BETWEEN_EDGES = re.compile(r"[│╭╮╰╯]+|[^│╭╮╰╯]+")
_BRAILLE = 0x2800
_LEFT, _TOP = 0x01 | 0x02 | 0x04 | 0x40, 0x01 | 0x02 | 0x08 | 0x10
"""The dots in the left column of a cell, and those in its upper half."""


class AsciiStream:
    """A text stream, such as stdout, that writes everything in ASCII."""

    encoding = "ascii"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(text if text.isascii() else "".join(map(translated, text.splitlines(keepends=True))))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def in_ascii(stream: TextIO, environment: Mapping[str, str]) -> TextIO:
    """``stream`` itself if it can show everything."""
    if not stream.isatty():
        environment = {name: value for name, value in environment.items() if name != "TERM"}
    if wanted("auto", environment) or not (stream.encoding or "utf-8").lower().startswith("utf"):
        return cast(TextIO, AsciiStream(stream))
    return stream


def translated(line: str) -> str:
    """A line in ASCII. A replacement longer than its character takes its room from the blanks after it.

    >>> translated("✔ Ω²=0.1   ━━╸── ▁▄█ 日本 é")
    '+ Omega^2=0.1 ===-- .=# ???? e'
    >>> translated("c·ΣΩΔθ² + αg, λ → 5, 98.7 ± 0.3…")
    'c*sum Omega Delta theta^2 + alpha g, lambda -> 5, 98.7 +- 0.3...'
    """
    return "".join(spelled_line(line, fixed=False))


def spelled(key: str) -> str:
    """A key's name in ASCII.

    >>> spelled("⏎"), spelled("←"), spelled("^p")
    ('Enter', 'Left', '^p')
    """
    return "".join({"←": "Left", "→": "Right"}.get(sign, _WORDS.get(sign, _ascii(sign))) for sign in key)


def by_sign(text: str) -> str | None:
    """``text`` in ASCII if each character has a replacement of its own width (a fast check); else None."""
    if text.isascii():
        return text
    return None if _LONGER.search(text) else "".join(map(_ascii, text))


def spelled_line(line: str, fixed: bool) -> list[str]:
    """The replacement of each character or escape code. ``fixed``: the line and the panes in it keep their widths."""
    if not fixed:
        return _spelled(_ESCAPE_OR_CHARACTER.findall(line), fixed)
    return [form for part in _BETWEEN_EDGES.findall(line) for form in _spelled(part, fixed)]


def _spelled(parts: Sequence[str], fixed: bool) -> list[str]:
    short = [part if len(part) > 1 else _ascii(part) for part in parts]
    forms = [_form(parts, place) for place in range(len(parts))]
    _make_room(forms, short, " ")
    if not fixed:
        return forms
    _make_room(forms, short, "-")
    over = sum(map(len, forms)) - sum(map(len, short))
    for fill in (" ", "-"):  # before a word at the right edge
        for place in range(len(forms) - 1, 0, -1):
            if over > 0 and forms[place] == forms[place - 1] == fill:
                forms[place] = ""
                over -= 1
    for place in range(len(forms) - 1, -1, -1):  # no room at all
        if over > 0 and len(forms[place]) > len(short[place]):
            over -= len(forms[place]) - len(short[place])
            forms[place] = short[place]
    for place in range(len(forms) - 1, -1, -1):  # a word given up leaves room for what was shortened before
        if over < 0 and not forms[place]:
            forms[place] = short[place]
            over += 1
    forms[-1] += " " * -over
    return forms


def _make_room(forms: list[str], short: Sequence[str], fill: str) -> None:
    """Shortens runs of ``fill`` by as much as the words before them are longer than their characters."""
    in_all = sum(map(len, forms)) - sum(map(len, short))
    over, before = 0, ""
    for place, form in enumerate(forms):
        if min(over, in_all) > 0 and form == before == fill:
            forms[place] = ""
            over, in_all = over - 1, in_all - 1
        elif form:
            before = before if form.startswith("\x1b") else form
            over += len(form) - len(short[place])
        else:
            over -= 1


def _form(parts: Sequence[str], place: int) -> str:
    part, before, after = parts[place], parts[place - 1] if place else " ", parts[place + 1 : place + 2]
    if len(part) > 1 or part.isascii():
        return part
    if part in _GREEK:
        apart = before in _GREEK or (before.isascii() and before.isalpha())
        return " " * apart + _GREEK[part] + " " * (bool(after) and after[0].isascii() and after[0].isalpha())
    for marks, sign in ((_RAISED, "^"), (_LOWERED, "_")):
        if part in marks:
            return sign * (before not in marks) + marks[part]
    if part == "·" and not before.isspace() and after and not after[0].isspace():
        return "*"
    return _WORDS.get(part) or _ascii(part)


@lru_cache(4096)
def _ascii(character: str) -> str:
    """A replacement of the same width."""
    if character.isascii():
        return character
    if character in _SIGNS:
        return _SIGNS[character]
    if 0 <= ord(character) - _BRAILLE < 256:
        return _dots(ord(character) - _BRAILLE)
    from rich.cells import cell_len

    width, plain = cell_len(character), unicodedata.normalize("NFKD", character)[0]
    if plain.isascii():
        return plain.ljust(width)[:width]
    return ("?" if character.isalnum() else " ") * width


def _dots(dots: int) -> str:
    """A braille cell as one character: high, low or both, and heavier if both columns have dots.

    >>> [_dots(ord(cell) - 0x2800) for cell in "⠀⠁⡀⡇⠉⣀⣿"]
    [' ', "'", '.', ':', '"', '_', '#']
    """
    heavy = bool(dots & _LEFT and dots & ~_LEFT)
    high, low = bool(dots & _TOP), bool(dots & ~_TOP)
    return (" .':", ' _"#')[heavy][2 * high + low]


def wanted(charts: Charts, environment: Mapping[str, str]) -> bool:
    """Whether to draw in ASCII; ``auto`` looks at the terminal's name and the locale.

    If no locale is set, as in many containers, it counts as UTF-8.

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
