"""Makes untrusted text safe to show, and long lists short."""

import unicodedata
from collections.abc import Iterable, Sequence

MOST_FAULTS = 20
MOST_MARKS = 3
"""Most accents on one letter; a stack of them would cover the lines around it."""


def visible(text: str) -> str:
    """``text`` with control characters, invisible characters and stacks of accents escaped.

    >>> visible("\\x1b[31mred\\x1b[0m\\n\\u202eé")
    '\\\\x1b[31mred\\\\x1b[0m\\\\n\\\\u202eé'
    """
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        safe = character.isprintable() and marks <= MOST_MARKS
        shown.append(character if safe else character.encode("unicode_escape").decode("ascii"))
    return "".join(shown)


def some(names: Sequence[str], most: int = 5) -> str:
    """The first ``most`` names, and how many more there are.

    >>> some(["ant", "bee", "cat"], 2), some(["ant"])
    ('ant, bee and 1 more', 'ant')
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def listed(faults: Sequence[str], count: int) -> str:
    """The first of ``count`` faults, and how many more there are.

    >>> listed(["a is empty", "b is empty"], 2)
    'a is empty; b is empty'
    """
    more = f"; and {count - MOST_FAULTS:,} more" if count > MOST_FAULTS else ""
    return "; ".join(faults[:MOST_FAULTS]) + more


def by(shape: Iterable[int]) -> str:
    """
    >>> by((3, 32, 32)), by(())
    ('3×32×32', 'a single number')
    """
    return "×".join(map(str, shape)) or "a single number"


def plain(dtype: object) -> str:
    """The name of a type of torch's.

    >>> plain("torch.float32")
    'float32'
    """
    return str(dtype).removeprefix("torch.")
