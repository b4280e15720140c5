"""What people write about a session: a note, tags, and whether it is pinned. One small TOML file in its folder."""

import contextlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.disk import read_plain, write_whole
from engine.errors import ConfigError, SessionError, first_line
from engine.text import visible

FILES = FILE, ASIDE = "notes.toml", "notes.damaged.toml"
MOST_BYTES = 1 << 16
LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 2000, 40, 20


@dataclass(frozen=True)
class Notes:
    note: str = ""
    tags: tuple[str, ...] = ()
    pinned: bool = False
    problem: str = ""
    """Why the file cannot be read, in a sentence; "" if it can."""

    @property
    def described(self) -> str:
        """In one line, for a list."""
        return " ".join([*(["pinned"] if self.pinned else []), *(f"#{tag}" for tag in self.tags), self.note]).strip()


NONE = Notes()


def tags_of(text: str) -> tuple[str, ...]:
    """Tags as people type them, with blanks or commas between them. Raises ConfigError.

    >>> tags_of("paper, #seeds  paper")
    ('paper', 'seeds')
    """
    found = tuple(dict.fromkeys(word.lstrip("#") for word in text.replace(",", " ").split() if word.strip("#")))
    if len(found) > MOST_TAGS:
        raise ConfigError(f"{len(found)} tags are too many: a session has at most {MOST_TAGS}", "tags")
    for tag in found:
        if len(tag) > LONGEST_TAG:
            raise ConfigError(f"the tag {tag[:LONGEST_TAG]}… is longer than {LONGEST_TAG} characters", "tags")
    return found


def read_notes(folder: Path) -> Notes:
    """The notes in a session's ``folder``. A file that a stranger wrote or damaged is said, and stays as it is."""
    path = folder / FILE
    try:
        found = tomllib.loads(read_plain(path, MOST_BYTES).decode())
        return _checked(found)
    except FileNotFoundError:
        return NONE
    except OSError as error:
        why = error.strerror or first_line(error)
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, or not a regular file
        why = first_line(error)
    return Notes(problem=visible(f"the notes of session {folder.name} cannot be read: {path}: {why}"))


def _checked(found: dict[str, Any]) -> Notes:
    note, tags, pinned = found.get("note", ""), found.get("tags", []), found.get("pinned", False)
    if not isinstance(note, str) or not isinstance(pinned, bool):
        raise ValueError("its note is no text, or pinned is neither true nor false")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise ValueError("its tags are no list of texts")
    return Notes(visible(note[:LONGEST_NOTE]), tags_of(visible(" ".join(tags))), pinned)


def write_notes(folder: Path, notes: Notes) -> None:
    """Replaces a session's notes; a file that could not be read is kept as notes.damaged.toml. Raises SessionError."""
    import tomli_w  # only where something is written

    path = folder / FILE
    given = {"note": notes.note, "tags": list(notes.tags), "pinned": notes.pinned}
    try:
        if read_notes(folder).problem:
            path.replace(folder / ASIDE)
        if any(given.values()):
            write_whole(path, tomli_w.dumps({key: value for key, value in given.items() if value}).encode())
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
    except OSError as error:
        raise SessionError(
            f"the notes of session {folder.name} could not be written: {path}: {error.strerror or first_line(error)}"
        ) from None
