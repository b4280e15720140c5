"""Names of sessions: letters and digits of any script, within what files and terminals everywhere can hold."""

import os
import re
import sys
import unicodedata

from engine.errors import ConfigError
from engine.text import visible

MOST_CHARACTERS = 100
MOST_BYTES = 200
"""In UTF-8. A file's name may have 255, and what is added to a session's takes up to 40: .NAME.4194304.new."""
_OF_WINDOWS = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names of devices, regardless of what follows a dot."""
_UNSEEN = re.compile(
    "[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\ufe00-\\ufe0f\\uffa0\\U000e0100-\\U000e01ef]"
)
"""Letters and marks that show nothing: fillers and variation selectors."""


def check_name(name: str) -> str:
    """``name`` as the session's folder is called, in Unicode's form NFC. Raises ConfigError for what is no name on some
    system.

    >>> check_name("naïve-実験_1") == check_name("nai\\u0308ve-実験_1") == "naïve-実験_1"
    True
    """
    normal = unicodedata.normalize("NFC", name)
    if problem := _problem(normal):
        raise ConfigError(f"session name {name[:MOST_CHARACTERS]!r}: {problem}", "name")
    return normal


def is_name(name: str) -> bool:
    """Whether a session may be called so; normalised or not."""
    return not _problem(unicodedata.normalize("NFC", name))


def _problem(name: str) -> str:
    """What to do about a name that cannot be; empty where it can."""
    if len(name) > MOST_CHARACTERS or len(name.encode(errors="replace")) > MOST_BYTES:
        return f"use at most {MOST_CHARACTERS} letters, which take at most {MOST_BYTES} bytes"
    if not _allowed(name):
        return "use letters and digits of any script, '.', '_' and '-', a letter or digit first, and no '.' last"
    if _OF_WINDOWS.fullmatch(name):
        return "on Windows this is a device; choose another"
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return f"file names are in {sys.getfilesystemencoding()} here: set a locale with UTF-8, or choose other letters"
    return ""


def _allowed(name: str) -> bool:
    kinds = [unicodedata.category(character) for character in name]
    return (
        bool(name)
        and (kinds[0][0] == "L" or kinds[0] == "Nd")
        and name[-1] != "."
        and all(kind[0] in "LM" or kind == "Nd" or of in "._-" for of, kind in zip(name, kinds, strict=True))
        and visible(name) == name
        and not _UNSEEN.search(name)
    )


def alike(name: str) -> str:
    """The same for names that are one folder where systems do not tell capitals from small letters, nor é from e with
    an accent.

    >>> alike("Naïve") == alike("nai\\u0308ve") != alike("naive")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def extended(name: str, ending: str) -> str:
    """``name`` with ``ending``, shortened so that it can be a name.

    >>> extended("calm-otter", "-fork-1"), len(extended(100 * "a", "-fork-1"))
    ('calm-otter-fork-1', 100)
    """
    while len(name + ending) > MOST_CHARACTERS or len((name + ending).encode()) > MOST_BYTES:
        name = name[:-1]
    return name + ending
