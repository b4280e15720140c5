"""Makes untrusted text safe to show."""

import unicodedata

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
