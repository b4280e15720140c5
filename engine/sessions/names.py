"""Names of sessions: letters and digits of any script that every file system and terminal can handle."""

import contextlib
import os
import re
import sys
import unicodedata
from pathlib import Path

from engine.errors import ConfigError, SessionExists
from engine.text import visible

MOST_CHARACTERS = 100
MOST_BYTES = 200
"""Longest name in UTF-8. A file name may have 255 bytes, and a session's gets up to 40 more: .NAME.4194304.new."""
_OF_WINDOWS = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names of Windows devices, with any extension."""
_PLAIN = re.compile(r"[A-Za-z0-9](?:[\w.-]*[\w-])?", re.ASCII)
"""Names of the usual letters, which need no closer look."""
_UNSEEN = re.compile(
    "[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\ufe00-\\ufe0f\\uffa0\\U000e0100-\\U000e01ef]"
)
"""Invisible letters and marks: fillers and variation selectors."""


def free_name(sessions_dir: Path) -> str:
    """Two words, such as calm-otter, that are not yet the name of a session there."""
    from coolname import generate_slug  # reads its lists of words: only when needed

    while (sessions_dir / (name := generate_slug(2))).exists():
        pass
    return name


def check_name(name: str) -> str:
    """``name`` in Unicode's form NFC, the name of the session's folder. Raises ConfigError if some system refuses it.

    >>> check_name("naïve-実験_1") == check_name("nai\\u0308ve-実験_1") == "naïve-実験_1"
    True
    """
    normal = unicodedata.normalize("NFC", name)
    if problem := _problem(normal):
        raise ConfigError(f"session name {name[:MOST_CHARACTERS]!r}: {problem}", "name")
    return normal


def is_name(name: str) -> bool:
    """Whether ``name``, normalised or not, is a valid session name."""
    return not _problem(unicodedata.normalize("NFC", name))


def _problem(name: str) -> str:
    """What to do about an invalid name; empty if it is valid."""
    if len(name) > MOST_CHARACTERS or len(name.encode(errors="replace")) > MOST_BYTES:
        return f"use at most {MOST_CHARACTERS} characters and at most {MOST_BYTES} bytes"
    if not _allowed(name):
        return "use letters and digits of any script, '.', '_' and '-'; begin with a letter or digit, end without '.'"
    if _OF_WINDOWS.fullmatch(name):
        return "Windows reserves this name for a device; choose another"
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return f"file names use {sys.getfilesystemencoding()} here: set a UTF-8 locale, or choose other letters"
    return ""


def _allowed(name: str) -> bool:
    if _PLAIN.fullmatch(name):
        return True
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
    """The same key for names that are one folder on some systems: they may ignore case and Unicode's normal form.

    >>> alike("Naïve") == alike("nai\\u0308ve") != alike("naive")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def refuse_alike(sessions_dir: Path, name: str, but: str = "") -> None:
    """Raises SessionExists if some system would confuse ``name`` with a session other than ``but``."""
    with contextlib.suppress(OSError):  # a missing folder has no sessions
        for other in os.listdir(sessions_dir):
            if other != but and alike(other) == alike(name):
                raise SessionExists(
                    f"the names of session {name} and of {other}, which is in {sessions_dir}, differ only in case, "
                    f"which some systems ignore: choose another name"
                )


def extended(name: str, ending: str) -> str:
    """``name`` with ``ending``, shortened to a valid name.

    >>> extended("calm-otter", "-fork-1"), len(extended(100 * "a", "-fork-1"))
    ('calm-otter-fork-1', 100)
    """
    while len(name + ending) > MOST_CHARACTERS or len((name + ending).encode()) > MOST_BYTES:
        name = name[:-1]
    return name + ending
