"""Where commands print, and the files that they write for other programs."""

import errno
import os
import tempfile
from pathlib import Path

from rich.console import Console

from engine import strict_json
from engine.disk import write_whole
from engine.errors import ConfigError, SessionError

PIPE_WIDTH = 200
"""Wide enough that no name is cut."""
STDOUT = Path("-")
"""The name of standard output where an option expects a file."""


def console(stderr: bool = False, piped: int = PIPE_WIDTH) -> Console:
    """Prints text unchanged: names and settings are never read as markup. ``piped``: columns without a terminal."""
    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = piped
    return made


def print_as_it_is(text: str) -> None:
    """Prints without wrapping or colours, for other programs."""
    console().out(text, end="", highlight=False)


def check_writable(path: Path | None, option: str = "--json") -> None:
    """Checks before hours of training, not after them. Raises ConfigError."""
    if path is None or path == STDOUT:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ConfigError(f"{option} {path} cannot be written: {error.strerror}") from None


def write_result(path: Path, text: str) -> None:
    """Writes the whole file or nothing. Raises SessionError."""
    if path == STDOUT:
        print_as_it_is(text)
        return
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise SessionError(
            f"{path} cannot be written: {error.strerror}; run the same command again to write it"
        ) from None


def write_json(path: Path | None, content: object) -> None:
    """If a path is given. Numbers that are not finite become null. Raises SessionError."""
    if path is not None:
        write_result(path, strict_json.dumps(content, indent=2) + "\n")
