"""Text that anybody may have written, made safe to show."""

import unicodedata

MOST_MARKS = 3
"""Accents on one letter; a heap of them would climb over the lines around it."""


def visible(text: str) -> str:
    """Text that does nothing to a terminal: control characters, unseen ones and heaps of accents are written out.

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
